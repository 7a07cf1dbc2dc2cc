/**
 * One watch on all keys of the store that outlives the members it is made on: after a break it goes on from the last
 * revision seen, on the next member, so nothing is missed and nothing comes twice. Only when etcd has compacted away
 * what it needs next does it end, as `lost`. It also says when a revision has been seen, and takes care that it is.
 */
import type { WatchResponse } from '../../gen/etcd/etcd.js';
import { CompactedError, type OnStoreEvents, type Revision, type StoreWatch } from '../../storage/store.js';
import { StoreError } from '../../storage/store-errors.js';
import type { EtcdConnection, EtcdMember, EtcdWatchStream } from './etcd-connection.js';
import type { EtcdKeys } from './etcd-keys.js';

export interface EtcdWatchOptions {
  readonly connection: EtcdConnection;
  readonly keys: EtcdKeys;
  readonly prefix: string;
  readonly after: Revision;
  readonly onEvents: OnStoreEvents;
  /** Writes something of no meaning, so that an event with a new revision comes. */
  readonly touch: () => Promise<void>;
  readonly onClosed: (watch: EtcdWatch) => void;
  readonly onBreak: (endpoint: string, why: string) => void;
}

interface Waiter {
  readonly revision: Revision;
  readonly deadlineMs: number;
  readonly resolve: (seen: boolean) => void;
}

/** How long an expected event may take. A dedicated etcd sends it at once; others' writes are no events of ours. */
const touchAfterMs = 250;
/** And how long until the member is taken for stuck. */
const moveOnAfterMs = 1_500;
const reconnectMs = 50;
const longestReconnectMs = 1_000;

export class EtcdWatch implements StoreWatch {
  readonly lost: Promise<CompactedError>;
  readonly #options: EtcdWatchOptions;
  readonly #waiters = new Set<Waiter>();
  #seen: Revision;
  #expected: Revision;
  #member: EtcdMember | undefined;
  #stream: EtcdWatchStream | undefined;
  #failures = 0;
  #timers: NodeJS.Timeout[] = [];
  #lagTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #compacted: CompactedError | undefined;
  #onLost: (error: CompactedError) => void = () => undefined;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#seen = options.after;
    this.#expected = options.after;
    this.lost = new Promise((resolve) => {
      this.#onLost = resolve;
    });
  }

  /** Everything up to this revision has been delivered. */
  get seen(): Revision {
    return this.#seen;
  }

  /** Resolves when all history up to `newest` has been delivered. @throws CompactedError, StoreError */
  async open(newest: Revision): Promise<void> {
    this.#connect();
    const timeoutMs = this.#options.connection.timeouts.readMs;
    for (let before = this.#seen; ; before = this.#seen) {
      if (await this.reached(newest, timeoutMs)) return;
      if (this.#compacted !== undefined) throw this.#compacted;
      if (this.#closed) throw new StoreError('closed', 'the store is closed');
      // Long history may take longer than one answer: only a watch that stands still has failed.
      if (before === this.#seen) {
        this.close();
        throw new StoreError('unavailable', 'etcd does not answer: its watch shows nothing');
      }
    }
  }

  /** True once everything up to `revision` has been delivered; false at the timeout or when closed before. */
  reached(revision: Revision, timeoutMs: number): Promise<boolean> {
    if (this.#seen >= revision) return Promise.resolve(true);
    if (this.#closed) return Promise.resolve(false);
    this.expect(revision);
    return new Promise((resolve) => {
      this.#waiters.add({ revision, deadlineMs: performance.now() + timeoutMs, resolve });
    });
  }

  /** Somebody has been told of this revision: if its event does not come soon, something is done about it. */
  expect(revision: Revision): void {
    if (revision > this.#expected) this.#expected = revision;
    if (this.#seen >= this.#expected || this.#lagTimer !== undefined || this.#closed) return;
    this.#watchLag(performance.now(), this.#seen);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lagTimer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#stream?.cancel();
    this.#stream = undefined;
    for (const { resolve } of this.#waiters) resolve(false);
    this.#waiters.clear();
    this.#options.onClosed(this);
  }

  #connect(): void {
    const { connection, keys } = this.#options;
    const member = connection.current;
    const stream = connection.openWatchStream(member);
    this.#member = member;
    this.#stream = stream;
    stream.on('data', (response: WatchResponse) => {
      if (this.#stream === stream) this.#onResponse(response);
    });
    stream.on('error', (error: Error) => this.#onBroken(stream, error.message));
    stream.on('end', () => this.#onBroken(stream, 'the stream has ended'));
    // From the last revision seen, not from the next: etcd then refuses exactly when something after it may be gone.
    const startRevision = this.#seen > 0n ? this.#seen : 1n;
    stream.write({ createRequest: { ...keys.range(''), startRevision, prevKv: true } });
  }

  #onResponse({ created, canceled, compactRevision, cancelReason, events, header }: WatchResponse): void {
    if (canceled) {
      if (compactRevision === 0n) {
        this.#breakOff(cancelReason === '' ? 'etcd has cancelled the watch' : cancelReason);
        return;
      }
      this.#compacted = new CompactedError(compactRevision as Revision);
      this.close();
      this.#onLost(this.#compacted);
      return;
    }
    if (created) {
      this.#failures = 0;
      // Nothing was ever written: there is no event that could say so.
      if (this.#seen === 0n && header?.revision === 1n) this.#advance(1n as Revision);
      return;
    }
    const { keys, onEvents, prefix } = this.#options;
    const fresh = events.flatMap((event) => {
      const converted = keys.event(event);
      return converted !== undefined && converted.revision > this.#seen ? [converted] : [];
    });
    const last = fresh.at(-1);
    if (last === undefined) return;
    onEvents(
      fresh.filter(({ key }) => key.startsWith(prefix)),
      last.revision,
    );
    this.#advance(last.revision);
  }

  #advance(revision: Revision): void {
    this.#seen = revision;
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(true);
    }
  }

  #onBroken(stream: EtcdWatchStream, why: string): void {
    if (this.#stream === stream) this.#breakOff(why);
  }

  /** Leaves this stream and member, and goes on with the next. */
  #breakOff(why: string): void {
    const { connection, onBreak } = this.#options;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    if (this.#closed) return;
    if (this.#member !== undefined) {
      connection.moveOn(this.#member);
      onBreak(this.#member.endpoint, why);
    }
    const delayMs = Math.min(reconnectMs * 2 ** this.#failures, longestReconnectMs);
    this.#failures++;
    this.#later(delayMs, () => this.#connect());
  }

  /** One timer while something is expected: touches once, moves on later, lets waiters go whose time is up. */
  #watchLag(sinceMs: number, seenThen: Revision): void {
    this.#lagTimer = setTimeout(() => {
      this.#lagTimer = undefined;
      if (this.#closed) return;
      const nowMs = performance.now();
      for (const waiter of this.#waiters) {
        if (waiter.deadlineMs > nowMs) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(false);
      }
      if (this.#seen >= this.#expected) return;
      const moved = this.#seen !== seenThen;
      const lagMs = moved ? 0 : nowMs - sinceMs;
      if (!moved && this.#stream !== undefined) {
        if (lagMs > moveOnAfterMs) {
          this.#breakOff('it shows no events');
          this.#watchLag(nowMs, this.#seen);
          return;
        }
        // A failure to write shows where writes are waited for; here, the next look tries again.
        this.#options.touch().catch((error: unknown) => this.#options.onBreak('', String(error)));
      }
      this.#watchLag(moved ? nowMs : sinceMs, this.#seen);
    }, touchAfterMs);
  }

  #later(delayMs: number, fn: () => void): void {
    const timer = setTimeout(() => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      if (!this.#closed) fn();
    }, delayMs);
    this.#timers.push(timer);
  }
}
