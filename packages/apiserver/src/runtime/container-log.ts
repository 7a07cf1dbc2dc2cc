/**
 * What a simulated container has written, line by line with its times, as a container runtime keeps it. The oldest lines
 * go when there are too many; a reader that follows and falls behind that far misses them.
 */
import type { LogOptions } from '../streams/pod-runtime.js';

export type OutputName = 'Stdout' | 'Stderr';

interface Line {
  readonly timeMs: number;
  readonly stream: OutputName;
  readonly bytes: Buffer;
}

const maxLines = 20_000;
const maxBytes = 2 * 1024 * 1024;
/** A line longer than this is cut into several. */
const maxLineBytes = 16 * 1024;
const batchBytes = 64 * 1024;

export class ContainerLog {
  readonly #share: () => number;
  #lines: Line[] = [];
  /** How many lines were dropped before the first kept one. */
  #dropped = 0;
  #bytes = 0;
  readonly #partial = new Map<OutputName, Buffer>();
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;

  /** `share` is the part, up to 1, of what a log may hold that this one may. */
  constructor(share: () => number = () => 1) {
    this.#share = share;
  }

  /** Somebody waits for its next line. */
  get isFollowed(): boolean {
    return this.#waiting.size > 0;
  }

  /** All of it, the line that has no end yet included. */
  text(streams: readonly OutputName[]): Buffer {
    const lines = this.#lines.filter(({ stream }) => streams.includes(stream));
    const partial = streams.map((stream) => this.#partial.get(stream) ?? Buffer.alloc(0));
    return Buffer.concat([...lines.map(({ bytes }) => bytes), ...partial]);
  }

  append(bytes: Uint8Array, stream: OutputName, timeMs: number): void {
    if (this.#hasEnded) return;
    let rest = Buffer.concat([this.#partial.get(stream) ?? Buffer.alloc(0), bytes]);
    for (;;) {
      const newline = rest.subarray(0, maxLineBytes).indexOf(10);
      const end = newline >= 0 ? newline + 1 : rest.length >= maxLineBytes ? maxLineBytes : 0;
      if (end === 0) break;
      this.#add({ timeMs, stream, bytes: rest.subarray(0, end) });
      rest = rest.subarray(end);
    }
    this.#partial.set(stream, Buffer.from(rest));
    this.#trim();
    this.#wake();
  }

  /** The container has ended: readers that follow come to the end. */
  end(timeMs: number): void {
    if (this.#hasEnded) return;
    for (const [stream, bytes] of this.#partial) {
      if (bytes.length > 0) this.#add({ timeMs, stream, bytes });
    }
    this.#partial.clear();
    this.#hasEnded = true;
    this.#wake();
  }

  async *read(options: LogOptions & { readonly signal: AbortSignal }): AsyncGenerator<Uint8Array> {
    const { follow, limitBytes = Number.POSITIVE_INFINITY, signal } = options;
    let next = this.#dropped + this.#firstLine(options);
    let left = limitBytes;
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted && left > 0) {
        const { chunk, after } = this.#batch(next, options);
        next = after;
        if (chunk.length > 0) {
          yield chunk.subarray(0, left);
          left -= chunk.length;
          continue;
        }
        if (next < this.#dropped + this.#lines.length) continue; // all of the batch was filtered
        if (!follow || this.#hasEnded) return;
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #firstLine({ tailLines, stream }: LogOptions): number {
    if (tailLines === undefined) return 0;
    let left = tailLines;
    let index = this.#lines.length;
    while (index > 0 && left > 0) {
      index--;
      if (stream === undefined || this.#lines[index]?.stream === stream) left--;
    }
    return index;
  }

  #batch(
    from: number,
    { sinceMs = Number.NEGATIVE_INFINITY, timestamps, stream }: LogOptions,
  ): { chunk: Buffer; after: number } {
    const parts: Buffer[] = [];
    let size = 0;
    let index = Math.max(from - this.#dropped, 0);
    for (; index < this.#lines.length && size < batchBytes; index++) {
      const line = this.#lines[index];
      if (line === undefined || line.timeMs < sinceMs) continue;
      if (stream !== undefined && line.stream !== stream) continue;
      const bytes = timestamps ? Buffer.concat([Buffer.from(stamp(line.timeMs)), line.bytes]) : line.bytes;
      parts.push(bytes);
      size += bytes.length;
    }
    return { chunk: Buffer.concat(parts, size), after: this.#dropped + index };
  }

  #add(line: Line): void {
    this.#lines.push(line);
    this.#bytes += line.bytes.length;
  }

  /** In steps, so that a full log does not move all its lines for each new one. */
  #trim(): void {
    const share = this.#share();
    const [lines, bytes] = [maxLines * share, maxBytes * share];
    if (this.#lines.length <= lines && this.#bytes <= bytes) return;
    let count = 0;
    while (this.#lines.length - count > lines * 0.75 || this.#bytes > bytes * 0.75) {
      this.#bytes -= this.#lines[count]?.bytes.length ?? 0;
      count++;
    }
    this.#lines = this.#lines.slice(count);
    this.#dropped += count;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** RFC 3339 with nine digits, as the runtimes write it. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000000Z `;
}
