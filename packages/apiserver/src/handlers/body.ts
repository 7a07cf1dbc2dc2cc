/**
 * From request bytes to a private, pruned, defaulted object of the expected kind: JSON, YAML, and protobuf for
 * built-in kinds. What the schema does not know is dropped, warned of or refused as `fieldValidation` says.
 * Called by create, update, apply and every subresource with a body. Pure but for the warnings it adds.
 */
import { isUtf8 } from 'node:buffer';
import {
  applyDefaults,
  formatApiVersion,
  isObject,
  type JsonObject,
  type KubeObject,
  newBadRequest,
  newStatusError,
  parseApiVersion,
  parseJsonStrict,
  parseYaml,
  pruneUnknown,
  type Schema,
  type StatusError,
  validateObjectMeta,
} from '@flotilla/api';
import type { FieldValidation } from './options.js';
import { checkTypes } from './type-check.js';

/** Largest request body. */
export const maxBodyBytes = 3 * 1024 * 1024;

/** Decodes kube's protobuf envelope; injected, as only built-in kinds need it. */
export type ProtobufDecoder = (bytes: Uint8Array) => KubeObject;

export interface ParsedBody {
  readonly value: unknown;
  /** Paths of keys that came twice. */
  readonly duplicates: readonly string[];
  /** Paths of integers that cannot be kept as they were sent. */
  readonly inexact: readonly string[];
}

/** What a body must be. */
export interface ExpectedBody {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: Schema;
  readonly origin: 'builtin' | 'crd';
}

export interface DecodeOptions {
  readonly contentType: string;
  readonly expected: ExpectedBody;
  readonly fieldValidation: FieldValidation;
  readonly decodeProtobuf: ProtobufDecoder | undefined;
  warn(text: string): void;
}

/** The media type without parameters, lower-case; '' stays ''. */
export function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/** @throws StatusError 413. */
export function checkSize(body: Uint8Array): void {
  if (body.length <= maxBodyBytes) return;
  throw newStatusError(413, 'RequestEntityTooLarge', {
    message: `Request entity too large: limit is ${maxBodyBytes}`,
  });
}

/** 415 with the list of what would have been accepted. */
export function newUnsupportedMediaType(accepted: readonly string[]): StatusError {
  return newStatusError(415, 'UnsupportedMediaType', {
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  });
}

/** JSON, YAML or protobuf by media type; JSON when there is none. */
export function parseBody(
  body: Uint8Array,
  options: Pick<DecodeOptions, 'contentType' | 'decodeProtobuf'> & { readonly expected: ExpectedBody },
): ParsedBody {
  checkSize(body);
  const protobuf = options.expected.origin === 'builtin' ? options.decodeProtobuf : undefined;
  switch (mediaType(options.contentType)) {
    case '':
    case 'application/json':
      return parseJson(body, options.expected.kind);
    case 'application/yaml':
    case 'application/apply-patch+yaml':
      return parseYamlBody(body, options.expected.kind);
    case 'application/vnd.kubernetes.protobuf':
      if (protobuf !== undefined) return { value: protobuf(body), duplicates: [], inexact: [] };
      break;
    default:
  }
  throw newUnsupportedMediaType([
    'application/json',
    'application/yaml',
    ...(protobuf === undefined ? [] : ['application/vnd.kubernetes.protobuf']),
  ]);
}

/** What a fatal TextDecoder does, several times as fast. */
function text(body: Uint8Array): string {
  if (!isUtf8(body)) throw newBadRequest('the body of the request is not valid UTF-8');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return bytes.toString('utf8', hasMark ? 3 : 0);
}

/** @throws StatusError 400 for malformed JSON. */
export function parseJson(body: Uint8Array, kind: string): ParsedBody {
  try {
    return parseJsonStrict(text(body));
  } catch (cause) {
    throw unparseable(kind, 'json parse error', cause);
  }
}

/** JSON is YAML too, and by far the more common, so it is tried first. */
function parseYamlBody(body: Uint8Array, kind: string): ParsedBody {
  const content = text(body);
  if (content.trimStart().startsWith('{')) {
    try {
      return parseJsonStrict(content);
    } catch {
      // A flow mapping that is not JSON; the YAML parser has the last word.
    }
  }
  try {
    const inexact: string[] = [];
    const [value] = parseYaml(content, { onInexact: (path) => inexact.push(path) });
    return { value, duplicates: [], inexact };
  } catch (cause) {
    throw unparseable(kind, 'yaml parse error', cause);
  }
}

function unparseable(kind: string, what: string, cause: unknown): StatusError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return newBadRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; ${what}: ${reason}`,
    { cause },
  );
}

/** The object of a create or update. */
export function decodeObject(body: Uint8Array, options: DecodeOptions): KubeObject {
  const parsed = parseBody(body, options);
  const object = checkKind(parsed.value, options.expected);
  const unknown = cleanObject(object, options.expected);
  const faults = strictFaults(parsed, unknown);
  if (faults.length > 0) reportFaults(faults, options);
  return object as KubeObject; // apiVersion, kind and metadata were checked or filled in
}

/** One text per field that is repeated, unknown or not kept as it was sent. */
export function strictFaults(
  { duplicates, inexact }: Omit<ParsedBody, 'value'>,
  unknown: readonly string[],
): string[] {
  return [
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...inexact.map((path) => `integer out of range, its last digits are lost: field ${JSON.stringify(path)}`),
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
}

function reportFaults(
  faults: readonly string[],
  { expected, fieldValidation, warn }: Pick<DecodeOptions, 'expected' | 'fieldValidation' | 'warn'>,
): void {
  if (fieldValidation === 'Ignore') return;
  if (fieldValidation === 'Warn') {
    for (const fault of faults) warn(fault);
    return;
  }
  throw newBadRequest(`${cannotBeHandled(expected)}: strict decoding error: ${faults.join(', ')}`);
}

function cannotBeHandled({ kind, version }: ExpectedBody): string {
  return `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
}

/** Fills in a missing apiVersion and kind; refuses others than expected. */
export function checkKind(value: unknown, expected: ExpectedBody): JsonObject {
  const apiVersion = formatApiVersion(expected);
  if (!isObject(value)) {
    throw newBadRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; the body is not an object`,
    );
  }
  const sentVersion = value['apiVersion'];
  const sentKind = value['kind'];
  if (isGiven(sentVersion) && sentVersion !== apiVersion) {
    throw newBadRequest(
      `the API version in the data (${shown(sentVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (isGiven(sentKind) && sentKind !== expected.kind) {
    const { version } = parseApiVersion(apiVersion);
    throw newBadRequest(
      `${shown(sentKind)} in version ${JSON.stringify(version)} cannot be handled as a ${expected.kind}: the kind in the data does not match`,
    );
  }
  value['apiVersion'] = apiVersion;
  value['kind'] = expected.kind;
  return value;
}

/** `String` would call a `toString` that the client has sent. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** Checks types, prunes and defaults in place; answers the paths of unknown fields. @throws StatusError 400. */
export function cleanObject(object: JsonObject, expected: ExpectedBody): string[] {
  const unknown = pruneObject(object, expected);
  applyDefaults(object, expected.schema);
  return unknown;
}

/** The same without defaults: what somebody applies must stay what they said. */
export function pruneObject(object: JsonObject, expected: ExpectedBody): string[] {
  const metadata = object['metadata'];
  const fault = validateObjectMeta(metadata);
  if (fault !== undefined) throw newBadRequest(`${cannotBeHandled(expected)}: ${fault}`);
  if (metadata === undefined || metadata === null) object['metadata'] = {};
  if (expected.origin === 'builtin') {
    checkTypes(object, expected.schema, { path: '', subject: cannotBeHandled(expected) });
  }
  return pruneUnknown(object, expected.schema);
}
