/**
 * Custom resources whose versions a webhook converts: cached objects as another version shows them, all that a request
 * needs in one call, and each object once per version while it stays in a bounded cache. What resources have no such
 * webhook pass through untouched and without waiting. Called by the handlers before they look at what the cache holds,
 * and by the object store.
 */
import {
  applyDefaults,
  formatApiVersion,
  type KubeObject,
  pruneUnknown,
  StatusError,
  validateObjectMeta,
} from '@flotilla/api';
import { parseWire } from '../storage/codec.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject } from '../watch-cache/types.js';
import type { ResourceDefinition, VersionConverter } from './resource.js';
import { convertedForm, isInVersion, toStored, viewObject, withVersion } from './versions.js';

/** Objects in one call: a list of more comes in several, at the same time. */
const maxObjectsPerCall = 1000;
/** Converted forms kept for the next reader; the oldest go first. */
const maxKeptBytes = 32 * 1024 * 1024;

/** A cached object in another version. Its bytes are held, its tree only while somebody holds it. */
class ConvertedObject implements CachedObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  readonly json: Buffer;
  #parsed: WeakRef<KubeObject>;

  constructor({ key, namespace, name, revision }: CachedObject, object: KubeObject) {
    this.key = key;
    this.namespace = namespace;
    this.name = name;
    this.revision = revision;
    this.json = Buffer.from(JSON.stringify(object));
    this.#parsed = new WeakRef(object);
    convertedForm.add(this);
  }

  get object(): KubeObject {
    let object = this.#parsed.deref();
    if (object === undefined) {
      object = parseWire(this.json);
      this.#parsed = new WeakRef(object);
    }
    return object;
  }
}

/** The objects as the definition shows them, in the same order. @throws StatusError 500 when the webhook fails. */
export function inVersion(
  definition: ResourceDefinition,
  items: readonly CachedObject[],
): readonly CachedObject[] | Promise<readonly CachedObject[]> {
  const converter = definition.convertThrough;
  if (converter === undefined || items.every((item) => isInVersion(definition, item))) return items;
  return convertAll(definition, converter, items);
}

/** The object as the definition shows it; of a resource without a webhook it is there at once. */
export function objectInVersion(
  definition: ResourceDefinition,
  cached: CachedObject,
): KubeObject | Promise<KubeObject> {
  const shown = inVersion(definition, [cached]);
  if (!(shown instanceof Promise)) return viewObject(definition, cached);
  return shown.then(([only = cached]) => viewObject(definition, only));
}

/** The object in the version in which it is stored. */
export function storedForm(
  definition: ResourceDefinition,
  object: KubeObject,
): KubeObject | Promise<KubeObject> {
  const { group, version, storageVersion, convertThrough: converter, kind } = definition;
  if (converter === undefined || version === storageVersion) return toStored(definition, object);
  const apiVersion = formatApiVersion({ group, version: storageVersion });
  return converter
    .convert([object], apiVersion)
    .then(([stored = object]) => withVersion(stored, apiVersion, kind));
}

type Known = WeakMap<CachedObject, Promise<ConvertedObject> | WeakRef<ConvertedObject>>;

/** By definition, so that a changed CustomResourceDefinition starts anew. */
const known = new WeakMap<ResourceDefinition, Known>();

async function convertAll(
  definition: ResourceDefinition,
  converter: VersionConverter,
  items: readonly CachedObject[],
): Promise<readonly CachedObject[]> {
  let conversions = known.get(definition);
  if (conversions === undefined) {
    conversions = new WeakMap();
    known.set(definition, conversions);
  }
  const shown: (CachedObject | Promise<CachedObject> | undefined)[] = [];
  const missing: CachedObject[] = [];
  for (const item of items) {
    const found = isInVersion(definition, item) ? item : recall(conversions.get(item));
    shown.push(found);
    if (found === undefined) missing.push(item);
  }
  const converted = new Map<CachedObject, Promise<ConvertedObject>>();
  for (let start = 0; start < missing.length; start += maxObjectsPerCall) {
    const batch = missing.slice(start, start + maxObjectsPerCall);
    const call = convertBatch(definition, converter, batch);
    batch.forEach((item, index) => {
      const one = call.then((objects) => keep(item, objects[index], { conversions, definition }));
      conversions.set(item, one);
      // Who waits for it hears of a failure; the next reader tries again.
      one.catch(() => conversions.delete(item));
      converted.set(item, one);
    });
  }
  return Promise.all(items.map((item, index) => shown[index] ?? converted.get(item) ?? item));
}

function recall(
  found: Promise<ConvertedObject> | WeakRef<ConvertedObject> | undefined,
): CachedObject | Promise<CachedObject> | undefined {
  return found instanceof WeakRef ? found.deref() : found;
}

function convertBatch(
  { group, version }: ResourceDefinition,
  converter: VersionConverter,
  batch: readonly CachedObject[],
): Promise<readonly KubeObject[]> {
  return converter.convert(
    batch.map(({ object }) => object),
    formatApiVersion({ group, version }),
  );
}

function keep(
  item: CachedObject,
  object: KubeObject | undefined,
  { conversions, definition }: { conversions: Known; definition: ResourceDefinition },
): ConvertedObject {
  if (object === undefined) throw new Error('a converter answered fewer objects than it was given');
  const converted = new ConvertedObject(item, fitted(object, definition));
  conversions.set(item, new WeakRef(converted));
  kept.hold(converted);
  return converted;
}

/** Pruned and with the defaults of the version, as the reference leaves what a webhook has made. */
function fitted(object: KubeObject, definition: ResourceDefinition): KubeObject {
  const fault = validateObjectMeta(object.metadata);
  if (fault !== undefined) throw newConversionError(`the converted object is not valid: ${fault}`);
  pruneUnknown(object, definition.schema);
  applyDefaults(object, definition.schema);
  return withVersion(object, formatApiVersion(definition), definition.kind);
}

/** 500 as kube-apiserver answers it: without a reason. */
export function newConversionError(message: string, options: { cause?: unknown } = {}): StatusError {
  const failure = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' } as const;
  return new StatusError({ ...failure, message, code: 500 }, options);
}

/** Holds converted objects up to a size, in order of their making. */
class Kept {
  readonly #objects = new Set<ConvertedObject>();
  #bytes = 0;

  hold(object: ConvertedObject): void {
    this.#objects.add(object);
    this.#bytes += object.json.length;
    for (const oldest of this.#objects) {
      if (this.#bytes <= maxKeptBytes) break;
      this.#objects.delete(oldest);
      this.#bytes -= oldest.json.length;
    }
  }
}

const kept = new Kept();
