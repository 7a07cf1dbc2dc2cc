/**
 * A SPDY/3.1 connection over any channel, as Kubernetes' exec, attach and port-forward use it: streams opened by either
 * end, each a channel of its own. Whatever the peer sends, nothing is thrown out of here and memory stays bounded: a
 * peer that breaks the protocol gets GOAWAY and the end of the connection.
 *
 * Flow control is that of moby/spdystream, which the Kubernetes clients use: none by window, so that one stream that is
 * not read holds back its connection. We send WINDOW_UPDATE for peers that wait for it, and never wait for one.
 */
import type { Channel, ChannelListener } from '../channel.js';
import { ReceiveQueue } from '../receive-queue.js';
import {
  type ControlFrame,
  controlType,
  dataFrameHead,
  FrameReader,
  flagFin,
  flagUnidirectional,
  goAwayFrame,
  goAwayStatus,
  pingFrame,
  resetStatus,
  rstStreamFrame,
  synReplyFrame,
  synStreamFrame,
  windowUpdateFrame,
  wordAt,
} from './frames.js';
import { HeaderCompressor, HeaderDecompressor, type SpdyHeaders } from './header-block.js';
import { SpdyError } from './spdy-error.js';

export interface SpdyOptions {
  readonly role: 'client' | 'server';
  /** The peer opened a stream: `accept` or `reset` it. Absent: all are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** The last call. */
  readonly onClose?: (reason?: Error) => void;
  readonly limits?: Partial<SpdyLimits>;
}

export interface SpdyLimits {
  /** Open at a time, of both ends together; more are refused. */
  readonly maxStreams: number;
  /** Unread bytes of all streams above which the connection is not read any more. */
  readonly maxUnreadBytes: number;
}

export const defaultSpdyLimits: SpdyLimits = Object.freeze({ maxStreams: 1000, maxUnreadBytes: 256 * 1024 });

/** Long writes are cut, so that streams take turns. */
const maxDataBytes = 32 * 1024;
const windowStepBytes = 32 * 1024;

export class SpdyConnection {
  readonly #channel: Channel;
  readonly #options: SpdyOptions;
  readonly #limits: SpdyLimits;
  readonly #reader: FrameReader;
  readonly #compressor = new HeaderCompressor();
  readonly #decompressor = new HeaderDecompressor();
  readonly #streams = new Map<number, SpdyStream>();
  #nextId: number;
  #lastPeerId = 0;
  #unreadBytes = 0;
  #isReadPaused = false;
  #isGoingAway = false;
  #isClosed = false;

  constructor(channel: Channel, options: SpdyOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#limits = { ...defaultSpdyLimits, ...options.limits };
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.#reader = new FrameReader({
      onControl: (frame) => this.#onControl(frame),
      onData: ({ streamId, bytes, isFin }) => this.#streams.get(streamId)?.receive(bytes, isFin),
    });
    channel.listen({
      onData: (chunk) => this.#read(chunk),
      onEnd: () => this.#end(),
      onDrain: () => {
        for (const stream of [...this.#streams.values()]) stream.drained();
      },
      onClose: (reason) => this.#closed(reason),
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Opens a stream; data may be written before the peer's reply. @throws Error when the connection is ending. */
  open(headers: SpdyHeaders): SpdyStream {
    if (this.#isClosed || this.#isGoingAway) throw new Error('the SPDY connection is ending');
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#add(id, headers);
    const headerBlock = this.#compressor.compress(headers);
    this.#channel.write(synStreamFrame({ streamId: id, headerBlock, flags: 0 }));
    return stream;
  }

  /** No new streams; the connection ends when the open ones have. */
  close(): void {
    if (this.#isClosed || this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.#channel.write(goAwayFrame(this.#lastPeerId, goAwayStatus.ok));
    this.#endWhenIdle();
  }

  /** Ends at once. */
  destroy(reason: Error): void {
    this.#channel.destroy(reason);
    this.#closed(reason);
  }

  #read(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof SpdyError)) throw error;
      this.#channel.write(goAwayFrame(this.#lastPeerId, goAwayStatus.protocolError));
      this.#channel.end();
      this.#closed(error);
    }
  }

  #onControl(frame: ControlFrame): void {
    switch (frame.type) {
      case controlType.synStream:
        this.#onSynStream(frame);
        break;
      case controlType.synReply:
      case controlType.headers:
        this.#onHeaders(frame);
        break;
      case controlType.rstStream:
        this.#streams.get(wordAt(frame, 0) & 0x7fffffff)?.wasReset(wordAt(frame, 4));
        break;
      case controlType.ping:
        this.#onPing(wordAt(frame, 0));
        break;
      case controlType.goAway:
        this.#isGoingAway = true;
        this.#endWhenIdle();
        break;
      // SETTINGS, WINDOW_UPDATE and unknown types change nothing here.
    }
  }

  #onSynStream(frame: ControlFrame): void {
    const id = wordAt(frame, 0) & 0x7fffffff;
    wordAt(frame, 6);
    // Unpacked in any case: the next block refers to it.
    const headers = this.#decompressor.decompress(frame.payload.subarray(10));
    const isPeers = id % 2 === (this.#options.role === 'server' ? 1 : 0);
    if (!isPeers || id <= this.#lastPeerId) {
      this.#channel.write(rstStreamFrame(id, resetStatus.protocolError));
      return;
    }
    this.#lastPeerId = id;
    const { onStream } = this.#options;
    if (onStream === undefined || this.#isGoingAway || this.#streams.size >= this.#limits.maxStreams) {
      this.#channel.write(rstStreamFrame(id, resetStatus.refusedStream));
      return;
    }
    const stream = this.#add(id, headers);
    if ((frame.flags & flagUnidirectional) !== 0) stream.isSilent();
    if ((frame.flags & flagFin) !== 0) stream.receive(new Uint8Array(), true);
    onStream(stream);
  }

  #onHeaders(frame: ControlFrame): void {
    const stream = this.#streams.get(wordAt(frame, 0) & 0x7fffffff);
    this.#decompressor.decompress(frame.payload.subarray(4));
    if ((frame.flags & flagFin) !== 0) stream?.receive(new Uint8Array(), true);
  }

  /** A ping of ours has an id of our parity: we send none, so it is nobody's. */
  #onPing(id: number): void {
    const isPeers = id % 2 === (this.#options.role === 'server' ? 1 : 0);
    if (isPeers) this.#channel.write(pingFrame(id));
  }

  #add(id: number, headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(id, headers, {
      write: (bytes) => this.#isClosed || this.#channel.write(bytes),
      reply: () => {
        if (!this.#isClosed) this.#channel.write(synReplyFrame(id, this.#compressor.compress(new Map())));
      },
      kept: (bytes) => this.#kept(bytes),
      remove: () => {
        this.#streams.delete(id);
        if (this.#isGoingAway) this.#endWhenIdle();
      },
    });
    this.#streams.set(id, stream);
    return stream;
  }

  /** Unread bytes have come or, negative, gone. */
  #kept(bytes: number): void {
    this.#unreadBytes += bytes;
    const isFull = this.#unreadBytes > this.#limits.maxUnreadBytes;
    if (isFull === this.#isReadPaused) return;
    this.#isReadPaused = isFull;
    if (isFull) this.#channel.pause();
    else this.#channel.resume();
  }

  #endWhenIdle(): void {
    if (this.#streams.size === 0 && !this.#isClosed) this.#channel.end();
  }

  /** The peer writes no more: its streams are over, what we have still to say may follow. */
  #end(): void {
    for (const stream of [...this.#streams.values()]) stream.receive(new Uint8Array(), true);
    this.#isGoingAway = true;
    this.#endWhenIdle();
  }

  #closed(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const why = reason ?? (this.#streams.size > 0 ? new Error('the connection was closed') : undefined);
    for (const stream of [...this.#streams.values()]) stream.lost(why);
    this.#streams.clear();
    this.#options.onClose?.(why);
  }
}

interface StreamPort {
  write(bytes: Uint8Array): boolean;
  reply(): void;
  kept(bytes: number): void;
  remove(): void;
}

/** One stream. Made by its connection. */
export class SpdyStream implements Channel {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #port: StreamPort;
  readonly #queue: ReceiveQueue;
  #hasEnded = false;
  #hasPeerEnded = false;
  #isClosed = false;
  #consumedBytes = 0;

  constructor(id: number, headers: SpdyHeaders, port: StreamPort) {
    this.id = id;
    this.headers = headers;
    this.#port = port;
    this.#queue = new ReceiveQueue((bytes) => this.#taken(bytes));
  }

  /** Answers the peer's opening; before anything is written. */
  accept(): void {
    this.#port.reply();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#hasEnded || this.#isClosed) return true;
    let more = true;
    for (let start = 0; start < chunk.length; start += maxDataBytes) {
      const bytes = chunk.subarray(start, start + maxDataBytes);
      more = this.#port.write(Buffer.concat([dataFrameHead(this.id, bytes.length), bytes]));
    }
    return more;
  }

  end(): void {
    if (this.#hasEnded || this.#isClosed) return;
    this.#hasEnded = true;
    this.#port.write(dataFrameHead(this.id, 0, flagFin));
    this.#closeWhenOver();
  }

  /** RST_STREAM; other streams go on. */
  destroy(reason: Error = new Error('the stream was reset')): void {
    this.reset(resetStatus.cancel, reason);
  }

  reset(status: number, reason: Error = new Error('the stream was reset')): void {
    if (this.#isClosed) return;
    this.#port.write(rstStreamFrame(this.id, status));
    this.#close(reason);
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

  /** For the connection: data of the peer. */
  receive(bytes: Uint8Array, isFin: boolean): void {
    if (this.#isClosed || this.#hasPeerEnded) return;
    if (bytes.length > 0) {
      this.#port.kept(bytes.length);
      this.#queue.push(bytes);
    }
    if (!isFin) return;
    this.#hasPeerEnded = true;
    this.#queue.end();
    this.#closeWhenOver();
  }

  /** For the connection: we are to write nothing. */
  isSilent(): void {
    this.#hasEnded = true;
  }

  /** For the connection: the peer has reset it. */
  wasReset(status: number): void {
    this.#close(new Error(`the peer has reset the stream with status ${status}`));
  }

  /** For the connection: it is gone. */
  lost(reason: Error | undefined): void {
    this.#close(reason);
  }

  drained(): void {
    this.#queue.drained();
  }

  #taken(bytes: number): void {
    this.#port.kept(-bytes);
    this.#consumedBytes += bytes;
    if (this.#consumedBytes < windowStepBytes || this.#hasPeerEnded || this.#isClosed) return;
    this.#port.write(windowUpdateFrame(this.id, this.#consumedBytes));
    this.#consumedBytes = 0;
  }

  #closeWhenOver(): void {
    if (this.#hasEnded && this.#hasPeerEnded) this.#close(undefined);
  }

  #close(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.close(reason);
    this.#port.remove();
  }
}
