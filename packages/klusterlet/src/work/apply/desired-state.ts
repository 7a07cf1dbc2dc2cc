/**
 * What an object should look like, given how it is now, the manifest, and manifests applied earlier: every field that
 * the manifest sets is as it says, every field that only an earlier manifest set is gone, and all else stays.
 * Items of a list belong to the manifest, but keep the fields inside them that it leaves open, so that defaults are
 * no difference. What need not change is shared by reference. Pure.
 */
import { createMergePatch, equal, isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';

export interface DesiredOptions {
  /** Manifests of the same apiVersion that may have been applied before, in any order. */
  readonly previous: readonly KubeObject[];
}

/** Fields of the top level that are not the manifest's to set. */
const notOurs = new Set(['apiVersion', 'kind', 'metadata', 'status']);

/** A pod's spec is the cluster's once it exists: it cannot be changed, and admission adds to it. */
const metadataOnlyKinds = new Set(['v1/Pod']);

/**
 * The merge patch that leads from the live object to the desired one; `{}` when nothing differs.
 * Owner references and finalizers are not in it.
 */
export function planPatch(live: KubeObject, manifest: KubeObject, options: DesiredOptions): JsonObject {
  return createMergePatch(live, desiredObject(live, manifest, options));
}

function desiredObject(live: KubeObject, manifest: KubeObject, { previous }: DesiredOptions): JsonObject {
  const out: JsonObject = { ...live };
  const metadata: JsonObject = { ...live.metadata };
  for (const field of ['labels', 'annotations'] as const) {
    const before = previous.map((each) => each.metadata[field]);
    const merged = mergeKeys(live.metadata[field], manifest.metadata[field], before);
    if (merged !== undefined) metadata[field] = merged;
  }
  out['metadata'] = metadata;
  if (metadataOnlyKinds.has(`${manifest.apiVersion}/${manifest.kind}`)) return out;
  const spec = strip(manifest);
  const merged = mergeValue(strip(live), spec, previous.map(strip)) as JsonObject; // both are objects
  for (const key of Object.keys(live)) if (!notOurs.has(key) && !Object.hasOwn(merged, key)) delete out[key];
  for (const key of Object.keys(merged)) setKey(out, key, merged[key]);
  return out;
}

function strip(object: KubeObject): JsonObject {
  const out: JsonObject = {};
  for (const key of Object.keys(object)) if (!notOurs.has(key)) setKey(out, key, object[key]);
  return out;
}

/** Labels or annotations. A key of the manifest that ends in `-` asks for the removal of the key before it. */
function mergeKeys(
  live: Readonly<Record<string, string>> | undefined,
  want: Readonly<Record<string, string>> | undefined,
  previous: readonly (Readonly<Record<string, string>> | undefined)[],
): JsonObject | undefined {
  const wanted: JsonObject = {};
  const removed: JsonObject = {};
  for (const key of Object.keys(want ?? {})) {
    if (key.endsWith('-')) setKey(removed, key.slice(0, -1), '');
    else setKey(wanted, key, want?.[key]);
  }
  if (live === undefined && Object.keys(wanted).length === 0) return undefined;
  return mergeValue(live ?? {}, wanted, [removed, ...previous]) as JsonObject; // both are objects
}

function mergeValue(live: unknown, want: unknown, previous: readonly unknown[]): unknown {
  if (isObject(want)) return isObject(live) ? mergeObject(live, want, previous) : dropNulls(want);
  if (Array.isArray(want) && Array.isArray(live)) return mergeList(live, want, previous);
  return equal(live, want) ? live : dropNulls(want);
}

function mergeObject(live: JsonObject, want: JsonObject, previous: readonly unknown[]): JsonObject {
  const out: JsonObject = { ...live };
  const before = previous.filter(isObject);
  for (const each of before) {
    for (const key of Object.keys(each)) if (!isWanted(want, key)) delete out[key];
  }
  for (const key of Object.keys(want)) {
    if (!isWanted(want, key)) continue;
    const now = Object.hasOwn(live, key) ? live[key] : undefined;
    const then = before.flatMap((each) => (Object.hasOwn(each, key) ? [each[key]] : []));
    setKey(out, key, mergeValue(now, want[key], then));
  }
  return out;
}

/** A null in a manifest says nothing, as the API server has it for kinds with a schema. */
function isWanted(want: JsonObject, key: string): boolean {
  return Object.hasOwn(want, key) && want[key] !== null && want[key] !== undefined;
}

function mergeList(
  live: readonly unknown[],
  want: readonly unknown[],
  previous: readonly unknown[],
): readonly unknown[] {
  if (!want.every(isObject) || !live.every(isObject)) {
    const plain = want.map(dropNulls);
    return equal(live, want) || equal(live, plain) ? live : plain;
  }
  const lists = previous.filter((each): each is JsonObject[] => Array.isArray(each) && each.every(isObject));
  const key = itemKey(live, want);
  if (key === undefined) {
    if (live.length !== want.length) return want.map(dropNulls);
    return want.map((item, at) =>
      mergeValue(
        live[at],
        item,
        lists.map((list) => list[at]),
      ),
    );
  }
  const find = (list: readonly JsonObject[], item: JsonObject): JsonObject | undefined =>
    list.find((each) => each[key] === item[key]);
  return want.map((item) => {
    const now = find(live, item);
    const then = lists.map((list) => find(list, item));
    return now === undefined ? dropNulls(item) : mergeValue(now, item, then);
  });
}

/** Fields by which items of Kubernetes lists are told apart, most telling first. */
const itemKeys = ['name', 'key', 'mountPath', 'devicePath', 'containerPort', 'port', 'type', 'ip', 'id'];

function itemKey(live: readonly JsonObject[], want: readonly JsonObject[]): string | undefined {
  return itemKeys.find((key) => isUnique(live, key) && isUnique(want, key));
}

function isUnique(items: readonly JsonObject[], key: string): boolean {
  const values = new Set(items.map((item) => item[key]));
  return (
    values.size === items.length && [...values].every((value) => typeof value !== 'object' && value != null)
  );
}

/** A merge patch reads null as removal, and inside lists servers store it: neither is meant. */
function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const key of Object.keys(value)) if (value[key] !== null) setKey(out, key, dropNulls(value[key]));
  return out;
}
