import { expect } from 'chai';
import fc from 'fast-check';
import { compareKeys, objectKey, parseKey, resourcePrefix } from './keys.js';

describe('store keys', () => {
  const cases = [
    [{ group: '', resource: 'secrets', namespace: 'a', name: 'x' }, '/registry/core/secrets/a/x'],
    [{ group: '', resource: 'namespaces', name: 'a' }, '/registry/core/namespaces/a'],
    [
      { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', namespace: '', name: 'system:a' },
      '/registry/rbac.authorization.k8s.io/clusterroles/system:a',
    ],
  ] as const;
  for (const [ref, key] of cases) {
    it(`has ${key}`, () => {
      expect(objectKey(ref)).to.equal(key);
      const namespace = 'namespace' in ref ? ref.namespace : '';
      expect(parseKey(key)).to.deep.equal({ prefix: resourcePrefix(ref), namespace, name: ref.name });
    });
  }

  it('knows what is no object key', () => {
    const keys = ['', '/', '/registry/', '/registry/core', '/registry/core/pods', '/registry/core/pods/'];
    for (const key of [
      ...keys,
      '/registry/core/pods/a/',
      '/registry/core/pods//x',
      '/registry/a/b/c/d/e',
      '/other/a/b/c',
    ]) {
      expect(parseKey(key), key).to.equal(undefined);
    }
  });

  it('orders as UTF-8 bytes do', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 6 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).to.equal(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    expect(compareKeys('\u{1f600}', '\uffee')).to.be.greaterThan(0);
    expect(compareKeys('\u{1f600}', '\u{1f601}')).to.be.lessThan(0);
  });
});
