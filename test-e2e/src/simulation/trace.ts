/**
 * The course of one simulation: every durable change with its time, as a hash by which two runs are compared, and what
 * was written how often. Kept by the observer.
 */
import { createHash } from 'node:crypto';
import type { StoreEvent } from '@flotilla/apiserver';

/** What goes when it has come of age, whatever else happens. */
const agingPrefixes = ['/registry/core/events/', '/registry/flotilla.dev/manifestworkplans/'];

/** Values with keys and certificates differ from run to run with the same seed, since those are never seeded. */
const unhashed = /-----BEGIN |LS0tLS1CRUdJTi|"request":"/;
/** And so do hashes of keys. */
const keyHash = /sha256:[0-9a-f]{64}/g;

export class Trace {
  readonly #hash = createHash('sha256');
  events = 0;
  /** Keys of changes since the list was last emptied, with their place; without what went for its age. */
  readonly changed = new Set<string>();
  /** How often each was changed since the list was last emptied. */
  readonly writes = new Map<string, number>();

  /** Of all that has become durable so far, in order. */
  get hash(): string {
    return this.#hash.copy().digest('hex');
  }

  add(where: string, event: StoreEvent, nowMs: number): void {
    this.events++;
    const place = `${where} ${event.key}`;
    const isExpiry =
      event.value === undefined && agingPrefixes.some((prefix) => event.key.startsWith(prefix));
    if (!isExpiry) this.changed.add(place);
    this.writes.set(place, (this.writes.get(place) ?? 0) + 1);
    this.#hash.update(`${nowMs} ${where} ${event.revision} ${event.type} ${event.key}\n`);
    if (event.value === undefined) return;
    const text = Buffer.from(event.value).toString('utf8');
    if (!unhashed.test(text)) this.#hash.update(text.replace(keyHash, 'sha256'));
  }
}
