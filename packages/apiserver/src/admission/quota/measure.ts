/** How much of a quota is used, by looking at all objects of its namespace in the cache. Called by plugin and controller. */
import type { KubeObject } from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { storageRef } from '../../registry/versions.js';
import { type Amounts, add, only, whole } from './amounts.js';
import type { PendingUsage } from './pending-usage.js';
import { isCovered, scopesOf } from './quota-check.js';
import { type Counted, countedResources, usageOf } from './usage.js';

/** Namespaced resources that are stored, each once however many versions it has. */
export function storedResources(registry: Pick<ResourceRegistry, 'all'>): readonly Counted[] {
  const found = new Map<string, Counted>();
  for (const definition of registry.all()) {
    if (!definition.namespaced || definition.virtual !== undefined) continue;
    const { group, resource } = storageRef(definition);
    found.set(`${group}/${resource}`, { group, resource });
  }
  return [...found.values()];
}

/** Where the objects are. */
export interface UsageSources {
  readonly reader: ObjectReader;
  readonly registry: Pick<ResourceRegistry, 'all'>;
  readonly pending: PendingUsage;
}

/** Used amounts, by the names of `hard`; what is named and not used is zero. */
export function measureUsage(
  quota: KubeObject,
  hard: Amounts,
  { reader, registry, pending }: UsageSources,
): Amounts {
  const scopes = scopesOf(quota);
  const { namespace = '' } = quota.metadata;
  let used: Amounts = new Map([...hard.keys()].map((name) => [name, whole(0)]));
  const count = (object: KubeObject, counted: Counted): void => {
    if (isCovered({ scopes, hard }, object, counted)) {
      used = add(used, only(usageOf(object, counted), hard.keys()));
    }
  };
  // First, as what is pending now may be in the cache a moment later, but not the other way round.
  const coming = pending.list(namespace, reader);
  const replaced = new Set(coming.map(({ object }) => object.metadata.uid));
  for (const counted of countedResources(hard.keys(), storedResources(registry))) {
    for (const object of reader.list(counted.group, counted.resource, namespace)) {
      if (!replaced.has(object.metadata.uid)) count(object, counted);
    }
  }
  for (const { object, counted } of coming) count(object, counted);
  return used;
}
