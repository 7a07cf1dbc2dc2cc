/**
 * A tiny API server with one collection, as a Transport, for the tests of this folder: lists by pages, watches from a
 * version with bookmarks, forgets old events (410) and can do or refuse initial events. Nothing else imports it.
 */
import { type KubeObject, newExpired, newStatusError, StatusError, type WatchEvent } from '@flotilla/api';
import type { Transport, TransportRequest, TransportResponse } from '../client/transport.js';
import { keyOf } from './object-key.js';

interface LogEntry {
  readonly revision: number;
  readonly event: WatchEvent;
}

interface Watcher {
  readonly send: (event: WatchEvent) => void;
  readonly end: () => void;
}

export class CollectionServer implements Transport {
  /** How often each thing was asked for. */
  readonly counts = { lists: 0, watches: 0 };
  /** Answers the next requests with these, one each. */
  readonly failures: StatusError[] = [];
  sendsInitialEvents = true;
  #revision = 1;
  readonly #objects = new Map<string, KubeObject>();
  #log: LogEntry[] = [];
  readonly #watchers = new Set<Watcher>();

  /** Creates or updates. */
  put(name: string, data: string): void {
    const old = this.#objects.get(`ns/${name}`);
    this.#revision++;
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name,
        namespace: 'ns',
        uid: old?.metadata.uid ?? `uid-${this.#revision}`,
        resourceVersion: String(this.#revision),
      },
      data: { value: data },
    };
    this.#objects.set(keyOf(object), object);
    this.#emit({ type: old === undefined ? 'ADDED' : 'MODIFIED', object });
  }

  delete(name: string): void {
    const old = this.#objects.get(`ns/${name}`);
    if (old === undefined) return;
    this.#revision++;
    this.#objects.delete(`ns/${name}`);
    const metadata = { ...old.metadata, resourceVersion: String(this.#revision) };
    this.#emit({ type: 'DELETED', object: { ...old, metadata } });
  }

  /** Forgets all events so far. */
  compact(): void {
    this.#log = [];
  }

  bookmark(): void {
    for (const watcher of this.#watchers) watcher.send(this.#bookmarkEvent({}));
  }

  /** Ends all watches cleanly, as at their timeout. */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  snapshot(): Record<string, string> {
    return snapshotOf([...this.#objects.values()]);
  }

  get watchCount(): number {
    return this.#watchers.size;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const query = new URL(request.path, 'http://x').searchParams;
    try {
      if (query.get('watch') !== 'true') this.counts.lists++;
      else this.counts.watches++;
      const failure = this.failures.shift();
      if (failure) throw failure;
      return query.get('watch') === 'true' ? this.#watch(query, request.signal) : this.#list(query);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return answer(error.code, error.status);
    }
  }

  async close(): Promise<void> {
    this.endWatches();
  }

  #emit(event: WatchEvent): void {
    this.#log.push({ revision: this.#revision, event });
    for (const watcher of this.#watchers) watcher.send(event);
  }

  #list(query: URLSearchParams): TransportResponse {
    const all = [...this.#objects.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const limit = Number(query.get('limit') ?? 0) || all.length;
    const [revision, offset] = (query.get('continue') ?? `${this.#revision}:0`).split(':').map(Number) as [
      number,
      number,
    ];
    if (revision !== this.#revision) throw newExpired('the provided continue parameter is too old');
    const end = offset + limit;
    return answer(200, {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: String(revision),
        ...(end < all.length && { continue: `${revision}:${end}` }),
      },
      items: all.slice(offset, end),
    });
  }

  #watch(query: URLSearchParams, signal: AbortSignal | undefined): TransportResponse {
    const initial = query.get('sendInitialEvents') === 'true';
    if (initial && !this.sendsInitialEvents) {
      const message =
        'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden';
      throw newStatusError(422, 'Invalid', { message });
    }
    const queue: WatchEvent[] = [];
    if (initial) {
      for (const object of this.#objects.values()) queue.push({ type: 'ADDED', object });
      queue.push(this.#bookmarkEvent({ 'k8s.io/initial-events-end': 'true' }));
    } else {
      const from = Number(query.get('resourceVersion'));
      const oldest = this.#log[0]?.revision ?? this.#revision + 1;
      if (from + 1 < oldest) throw newExpired(`too old resource version: ${from} (${oldest})`);
      for (const { revision, event } of this.#log) if (revision > from) queue.push(event);
    }
    return this.#stream(queue, signal);
  }

  #bookmarkEvent(annotations: Record<string, string>): WatchEvent {
    const metadata = { resourceVersion: String(this.#revision), annotations };
    return { type: 'BOOKMARK', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata } };
  }

  #stream(queue: WatchEvent[], signal: AbortSignal | undefined): TransportResponse {
    let ended = false;
    let wake = (): void => undefined;
    const watcher: Watcher = {
      send: (event) => {
        queue.push(event);
        wake();
      },
      end: () => {
        ended = true;
        wake();
      },
    };
    const watchers = this.#watchers;
    watchers.add(watcher);
    signal?.addEventListener('abort', watcher.end, { once: true });
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          const event = queue.shift();
          if (event !== undefined) yield Buffer.from(`${JSON.stringify(event)}\n`);
          else if (signal?.aborted) throw signal.reason;
          else if (ended) return;
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        watchers.delete(watcher);
      }
    }
    return { status: 200, headers: {}, chunks, bytes: async () => new Uint8Array() };
  }
}

export function snapshotOf(objects: readonly KubeObject[]): Record<string, string> {
  const entries = objects.map((object) => [keyOf(object), JSON.stringify(object['data'])] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function answer(status: number, body: unknown): TransportResponse {
  const bytes = Buffer.from(JSON.stringify(body));
  return {
    status,
    headers: { 'content-type': 'application/json' },
    bytes: async () => bytes,
    chunks: async function* () {
      yield bytes;
    },
  };
}
