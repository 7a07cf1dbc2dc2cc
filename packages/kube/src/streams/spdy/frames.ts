/**
 * Frames of SPDY/3.1 as bytes, and back (SPDY draft 3.1, 2.2 and 2.6). The reader takes chunks cut anywhere, hands on
 * the data of a frame as it comes, and keeps no more than one control frame, whose size is bounded.
 */
import { SpdyError } from './spdy-error.js';

export const controlType = Object.freeze({
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
});

export const flagFin = 0x01;
/** On SYN_STREAM: the peer is to send nothing. */
export const flagUnidirectional = 0x02;

/** Status codes of RST_STREAM. */
export const resetStatus = Object.freeze({
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
  streamInUse: 8,
  streamAlreadyClosed: 9,
});

/** Status codes of GOAWAY. */
export const goAwayStatus = Object.freeze({ ok: 0, protocolError: 1, internalError: 2 });

const version = 3;
const headBytes = 8;
/** A compressed header block is the only thing of any size in them. */
const maxControlBytes = 64 * 1024;

export interface ControlFrame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export interface FrameSink {
  onControl(frame: ControlFrame): void;
  /** A piece of a data frame; `isFin` with the last piece of a frame that ends its stream. */
  onData(piece: { readonly streamId: number; readonly bytes: Uint8Array; readonly isFin: boolean }): void;
}

interface OpenControl extends ControlFrame {
  filled: number;
}

interface OpenData {
  readonly streamId: number;
  readonly flags: number;
  left: number;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #control: OpenControl | undefined;
  #data: OpenData | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws SpdyError when the bytes are no SPDY/3 frames. */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#control !== undefined) rest = this.#fillControl(this.#control, rest);
      else if (this.#data !== undefined) rest = this.#passData(this.#data, rest);
      else rest = this.#fillHead(rest);
    }
  }

  #fillHead(chunk: Uint8Array): Uint8Array {
    const taken = chunk.subarray(0, headBytes - this.#headFilled);
    this.#head.set(taken, this.#headFilled);
    this.#headFilled += taken.length;
    if (this.#headFilled === headBytes) {
      this.#headFilled = 0;
      this.#begin();
    }
    return chunk.subarray(taken.length);
  }

  #begin(): void {
    const first = this.#head.readUInt32BE();
    const flags = this.#head.readUInt8(4);
    const length = this.#head.readUIntBE(5, 3);
    if (first < 0x80000000) {
      const data = { streamId: first, flags, left: length };
      if (length === 0) this.#sink.onData({ ...data, bytes: empty, isFin: (flags & flagFin) !== 0 });
      else this.#data = data;
      return;
    }
    const frameVersion = (first >>> 16) & 0x7fff;
    if (frameVersion !== version)
      throw new SpdyError(`a frame is of SPDY version ${frameVersion}, not ${version}`);
    if (length > maxControlBytes) throw new SpdyError(`a control frame of ${length} bytes is over the limit`);
    const control = { type: first & 0xffff, flags, payload: Buffer.alloc(length), filled: 0 };
    if (length === 0) this.#sink.onControl(control);
    else this.#control = control;
  }

  #fillControl(control: OpenControl, chunk: Uint8Array): Uint8Array {
    const taken = chunk.subarray(0, control.payload.length - control.filled);
    control.payload.set(taken, control.filled);
    control.filled += taken.length;
    if (control.filled === control.payload.length) {
      this.#control = undefined;
      this.#sink.onControl(control);
    }
    return chunk.subarray(taken.length);
  }

  #passData(data: OpenData, chunk: Uint8Array): Uint8Array {
    const bytes = chunk.subarray(0, data.left);
    data.left -= bytes.length;
    if (data.left === 0) this.#data = undefined;
    const isFin = data.left === 0 && (data.flags & flagFin) !== 0;
    this.#sink.onData({ streamId: data.streamId, bytes, isFin });
    return chunk.subarray(bytes.length);
  }
}

const empty = new Uint8Array();

export function controlFrame(type: number, payload: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.alloc(headBytes + payload.length);
  frame.writeUInt32BE((0x80000000 | (version << 16) | type) >>> 0);
  frame.writeUInt8(flags, 4);
  frame.writeUIntBE(payload.length, 5, 3);
  frame.set(payload, headBytes);
  return frame;
}

/** The head of a data frame; its bytes follow. */
export function dataFrameHead(streamId: number, length: number, flags = 0): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(streamId);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

export function synStreamFrame(stream: {
  readonly streamId: number;
  readonly headerBlock: Uint8Array;
  readonly flags: number;
}): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt32BE(stream.streamId);
  return controlFrame(controlType.synStream, Buffer.concat([fixed, stream.headerBlock]), stream.flags);
}

export function synReplyFrame(streamId: number, headerBlock: Uint8Array): Buffer {
  return controlFrame(controlType.synReply, Buffer.concat([words(streamId), headerBlock]));
}

export function rstStreamFrame(streamId: number, status: number): Buffer {
  return controlFrame(controlType.rstStream, words(streamId, status));
}

export function pingFrame(id: number): Buffer {
  return controlFrame(controlType.ping, words(id));
}

export function goAwayFrame(lastStreamId: number, status: number): Buffer {
  return controlFrame(controlType.goAway, words(lastStreamId, status));
}

export function windowUpdateFrame(streamId: number, bytes: number): Buffer {
  return controlFrame(controlType.windowUpdate, words(streamId, bytes));
}

/** @throws SpdyError when the frame is shorter. */
export function wordAt({ payload, type }: ControlFrame, offset: number): number {
  if (payload.length < offset + 4) throw new SpdyError(`a control frame of type ${type} is cut short`);
  return payload.readUInt32BE(offset);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
