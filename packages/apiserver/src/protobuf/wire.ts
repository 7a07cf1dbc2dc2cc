/**
 * Reading the protobuf wire format: tags, varints, length-delimited fields. Bounded by the bytes given; anything
 * malformed throws WireError, which decode.ts turns into a 400. Knows nothing of Kubernetes.
 */

/** The bytes are not a protobuf message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** One field as it stands on the wire. */
export type WireValue =
  | { readonly wire: 'varint'; readonly value: bigint }
  | { readonly wire: 'fixed64'; readonly value: Buffer }
  | { readonly wire: 'fixed32'; readonly value: Buffer }
  | { readonly wire: 'bytes'; readonly value: Buffer };

const maxFieldNumber = 0x1fffffff;
const maxVarintBytes = 10;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    // Almost all varints are lengths, tags and small numbers of one or two bytes.
    const first = this.#byte();
    if (first < 0x80) return BigInt(first);
    let value = BigInt(first & 0x7f);
    for (let index = 1; index < maxVarintBytes; index++) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('integer overflow');
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new WireError('unexpected EOF');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new WireError('unexpected EOF');
    this.#at++;
    return byte;
  }
}

/** Calls back for each field in order. */
export function readFields(bytes: Buffer, onField: (number: number, value: WireValue) => void): void {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    const number = Number(tag >> 3n);
    if (number === 0 || number > maxFieldNumber) throw new WireError(`illegal tag ${number}`);
    onField(number, readValue(reader, Number(tag & 7n)));
  }
}

function readValue(reader: Reader, wireType: number): WireValue {
  switch (wireType) {
    case 0:
      return { wire: 'varint', value: reader.varint() };
    case 1:
      return { wire: 'fixed64', value: reader.take(8) };
    case 2: {
      const length = reader.varint();
      if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new WireError('unexpected EOF');
      return { wire: 'bytes', value: reader.take(Number(length)) };
    }
    case 5:
      return { wire: 'fixed32', value: reader.take(4) };
    default:
      throw new WireError(`illegal wireType ${wireType}`);
  }
}

/** The varints of a packed list. */
export function readPacked(bytes: Buffer): bigint[] {
  const reader = new Reader(bytes);
  const values: bigint[] = [];
  while (!reader.done) values.push(reader.varint());
  return values;
}
