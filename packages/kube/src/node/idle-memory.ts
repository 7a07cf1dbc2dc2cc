/**
 * Gives the memory of a burst back once it is over. V8 lets its heap grow to several times of what lives in it, and a
 * process that then has nothing to do never collects again: a klusterlet with 52 MiB of objects kept 255 MiB. While the
 * process is quiet the heap is collected and compacted, a few times at most after each burst; while it is busy nothing
 * is done, so that a burst costs what it did. Called by commands that stay. Not for processes with very large heaps:
 * they would stand still for as long as one collection takes.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface IdleMemoryOptions {
  /** How often to look: a burst is over when nothing happened between two looks. */
  readonly everyMs: number;
  /** How soon after a round to look whether to go on. */
  readonly nextRoundMs: number;
  /** A process is quiet that has used no more than this share of one core since the last look. */
  readonly quietShare: number;
  /** The heap must be larger than what is in it by this to be worth a round. */
  readonly slackBytes: number;
  /**
   * So much must the heap have grown since it was last collected, or be larger than what is in it. A collected heap is
   * slow to work with until it has grown again: small bursts, a drift here and there, are not to pay for it each time.
   */
  readonly regrownBytes: number;
  /**
   * A round is the last one that frees less than this, of the heap or of what is in it: the first, which finds the garbage
   * of the burst, hardly makes the heap smaller. Which pages are worth emptying V8 knows only from the round before.
   */
  readonly worthBytes: number;
  /** Rounds after one burst: the first frees, the next ones compact. */
  readonly maxRounds: number;
  /** With more than this alive a collection would take too long: it is left to V8. */
  readonly maxUsedBytes: number;
}

const mib = 1024 * 1024;

export const defaultIdleMemoryOptions: IdleMemoryOptions = Object.freeze({
  everyMs: 2500,
  // What V8 does beside us after a round, to sweep its pages, is less than the quiet share of this.
  nextRoundMs: 1250,
  quietShare: 0.05,
  slackBytes: 12 * mib,
  // More than the young generation, which is the first to grow again.
  regrownBytes: 40 * mib,
  worthBytes: 4 * mib,
  maxRounds: 4,
  maxUsedBytes: 256 * mib,
});

export interface Heap {
  readonly totalBytes: number;
  readonly usedBytes: number;
}

function slackOf({ totalBytes, usedBytes }: Heap): number {
  return totalBytes - usedBytes;
}

/** The process, as far as it matters here. */
export interface HeapPort {
  /** CPU time used so far, of all threads. */
  cpuMs(): number;
  heap(): Heap;
  /** Collects all garbage and brings what is left together; the process stands still meanwhile. */
  collect(): void;
}

/** Decides at each look whether to collect. Knows no time of its own. */
export class IdleCollector {
  readonly #port: HeapPort;
  readonly #options: IdleMemoryOptions;
  #cpuMs: number;
  /** Left since the process was last busy. */
  #roundsLeft: number;
  /** As the last collection left it; undefined: there was none. */
  #collected: Heap | undefined;
  /** Between the last look and this one. */
  #sinceMs: number;

  constructor(port: HeapPort, options: IdleMemoryOptions = defaultIdleMemoryOptions) {
    this.#port = port;
    this.#options = options;
    this.#roundsLeft = options.maxRounds;
    this.#cpuMs = port.cpuMs();
    this.#sinceMs = options.everyMs;
  }

  /** To be called `everyMs` after it was made, and then after the milliseconds that it answers. */
  look(): number {
    const { everyMs, nextRoundMs } = this.#options;
    const didCollect = this.#look();
    this.#sinceMs = didCollect && this.#roundsLeft > 0 ? nextRoundMs : everyMs;
    return this.#sinceMs;
  }

  #look(): boolean {
    const { quietShare, slackBytes, worthBytes, maxRounds, maxUsedBytes } = this.#options;
    const cpuMs = this.#port.cpuMs();
    const isQuiet = cpuMs - this.#cpuMs <= this.#sinceMs * quietShare;
    this.#cpuMs = cpuMs;
    if (!isQuiet) this.#roundsLeft = maxRounds;
    if (!isQuiet || this.#roundsLeft === 0) return false;
    const heap = this.#port.heap();
    if (heap.usedBytes > maxUsedBytes || slackOf(heap) < slackBytes) return false;
    if (this.#roundsLeft === maxRounds && !this.#hasGrown(heap)) return false;
    this.#port.collect();
    this.#cpuMs = this.#port.cpuMs(); // its own work is no sign of life
    const collected = this.#port.heap();
    const freedBytes = Math.max(heap.totalBytes - collected.totalBytes, heap.usedBytes - collected.usedBytes);
    this.#collected = collected;
    this.#roundsLeft = freedBytes >= worthBytes ? this.#roundsLeft - 1 : 0;
    return true;
  }

  #hasGrown(heap: Heap): boolean {
    const before = this.#collected;
    if (before === undefined) return true;
    const { regrownBytes } = this.#options;
    return heap.totalBytes >= before.totalBytes + regrownBytes || slackOf(heap) >= regrownBytes;
  }
}

/** Looks after this process from now on; returns the way to stop. Keeps no process alive. */
export function returnIdleMemory(options: IdleMemoryOptions = defaultIdleMemoryOptions): () => void {
  const collector = new IdleCollector(createHeapPort(), options);
  let timer: NodeJS.Timeout;
  const lookIn = (delayMs: number): void => {
    timer = setTimeout(() => lookIn(collector.look()), delayMs);
    timer.unref();
  };
  lookIn(options.everyMs);
  return () => clearTimeout(timer);
}

export function createHeapPort(): HeapPort {
  let gc: (() => void) | undefined;
  return {
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    heap: () => {
      const { total_heap_size: totalBytes, used_heap_size: usedBytes } = getHeapStatistics();
      return { totalBytes, usedBytes };
    },
    collect: () => {
      if (gc === undefined) {
        setFlagsFromString('--expose-gc');
        gc = runInNewContext('gc') as () => void; // what the flag puts there
      }
      // V8 compacts much more of the heap where memory is what counts; but then it also collects more often.
      setFlagsFromString('--optimize-for-size');
      gc();
      setFlagsFromString('--no-optimize-for-size');
    },
  };
}
