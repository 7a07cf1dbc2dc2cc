/** The ends of a simulated process: bytes are pulled in and pushed out at the pace of whoever is slower. */
import type { Channel } from '@flotilla/kube';

export interface Reader {
  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
}

export interface Writer {
  /** Resolves when more may be written. */
  write(bytes: Uint8Array | string): Promise<void>;
}

export const emptyReader: Reader = { read: async () => undefined };
export const nullWriter: Writer = { write: async () => undefined };

export interface ChannelReader extends Reader {
  /** What still comes is thrown away. */
  discard(): void;
}

/** A channel, read and written. The end and a broken connection are both the end; writes after it come to nothing. */
export function openChannel(channel: Channel): { readonly reader: ChannelReader; readonly writer: Writer } {
  const chunks: Uint8Array[] = [];
  let isOver = false;
  let isClosed = false;
  let isDiscarding = false;
  let wakeReader = (): void => undefined;
  let wakeWriter = (): void => undefined;
  channel.listen({
    onData: (chunk) => {
      if (isDiscarding) return;
      chunks.push(chunk);
      channel.pause();
      wakeReader();
    },
    onEnd: () => {
      isOver = true;
      wakeReader();
    },
    onDrain: () => wakeWriter(),
    onClose: () => {
      isOver = true;
      isClosed = true;
      wakeReader();
      wakeWriter();
    },
  });
  const reader: ChannelReader = {
    async read() {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk !== undefined) return chunk;
        if (isOver) return undefined;
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
          channel.resume();
        });
      }
    },
    discard: () => {
      isDiscarding = true;
      chunks.length = 0;
      channel.resume();
    },
  };
  const writer: Writer = {
    async write(bytes) {
      const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      if (isClosed || chunk.length === 0 || channel.write(chunk)) return;
      await new Promise<void>((resolve) => {
        wakeWriter = resolve;
        if (isClosed) resolve();
      });
    },
  };
  return { reader, writer };
}

/** A channel that is only read. */
export function createChannelReader(channel: Channel): ChannelReader {
  return openChannel(channel).reader;
}

/** A channel that is only written: what comes from the other end is thrown away. */
export function createChannelWriter(channel: Channel): Writer {
  const { reader, writer } = openChannel(channel);
  reader.discard();
  return writer;
}

const maxLineLength = 1024 * 1024;

/** Lines without their ends; the last may have had none. What is longer than a mebibyte counts as several. */
export async function* linesOf(reader: Reader): AsyncGenerator<string> {
  let rest = '';
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
    const parts = (rest + Buffer.from(chunk).toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
    if (rest.length < maxLineLength) continue;
    yield rest;
    rest = '';
  }
  if (rest !== '') yield rest;
}
