/**
 * Name/value blocks of SPDY/3, compressed by one zlib stream for each direction of a connection (SPDY draft 3, 2.6.10).
 * Every block ends with a sync flush, so each can be worked on alone with what came before as dictionary: no zlib
 * stream is kept, and a block that unpacks to too much is refused before it takes memory.
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { spdyDictionary, spdyDictionaryId } from './dictionary.js';
import { SpdyError } from './spdy-error.js';

/** By lower-case name; a name that came with several values has them joined by `, `. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** What one block may unpack to. */
export const maxHeaderBytes = 64 * 1024;

/** How far back a deflate stream refers. */
const windowBytes = 32 * 1024;
/** Deflate, 32 KiB window, best compression, preset dictionary; divisible by 31 as RFC 1950 asks. */
const zlibHeader = Buffer.from([0x78, 0xf9]);

export class HeaderCompressor {
  #window: Buffer = spdyDictionary();
  #isFirst = true;

  compress(headers: SpdyHeaders): Buffer {
    const plain = encodePairs(headers);
    const packed = deflateRawSync(plain, { dictionary: this.#window, finishFlush: constants.Z_SYNC_FLUSH });
    this.#window = slide(this.#window, plain);
    if (!this.#isFirst) return packed;
    this.#isFirst = false;
    const start = Buffer.alloc(6);
    zlibHeader.copy(start);
    start.writeUInt32BE(spdyDictionaryId, 2);
    return Buffer.concat([start, packed]);
  }
}

export class HeaderDecompressor {
  #window: Buffer = spdyDictionary();
  #isFirst = true;

  /** @throws SpdyError when the bytes are no such block, or too much; the connection cannot go on then. */
  decompress(block: Uint8Array): SpdyHeaders {
    const packed = this.#isFirst ? withoutZlibHeader(block) : block;
    this.#isFirst = false;
    let plain: Buffer;
    try {
      plain = inflateRawSync(packed, {
        dictionary: this.#window,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: maxHeaderBytes,
      });
    } catch (cause) {
      throw new SpdyError('a header block does not unpack', { cause });
    }
    this.#window = slide(this.#window, plain);
    return decodePairs(plain);
  }
}

function withoutZlibHeader(block: Uint8Array): Uint8Array {
  const [method = 0, flags = 0] = block;
  if ((method & 0x0f) !== 8 || (method * 256 + flags) % 31 !== 0)
    throw new SpdyError('the first header block does not begin as a zlib stream');
  const hasDictionary = (flags & 0x20) !== 0;
  if (!hasDictionary) return block.subarray(2);
  if (block.length < 6 || Buffer.from(block.subarray(2, 6)).readUInt32BE() !== spdyDictionaryId)
    throw new SpdyError('the header blocks use another dictionary than that of SPDY/3');
  return block.subarray(6);
}

function slide(window: Buffer, plain: Buffer): Buffer {
  return Buffer.concat([window, plain]).subarray(-windowBytes);
}

function encodePairs(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [uint32(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text);
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function decodePairs(plain: Buffer): SpdyHeaders {
  let offset = 0;
  const next = (size: number): Buffer => {
    if (offset + size > plain.length) throw new SpdyError('a header block is cut short');
    offset += size;
    return plain.subarray(offset - size, offset);
  };
  const text = (): string => next(next(4).readUInt32BE()).toString();
  const count = next(4).readUInt32BE();
  const headers = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    headers.set(name, text().replaceAll('\0', ', '));
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
