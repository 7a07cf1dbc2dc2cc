/**
 * The receiving half of one channel among many on a connection: hands chunks to the listener, keeps them while there is
 * none or it is paused, and tells the connection how much is kept, so that it can stop reading. Order is kept: the
 * end comes after all data, the close after the end.
 */
import type { ChannelListener } from './channel.js';

export class ReceiveQueue {
  readonly #onTaken: (bytes: number) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #listener: ChannelListener | undefined;
  #isPaused = false;
  #hasEnded = false;
  #isEndTold = false;
  #close: { readonly reason: Error | undefined } | undefined;
  #isCloseTold = false;

  /** `onTaken` is told of the bytes that left the inbox. */
  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  /** The peer has ended or the channel is closed: nothing more is taken. */
  get isOver(): boolean {
    return this.#hasEnded || this.#close !== undefined;
  }

  /** Kept for later. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#hasEnded || this.#close !== undefined || chunk.length === 0) return;
    if (this.#listener !== undefined && !this.#isPaused && this.#chunks.length === 0) {
      this.#listener.onData(chunk);
      this.#onTaken(chunk.length);
      return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The peer writes no more. */
  end(): void {
    this.#hasEnded = true;
    this.#flush();
  }

  /** Both directions are over. With a reason what is kept is thrown away. */
  close(reason?: Error): void {
    if (this.#close !== undefined) return;
    this.#close = { reason };
    if (reason !== undefined) {
      const lost = this.#bytes;
      this.#chunks = [];
      this.#bytes = 0;
      if (lost > 0) this.#onTaken(lost);
    }
    this.#flush();
  }

  drained(): void {
    if (!this.#isCloseTold) this.#listener?.onDrain?.();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush();
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
    this.#flush();
  }

  #flush(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    while (!this.#isPaused) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      this.#bytes -= chunk.length;
      listener.onData(chunk);
      this.#onTaken(chunk.length);
    }
    if (this.#chunks.length > 0) return;
    if (this.#hasEnded && !this.#isEndTold && this.#close?.reason === undefined) {
      this.#isEndTold = true;
      listener.onEnd?.();
    }
    if (this.#close !== undefined && !this.#isCloseTold) {
      this.#isCloseTold = true;
      listener.onClose?.(this.#close.reason);
    }
  }
}
