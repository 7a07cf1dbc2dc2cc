/**
 * The live watches of an in-process store. `publish` is called with durable events, in order, before the writers
 * learn of them. A watcher never gets an event at or below the revision it started after.
 */
import type { OnStoreEvents, Revision, StoreEvent, StoreWatch } from './store.js';

interface Subscriber {
  readonly prefix: string;
  readonly after: Revision;
  readonly onEvents: OnStoreEvents;
}

/** Events given to a watcher at a time while it reads history. */
const historyChunk = 1_000;

export class StoreWatches {
  readonly #subscribers = new Set<Subscriber>();

  /** Delivers `history` at once, then what is published. Both happen in the caller's turn, so nothing falls between. */
  add(subscriber: Subscriber, history: Iterable<StoreEvent>): StoreWatch {
    let chunk: StoreEvent[] = [];
    for (const event of history) {
      if (!event.key.startsWith(subscriber.prefix)) continue;
      chunk.push(event);
      if (chunk.length < historyChunk) continue;
      deliver(subscriber, chunk);
      chunk = [];
    }
    if (chunk.length > 0) deliver(subscriber, chunk);
    this.#subscribers.add(subscriber);
    return { close: () => void this.#subscribers.delete(subscriber) };
  }

  publish(events: readonly StoreEvent[]): void {
    for (const subscriber of this.#subscribers) {
      const { prefix, after } = subscriber;
      const wanted = events.filter((event) => event.revision > after && event.key.startsWith(prefix));
      if (wanted.length > 0) deliver(subscriber, wanted);
    }
  }

  clear(): void {
    this.#subscribers.clear();
  }
}

/** A watcher that throws is a bug of its own: it must stop the process, but not make a durable write look failed. */
function deliver({ onEvents }: Subscriber, events: readonly StoreEvent[]): void {
  try {
    onEvents(events, events.at(-1)?.revision ?? (0n as Revision));
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
