/**
 * Several channels in one WebSocket, as Kubernetes' `channel.k8s.io` protocols have them: the first byte of each message
 * is the channel's number (an ASCII digit before base64 text in the `base64` ones), 255 and a number end a channel in v5.
 * A channel that is not read holds back the whole WebSocket, so that memory stays bounded.
 */
import type { Channel, ChannelListener } from '@flotilla/kube';
import { ReceiveQueue } from '@flotilla/kube';

export interface MessageStreamsOptions {
  /** Channels 0 to count-1 exist; messages for others are thrown away. */
  readonly count: number;
  readonly isText: boolean;
  /** v5: the peer may end one channel. */
  readonly hasCloseSignal: boolean;
  onClose(reason?: Error): void;
}

const closeSignal = 255;
const maxUnreadBytes = 256 * 1024;
const zero = 0x30;

export class MessageStreams {
  readonly #channel: Channel;
  readonly #options: MessageStreamsOptions;
  readonly #streams: readonly MessageStream[];
  #unreadBytes = 0;
  #isPaused = false;

  constructor(channel: Channel, options: MessageStreamsOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#streams = Array.from(
      { length: options.count },
      (_, id) =>
        new MessageStream({
          write: (chunk) => channel.write(this.#encode(id, chunk)),
          kept: (bytes) => this.#kept(bytes),
        }),
    );
    channel.listen({
      onData: (message) => this.#receive(message),
      onEnd: () => {
        for (const stream of this.#streams) stream.peerEnded();
      },
      onDrain: () => {
        for (const stream of this.#streams) stream.drained();
      },
      onClose: (reason) => {
        for (const stream of this.#streams) stream.lost(reason ?? new Error('the WebSocket was closed'));
        options.onClose(reason);
      },
    });
  }

  /** @throws Error when there is no such channel. */
  stream(id: number): Channel {
    const stream = this.#streams[id];
    if (stream === undefined) throw new Error(`there is no channel ${id}`);
    return stream;
  }

  /** Closes the WebSocket, after what was written. */
  close(): void {
    this.#channel.end();
  }

  #encode(id: number, chunk: Uint8Array): Buffer {
    if (!this.#options.isText) return Buffer.concat([Buffer.of(id), chunk]);
    return Buffer.from(
      `${id}${Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('base64')}`,
    );
  }

  #receive(message: Uint8Array): void {
    const first = message[0];
    if (first === undefined) return;
    if (this.#options.hasCloseSignal && first === closeSignal) {
      this.#streams[message[1] ?? -1]?.peerEnded();
      return;
    }
    const { isText } = this.#options;
    const body = message.subarray(1);
    const bytes = isText ? Buffer.from(Buffer.from(body).toString('latin1'), 'base64') : body;
    this.#streams[isText ? first - zero : first]?.receive(bytes);
  }

  #kept(bytes: number): void {
    this.#unreadBytes += bytes;
    const isFull = this.#unreadBytes > maxUnreadBytes;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#channel.pause();
    else this.#channel.resume();
  }
}

interface MessagePort {
  write(chunk: Uint8Array): boolean;
  kept(bytes: number): void;
}

class MessageStream implements Channel {
  readonly #port: MessagePort;
  readonly #queue: ReceiveQueue;
  #hasEnded = false;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#queue = new ReceiveQueue((bytes) => port.kept(-bytes));
  }

  write(chunk: Uint8Array): boolean {
    return this.#hasEnded || this.#port.write(chunk);
  }

  /** The protocol cannot say it to the client; nothing is written any more. */
  end(): void {
    this.#hasEnded = true;
  }

  destroy(reason: Error = new Error('the channel was destroyed')): void {
    this.lost(reason);
  }

  pause(): void {
    this.#queue.pause();
  }

  resume(): void {
    this.#queue.resume();
  }

  listen(listener: ChannelListener): void {
    this.#queue.listen(listener);
  }

  receive(bytes: Uint8Array): void {
    if (this.#queue.isOver || bytes.length === 0) return;
    this.#port.kept(bytes.length);
    this.#queue.push(bytes);
  }

  peerEnded(): void {
    this.#queue.end();
  }

  lost(reason: Error): void {
    this.#hasEnded = true;
    this.#queue.close(reason);
  }

  drained(): void {
    this.#queue.drained();
  }
}
