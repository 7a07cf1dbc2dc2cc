import { constants, createDeflate, createInflate } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { spdyDictionary, spdyDictionaryId } from './dictionary.js';
import { HeaderCompressor, HeaderDecompressor, type SpdyHeaders } from './header-block.js';
import { SpdyError } from './spdy-error.js';

const names = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const blocks = fc.array(
  fc.array(fc.tuple(names, fc.string({ maxLength: 200 })), { maxLength: 8 }).map((pairs) => new Map(pairs)),
  { minLength: 1, maxLength: 6 },
);

describe('header blocks of SPDY', () => {
  it('start from the dictionary of SPDY/3', () => {
    let [a, b] = [1, 0];
    for (const byte of spdyDictionary()) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
    expect(spdyDictionary()).to.have.length(1423);
    expect((b * 65_536 + a) >>> 0).to.equal(spdyDictionaryId);
  });

  it('come back as they were, one after another', () => {
    fc.assert(
      fc.property(blocks, (list) => {
        const compressor = new HeaderCompressor();
        const decompressor = new HeaderDecompressor();
        for (const headers of list) {
          const clean = new Map([...headers].map(([name, value]) => [name, value.replaceAll('\0', '')]));
          expect([...decompressor.decompress(compressor.compress(clean))]).to.deep.equal([...clean]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are read by a zlib stream that lives as long as the connection', async () => {
    const compressor = new HeaderCompressor();
    const inflate = createInflate({ dictionary: spdyDictionary() });
    const chunks: Buffer[] = [];
    inflate.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const port of ['80', '81', '8080']) {
      const block = compressor.compress(
        new Map([
          ['streamtype', 'data'],
          ['port', port],
        ]),
      );
      await new Promise<void>((resolve) => inflate.write(block, () => resolve()));
    }
    const plain = Buffer.concat(chunks).toString('latin1');
    expect(plain.split('streamtype')).to.have.length(4);
    expect(plain.endsWith('8080')).to.equal(true);
  });

  it('are read from such a stream', async () => {
    const deflate = createDeflate({ dictionary: spdyDictionary(), level: 9 });
    const decompressor = new HeaderDecompressor();
    for (const value of ['error', 'data', 'data']) {
      const block = await compressed(
        deflate,
        encode([
          ['streamtype', value],
          ['requestid', '7'],
        ]),
      );
      const headers: SpdyHeaders = decompressor.decompress(block);
      expect([...headers]).to.deep.equal([
        ['streamtype', value],
        ['requestid', '7'],
      ]);
    }
  });

  it('that are broken, or unpack to too much, are refused and nothing else', () => {
    const bomb = new HeaderCompressor().compress(new Map([['x', 'a'.repeat(200_000)]]));
    expect(bomb.length).to.be.lessThan(2000);
    expect(() => new HeaderDecompressor().decompress(bomb)).to.throw(SpdyError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isAfterFirst) => {
        const decompressor = new HeaderDecompressor();
        if (isAfterFirst) decompressor.decompress(new HeaderCompressor().compress(new Map()));
        try {
          decompressor.decompress(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(SpdyError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function compressed(deflate: ReturnType<typeof createDeflate>, plain: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    deflate.on('data', take);
    deflate.write(plain);
    deflate.flush(constants.Z_SYNC_FLUSH, () => {
      deflate.off('data', take);
      resolve(Buffer.concat(chunks));
    });
  });
}

function encode(pairs: readonly (readonly [string, string])[]): Buffer {
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  return Buffer.concat([
    word(pairs.length),
    ...pairs.flat().flatMap((text) => [word(text.length), Buffer.from(text)]),
  ]);
}
