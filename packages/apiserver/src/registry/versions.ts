/**
 * An object in the version in which it is asked for, and the way back into the version in which it is stored.
 * Custom resources get the defaults of the asked version's schema on the way out, as their schema may have gained
 * some since they were stored. Where neither conversion nor defaults are needed, the cache's own bytes are served.
 */
import { applyDefaults, clone, equal, formatApiVersion, type KubeObject, type Schema } from '@flotilla/api';
import { typeLast } from '../storage/codec.js';
import type { ResourceRef } from '../storage/keys.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject } from '../watch-cache/types.js';
import type { ResourceDefinition } from './resource.js';

/** Under which group and resource objects of the definition are stored. */
export function storageRef({ group, storageGroup, resource }: ResourceDefinition): ResourceRef {
  return { group: storageGroup ?? group, resource };
}

interface Version {
  /** Unique per definition: part of the key under which event encodings are shared. */
  readonly id: number;
  readonly apiVersion: string;
  readonly hasDefaults: boolean;
  /** Objects written at or after this revision are in the storage version and defaulted; undefined: all are. */
  readonly currentSince: Revision | undefined;
  readonly views: WeakMap<CachedObject, View>;
}

interface View {
  /** The cached form is the answer after all. */
  isIdentity: boolean;
  object: WeakRef<KubeObject>;
  json: Buffer | undefined;
}

const versions = new WeakMap<ResourceDefinition, Version>();
let nextId = 1;

function versionOf(definition: ResourceDefinition): Version {
  return versions.get(definition) ?? defineVersion(definition, undefined);
}

/**
 * Says from which revision on stored objects are in the definition's storage version and carry its defaults. Called
 * when a definition is made from a CRD; built-in definitions need no call, as theirs never change under stored objects.
 */
export function defineVersion(definition: ResourceDefinition, currentSince: Revision | undefined): Version {
  const version: Version = {
    id: nextId++,
    apiVersion: formatApiVersion(definition),
    hasDefaults: definition.origin === 'crd' && hasDefaults(definition.schema),
    currentSince,
    views: new WeakMap(),
  };
  versions.set(definition, version);
  return version;
}

function hasDefaults(schema: Schema): boolean {
  if (schema.default !== undefined) return true;
  if (schema.items !== undefined && hasDefaults(schema.items)) return true;
  if (typeof schema.additionalProperties === 'object' && hasDefaults(schema.additionalProperties))
    return true;
  return schema.properties !== undefined && Object.values(schema.properties).some(hasDefaults);
}

/** A number that no other definition has. */
export function definitionId(definition: ResourceDefinition): number {
  return versionOf(definition).id;
}

/** True when the cached form is the answer for sure, without looking at it. */
function isIdentity(definition: ResourceDefinition, version: Version, cached: CachedObject): boolean {
  if (definition.convert !== undefined || definition.storageVersion !== definition.version) return false;
  return version.currentSince === undefined || cached.revision >= version.currentSince;
}

/** Objects that a webhook has brought to the version of the definition they are shown by. Filled by converted-objects. */
export const convertedForm = new WeakSet<CachedObject>();

/** Whether the object can be shown by the definition without a conversion webhook. */
export function isInVersion(definition: ResourceDefinition, cached: CachedObject): boolean {
  if (definition.convertThrough === undefined || convertedForm.has(cached)) return true;
  const version = versionOf(definition);
  return isIdentity(definition, version, cached) || cached.object.apiVersion === version.apiVersion;
}

/** The object in the definition's version. Immutable, like the cache's own. */
export function viewObject(definition: ResourceDefinition, cached: CachedObject): KubeObject {
  const version = versionOf(definition);
  if (isIdentity(definition, version, cached)) return cached.object;
  if (definition.convertThrough !== undefined && convertedForm.has(cached)) return cached.object;
  const view = viewOf(definition, version, cached);
  if (view.isIdentity) return cached.object;
  let object = view.object.deref();
  if (object === undefined) {
    object = fromStored(definition, version, cached.object);
    view.object = new WeakRef(object);
  }
  return object;
}

/** Its JSON. */
export function viewJson(definition: ResourceDefinition, cached: CachedObject): Buffer {
  const version = versionOf(definition);
  if (isIdentity(definition, version, cached)) return cached.json;
  if (definition.convertThrough !== undefined && convertedForm.has(cached)) return cached.json;
  const view = viewOf(definition, version, cached);
  if (view.isIdentity) return cached.json;
  view.json ??= typeLast(viewObject(definition, cached));
  return view.json;
}

function viewOf(definition: ResourceDefinition, version: Version, cached: CachedObject): View {
  let view = version.views.get(cached);
  if (view === undefined) {
    const object = fromStored(definition, version, cached.object);
    view = { isIdentity: equal(object, cached.object), object: new WeakRef(object), json: undefined };
    version.views.set(cached, view);
  }
  return view;
}

function fromStored(definition: ResourceDefinition, version: Version, stored: KubeObject): KubeObject {
  if (definition.convertThrough !== undefined && stored.apiVersion !== version.apiVersion) {
    throw new Error(
      `an object of ${stored.apiVersion} was not brought to ${version.apiVersion} before it is shown`,
    );
  }
  if (definition.convert !== undefined) {
    const converted = definition.convert.fromStorage(clone(stored));
    if (version.hasDefaults) applyDefaults(converted, definition.schema);
    return withVersion(converted, version.apiVersion, definition.kind);
  }
  if (!version.hasDefaults) return withVersion(stored, version.apiVersion, definition.kind);
  const copy = withVersion(clone(stored), version.apiVersion, definition.kind);
  applyDefaults(copy, definition.schema);
  return copy;
}

/** The object as it is stored: in the storage version, apiVersion and kind first. */
export function toStored(definition: ResourceDefinition, object: KubeObject): KubeObject {
  if (definition.convert !== undefined) {
    const stored = definition.convert.toStorage(clone(object));
    return withVersion(stored, stored.apiVersion, stored.kind);
  }
  const { group, storageVersion, kind } = definition;
  return withVersion(object, formatApiVersion({ group, version: storageVersion }), kind);
}

/** A request's object as another definition of the same objects shows it; a copy. */
export async function convertVersion(
  object: KubeObject,
  { from, to }: { readonly from: ResourceDefinition; readonly to: ResourceDefinition },
): Promise<KubeObject> {
  const apiVersion = formatApiVersion(to);
  if (to.convertThrough === undefined) return fromStored(to, versionOf(to), toStored(from, object));
  const [converted = object] = await to.convertThrough.convert([object], apiVersion);
  return fromStored(to, versionOf(to), withVersion(converted, apiVersion, to.kind));
}

/** True when the stored form is not in the storage version any more, so that even an unchanged write must store. */
export function isStaleVersion(definition: ResourceDefinition, cached: CachedObject): boolean {
  if (definition.convert !== undefined) return false;
  const { group, storageVersion } = definition;
  return cached.object.apiVersion !== formatApiVersion({ group, version: storageVersion });
}

/** A shallow copy that begins with apiVersion, kind and metadata. */
export function withVersion(object: KubeObject, apiVersion: string, kind: string): KubeObject {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  return { apiVersion, kind, metadata, ...rest };
}

/** The object with its resourceVersion; shallow copy. */
export function withResourceVersion(object: KubeObject, revision: Revision): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
