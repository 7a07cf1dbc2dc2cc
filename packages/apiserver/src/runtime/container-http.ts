/**
 * The tiny HTTP server of a simulated container, one for each declared port: says which pod and port answered, echoes
 * bodies (`/echo`), sends as many bytes as asked (`/bytes/<n>`). HTTP/1.1 with keep-alive over any channel.
 */
import type { Channel } from '@flotilla/kube';
import type { PodHttpAnswer, PodHttpRequest } from '../streams/pod-runtime.js';
import { openChannel, type Reader, type Writer } from './byte-io.js';

export interface ServedPort {
  readonly podName: string;
  readonly port: number;
}

/** What the server answers; without sockets, for the proxies. */
export function answerHttp({ podName, port }: ServedPort, request: PodHttpRequest): PodHttpAnswer {
  const path = request.target.split('?', 1)[0] ?? '/';
  if (path === '/echo') return { status: 200, contentType: 'application/octet-stream', body: request.body };
  const count = /^\/bytes\/(\d{1,10})$/.exec(path)?.[1];
  if (count !== undefined) {
    const contentLength = Number(count);
    return {
      status: 200,
      contentType: 'application/octet-stream',
      body: zeros(contentLength),
      contentLength,
    };
  }
  const text = `pod ${podName} port ${port}: ${request.method} ${request.target}\n`;
  return { status: 200, contentType: 'text/plain', body: once(text), contentLength: Buffer.byteLength(text) };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* zeros(size: number): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(32 * 1024);
  for (let left = size; left > 0; left -= block.length) yield block.subarray(0, left);
}

/** Serves one connection to its end. */
export async function serveHttp(channel: Channel, port: ServedPort): Promise<void> {
  const { reader, writer: output } = openChannel(channel);
  const input = new Input(reader);
  for (;;) {
    const head = await input.head();
    if (head === undefined) break;
    const request = parseHead(head);
    if (request === undefined) {
      await output.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      break;
    }
    const answer = answerHttp(port, { ...request, body: input.body(request) });
    const framing =
      answer.contentLength === undefined
        ? 'transfer-encoding: chunked'
        : `content-length: ${answer.contentLength}`;
    const connection = request.isLast ? 'close' : 'keep-alive';
    await output.write(
      `HTTP/1.1 ${answer.status} OK\r\ncontent-type: ${answer.contentType}\r\nx-pod-name: ${port.podName}\r\n${framing}\r\nconnection: ${connection}\r\n\r\n`,
    );
    if (request.method !== 'HEAD') await sendBody(answer, output);
    await input.finishBody();
    if (request.isLast) break;
  }
  channel.end();
}

async function sendBody({ body, contentLength }: PodHttpAnswer, output: Writer): Promise<void> {
  for await (const chunk of body) {
    if (contentLength !== undefined) await output.write(chunk);
    else if (chunk.length > 0) {
      await output.write(
        Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
      );
    }
  }
  if (contentLength === undefined) await output.write('0\r\n\r\n');
}

interface ParsedHead {
  readonly method: string;
  readonly target: string;
  readonly length: number | 'chunked';
  readonly isLast: boolean;
}

function parseHead(head: string): ParsedHead | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const match = /^([A-Z]{1,16}) (\S+) HTTP\/1\.([01])$/.exec(first);
  if (match === null) return undefined;
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const isChunked = headers.get('transfer-encoding')?.toLowerCase() === 'chunked';
  const length = Number(headers.get('content-length') ?? 0);
  if (!isChunked && !Number.isSafeInteger(length)) return undefined;
  const connection = headers.get('connection')?.toLowerCase();
  return {
    method: match[1] ?? '',
    target: match[2] ?? '/',
    length: isChunked ? 'chunked' : length,
    isLast: connection === 'close' || (match[3] === '0' && connection !== 'keep-alive'),
  };
}

const maxHeadBytes = 64 * 1024;

/** Cuts a byte stream into heads and bodies. */
class Input {
  readonly #reader: Reader;
  #rest: Buffer = Buffer.alloc(0);
  #body: AsyncGenerator<Uint8Array> | undefined;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** Undefined at the end, or when it is too long. */
  async head(): Promise<string | undefined> {
    return this.#upTo('\r\n\r\n');
  }

  body({ length }: { length: number | 'chunked' }): AsyncIterable<Uint8Array> {
    this.#body = length === 'chunked' ? this.#chunked() : this.#sized(length);
    return this.#body;
  }

  /** What the answer did not take. */
  async finishBody(): Promise<void> {
    if (this.#body === undefined) return;
    while ((await this.#body.next()).done !== true);
    this.#body = undefined;
  }

  async #upTo(end: string): Promise<string | undefined> {
    for (;;) {
      const at = this.#rest.indexOf(end);
      if (at >= 0) {
        const text = this.#rest.subarray(0, at).toString('latin1');
        this.#rest = this.#rest.subarray(at + end.length);
        return text;
      }
      if (this.#rest.length > maxHeadBytes || !(await this.#more())) return undefined;
    }
  }

  async #more(): Promise<boolean> {
    const chunk = await this.#reader.read();
    if (chunk === undefined) return false;
    this.#rest = Buffer.concat([this.#rest, chunk]);
    return true;
  }

  async *#sized(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) return;
      const chunk = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  async *#chunked(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const size = Number.parseInt((await this.#upTo('\r\n')) ?? '0', 16);
      if (!(size > 0)) {
        await this.#upTo('\r\n');
        return;
      }
      yield* this.#sized(size);
      await this.#upTo('\r\n');
    }
  }
}
