/**
 * A watch of a resource whose versions a webhook converts: stands between the cache and the stream, and passes events on
 * once their objects are in the watched version, in order, one delivery at a time. While it converts, the cache keeps the
 * watch's place, as it does for a peer that reads slowly.
 */
import { inVersion } from '../registry/converted-objects.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { Revision } from '../storage/store.js';
import type {
  CachedObject,
  CacheEvent,
  CacheEventType,
  CacheWatch,
  WatchEnd,
  WatchSink,
} from '../watch-cache/types.js';

export interface ConvertingWatchOptions {
  readonly definition: ResourceDefinition;
  /** Field selectors that only the converted object can answer; absent: none. */
  readonly selectShown: ((object: CachedObject) => boolean) | undefined;
  /** Where events go; told when the webhook fails, which ends the watch. */
  readonly sink: WatchSink & { onFailure(error: unknown): void };
}

/** `open` opens the cache's watch, which may throw; so does this then. */
export function openConvertingWatch(
  options: ConvertingWatchOptions,
  open: (sink: WatchSink) => CacheWatch,
): CacheWatch {
  const watch = new ConvertingWatch(options);
  watch.follow(open(watch));
  return watch;
}

class ConvertingWatch implements WatchSink, CacheWatch {
  readonly #options: ConvertingWatchOptions;
  #source: CacheWatch | undefined;
  /** The revision before the events that are being converted. */
  #floor: Revision | undefined;
  #isHeld = false;
  #passHeld: (() => void) | undefined;
  #isOver = false;

  constructor(options: ConvertingWatchOptions) {
    this.#options = options;
  }

  follow(source: CacheWatch): void {
    this.#source = source;
  }

  get deliveredRevision(): Revision {
    return this.#floor ?? this.#source?.deliveredRevision ?? (0n as Revision);
  }

  resume(): void {
    if (this.#floor === undefined) {
      this.#source?.resume();
      return;
    }
    this.#isHeld = false;
    this.#passHeld?.();
  }

  /** While it converts, the source waits anyway: what has been converted then waits here. */
  pause(): void {
    if (this.#floor === undefined) this.#source?.pause();
    else this.#isHeld = true;
  }

  close(): void {
    this.#isOver = true;
    this.#source?.close();
  }

  onEvents(events: readonly CacheEvent[]): boolean {
    const { definition } = this.#options;
    const shown = inVersion(
      definition,
      events.map(({ object }) => object),
    );
    if (!(shown instanceof Promise)) return this.#pass(events, shown);
    this.#floor = ((events[0]?.revision ?? 1n) - 1n) as Revision;
    const passOn = (objects: readonly CachedObject[]): void => {
      if (this.#isOver) return;
      if (this.#isHeld) {
        this.#passHeld = () => passOn(objects);
        return;
      }
      this.#passHeld = undefined;
      this.#floor = undefined;
      if (this.#pass(events, objects)) this.#source?.resume();
    };
    shown.then(passOn, (error: unknown) => {
      if (this.#isOver) return;
      this.close();
      this.#options.sink.onFailure(error);
    });
    return false;
  }

  #pass(events: readonly CacheEvent[], objects: readonly CachedObject[]): boolean {
    const seen = events.flatMap((event, index) => this.#seen(event, objects[index] ?? event.object));
    return seen.length === 0 || this.#options.sink.onEvents(seen);
  }

  /**
   * What was selected before is not known without converting that, too: an object that is not selected any more is
   * taken back, also from a watcher who never had it, which changes nothing there.
   */
  #seen(event: CacheEvent, object: CachedObject): CacheEvent[] {
    const { selectShown } = this.#options;
    const isSelected = selectShown === undefined || selectShown(object);
    if (!isSelected && event.type === 'ADDED') return [];
    const type = isSelected ? event.type : 'DELETED';
    return [new ShownEvent(event, object, type)];
  }

  onEnd(reason: WatchEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.sink.onEnd(reason);
  }
}

/** An event with its object in another version; its bytes are shared through the event of the cache. */
class ShownEvent implements CacheEvent {
  readonly type: CacheEventType;
  readonly object: CachedObject;
  readonly revision: Revision;
  readonly #source: CacheEvent;

  constructor(source: CacheEvent, object: CachedObject, type: CacheEventType) {
    this.#source = source;
    this.type = type;
    this.object = object;
    this.revision = source.revision;
  }

  encode(representation: string, build: (event: CacheEvent) => Uint8Array): Uint8Array {
    return this.#source.encode(`${representation} ${this.type}`, () => build(this));
  }
}
