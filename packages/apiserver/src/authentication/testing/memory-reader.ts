/** For tests: an ObjectReader over a map, which tells of changes as the watch cache does. */
import type { KubeObject } from '@flotilla/api';
import type { ObjectChange, ObjectReader } from '../object-reader.js';

export class MemoryReader implements ObjectReader {
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Map<string, Set<(change: ObjectChange) => void>>();

  get(
    group: string,
    resource: string,
    { namespace = '', name }: { namespace?: string; name: string },
  ): KubeObject | undefined {
    return this.#objects.get(`${group}/${resource}`)?.get(`${namespace}/${name}`);
  }

  list(group: string, resource: string, namespace?: string): readonly KubeObject[] {
    const all = [...(this.#objects.get(`${group}/${resource}`)?.values() ?? [])];
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  onChange(group: string, resource: string, fn: (change: ObjectChange) => void): () => void {
    const id = `${group}/${resource}`;
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(fn));
    return () => listeners.delete(fn);
  }

  put(group: string, resource: string, object: KubeObject): void {
    const id = `${group}/${resource}`;
    const objects = this.#objects.get(id) ?? new Map<string, KubeObject>();
    this.#objects.set(id, objects);
    const key = keyOf(object);
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
    objects.set(key, object);
    this.#tell(id, { type, object });
  }

  delete(group: string, resource: string, object: KubeObject): void {
    const id = `${group}/${resource}`;
    if (this.#objects.get(id)?.delete(keyOf(object))) this.#tell(id, { type: 'DELETED', object });
  }

  #tell(id: string, change: ObjectChange): void {
    for (const listener of this.#listeners.get(id) ?? []) listener(change);
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}
