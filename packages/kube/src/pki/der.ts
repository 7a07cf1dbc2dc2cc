/**
 * DER (X.690) as X.509 uses it: reads bytes into a tree that keeps each element's exact bytes, so that what was signed
 * is what is read, and writes elements. The reader takes no BER: one encoding for one value. Pure.
 */
import { PkiError } from './pki-error.js';

export { fromPem, toPem } from './pem.js';
export { PkiError };

/** Tag octets, class and constructed bit included. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag octet of `[number]`. */
export function contextTag(number: number, options: { constructed: boolean }): number {
  return 0x80 | (options.constructed ? 0x20 : 0) | number;
}

export interface DerNode {
  readonly tag: number;
  /** The element with its header. */
  readonly bytes: Uint8Array;
  /** Without it. */
  readonly content: Uint8Array;
  /** Of a constructed element; empty for a primitive one. */
  readonly children: readonly DerNode[];
}

const maxDepth = 24;

/** @throws PkiError when the bytes are not exactly one DER element. */
export function readDer(bytes: Uint8Array): DerNode {
  const node = readNode(bytes, 0);
  if (node.bytes.length !== bytes.length) throw new PkiError('there are bytes behind the DER element');
  return node;
}

function readNode(bytes: Uint8Array, depth: number): DerNode {
  if (depth > maxDepth) throw new PkiError('the DER is nested too deeply');
  const tag = bytes[0];
  const first = bytes[1];
  if (tag === undefined || first === undefined) throw new PkiError('the DER ends too early');
  if ((tag & 0x1f) === 0x1f) throw new PkiError('the DER has a tag above 30');
  let header = 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    // Four octets are more than any request may be long; 0x80 is BER's indefinite form.
    if (octets === 0 || octets > 4) throw new PkiError('a DER length is not definite or too large');
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[header + i] ?? 0);
    header += octets;
    if (length < 0x80 || length < 256 ** (octets - 1)) {
      throw new PkiError('a DER length is not in its shortest form');
    }
  }
  if (header + length > bytes.length) throw new PkiError('the DER ends too early');
  const content = bytes.subarray(header, header + length);
  const children: DerNode[] = [];
  if ((tag & 0x20) !== 0) {
    for (let rest = content; rest.length > 0; ) {
      const child = readNode(rest, depth + 1);
      children.push(child);
      rest = rest.subarray(child.bytes.length);
    }
  }
  return { tag, bytes: bytes.subarray(0, header + length), content, children };
}

/** The node, when it is there and has this tag. */
export function expectTag(node: DerNode | undefined, tag: number, what: string): DerNode {
  if (node === undefined || node.tag !== tag) throw new PkiError(`${what} is missing or of another type`);
  return node;
}

export function readOid(node: DerNode | undefined, what: string): string {
  const { content } = expectTag(node, derTag.oid, what);
  const arcs: bigint[] = [];
  let arc = 0n;
  content.forEach((byte, index) => {
    if (arc === 0n && byte === 0x80) throw new PkiError(`${what} is not in its shortest form`);
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if ((byte & 0x80) !== 0) {
      if (index === content.length - 1) throw new PkiError(`${what} ends too early`);
      return;
    }
    if (arcs.length === 0) {
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(root, arc - root * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  });
  if (arcs.length === 0) throw new PkiError(`${what} is empty`);
  return arcs.join('.');
}

/** A small non-negative integer. */
export function readInteger(node: DerNode | undefined, what: string): number {
  const content = readIntegerBytes(node, what);
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw new PkiError(`${what} is out of range`);
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/** An integer of any size: its octets, two's complement. */
export function readIntegerBytes(node: DerNode | undefined, what: string): Uint8Array {
  const { content } = expectTag(node, derTag.integer, what);
  const [first, second] = content;
  if (first === undefined) throw new PkiError(`${what} is empty`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new PkiError(`${what} is not in its shortest form`);
  }
  return content;
}

export function readBoolean(node: DerNode, what: string): boolean {
  const { content } = expectTag(node, derTag.boolean, what);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw new PkiError(`${what} is not a DER boolean`);
  }
  return content[0] === 0xff;
}

/** The octets of a bit string that is a whole number of octets (keys, signatures). */
export function readBitOctets(node: DerNode | undefined, what: string): Uint8Array {
  const { content } = expectTag(node, derTag.bitString, what);
  if (content[0] !== 0) throw new PkiError(`${what} is not a whole number of octets`);
  return content.subarray(1);
}

/** The numbers of the bits that are set (named bit lists). */
export function readBits(node: DerNode | undefined, what: string): ReadonlySet<number> {
  const { content } = expectTag(node, derTag.bitString, what);
  const bits = new Set<number>();
  content.subarray(1).forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) bits.add(index * 8 + bit);
  });
  return bits;
}

export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const lengthOctets: number[] = [];
  if (length >= 0x80)
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) lengthOctets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | lengthOctets.length, ...lengthOctets];
  return Buffer.concat([Uint8Array.from(header), ...parts]);
}

export function writeSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return writeDer(derTag.sequence, ...parts);
}

/** A SET OF: its elements in the order that DER asks for. */
export function writeSet(...parts: readonly Uint8Array[]): Uint8Array {
  return writeDer(derTag.set, ...[...parts].sort(Buffer.compare));
}

export function writeOid(oid: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [root * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
      groups.unshift(0x80 | (high % 128));
    octets.push(...groups);
  }
  return writeDer(derTag.oid, Uint8Array.from(octets));
}

/** A non-negative integer from its octets, most significant first. */
export function writeInteger(octets: Uint8Array): Uint8Array {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const trimmed = octets.subarray(start);
  const padding = (trimmed[0] ?? 0x80) >= 0x80 ? Uint8Array.of(0) : new Uint8Array();
  return writeDer(derTag.integer, padding, trimmed);
}

export function writeBoolean(value: boolean): Uint8Array {
  return writeDer(derTag.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function writeBitOctets(octets: Uint8Array): Uint8Array {
  return writeDer(derTag.bitString, Uint8Array.of(0), octets);
}

/** A named bit list of at most 16 bits, without trailing zeros as DER asks. */
export function writeBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(-1, ...bits);
  const octets = new Uint8Array(highest < 0 ? 0 : Math.floor(highest / 8) + 1);
  for (const bit of bits) {
    const index = Math.floor(bit / 8);
    octets[index] = (octets[index] ?? 0) | (0x80 >> (bit % 8));
  }
  const unused = highest < 0 ? 0 : 7 - (highest % 8);
  return writeDer(derTag.bitString, Uint8Array.of(unused), octets);
}

export function writeOctets(octets: Uint8Array): Uint8Array {
  return writeDer(derTag.octetString, octets);
}

export function writeText(tag: number, text: string): Uint8Array {
  return writeDer(tag, Buffer.from(text, 'utf8'));
}
