/** Reads one watch over HTTPS, line by line, with the headers and the end of the stream at hand. */
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';

export interface WatchLine {
  readonly type: string;
  readonly object: unknown;
}

const patienceMs = 20_000;

export class WatchReader {
  readonly #message: IncomingMessage;
  readonly #lines: WatchLine[] = [];
  #rest = '';
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(message: IncomingMessage) {
    this.#message = message;
    message.setEncoding('utf8');
    message.on('data', (chunk: string) => this.#take(chunk));
    message.once('end', () => this.#end());
    message.once('close', () => this.#end());
    message.once('error', (error) => this.#end(error));
  }

  /** @throws Error with the answer when it is no 200. */
  static open(options: RequestOptions): Promise<WatchReader> {
    return new Promise((resolve, reject) => {
      const outgoing = request(options, (message) => {
        if (message.statusCode === 200) resolve(new WatchReader(message));
        else {
          let text = '';
          message.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          message.once('end', () => reject(new Error(`${message.statusCode}: ${text}`)));
        }
      });
      outgoing.once('error', reject);
      outgoing.end();
    });
  }

  get headers(): IncomingMessage['headers'] {
    return this.#message.headers;
  }

  /** The next event. @throws Error when the stream ends or is silent for too long. */
  async next(): Promise<WatchLine> {
    await this.#until(() => this.#lines.length > 0 || this.#ended);
    const line = this.#lines.shift();
    if (line === undefined) throw new Error('the watch ended', { cause: this.#failure });
    return line;
  }

  async take(count: number): Promise<WatchLine[]> {
    const lines: WatchLine[] = [];
    while (lines.length < count) lines.push(await this.next());
    return lines;
  }

  /** All events up to and with the first that matches. */
  async through(matches: (line: WatchLine) => boolean): Promise<WatchLine[]> {
    const lines: WatchLine[] = [];
    for (;;) {
      const line = await this.next();
      lines.push(line);
      if (matches(line)) return lines;
    }
  }

  /** What is left once the server has ended the stream. @throws Error when it was cut instead. */
  async rest(): Promise<WatchLine[]> {
    await this.#until(() => this.#ended);
    if (this.#failure !== undefined || !this.#message.complete) {
      throw new Error('the watch was cut', { cause: this.#failure });
    }
    return this.#lines.splice(0);
  }

  /** Stops and resumes reading from the socket. */
  pause(): void {
    this.#message.pause();
  }

  resume(): void {
    this.#message.resume();
  }

  close(): void {
    this.#message.destroy();
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    // The server's own lines; a broken one fails the test by its SyntaxError.
    for (const line of lines) this.#lines.push(JSON.parse(line) as WatchLine);
    this.#wake();
  }

  #end(error?: Error): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#wake();
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!isTrue()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('the watch is silent');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
