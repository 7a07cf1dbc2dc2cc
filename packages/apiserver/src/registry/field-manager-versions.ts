/** How the field manager sees an object in the other versions in which parts of it were once written. */
import { clone, formatApiVersion, type KubeObject, parseApiVersion } from '@flotilla/api';
import type { ConvertVersion } from '../field-manager/managed-fields.js';
import type { ResourceDefinition, VersionConverter } from './resource.js';
import type { ResourceRegistry } from './resource-registry.js';
import { toStored, withVersion } from './versions.js';

/**
 * Runs work that sees objects in other versions. Where a webhook converts them the work, which must be pure, is run anew
 * each time that it has asked for a conversion which is not there yet. @throws StatusError when the webhook fails.
 */
export function withFieldManagerVersions<T>(
  registry: ResourceRegistry,
  definition: ResourceDefinition,
  work: (convert: ConvertVersion) => T,
): T | Promise<T> {
  return definition.convertThrough === undefined
    ? work(convertForFieldManager(registry, definition))
    : workWithWebhook(registry, { definition, converter: definition.convertThrough }, work);
}

class MissingConversion extends Error {
  override readonly name = 'MissingConversion';
  readonly key: string;
  readonly object: KubeObject;
  readonly apiVersion: string;

  constructor(key: string, object: KubeObject, apiVersion: string) {
    super(`a conversion to ${apiVersion} is missing`);
    this.key = key;
    this.object = object;
    this.apiVersion = apiVersion;
  }
}

async function workWithWebhook<T>(
  registry: ResourceRegistry,
  { definition, converter }: { definition: ResourceDefinition; converter: VersionConverter },
  work: (convert: ConvertVersion) => T,
): Promise<T> {
  const known = new Map<string, KubeObject>();
  const convert: ConvertVersion = (object, apiVersion) => {
    if (apiVersion === formatApiVersion(definition)) return { object, schema: definition.schema };
    const other = otherVersion(registry, definition, apiVersion);
    if (other === undefined) return undefined;
    const key = `${apiVersion} ${JSON.stringify(object)}`;
    const converted = known.get(key);
    if (converted === undefined) throw new MissingConversion(key, object, apiVersion);
    return { object: converted, schema: other.schema };
  };
  for (;;) {
    try {
      return work(convert);
    } catch (error) {
      if (!(error instanceof MissingConversion)) throw error;
      const [converted = error.object] = await converter.convert([error.object], error.apiVersion);
      known.set(error.key, converted);
    }
  }
}

function otherVersion(
  registry: ResourceRegistry,
  definition: ResourceDefinition,
  apiVersion: string,
): ResourceDefinition | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  return group === definition.group ? registry.find(group, version, definition.resource) : undefined;
}

/** Converts from the definition's version, by way of the stored one. */
function convertForFieldManager(registry: ResourceRegistry, definition: ResourceDefinition): ConvertVersion {
  return (object, apiVersion) => {
    if (apiVersion === formatApiVersion(definition)) return { object, schema: definition.schema };
    const other = otherVersion(registry, definition, apiVersion);
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
