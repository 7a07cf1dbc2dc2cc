/** How the field manager sees an object in the other versions in which parts of it were once written. */
import { clone, formatApiVersion, type KubeObject, parseApiVersion } from '@flotilla/api';
import type { ConvertVersion } from '../field-manager/managed-fields.js';
import type { ResourceDefinition } from './resource.js';
import type { ResourceRegistry } from './resource-registry.js';
import { toStored, withVersion } from './versions.js';

/** Converts from the definition's version, by way of the stored one. */
export function convertForFieldManager(
  registry: ResourceRegistry,
  definition: ResourceDefinition,
): ConvertVersion {
  return (object, apiVersion) => {
    if (apiVersion === formatApiVersion(definition)) return { object, schema: definition.schema };
    const { group, version } = parseApiVersion(apiVersion);
    if (group !== definition.group) return undefined;
    const other = registry.find(group, version, definition.resource);
    if (other === undefined) return undefined;
    return { object: between(object, definition, other), schema: other.schema };
  };
}

function between(object: KubeObject, from: ResourceDefinition, to: ResourceDefinition): KubeObject {
  const apiVersion = formatApiVersion(to);
  if (from.convert === undefined && to.convert === undefined) return withVersion(object, apiVersion, to.kind);
  const stored = toStored(from, object);
  const converted = to.convert === undefined ? stored : to.convert.fromStorage(clone(stored));
  return withVersion(converted, apiVersion, to.kind);
}
