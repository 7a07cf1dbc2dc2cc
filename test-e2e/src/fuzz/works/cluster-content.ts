/** All that a simulated cluster holds, byte for byte, and what of it may differ. For the fuzzing of works. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import type { ApiServer, MemoryStore } from '@flotilla/apiserver';

/** By store key: `/registry/GROUP/RESOURCE/[NAMESPACE/]NAME`, the core group as `core`. */
export type Content = ReadonlyMap<string, Uint8Array>;

/** What controllers write for their own reasons. */
const bookkeeping = /^\/registry\/(?:coordination\.k8s\.io\/leases|core\/events|events\.k8s\.io\/events)\//;

export async function contentOf(store: MemoryStore): Promise<Content> {
  const { items } = await store.range('/registry/');
  return new Map(items.flatMap(({ key, value }) => (bookkeeping.test(key) ? [] : [[key, value] as const])));
}

export function objectOf(value: Uint8Array): KubeObject {
  return JSON.parse(Buffer.from(value).toString()) as KubeObject; // as the API server stored it
}

/** Keys that are in one only, or differ. */
export function differences(before: Content, after: Content): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => {
    const [was, is] = [before.get(key), after.get(key)];
    return was === undefined || is === undefined || Buffer.compare(was, is) !== 0;
  });
}

export interface Place {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export function placeOfKey(key: string): Place {
  const [, , group = '', resource = '', ...rest] = key.split('/');
  const [name = '', namespace = ''] = rest.reverse();
  return { group: group === 'core' ? '' : group, resource, namespace, name };
}

/** What manifests name, however they spell it: these objects a work may touch, and what lives in them. */
export class Claims {
  readonly #keys = new Set<string>();
  readonly #namespaces = new Set<string>();
  readonly #kinds = new Set<string>();

  add(manifest: unknown, { registry }: ApiServer): void {
    const { kind, metadata, spec } = asObject(manifest);
    const { name, namespace } = asObject(metadata);
    if (typeof kind !== 'string' || typeof name !== 'string') return;
    for (const definition of registry.all()) {
      if (definition.kind !== kind) continue;
      const prefix = `/registry/${definition.group || 'core'}/${definition.resource}/`;
      this.#keys.add(`${prefix}${definition.namespaced ? `${String(namespace)}/` : ''}${name}`);
    }
    if (kind === 'Namespace') this.#namespaces.add(name);
    if (kind === 'CustomResourceDefinition') {
      this.#kinds.add(
        `${String(asObject(spec)['group'])}/${String(asObject(asObject(spec)['names'])['plural'])}`,
      );
    }
  }

  addAll(spec: unknown, server: ApiServer): void {
    for (const manifest of manifestsOf(spec)) this.add(manifest, server);
  }

  hasKey(key: string): boolean {
    return this.#keys.has(key);
  }

  /** The object, or what it lives in. */
  covers(key: string): boolean {
    const { group, resource, namespace } = placeOfKey(key);
    return this.#keys.has(key) || this.#namespaces.has(namespace) || this.#kinds.has(`${group}/${resource}`);
  }
}

export function manifestsOf(spec: unknown): readonly unknown[] {
  const { manifests } = asObject(asObject(spec)['workload']);
  return Array.isArray(manifests) ? manifests : [];
}

export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** Where two objects differ, and how, but for what every write changes; for messages. */
export function describeDifference(before: Uint8Array | undefined, after: Uint8Array | undefined): string {
  if (before === undefined || after === undefined)
    return before === undefined ? 'it is made' : 'it is deleted';
  const found: string[] = [];
  compare('', [objectOf(before), objectOf(after)], found);
  return found.slice(0, 5).join('; ').slice(0, 3000);
}

function compare(path: string, [was, is]: readonly [unknown, unknown], found: string[]): void {
  if (JSON.stringify(was) === JSON.stringify(is) || path === '.metadata.managedFields') return;
  if (typeof was !== 'object' || typeof is !== 'object' || was === null || is === null) {
    found.push(`${path}: ${JSON.stringify(was)?.slice(0, 500)} -> ${JSON.stringify(is)?.slice(0, 500)}`);
    return;
  }
  const [left, right] = [was as JsonObject, is as JsonObject]; // or lists, whose keys are indexes
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    compare(`${path}.${key}`, [left[key], right[key]], found);
  }
}
