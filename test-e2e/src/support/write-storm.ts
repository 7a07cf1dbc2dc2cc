/**
 * Writers that create, replace, patch, apply and delete ConfigMaps until the server dies under them, and an oracle
 * that keeps what was acknowledged and what was on its way. Each writer has names of its own; one object is everybody's,
 * written under optimistic concurrency.
 */
import { createHash } from 'node:crypto';
import { hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, type Random, TransportError, wellKnown } from '@flotilla/kube';

export const namespace = 'default';
export const sharedName = 'shared';
const writers = 6;
const namesPerWriter = 4;

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What a write leaves behind: a text that is never the same twice, or nothing. */
export type Outcome = string | undefined;

/** What was done to one name, in order, since the oracle was last told what is true. */
export interface Log {
  /** Acknowledged; the revision is unknown for a delete. */
  readonly acknowledged: { readonly outcome: Outcome; readonly revision: bigint | undefined }[];
  readonly inFlight: Outcome[];
}

/** `truth` is what each name holds, as a list has shown it. */
export class WriteStorm {
  readonly truth = new Map<string, ConfigMap>();
  readonly #random: Random;
  #logs = new Map<string, Log>();
  #writes = 0;
  #acknowledged = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Writes until the server goes away. @throws when it answers with an error that nobody provoked. */
  async rage(client: KubeClient): Promise<void> {
    const storms = Array.from({ length: writers }, (_, i) => this.#writeOn(client, i));
    await Promise.all(storms);
  }

  /** The logs since the last call; the storm begins anew. */
  takeLogs(): ReadonlyMap<string, Log> {
    const logs = this.#logs;
    this.#logs = new Map();
    return logs;
  }

  async #writeOn(client: KubeClient, writer: number): Promise<void> {
    const held = new Map(this.truth);
    for (;;) {
      const name = this.#random.next() < 0.1 ? sharedName : `w${writer}-${this.#below(namesPerWriter)}`;
      try {
        await this.#writeOnce(client, { name, held });
      } catch (error) {
        if (error instanceof TransportError) return;
        throw error;
      }
    }
  }

  async #writeOnce(
    client: KubeClient,
    { name, held }: { name: string; held: Map<string, ConfigMap> },
  ): Promise<void> {
    if (name === sharedName) {
      // Somebody else writes it too: what is held may be old, and the write then refused.
      held.set(name, await client.get<ConfigMap>(wellKnown.configMaps, { namespace, name }));
    }
    const current = held.get(name);
    const isDelete = current !== undefined && name !== sharedName && this.#random.next() < 0.15;
    const outcome = isDelete ? undefined : this.#text();
    const log = this.#log(name);
    log.inFlight.push(outcome);
    let made: ConfigMap | undefined;
    try {
      made = isDelete
        ? await remove(client, name)
        : await this.#put(client, withText(name, outcome ?? '', current));
    } catch (error) {
      if (!hasReason(error, 'Conflict') || name !== sharedName) throw error;
      log.inFlight.splice(log.inFlight.indexOf(outcome), 1);
      return;
    }
    log.inFlight.splice(log.inFlight.indexOf(outcome), 1);
    log.acknowledged.push({ outcome, revision: made && revisionOf(made) });
    this.#acknowledged++;
    if (made === undefined) held.delete(name);
    else held.set(name, made);
  }

  /** Creates what has no resourceVersion, and changes the rest in one of the four ways. */
  #put(client: KubeClient, object: ConfigMap): Promise<ConfigMap> {
    const { name = '', resourceVersion } = object.metadata;
    const key = { namespace, name };
    if (resourceVersion === undefined) return client.create(wellKnown.configMaps, object);
    const way = name === sharedName ? 0 : this.#below(4);
    if (way === 0) return client.update(wellKnown.configMaps, object);
    const { data } = object;
    if (way === 1) return client.patch(wellKnown.configMaps, key, { type: 'merge', body: { data } });
    if (way === 2) return client.patch(wellKnown.configMaps, key, { type: 'strategic', body: { data } });
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data };
    const options = { type: 'apply', body, force: true, fieldManager: 'storm' } as const;
    return client.patch(wellKnown.configMaps, key, options);
  }

  #text(): string {
    this.#writes++;
    return `${this.#writes} ${'x'.repeat(this.#below(6_000))}`;
  }

  #log(name: string): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = { acknowledged: [], inFlight: [] };
      this.#logs.set(name, log);
    }
    return log;
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
}

async function remove(client: KubeClient, name: string): Promise<undefined> {
  await client.delete(wellKnown.configMaps, { namespace, name });
  return undefined;
}

function withText(name: string, text: string, current: ConfigMap | undefined): ConfigMap {
  const resourceVersion = current?.metadata.resourceVersion;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
    data: { text, sum: sumOf(text) },
  };
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function revisionOf(object: KubeObject): bigint {
  return BigInt(object.metadata.resourceVersion ?? '0');
}

/** The text of an object. @throws Error when it is not whole. */
export function textOf(object: ConfigMap): string {
  const { text, sum } = object.data ?? {};
  if (text === undefined || sum !== sumOf(text)) {
    throw new Error(`${object.metadata.name} is torn: ${JSON.stringify(object).slice(0, 200)}`);
  }
  return text;
}

/** One event of a watch over the storm's objects. */
export interface SeenEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly name: string;
  readonly revision: bigint;
  readonly text: string;
}

/** Follows the storm's objects over all restarts, each time from the last event seen. */
export class StormWatch {
  readonly events: SeenEvent[] = [];
  #last: string;
  #client: KubeClient | undefined;
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  constructor(resourceVersion: string) {
    this.#last = resourceVersion;
  }

  follow(client: KubeClient): void {
    this.#client = client;
    this.#stop = new AbortController();
    this.#running = this.#read();
  }

  /** Resolves when the connection is gone. @throws what the server said, 410 for one. */
  async ended(): Promise<void> {
    this.#stop.abort(new Error('the test goes on'));
    await this.#running;
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop;
    try {
      const options = { namespace, resourceVersion: this.#last, signal };
      for await (const { type, object } of this.#client?.watch<ConfigMap>(wellKnown.configMaps, options) ??
        []) {
        this.#last = object.metadata.resourceVersion ?? this.#last;
        const { name = '' } = object.metadata;
        if (type === 'BOOKMARK' || type === 'ERROR' || name.startsWith('kube-root-ca')) continue;
        this.events.push({ type, name, revision: revisionOf(object), text: textOf(object) });
      }
    } catch (error) {
      if (!(error instanceof TransportError) && !signal.aborted) throw error;
    }
  }
}
