/** The standard input of a container's own process: whatever clients attach feeds it, one after another or at once. */
import type { ChannelReader, Reader } from './byte-io.js';
import { createPipe } from './pipe.js';

export interface MainInputOptions {
  /** `stdinOnce`: it ends when the first client's input does. */
  readonly endsWithFirst: boolean;
}

export class MainInput implements Reader {
  readonly #endsWithFirst: boolean;
  readonly #pipe = createPipe();

  constructor({ endsWithFirst }: MainInputOptions) {
    this.#endsWithFirst = endsWithFirst;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#pipe.reader.read();
  }

  /** Takes everything from a client, at the pace of the process. */
  feed(input: ChannelReader): void {
    const copy = async (): Promise<void> => {
      for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
        await this.#pipe.writer.write(chunk);
      }
      if (this.#endsWithFirst) this.#pipe.end();
    };
    void copy();
  }
}
