/**
 * P8: what a server keeps for a client that does not read. It may fill what it was given to write into, and then has to
 * wait, and to give up who takes nothing for too long. Stands between a simulated server and its transport.
 */
import type { ApiHandler, ResponseSink } from '@flotilla/apiserver';
import type { Clock } from '@flotilla/kube';

/** What may be written into a buffer that is full: the words with which a stream ends. */
const lastWordsBytes = 4096;
/** A watch is given up after 30 s in which its client took nothing, and that is looked for every 5 s. */
const longestFullMs = 60_000;

interface Stream {
  readonly path: string;
  /** Since when its client has not kept up; undefined: it does. */
  fullSinceMs: number | undefined;
  /** Written all the same since then. */
  overBytes: number;
}

export class HeldBytes {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #streams = new Set<Stream>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** What was wrong since it was asked last. */
  problems(): string[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#streams].flatMap(({ path, fullSinceMs, overBytes }) => {
      if (fullSinceMs === undefined) return [];
      if (overBytes > lastWordsBytes)
        return [`${overBytes} bytes more than there is room for are kept for ${path}`];
      const fullMs = Math.round(nowMs - fullSinceMs);
      return fullMs > longestFullMs
        ? [`${path} is kept for a client that took nothing for ${fullMs} ms`]
        : [];
    });
  }

  watching(inner: ApiHandler): ApiHandler {
    return {
      handle: async (request) => {
        const answer = await inner.handle(request);
        const { body } = answer;
        if (typeof body !== 'function') return answer;
        return { ...answer, body: (sink) => body(this.#watch(sink, request.path)) };
      },
    };
  }

  #watch(sink: ResponseSink, path: string): ResponseSink {
    const stream: Stream = { path, fullSinceMs: undefined, overBytes: 0 };
    this.#streams.add(stream);
    sink.onDrain(() => {
      stream.fullSinceMs = undefined;
      stream.overBytes = 0;
    });
    sink.onClose(() => this.#streams.delete(stream));
    return {
      ...sink,
      write: (chunk) => {
        if (stream.fullSinceMs !== undefined) stream.overBytes += chunk.length;
        const hasRoom = sink.write(chunk);
        if (!hasRoom) stream.fullSinceMs ??= this.#clock.monotonicMs();
        return hasRoom;
      },
    };
  }
}
