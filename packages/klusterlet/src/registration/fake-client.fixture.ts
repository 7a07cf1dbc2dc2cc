/** An API server's objects in memory, as far as registration asks of one: no versions, no rights. For tests of this folder. */
import { applyMergePatch, type KubeObject, newNotFound } from '@flotilla/api';
import type { KubeClient, ResourceRef } from '@flotilla/kube';

export class FakeServer {
  readonly objects = new Map<string, KubeObject>();
  /** What was written, as `verb resource/namespace/name`. */
  readonly writes: string[] = [];
  /** What was asked for by its name, as `resource/namespace/name`. */
  readonly reads: string[] = [];
  #made = 0;

  keyOf({ resource }: ResourceRef, { namespace, name }: { namespace?: string; name: string }): string {
    return `${resource}/${namespace ?? ''}/${name}`;
  }

  get client(): KubeClient {
    const find = (ref: ResourceRef, key: { namespace?: string; name: string }): KubeObject => {
      const found = this.objects.get(this.keyOf(ref, key));
      if (found === undefined)
        throw newNotFound({ group: ref.group, resource: ref.resource, name: key.name });
      return found;
    };
    const put = (verb: string, ref: ResourceRef, object: KubeObject): KubeObject => {
      const { name = '', namespace } = object.metadata;
      const key = this.keyOf(ref, { name, ...(namespace !== undefined && { namespace }) });
      this.objects.set(key, object);
      this.writes.push(`${verb} ${key}`);
      return object;
    };
    const client = {
      get: async (ref: ResourceRef, key: { namespace?: string; name: string }) => {
        this.reads.push(this.keyOf(ref, key));
        return find(ref, key);
      },
      create: async (ref: ResourceRef, object: KubeObject) => {
        const name = object.metadata.name ?? `${object.metadata['generateName']}${this.#made++}`;
        return put('create', ref, { ...object, metadata: { ...object.metadata, name } });
      },
      update: async (ref: ResourceRef, object: KubeObject) => put('update', ref, object),
      patch: async (
        ref: ResourceRef,
        key: { namespace?: string; name: string },
        { body }: { body: KubeObject },
      ) => {
        const old = this.objects.get(this.keyOf(ref, key));
        return put('patch', ref, applyMergePatch(old ?? {}, body) as KubeObject); // an object patched is one
      },
      delete: async (ref: ResourceRef, key: { namespace?: string; name: string }) => {
        this.objects.delete(this.keyOf(ref, key));
        this.writes.push(`delete ${this.keyOf(ref, key)}`);
      },
      watch: async function* () {
        // nothing more happens
      },
    };
    return client as unknown as KubeClient; // what is not there is not asked for
  }
}
