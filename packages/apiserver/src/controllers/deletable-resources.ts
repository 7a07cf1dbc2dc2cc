/**
 * Which resources can be listed and deleted, once for each way they are stored. Called by the namespace controller and
 * the garbage collector. Pure.
 */
import type { ResourceRef } from '@flotilla/kube';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { storageRef } from '../registry/versions.js';

/** `group/resource` as it is stored: one text for all versions, and for all groups that serve the same objects. */
export function storedResource(definition: ResourceDefinition): string {
  const { group, resource } = storageRef(definition);
  return `${group}/${resource}`;
}

/** One definition for each stored resource, in its preferred version. */
export function deletableResources(registry: ResourceRegistry): ResourceDefinition[] {
  const found = new Map<string, ResourceDefinition>();
  for (const definition of registry.all()) {
    const { group, resource, verbs } = definition;
    if (definition.virtual !== undefined || !verbs.includes('delete') || !verbs.includes('list')) continue;
    const key = storedResource(definition);
    if (!found.has(key)) found.set(key, registry.findPreferred(group, resource) ?? definition);
  }
  return [...found.values()];
}

export function refOf({ group, version, resource, namespaced }: ResourceDefinition): ResourceRef {
  return { group, version, resource, namespaced };
}
