/**
 * JSON patch (RFC 6902) as the API server applies it: bounded in length, never mutating its input, and with
 * failures as the Status a Kubernetes client expects. A document that is no patch is the caller's mistake (400);
 * a patch that does not fit the object, a failed `test` included, is unprocessable (422). Called by the PATCH handler.
 */
import { clone, isObject, newBadRequest, newStatusError } from '@flotilla/api';
import jsonPatch, { type Operation } from 'fast-json-patch';

/** More operations than this are refused, as in the reference server. */
export const maxJsonPatchOperations = 10_000;

const verbs: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/**
 * Answers the patched copy. Throws StatusError: 400 for a document that is no list of operations, 413 for too
 * many operations, 422 with the cause's text when an operation fails.
 */
export function applyJsonPatch(object: object, operations: unknown): object {
  const patch = parseOperations(operations);
  let document: unknown = clone(object);
  for (const operation of patch) document = applyOne(document, operation);
  if (!isObject(document)) throw unprocessable('the patch must leave a JSON object');
  return document;
}

function applyOne(document: unknown, operation: Operation): unknown {
  try {
    // The document is a private copy already, so the library may change it in place.
    return jsonPatch.applyOperation(document, clone(operation), true, true, true).newDocument;
  } catch (error) {
    throw unprocessable(firstLine(error), error);
  }
}

function parseOperations(operations: unknown): Operation[] {
  if (!Array.isArray(operations)) throw newBadRequest('error decoding patch: a JSON patch must be an array');
  if (operations.length > maxJsonPatchOperations) {
    const message = `The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${operations.length}`;
    throw newStatusError(413, 'RequestEntityTooLarge', { message });
  }
  for (const [index, operation] of operations.entries()) checkOperation(operation, index);
  return operations as Operation[]; // each was checked
}

function checkOperation(operation: unknown, index: number): void {
  const where = `error decoding patch: operation ${index}`;
  if (!isObject(operation)) throw newBadRequest(`${where} must be an object`);
  const verb = operation['op'];
  if (!verbs.has(verb))
    throw newBadRequest(`${where} has an unknown op ${JSON.stringify(verb) ?? 'undefined'}`);
  if (!isPointer(operation['path'])) throw newBadRequest(`${where} needs a JSON pointer in path`);
  if ((verb === 'move' || verb === 'copy') && !isPointer(operation['from'])) {
    throw newBadRequest(`${where} needs a JSON pointer in from`);
  }
  if ((verb === 'add' || verb === 'replace' || verb === 'test') && !Object.hasOwn(operation, 'value')) {
    throw newBadRequest(`${where} needs a value`);
  }
}

function isPointer(value: unknown): boolean {
  return typeof value === 'string' && (value === '' || value.startsWith('/'));
}

/** The library appends the whole document to its messages; the first line says what is wrong. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const end = text.indexOf('\n');
  return end < 0 ? text : text.slice(0, end);
}

function unprocessable(message: string, cause?: unknown): Error {
  return newStatusError(422, 'Invalid', {
    message: `the server rejected our request due to an error in our request: ${message}`,
    details: {},
    cause,
  });
}
