/**
 * Texts near those of a grammar: real ones with something cut out, doubled, swapped or put in. What fuzz targets feed
 * to parsers. Pure: what it makes depends on fast-check's seed only. For tests only.
 */
import fc, { type Arbitrary } from 'fast-check';

/**
 * One of the real texts with up to `maxEdits` edits, a mix of the tokens, or any text.
 * @param tokens pieces that mean something in the grammar
 */
export function mutatedText(
  real: readonly string[],
  tokens: readonly string[],
  maxEdits = 4,
): Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...tokens) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\u0000', '\ud800', '\u{1F600}', ' ', '\n', '"', "'", '\\', '\u00e9'),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 5 }) },
  );
  const edit = fc.record({
    kind: fc.constantFrom('insert', 'insert', 'cut', 'double', 'replace', 'end'),
    at: fc.nat(),
    length: fc.nat(12),
    piece,
  });
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.constantFrom(...real), fc.array(edit, { maxLength: maxEdits }))
        .map(([text, edits]) => edits.reduce(edited, text)),
    },
    { weight: 3, arbitrary: fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    {
      weight: 1,
      arbitrary: fc.tuple(piece, fc.nat(3000)).map(([text, times]) => text.repeat(Math.min(times, 20_000))),
    },
  );
}

interface Edit {
  readonly kind: string;
  readonly at: number;
  readonly length: number;
  readonly piece: string;
}

function edited(text: string, { kind, at, length, piece }: Edit): string {
  const begin = at % (text.length + 1);
  const end = Math.min(text.length, begin + length);
  switch (kind) {
    case 'insert':
      return text.slice(0, begin) + piece + text.slice(begin);
    case 'cut':
      return text.slice(0, begin) + text.slice(end);
    case 'double':
      return text.slice(0, end) + text.slice(begin);
    case 'replace':
      return text.slice(0, begin) + piece + text.slice(end);
    default:
      return text.slice(0, begin);
  }
}

/** Bytes of a real file or message with some flipped, cut out, repeated or cut off. */
export function mutatedBytes(real: readonly Uint8Array[], maxEdits = 6): Arbitrary<Uint8Array> {
  const edit = fc.record({
    kind: fc.constantFrom('flip', 'flip', 'set', 'cut', 'double', 'end', 'insert'),
    at: fc.nat(),
    length: fc.nat(16),
    byte: fc.nat(255),
  });
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.constantFrom(...real), fc.array(edit, { minLength: 1, maxLength: maxEdits }))
        .map(([bytes, edits]) => edits.reduce(editedBytes, bytes)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

interface ByteEdit {
  readonly kind: string;
  readonly at: number;
  readonly length: number;
  readonly byte: number;
}

function editedBytes(bytes: Uint8Array, { kind, at, length, byte }: ByteEdit): Uint8Array {
  const begin = at % (bytes.length + 1);
  const end = Math.min(bytes.length, begin + length);
  const [head, middle, tail] = [bytes.subarray(0, begin), bytes.subarray(begin, end), bytes.subarray(end)];
  switch (kind) {
    case 'flip': {
      const out = bytes.slice();
      if (begin < out.length) out[begin] = (out[begin] ?? 0) ^ (1 << (byte % 8));
      return out;
    }
    case 'set': {
      const out = bytes.slice();
      if (begin < out.length) out[begin] = byte;
      return out;
    }
    case 'cut':
      return Buffer.concat([head, tail]);
    case 'double':
      return Buffer.concat([head, middle, middle, tail]);
    case 'insert':
      return Buffer.concat([head, Buffer.of(byte), middle, tail]);
    default:
      return head;
  }
}
