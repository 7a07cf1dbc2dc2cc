/** How the store's keys lie in etcd: each under a common prefix, so that one etcd may serve others, too. Pure. */
import type { Event, KeyValue } from '../../gen/etcd/etcd.js';
import type { Revision, StoredValue, StoreEvent } from '../../storage/store.js';

export class EtcdKeys {
  /** The key of nothing: present only in questions about revisions. */
  readonly root: Buffer;
  readonly #prefix: string;

  /** `prefix` begins with a slash and ends with none. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.root = Buffer.from(prefix);
  }

  toEtcd(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  /** First and end of the range of all keys that begin with `prefix`. */
  range(prefix: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    const key = this.toEtcd(prefix === '' ? '/' : prefix);
    const rangeEnd = Buffer.from(key);
    // No UTF-8 text holds 0xff, so the last byte can always be raised.
    rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
    return { key, rangeEnd };
  }

  fromEtcd(key: Buffer): string {
    return key.toString('utf8', this.root.length);
  }

  stored({ key, value, modRevision, createRevision }: KeyValue): StoredValue {
    return {
      key: this.fromEtcd(key),
      value,
      modRevision: modRevision as Revision,
      createRevision: createRevision as Revision,
    };
  }

  event({ type, kv, prevKv }: Event): StoreEvent | undefined {
    if (kv === undefined) return undefined;
    const previous = prevKv && this.stored(prevKv);
    return {
      type: type === 0 ? 'put' : 'delete',
      key: this.fromEtcd(kv.key),
      revision: kv.modRevision as Revision,
      ...(type === 0 && { value: kv.value }),
      createRevision:
        type === 0 ? (kv.createRevision as Revision) : (previous?.createRevision ?? (0n as Revision)),
      ...(previous && { previous }),
    };
  }
}
