/** For tests: what the object store does to an object of a built-in kind on its way in, without a store. */
import {
  applyDefaults,
  clone,
  type FieldError,
  type KubeObject,
  pruneUnknown,
  validateObject,
} from '@flotilla/api';
import type { ResourceDefinition, WriteContext } from '../registry/resource.js';
import { builtinResources } from './builtin-resources.js';
import type { BuiltinOptions } from './define.js';

export const testContext: WriteContext = {
  user: { username: 'tester', groups: [] },
  nowMs: Date.UTC(2025, 0, 1),
  namespace: 'default',
  dryRun: false,
  subresource: undefined,
  warn: () => undefined,
};

/** The definition of a kind; the newest Kubernetes unless a minor is given. */
export function definitionOf(
  kind: string,
  options: { version?: string; group?: string; minor?: number } & Partial<BuiltinOptions> = {},
): ResourceDefinition {
  const { version, group, minor = 35, ...rest } = options;
  const all = builtinResources({ profile: 'cluster', kubernetesVersion: { major: 1, minor }, ...rest });
  const found = all.find(
    (one) =>
      one.kind === kind &&
      (version === undefined || one.version === version) &&
      (group === undefined || one.group === group),
  );
  if (found === undefined) throw new Error(`no ${kind} ${group ?? ''}/${version ?? ''} in 1.${minor}`);
  return found;
}

export interface Prepared {
  readonly object: KubeObject;
  readonly errors: readonly FieldError[];
}

function decode(definition: ResourceDefinition, body: object): KubeObject {
  const { group, version, kind } = definition;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const { metadata, ...rest } = clone(body) as { metadata?: KubeObject['metadata'] };
  const object: KubeObject = { apiVersion, kind, metadata: { name: 'x', uid: 'u', ...metadata }, ...rest };
  pruneUnknown(object, definition.schema);
  applyDefaults(object, definition.schema);
  return object;
}

/** The stored form of a new object, with everything that is wrong with it. */
export async function create(definition: ResourceDefinition, body: object): Promise<Prepared> {
  const object = decode(definition, body);
  await definition.strategy.prepareForCreate?.(object, testContext);
  const errors = [
    ...validateObject(object, definition.schema),
    ...(definition.strategy.validate?.(object, testContext) ?? []),
  ];
  return { object, errors };
}

/** The same for an update of `old`. */
export async function update(
  definition: ResourceDefinition,
  old: KubeObject,
  body: object,
): Promise<Prepared> {
  const object = decode(definition, body);
  if (old['status'] !== undefined) object['status'] = clone(old['status']);
  await definition.strategy.prepareForUpdate?.(object, old, testContext);
  const errors = [
    ...validateObject(object, definition.schema, { old }),
    ...(definition.strategy.validateUpdate?.(object, old, testContext) ?? []),
  ];
  return { object, errors };
}

/** The fields of errors, for short expectations. */
export function fieldsOf({ errors }: Prepared): readonly string[] {
  return errors.map(({ field }) => field);
}
