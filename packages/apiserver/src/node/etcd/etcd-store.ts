/**
 * A store in an etcd cluster (3.4 or later) that several server processes share. Revisions are etcd's own. A write is
 * acknowledged once etcd has committed it and this process's watches have delivered its event; reads are linearizable.
 * A member that fails is replaced by the next; while none answers, calls fail within seconds as 'unavailable'.
 */
import type { Logger, Random } from '@flotilla/kube';
import { CompactionRequest, KVService, type RangeResponse } from '../../gen/etcd/etcd.js';
import type {
  OnStoreEvents,
  RangeResult,
  Revision,
  Store,
  StoredValue,
  StoreWatch,
  StoreWrite,
  WriteResult,
} from '../../storage/store.js';
import { checkKey, StoreError } from '../../storage/store-errors.js';
import { EtcdConnection, type EtcdConnectionOptions } from './etcd-connection.js';
import { isCompacted, isTransient, newUnavailable, toStoreError } from './etcd-errors.js';
import { EtcdKeys } from './etcd-keys.js';
import { checkMembers } from './etcd-members.js';
import { rangeRequest, readCompactedRevision, readRange } from './etcd-range.js';
import { EtcdWatch } from './etcd-watch.js';
import { executeWrite } from './etcd-write.js';
import { WriteGate, type WriteGateLimits } from './write-gate.js';

export interface EtcdStoreOptions extends EtcdConnectionOptions {
  /** Under which all keys lie: begins with a slash and ends with none. */
  readonly prefix: string;
  /** Chooses the member that is asked first. */
  readonly random: Random;
  readonly log?: Logger;
  readonly limits?: Partial<WriteGateLimits>;
}

/** Connects and looks at the members. Rejects with a StoreError that says what is wrong with which. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const connection = new EtcdConnection(options);
  try {
    const version = await checkMembers(connection, options.random);
    const store = new EtcdStore(connection, options);
    const revision = await store.revision();
    const { endpoints, prefix } = options;
    options.log?.info('etcd store opened', { endpoints, prefix, version, revision: String(revision) });
    return store;
  } catch (error) {
    connection.close();
    throw error;
  }
}

class EtcdStore implements Store {
  readonly isShared = true;
  readonly #connection: EtcdConnection;
  readonly #keys: EtcdKeys;
  readonly #log: Logger | undefined;
  readonly #gate: WriteGate;
  readonly #watches = new Set<EtcdWatch>();
  /** Newest revision that etcd has told of. */
  #known = 0n as Revision;
  /** A question for the revision that has not been sent yet: everybody who asks until then shares it. */
  #asking: Promise<Revision> | undefined;
  #asked: Promise<unknown> = Promise.resolve();
  #touching: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(connection: EtcdConnection, { prefix, log, limits }: EtcdStoreOptions) {
    this.#connection = connection;
    this.#keys = new EtcdKeys(prefix);
    this.#log = log;
    this.#gate = new WriteGate(limits);
  }

  revision(): Promise<Revision> {
    this.#asking ??= this.#asked.then(() => {
      this.#asking = undefined;
      const answer = this.#askRevision();
      this.#asked = answer.catch(() => undefined);
      return answer;
    });
    return this.#asking;
  }

  async get(key: string): Promise<StoredValue | undefined> {
    this.#assertOpen();
    if (key === '') return undefined;
    const { kvs } = await this.#range(this.#keys.toEtcd(key));
    return kvs[0] && this.#keys.stored(kvs[0]);
  }

  async range(prefix: string): Promise<RangeResult> {
    this.#assertOpen();
    const result = await readRange({ connection: this.#connection, keys: this.#keys }, prefix);
    this.#know(result.revision);
    return result;
  }

  async write(write: StoreWrite): Promise<WriteResult> {
    checkKey(write.key);
    this.#assertOpen();
    // etcd would delete nothing and call it done.
    if (write.type === 'delete' && write.expected === 0n) {
      return { ok: false, current: await this.get(write.key) };
    }
    return this.#gate.run(write, async () => {
      const context = { connection: this.#connection, keys: this.#keys, baseline: this.#known };
      const result = await executeWrite(write, context);
      if (result.ok) {
        this.#know(result.revision);
        await this.#seenByAll(result.revision);
      }
      return result;
    });
  }

  async watch(prefix: string, after: Revision, onEvents: OnStoreEvents): Promise<StoreWatch> {
    const newest = await this.revision();
    const watch = new EtcdWatch({
      connection: this.#connection,
      keys: this.#keys,
      prefix,
      after,
      onEvents,
      touch: () => this.#touch(),
      onClosed: (closed) => this.#watches.delete(closed),
      onBreak: (endpoint, why) => this.#log?.warn('etcd watch broken', { endpoint, why }),
    });
    this.#watches.add(watch);
    await watch.open(newest);
    return watch;
  }

  async compact(revision: Revision): Promise<void> {
    const newest = await this.revision();
    const target = revision < newest ? revision : newest;
    if (target <= 0n) return;
    try {
      await this.#connection.read(KVService.compact, CompactionRequest.create({ revision: target }));
    } catch (error) {
      if (!isCompacted(error)) throw toStoreError(error);
    }
    this.#log?.debug('store compacted', { revision: String(target) });
  }

  async compactedRevision(): Promise<Revision> {
    this.#assertOpen();
    return readCompactedRevision({ connection: this.#connection, keys: this.#keys });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#gate.close();
    for (const watch of [...this.#watches]) watch.close();
    this.#connection.close();
    this.#log?.info('store closed');
  }

  async #askRevision(): Promise<Revision> {
    this.#assertOpen();
    const { header } = await this.#range(this.#keys.root, { countOnly: true });
    const revision = (header?.revision ?? 0n) as Revision;
    for (const watch of this.#watches) watch.expect(revision);
    return revision;
  }

  async #range(key: Buffer, fields: { countOnly?: boolean } = {}): Promise<RangeResponse> {
    const response = await this.#connection.read(KVService.range, rangeRequest({ key, ...fields }));
    if (response.header !== undefined) this.#know(response.header.revision as Revision);
    return response;
  }

  /** The write is done in any case: a watch that does not come along in time only makes its readers wait. */
  async #seenByAll(revision: Revision): Promise<void> {
    const timeoutMs = this.#connection.timeouts.attemptMs;
    for (const watch of this.#watches) {
      if (watch.seen < revision) await watch.reached(revision, timeoutMs);
    }
  }

  #touch(): Promise<void> {
    this.#touching ??= this.#putTouch().finally(() => {
      this.#touching = undefined;
    });
    return this.#touching;
  }

  async #putTouch(): Promise<void> {
    const requestPut = { key: this.#keys.toEtcd('/touch'), value: Buffer.alloc(0) };
    const request = { compare: [], success: [{ requestPut }], failure: [] };
    const member = this.#connection.current;
    try {
      await this.#connection.once(KVService.txn, request, member);
    } catch (error) {
      if (!isTransient(error)) throw toStoreError(error);
      this.#connection.moveOn(member);
      throw newUnavailable(error);
    }
  }

  #know(revision: Revision): void {
    if (revision > this.#known) this.#known = revision;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreError('closed', 'the store is closed');
  }
}
