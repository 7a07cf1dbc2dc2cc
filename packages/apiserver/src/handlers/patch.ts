/**
 * PATCH in its four types (apiserver.md 2.6, 2.7). The patch is applied to the stored object in the request's version,
 * again when another write comes between, and the result takes the way of any update.
 */
import {
  applyMergePatch,
  clone,
  fieldErrors,
  formatApiVersion,
  isObject,
  type JsonObject,
  type KubeObject,
  newBadRequest,
  newConflict,
  newInvalid,
  type StatusSubject,
} from '@flotilla/api';
import { serverSideApply } from '../field-manager/server-side-apply.js';
import { applyJsonPatch } from '../patch/json-patch.js';
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.js';
import { withFieldManagerVersions } from '../registry/field-manager-versions.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { Change } from '../registry/write-request.js';
import { resetPaths } from '../registry/write-rules.js';
import type { ApiResponse } from '../server/handler.js';
import {
  checkKind,
  checkSize,
  cleanObject,
  mediaType,
  newUnsupportedMediaType,
  type ParsedBody,
  parseBody,
  parseJson,
  pruneObject,
  strictFaults,
} from './body.js';
import { parseWriteQuery, type WriteQuery } from './options.js';
import type { RespondOptions } from './represent.js';
import { refuseUndeclared } from './undeclared-fields.js';
import {
  checkLocation,
  expectedBody,
  type WriteDependencies,
  writeRequest,
  writtenResponse,
} from './write.js';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const mediaTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** The patch type by media type. @throws StatusError 415. */
export function patchTypeOf(contentType: string, origin: ResourceDefinition['origin']): PatchType {
  const types: readonly PatchType[] =
    origin === 'builtin' ? ['json', 'merge', 'strategic', 'apply'] : ['json', 'merge', 'apply'];
  const asked = mediaType(contentType);
  const found = types.find((type) => mediaTypes[type] === asked);
  if (found === undefined) throw newUnsupportedMediaType(types.map((type) => mediaTypes[type]));
  return found;
}

export async function patch(deps: WriteDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition, subresource } = request;
  const type = patchTypeOf(request.contentType, definition.origin);
  const query = parseWriteQuery(request.query, {
    kind: 'PatchOptions',
    userAgent: request.userAgent,
    apply: type === 'apply',
  });
  const extra = {
    fieldManager: query.fieldManager,
    fieldValidation: query.fieldValidation,
    ...(type === 'apply' && { force: query.force }),
  };
  const write = writeRequest(options, query, { kind: 'PatchOptions', extra });
  const change = type === 'apply' ? applyChange(deps, query, options) : patchChange(type, query, options);
  const result = await deps.objects.update(write, change, {
    createMissing: type === 'apply' && subresource === undefined,
    isPut: false,
  });
  return writtenResponse(result.created ? 201 : 200, result.object, { deps, query, options });
}

function subjectOf({ definition, name = '' }: RespondOptions['request']): StatusSubject & { name: string } {
  return { group: definition.group, resource: definition.resource, name };
}

/** JSON patch, merge patch and strategic merge patch. */
function patchChange(
  type: Exclude<PatchType, 'apply'>,
  query: WriteQuery,
  options: RespondOptions,
): (old: KubeObject | undefined) => Change {
  const { request } = options;
  const { definition } = request;
  const parsed = parsePatch(request.body, type, definition.kind);
  return (old = missing()) => {
    const patched = applyPatch(old, parsed.value, { type, definition });
    const object = checkKind(patched, expectedBody(definition));
    const unknown = cleanObject(object, expectedBody(definition));
    reportPatchFaults(strictFaults(parsed, unknown), { query, options });
    const result = object as KubeObject; // cleanObject made sure of metadata
    checkIdentity(result, options);
    return { object: result };
  };
}

function missing(): never {
  throw new Error('a patch was given no object, though creating is not allowed');
}

/** @throws StatusError 400 or 413 for a body that is no patch of the type. */
export function parsePatch(body: Uint8Array, type: Exclude<PatchType, 'apply'>, kind: string): ParsedBody {
  checkSize(body);
  const parsed = parseJson(body, kind);
  if (type !== 'json' && !isObject(parsed.value)) {
    throw newBadRequest('error decoding patch: a merge patch must be an object');
  }
  return parsed;
}

/** A private, patched copy. */
export function applyPatch(
  old: KubeObject,
  patchValue: unknown,
  {
    type,
    definition,
  }: { readonly type: Exclude<PatchType, 'apply'>; readonly definition: Pick<ResourceDefinition, 'schema'> },
): unknown {
  switch (type) {
    case 'json':
      return applyJsonPatch(old, patchValue);
    case 'merge':
      // A merge shares what it does not touch with the stored object.
      return clone(applyMergePatch(old, patchValue));
    case 'strategic':
      return clone(applyStrategicMergePatch(old, patchValue, definition.schema));
  }
}

function reportPatchFaults(
  faults: readonly string[],
  { query, options }: { readonly query: WriteQuery; readonly options: RespondOptions },
): void {
  if (faults.length === 0 || query.fieldValidation === 'Ignore') return;
  if (query.fieldValidation === 'Warn') {
    for (const fault of faults) options.warnings.add(fault);
    return;
  }
  const { definition, name = '', body } = options.request;
  const shown = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  throw newInvalid({ group: definition.group, resource: definition.kind, name }, [
    fieldErrors.invalid('patch', shown, `strict decoding error: ${faults.join(', ')}`),
  ]);
}

/** A patch cannot move an object. */
function checkIdentity(object: KubeObject, { request }: RespondOptions): void {
  const { definition, name = '', namespace } = request;
  const { metadata } = object;
  const subject = { group: definition.group, resource: definition.kind, name };
  if (metadata.name !== name) {
    throw newInvalid(subject, [
      fieldErrors.invalid('metadata.name', metadata.name ?? '', 'field is immutable'),
    ]);
  }
  if (!definition.namespaced) delete metadata.namespace;
  else if (metadata.namespace !== namespace) {
    throw newBadRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
}

/** Server-side apply. */
function applyChange(
  deps: WriteDependencies,
  query: WriteQuery,
  options: RespondOptions,
): (old: KubeObject | undefined) => Promise<Change> {
  const { request } = options;
  const { definition, subresource } = request;
  const applied = decodeApplied(query, options);
  return async (live) => {
    if (live === undefined) {
      const { uid } = applied.metadata;
      if (uid !== undefined && uid !== '') {
        throw newConflict(
          subjectOf(request),
          `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
        );
      }
      await deps.authorizeCreate?.(request);
    }
    const nowMs = deps.env.clock.now();
    const result = await withFieldManagerVersions(deps.registry, definition, (convert) =>
      serverSideApply({
        live,
        applied: clone(applied),
        force: query.force,
        schema: definition.schema,
        manager: query.fieldManager,
        apiVersion: formatApiVersion(definition),
        subresource,
        nowMs,
        resetPaths: resetPaths(definition, subresource),
        convert,
      }),
    );
    const object = clone(result.object);
    cleanObject(object, expectedBody(definition));
    return { object, managed: true };
  };
}

function decodeApplied(query: WriteQuery, options: RespondOptions): KubeObject {
  const { request } = options;
  const expected = expectedBody(request.definition);
  const parsed = parseBody(request.body, {
    contentType: request.contentType,
    expected,
    decodeProtobuf: undefined,
  });
  const { value } = parsed;
  const sent: JsonObject = isObject(value) ? value : {};
  const metadata = sent['metadata'];
  if (
    isObject(metadata) &&
    Array.isArray(metadata['managedFields']) &&
    metadata['managedFields'].length > 0
  ) {
    throw newBadRequest('metadata.managedFields must be nil');
  }
  const object = checkKind(value, expected);
  refuseUndeclared(pruneObject(object, expected), { expected, request });
  const faults = strictFaults(parsed, []);
  if (faults.length > 0 && query.fieldValidation === 'Strict') {
    throw newBadRequest(`error strict decoding patch: ${faults.join(', ')}`);
  }
  if (query.fieldValidation === 'Warn') for (const fault of faults) options.warnings.add(fault);
  const applied = object as KubeObject; // pruneObject made sure of metadata
  checkLocation(applied, request);
  return applied;
}
