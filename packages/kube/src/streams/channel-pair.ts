/**
 * Two channels in memory, each the other's peer: what a simulated container listens with, and tests. Chunks arrive in
 * order and never within the call that wrote them; a writer is told to wait above `maxBufferedBytes` unread ones.
 */
import type { Channel, ChannelListener } from './channel.js';
import { ReceiveQueue } from './receive-queue.js';

export interface ChannelPairOptions {
  /** Default 64 KiB. */
  readonly maxBufferedBytes?: number;
}

export function createChannelPair(options: ChannelPairOptions = {}): readonly [Channel, Channel] {
  const { maxBufferedBytes = 64 * 1024 } = options;
  const left = new End(maxBufferedBytes);
  const right = new End(maxBufferedBytes);
  left.connect(right);
  right.connect(left);
  return [left, right];
}

class End implements Channel {
  readonly #queue: ReceiveQueue;
  readonly #maxBytes: number;
  #peer: End | undefined;
  /** Written by the peer and not told yet, the inbox included. */
  #unreadBytes = 0;
  #isWriterWaiting = false;
  #hasEnded = false;
  #isClosed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#queue = new ReceiveQueue((bytes) => this.#taken(bytes));
  }

  connect(peer: End): void {
    this.#peer = peer;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#hasEnded || this.#isClosed) return true;
    return this.#peer?.receive(chunk) ?? true;
  }

  end(): void {
    if (this.#hasEnded || this.#isClosed) return;
    this.#hasEnded = true;
    const peer = this.#peer;
    queueMicrotask(() => {
      peer?.peerEnded();
      this.#closeWhenOver();
    });
  }

  destroy(reason: Error = new Error('the channel was destroyed')): void {
    this.close(reason);
    const peer = this.#peer;
    queueMicrotask(() => peer?.close(reason));
  }

  pause(): void {
    this.#queue.pause();
  }

  resume(): void {
    queueMicrotask(() => this.#queue.resume());
  }

  listen(listener: ChannelListener): void {
    this.#queue.listen(listener);
  }

  receive(chunk: Uint8Array): boolean {
    this.#unreadBytes += chunk.length;
    queueMicrotask(() => {
      if (this.#isClosed) this.#taken(chunk.length);
      else this.#queue.push(chunk);
    });
    this.#isWriterWaiting = this.#unreadBytes >= this.#maxBytes;
    return !this.#isWriterWaiting;
  }

  #taken(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (!this.#isWriterWaiting || this.#unreadBytes >= this.#maxBytes) return;
    this.#isWriterWaiting = false;
    const peer = this.#peer;
    queueMicrotask(() => peer?.drained());
  }

  #closeWhenOver(): void {
    const peer = this.#peer;
    if (!this.#hasEnded || peer === undefined || !peer.#hasEnded) return;
    this.close(undefined);
    peer.close(undefined);
  }

  peerEnded(): void {
    this.#queue.end();
  }

  drained(): void {
    this.#queue.drained();
  }

  close(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.close(reason);
  }
}
