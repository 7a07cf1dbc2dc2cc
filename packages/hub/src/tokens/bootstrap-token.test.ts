import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { bootstrapTokenId, bootstrapTokenSecret, createBootstrapToken } from './bootstrap-token.js';

describe('bootstrap tokens', () => {
  it('have the form that Kubernetes wants, and differ', () => {
    const random = createSeededRandom(1);
    const tokens = Array.from({ length: 200 }, () => createBootstrapToken(random));
    for (const { id, secret } of tokens) {
      expect(id).to.match(/^[a-z0-9]{6}$/);
      expect(secret).to.match(/^[a-z0-9]{16}$/);
    }
    expect(new Set(tokens.map(({ secret }) => secret)).size).to.equal(200);
  });
  it('become a Secret that expires and names its cluster', () => {
    const token = { id: 'abcdef', secret: '0123456789abcdef' };
    const secret = bootstrapTokenSecret(token, { expiresAtMs: 0, cluster: 'c1' });
    expect(secret['stringData']).to.include({ expiration: '1970-01-01T00:00:00Z', 'token-id': 'abcdef' });
    expect(secret.metadata).to.deep.include({ name: 'bootstrap-token-abcdef', namespace: 'kube-system' });
    expect(secret.metadata.annotations).to.include({ 'flotilla.dev/token-cluster': 'c1' });
    expect(JSON.stringify(secret)).not.to.contain(token.secret);
  });
  it('are known by their user name', () => {
    expect(bootstrapTokenId('system:bootstrap:abcdef')).to.equal('abcdef');
    expect(bootstrapTokenId('system:admin')).to.equal(undefined);
  });
});
