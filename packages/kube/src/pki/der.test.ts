import { expect } from 'chai';
import fc from 'fast-check';
import {
  derTag,
  readBits,
  readBoolean,
  readDer,
  readInteger,
  readIntegerBytes,
  readOid,
  writeBits,
  writeBoolean,
  writeDer,
  writeInteger,
  writeOid,
  writeSequence,
} from './der.js';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the DER codec', () => {
  it('keeps the exact bytes of every element', () => {
    const inner = writeDer(derTag.octetString, Buffer.alloc(300, 7));
    const list = writeSequence(inner, writeSequence());
    const { children } = readDer(list);
    expect(children.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).to.deep.equal([
      Buffer.from(inner).toString('hex'),
      '3000',
    ]);
  });

  it('reads back every object identifier that it writes', () => {
    const arc = fc.integer({ min: 0, max: 2 ** 40 });
    const id = fc
      .tuple(fc.constantFrom(0, 1, 2), fc.integer({ min: 0, max: 39 }), fc.array(arc, { maxLength: 6 }))
      .map(([root, second, rest]) => [root, second, ...rest].join('.'));
    fc.assert(
      fc.property(id, (text) => {
        expect(readOid(readDer(writeOid(text)), 'it')).to.equal(text);
      }),
    );
  });

  it('reads back integers, bits and booleans', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.uniqueArray(fc.nat(15), { maxLength: 8 }),
        fc.boolean(),
        (value, bits, flag) => {
          const octets = Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
          expect(readInteger(readDer(writeInteger(octets)), 'it')).to.equal(value);
          expect([...readBits(readDer(writeBits(bits)), 'it')]).to.deep.equal(
            [...bits].sort((a, b) => a - b),
          );
          expect(readBoolean(readDer(writeBoolean(flag)), 'it')).to.equal(flag);
        },
      ),
    );
  });

  it('answers any bytes with an element or its own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(Buffer.compare(readDer(bytes).bytes, bytes)).to.equal(0);
        } catch (error) {
          expect(error).to.have.property('name', 'PkiError');
        }
      }),
    );
  });

  const refused: [string, string][] = [
    ['nothing', ''],
    ['a lone tag', '30'],
    ['content cut off', '30 03 02 01'],
    ['bytes behind the element', '30 00 00'],
    ['a long length where a short one does', '04 81 01 00'],
    ['a length with leading zeros', '04 82 00 80'],
    ['an indefinite length', '30 80 00 00'],
    ['a length of five octets', '04 85 01 00 00 00 00'],
    ['a tag above 30', '1f 1f 00'],
    ['nesting without end', nested(40)],
  ];
  for (const [name, bytes] of refused) {
    it(`refuses ${name}`, () => {
      expect(() => readDer(hex(bytes)))
        .to.throw()
        .with.property('name', 'PkiError');
    });
  }

  const badValues: [string, () => unknown][] = [
    ['an integer with a needless zero', () => readIntegerBytes(readDer(hex('02 02 00 01')), 'it')],
    ['an integer without octets', () => readIntegerBytes(readDer(hex('02 00')), 'it')],
    ['a boolean between true and false', () => readBoolean(readDer(hex('01 01 05')), 'it')],
    ['an identifier that ends early', () => readOid(readDer(hex('06 02 2a 86')), 'it')],
    ['an identifier with a needless octet', () => readOid(readDer(hex('06 03 2a 80 01')), 'it')],
  ];
  for (const [name, act] of badValues) {
    it(`refuses ${name}`, () => expect(act).to.throw().with.property('name', 'PkiError'));
  }
});

/** A sequence in a sequence, `depth` times. */
function nested(depth: number): string {
  let element: Uint8Array = writeSequence();
  for (let level = 0; level < depth; level++) element = writeSequence(element);
  return Buffer.from(element).toString('hex');
}
