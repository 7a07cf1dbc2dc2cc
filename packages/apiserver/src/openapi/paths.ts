/**
 * Path items of OpenAPI documents: which operations a resource has at which path, and the parameters that clients
 * probe for (`fieldValidation` above all). One description serves OpenAPI v3, Swagger 2 JSON and Swagger 2 protobuf.
 */
import type { JsonObject } from '@flotilla/api';
import type { ResourceDefinition, Verb } from '../registry/resource.js';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

type Body = 'kind' | 'patch' | 'deleteOptions';

/** One operation, independent of the document's version. */
export interface OperationFacts {
  readonly method: Method;
  readonly id: string;
  readonly action: string;
  /** The kind it is about. */
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly query: readonly QueryParameter[];
  /** What goes in and comes out. */
  readonly body?: Body;
  readonly answer: 'kind' | 'list' | 'status';
}

export interface QueryParameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
}

export interface PathFacts {
  readonly path: string;
  /** Names in braces in the path. */
  readonly pathParameters: readonly string[];
  readonly operations: readonly OperationFacts[];
}

function parameters(type: QueryParameter['type'], ...names: readonly string[]): readonly QueryParameter[] {
  return names.map((name) => ({ name, type }));
}

const writeQuery = [...parameters('string', 'dryRun', 'fieldManager', 'fieldValidation')];
const patchQuery = [...writeQuery, ...parameters('boolean', 'force')];
const deleteQuery = [
  ...parameters('string', 'dryRun', 'propagationPolicy'),
  ...parameters('integer', 'gracePeriodSeconds'),
  ...parameters('boolean', 'orphanDependents'),
];
const listQuery = [
  ...parameters(
    'string',
    'continue',
    'fieldSelector',
    'labelSelector',
    'resourceVersion',
    'resourceVersionMatch',
  ),
  ...parameters('integer', 'limit', 'timeoutSeconds'),
  ...parameters('boolean', 'allowWatchBookmarks', 'sendInitialEvents', 'watch'),
];

interface Shape {
  readonly method: Method;
  readonly action: string;
  readonly verb: string;
  readonly query: readonly QueryParameter[];
  readonly body?: Body;
  readonly answer: OperationFacts['answer'];
}

const objectShapes: readonly (readonly [Verb, Shape])[] = [
  ['get', { method: 'get', action: 'get', verb: 'read', query: [], answer: 'kind' }],
  [
    'update',
    { method: 'put', action: 'put', verb: 'replace', query: writeQuery, body: 'kind', answer: 'kind' },
  ],
  [
    'patch',
    { method: 'patch', action: 'patch', verb: 'patch', query: patchQuery, body: 'patch', answer: 'kind' },
  ],
  [
    'delete',
    {
      method: 'delete',
      action: 'delete',
      verb: 'delete',
      query: deleteQuery,
      body: 'deleteOptions',
      answer: 'status',
    },
  ],
];

const collectionShapes: readonly (readonly [Verb, Shape])[] = [
  ['list', { method: 'get', action: 'list', verb: 'list', query: listQuery, answer: 'list' }],
  [
    'create',
    { method: 'post', action: 'post', verb: 'create', query: writeQuery, body: 'kind', answer: 'kind' },
  ],
  [
    'deletecollection',
    {
      method: 'delete',
      action: 'deletecollection',
      verb: 'deleteCollection',
      query: [...listQuery, ...deleteQuery],
      body: 'deleteOptions',
      answer: 'status',
    },
  ],
];

/** `/api/v1` or `/apis/<group>/<version>`. */
export function rootPath({ group, version }: { group: string; version: string }): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** The paths of a resource: collection, object, status. */
export function pathsOf(definition: ResourceDefinition): PathFacts[] {
  const { resource, namespaced, hasStatus, verbs } = definition;
  const scope = namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${rootPath(definition)}${scope}/${resource}`;
  const own = namespaced ? ['namespace'] : [];
  const paths: PathFacts[] = [
    {
      path: collection,
      pathParameters: own,
      operations: operations(definition, collectionShapes, { verbs }),
    },
    {
      path: `${collection}/{name}`,
      pathParameters: [...own, 'name'],
      operations: operations(definition, objectShapes, { verbs }),
    },
  ];
  if (namespaced && verbs.includes('list')) {
    paths.push({
      path: `${rootPath(definition)}/${resource}`,
      pathParameters: [],
      operations: operations(definition, collectionShapes, { verbs: ['list'], suffix: 'ForAllNamespaces' }),
    });
  }
  if (hasStatus) {
    paths.push({
      path: `${collection}/{name}/status`,
      pathParameters: [...own, 'name'],
      operations: operations(definition, objectShapes, {
        verbs: ['get', 'update', 'patch'],
        suffix: 'Status',
      }),
    });
  }
  return paths.filter((path) => path.operations.length > 0);
}

function operations(
  definition: ResourceDefinition,
  shapes: readonly (readonly [Verb, Shape])[],
  { verbs, suffix = '' }: { readonly verbs: readonly Verb[]; readonly suffix?: string },
): OperationFacts[] {
  const { group, version, kind, namespaced } = definition;
  const infix = suffix === 'ForAllNamespaces' || !namespaced ? '' : 'Namespaced';
  return shapes
    .filter(([verb]) => verbs.includes(verb))
    .map(([, { verb, ...shape }]) => ({
      ...shape,
      id: `${verb}${groupTitle(group)}${title(version)}${infix}${kind}${suffix}`,
      kind: { group, version, kind },
    }));
}

function groupTitle(group: string): string {
  if (group === '') return 'Core';
  return group
    .replace(/\.k8s\.io$/, '')
    .split(/[.-]/)
    .map(title)
    .join('');
}

function title(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The extensions by which clients find an operation. */
export function operationExtensions({ action, kind }: OperationFacts): JsonObject {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kind };
}
