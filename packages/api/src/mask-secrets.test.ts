import { expect } from 'chai';
import { maskSecret, maskSecretPair } from './mask-secrets.js';

const secret = (data: object, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  data,
  ...more,
});

describe('a secret that is shown', () => {
  it('has its keys and none of its values', () => {
    expect(
      maskSecret(secret({ a: 'cGFzcw==' }, { stringData: { b: 'pass' }, type: 'Opaque' })),
    ).to.deep.equal({
      ...secret({ a: '***' }),
      stringData: { b: '***' },
      type: 'Opaque',
    });
  });

  it('says of two states which values differ', () => {
    const [before, after] = maskSecretPair(
      secret({ a: '1', b: '2', c: '3' }),
      secret({ a: '1', b: 'X', d: '4' }),
    );
    expect(before.data).to.deep.equal({ a: '***', b: '*** (before)', c: '***' });
    expect(after.data).to.deep.equal({ a: '***', b: '*** (after)', d: '***' });
  });

  it('does not show what kubectl applied last', () => {
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"a":"cGFzcw=="}}',
      x: 'y',
    };
    const masked = maskSecret(secret({}, { metadata: { name: 's', annotations } }));
    expect(JSON.stringify(masked)).not.to.contain('cGFzcw');
    expect(masked.metadata).to.deep.equal({
      name: 's',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '***', x: 'y' },
    });
  });

  it('hides values of any form', () => {
    expect(maskSecret(secret({ a: { deep: 'pass' } })).data).to.deep.equal({ a: '***' });
    expect(maskSecret({ ...secret({}), data: 'pass' }).data).to.equal('***');
  });

  it('is of the core group: other objects stay as they are', () => {
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } };
    expect(maskSecretPair(configMap, undefined)).to.deep.equal([configMap, undefined]);
  });
});
