/**
 * The `scale` subresource: an autoscaling/v1 Scale as a view of an object, read and written through the paths that the
 * resource declares. Only the number of replicas can be written.
 */
import {
  clone,
  fieldErrors,
  formatApiVersion,
  formatLabelSelector,
  isObject,
  type JsonObject,
  type KubeObject,
  labelSelectorFromObject,
  newInternalError,
  newInvalid,
  newNotFound,
  type Schema,
} from '@flotilla/api';
import { ageColumn, countColumn, nameColumn } from '../builtin/columns.js';
import { fromScaleEntries, toScaleEntries } from '../field-manager/scale.js';
import { serverSideApply } from '../field-manager/server-side-apply.js';
import type { ScaleSpec } from '../registry/resource.js';
import type { AdmissionView, Change } from '../registry/write-request.js';
import type { ApiResponse } from '../server/handler.js';
import { checkKind, decodeObject, type ExpectedBody, pruneObject } from './body.js';
import { parseWriteQuery, type WriteQuery } from './options.js';
import { applyPatch, parsePatch, patchTypeOf } from './patch.js';
import { objectResponse, type RespondOptions, valueResponse } from './represent.js';
import { checkLocation, type WriteDependencies, writeRequest } from './write.js';

const scaleSchema: Schema = {
  type: 'object',
  properties: {
    spec: { type: 'object', properties: { replicas: { type: 'integer', format: 'int32' } } },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer', format: 'int32' }, selector: { type: 'string' } },
    },
  },
};

const expectedScale: ExpectedBody = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  schema: scaleSchema,
  origin: 'builtin',
};

/** Dispatches the verbs of the subresource. */
export function handleScale(
  deps: WriteDependencies,
  scale: ScaleSpec,
  options: RespondOptions,
): Promise<ApiResponse> {
  switch (options.request.verb) {
    case 'get':
      return getScale(deps, scale, options);
    case 'update':
      return updateScale(deps, scale, options);
    default:
      return patchScale(deps, scale, options);
  }
}

async function getScale(
  deps: WriteDependencies,
  scale: ScaleSpec,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { definition, namespace, name = '' } = options.request;
  const object = await deps.objects.read(definition, { namespace, name });
  if (object === undefined)
    throw newNotFound({ group: definition.group, resource: definition.resource, name });
  return scaleResponse(toScale(object, scale, definition.origin), options);
}

/** `kubectl get --subresource=scale` shows these, not the columns of the object. */
const scaleColumns = [
  nameColumn,
  countColumn('Desired', 'spec', 'replicas'),
  countColumn('Available', 'status', 'replicas'),
  ageColumn,
];

function scaleResponse(scale: KubeObject, options: RespondOptions): ApiResponse {
  const { request } = options;
  if (request.accept.as === 'object') return valueResponse(200, scale, options);
  const definition = { ...request.definition, origin: 'builtin' as const, columns: scaleColumns };
  return objectResponse(200, scale, { ...options, request: { ...request, definition } });
}

async function updateScale(
  deps: WriteDependencies,
  scale: ScaleSpec,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const query = parseWriteQuery(request.query, { kind: 'UpdateOptions', userAgent: request.userAgent });
  const body = decodeObject(request.body, {
    contentType: request.contentType,
    expected: expectedScale,
    fieldValidation: query.fieldValidation,
    decodeProtobuf: deps.decodeProtobuf,
    warn: (text) => options.warnings.add(text),
  });
  checkLocation(body, request);
  return store(deps, { scale, query, options, next: () => body });
}

async function patchScale(
  deps: WriteDependencies,
  scale: ScaleSpec,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const type = patchTypeOf(request.contentType, request.definition.origin);
  if (type === 'apply') return applyScale(deps, scale, options);
  const query = parseWriteQuery(request.query, { kind: 'PatchOptions', userAgent: request.userAgent });
  const parsed = parsePatch(request.body, type, 'Scale');
  const next = (old: KubeObject): KubeObject => {
    const patched = applyPatch(old, parsed.value, { type, definition: { schema: scaleSchema } });
    const object = checkKind(patched, expectedScale);
    pruneObject(object, expectedScale);
    return object as KubeObject; // pruneObject made sure of metadata
  };
  return store(deps, { scale, query, options, next });
}

/** Server-side apply: ownership of the one field is kept in the parent's managedFields. */
async function applyScale(
  deps: WriteDependencies,
  scale: ScaleSpec,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const query = parseWriteQuery(request.query, {
    kind: 'PatchOptions',
    userAgent: request.userAgent,
    apply: true,
  });
  const applied = decodeObject(request.body, {
    contentType: request.contentType,
    expected: expectedScale,
    fieldValidation: query.fieldValidation,
    decodeProtobuf: undefined,
    warn: (text) => options.warnings.add(text),
  });
  checkLocation(applied, request);
  const replicasPath = scale.specReplicasPath;
  const change = (old: KubeObject | undefined): Change => {
    if (old === undefined) throw newInternalError('a scale was given no object');
    const parent = old.metadata.managedFields ?? [];
    const live = toScale(old, scale, 'builtin');
    live.metadata.managedFields = toScaleEntries(parent, { replicasPath });
    const result = serverSideApply({
      live,
      applied: clone(applied),
      force: query.force,
      schema: scaleSchema,
      manager: query.fieldManager,
      apiVersion: 'autoscaling/v1',
      subresource: 'scale',
      nowMs: deps.env.clock.now(),
    });
    const object = replacedReplicas(old, result.object, { scale, name: request.name ?? '' });
    object.metadata.managedFields = fromScaleEntries(result.managedFields, {
      parent,
      apiVersion: formatApiVersion(definition),
      replicasPath,
    });
    return { object, managed: true };
  };
  const write = {
    ...writeRequest(options, query, { kind: 'PatchOptions', extra: { force: query.force } }),
    admissionView: viewOf(scale, request.name),
  };
  const result = await deps.objects.update(write, change, { createMissing: false, isPut: false });
  return scaleResponse(toScale(result.object, scale, definition.origin), options);
}

interface ScaleWrite {
  readonly scale: ScaleSpec;
  readonly query: WriteQuery;
  readonly options: RespondOptions;
  readonly next: (old: KubeObject) => KubeObject;
}

async function store(
  deps: WriteDependencies,
  { scale, query, options, next }: ScaleWrite,
): Promise<ApiResponse> {
  const { definition, name = '' } = options.request;
  const change = (old: KubeObject | undefined): Change => {
    if (old === undefined) throw newInternalError('a scale was given no object');
    const wanted = next(toScale(old, scale, 'builtin'));
    return { object: replacedReplicas(old, wanted, { scale, name }) };
  };
  const write = {
    ...writeRequest(options, query, { kind: 'UpdateOptions' }),
    admissionView: viewOf(scale, name),
  };
  const result = await deps.objects.update(write, change, { createMissing: false, isPut: false });
  return scaleResponse(toScale(result.object, scale, definition.origin), options);
}

/** Admission sees and changes Scales. */
function viewOf(scale: ScaleSpec, name = ''): AdmissionView {
  return {
    body: expectedScale,
    show: (object) => toScale(object, scale, 'builtin'),
    take: (view, object) => {
      const next = replacedReplicas(object, view, { scale, name });
      next.metadata = object.metadata; // of a Scale only the replicas can be written
      return next;
    },
  };
}

/** A copy of the parent with the replicas and the preconditions of a Scale. @throws StatusError 422. */
function replacedReplicas(
  old: KubeObject,
  wanted: KubeObject,
  { scale, name }: { readonly scale: ScaleSpec; readonly name: string },
): KubeObject {
  const replicas = ((wanted['spec'] ?? {}) as { replicas?: number }).replicas ?? 0;
  if (replicas < 0) {
    throw newInvalid({ group: 'autoscaling', resource: 'Scale', name }, [
      fieldErrors.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const object = clone(old);
  writePath(object, scale.specReplicasPath, replicas);
  const { resourceVersion, uid } = wanted.metadata;
  if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
  if (uid !== undefined) object.metadata.uid = uid;
  return object;
}

/** @throws StatusError 500 for a custom resource that lacks the declared replicas. */
function toScale(object: KubeObject, scale: ScaleSpec, origin: 'builtin' | 'crd'): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = readPath(object, scale.specReplicasPath);
  if (replicas === undefined && origin === 'crd') {
    throw newInternalError(
      `the spec replicas field ${JSON.stringify(scale.specReplicasPath)} does not exist`,
    );
  }
  const selector = scale.labelSelectorPath && selectorText(readPath(object, scale.labelSelectorPath));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: { replicas: typeof replicas === 'number' ? replicas : 0 },
    status: {
      replicas: numberOr(readPath(object, scale.statusReplicasPath), 0),
      ...(selector !== undefined && selector !== '' && { selector }),
    },
  };
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

/** A custom resource keeps the selector as text, built-in kinds as a LabelSelector or (controllers) a plain map. */
function selectorText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isObject(value)) return '';
  const isSelector = isObject(value['matchLabels']) || Array.isArray(value['matchExpressions']);
  return formatLabelSelector(
    labelSelectorFromObject(isSelector ? value : { matchLabels: value as Record<string, string> }),
  );
}

function segments(path: string): string[] {
  return path.split('.').filter((part) => part !== '');
}

function readPath(object: unknown, path: string): unknown {
  let value = object;
  for (const key of segments(path)) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

function writePath(object: JsonObject, path: string, value: unknown): void {
  const keys = segments(path);
  const last = keys.pop();
  if (last === undefined) return;
  let target = object;
  for (const key of keys) {
    const child = target[key];
    if (isObject(child)) {
      target = child;
    } else {
      const made: JsonObject = {};
      target[key] = made;
      target = made;
    }
  }
  target[last] = value;
}
