import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeObject, encodeObject, rewireBytes, typeSuffix, wireBytes, withoutType } from './codec.js';
import type { Revision } from './store.js';

const revision = (value: bigint): Revision => value as Revision;

describe('object codec', () => {
  const object: KubeObject = { apiVersion: 'v1', kind: 'X', metadata: { name: 'a', resourceVersion: '7' } };

  it('stores metadata first and no resourceVersion', () => {
    expect(Buffer.from(encodeObject(object)).toString()).to.equal(
      '{"metadata":{"name":"a"},"kind":"X","apiVersion":"v1"}',
    );
  });

  it('splices the resourceVersion into the wire form', () => {
    expect(wireBytes(encodeObject(object), revision(123n)).toString()).to.equal(
      '{"metadata":{"resourceVersion":"123","name":"a"},"kind":"X","apiVersion":"v1"}',
    );
  });

  it('copes with empty metadata and with nothing else', () => {
    const bare = { metadata: {} } as KubeObject;
    const wire = wireBytes(encodeObject(bare), revision(9n));
    expect(wire.toString()).to.equal('{"metadata":{"resourceVersion":"9"}}');
    expect(rewireBytes(wire, revision(9n), revision(10n)).toString()).to.equal(
      '{"metadata":{"resourceVersion":"10"}}',
    );
  });

  it('tells the type apart where it is written last', () => {
    const suffix = typeSuffix({ kind: 'X', apiVersion: 'v1' });
    const wire = wireBytes(encodeObject({ ...object, spec: {} }), revision(1n));
    expect(withoutType(wire, suffix)?.toString()).to.equal(
      '{"metadata":{"resourceVersion":"1","name":"a"},"spec":{}',
    );
    expect(withoutType(wire, typeSuffix({ kind: 'Y', apiVersion: 'v1' }))).to.equal(undefined);
    const older = Buffer.from('{"metadata":{"name":"a"},"apiVersion":"v1","kind":"X","spec":{}}');
    expect(withoutType(older, suffix)).to.equal(undefined);
    expect(withoutType(Buffer.from('{}'), suffix)).to.equal(undefined);
  });

  it('refuses bytes it did not make', () => {
    for (const text of ['', '{}', '{"metadata":{', '{"kind":"X","metadata":{}}']) {
      expect(() => wireBytes(Buffer.from(text), revision(1n)), text).to.throw(TypeError);
    }
  });

  it('keeps every JSON object whole', () => {
    const metadata = fc.dictionary(fc.string(), fc.jsonValue());
    const fields = fc.dictionary(
      fc.string().filter((key) => key !== 'metadata'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        metadata,
        fields,
        fc.bigInt(1n, 1n << 60n),
        fc.bigInt(1n, 1n << 60n),
        (meta, rest, a, b) => {
          const source = { ...rest, metadata: { ...meta, resourceVersion: 'old' } } as unknown as KubeObject;
          const value = encodeObject(source);
          const expected = JSON.parse(
            JSON.stringify({ ...rest, metadata: { ...meta, resourceVersion: String(a) } }),
          ) as KubeObject;
          expect(decodeObject(value, revision(a))).to.deep.equal(expected);
          const moved = rewireBytes(wireBytes(value, revision(a)), revision(a), revision(b));
          expect(moved.equals(wireBytes(value, revision(b)))).to.equal(true);
        },
      ),
    );
  });
});
