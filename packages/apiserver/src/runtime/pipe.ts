/** What stands between the commands of a pipeline: a bounded buffer that makes the writer wait. */
import type { Reader, Writer } from './byte-io.js';

const maxBytes = 64 * 1024;

/** What SIGPIPE is to a real process. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe';
}

export interface Pipe {
  /** `stop` tells that nobody reads any more. */
  readonly reader: Reader & { stop(): void };
  /** Throws BrokenPipe then. */
  readonly writer: Writer;
  end(): void;
}

export function createPipe(): Pipe {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let hasEnded = false;
  let isStopped = false;
  let wakeReader = (): void => undefined;
  let wakeWriter = (): void => undefined;
  return {
    reader: {
      async read() {
        while (chunks.length === 0 && !hasEnded) {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
        }
        const chunk = chunks.shift();
        bytes -= chunk?.length ?? 0;
        wakeWriter();
        return chunk;
      },
      stop: () => {
        isStopped = true;
        chunks.length = 0;
        wakeWriter();
      },
    },
    writer: {
      async write(data) {
        while (bytes >= maxBytes && !isStopped) {
          await new Promise<void>((resolve) => {
            wakeWriter = resolve;
          });
        }
        if (isStopped) throw new BrokenPipe('nobody reads the pipe');
        if (data.length === 0) return;
        const chunk = Buffer.from(data);
        chunks.push(chunk);
        bytes += chunk.length;
        wakeReader();
      },
    },
    end: () => {
      hasEnded = true;
      wakeReader();
    },
  };
}
