import type { KubeObject } from '@flotilla/api';
import { generateKeyPair } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { MemoryReader } from '../authentication/testing/memory-reader.js';
import { signToken } from './jwt.js';
import { createLegacyTokenAuthenticator, signLegacyToken } from './legacy-tokens.js';
import { readSigningKey } from './token-keys.js';

const subject = { namespace: 'n', name: 'sa', uid: 'sa-uid', secret: 's' };

function setUp() {
  const { clock } = createTestEnv(); // 2026-01-01T00:00:00Z
  const reader = new MemoryReader();
  const key = readSigningKey(generateKeyPair().privateKeyPem);
  const token = signLegacyToken(subject, key);
  const secret = (parts: Partial<KubeObject['metadata']> = {}, held = token): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'n', name: 's', ...parts },
    type: 'kubernetes.io/service-account-token',
    data: { token: Buffer.from(held).toString('base64') },
  });
  const account = (parts: Partial<KubeObject['metadata']> = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'n', name: 'sa', uid: 'sa-uid', ...parts },
  });
  reader.put('', 'secrets', secret());
  reader.put('', 'serviceaccounts', account());
  const tokens = createLegacyTokenAuthenticator({ reader, clock, keys: [key], audiences: ['api'] });
  return { reader, key, token, secret, account, tokens };
}

describe('createLegacyTokenAuthenticator', () => {
  it('knows the account of a token that its secret holds', () => {
    const { tokens, token } = setUp();
    expect(tokens.authenticate(token)).to.deep.equal({
      user: {
        username: 'system:serviceaccount:n:sa',
        uid: 'sa-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:n'],
      },
      audiences: ['api'],
    });
  });

  it('leaves other tokens to others', () => {
    const { tokens, key } = setUp();
    for (const token of ['', 'a.b.c', signToken({ iss: 'https://other' }, key)]) {
      expect(tokens.authenticate(token)).to.equal(undefined);
    }
  });

  it('is for this server only', () => {
    const { tokens, token } = setUp();
    expect(() => tokens.authenticate(token, { audiences: ['vault'] })).to.throw(
      /for the audiences \["api"\]/,
    );
  });

  type Kit = ReturnType<typeof setUp>;
  const refused: [string, (kit: Kit) => string | undefined, RegExp][] = [
    ['the signature of another key', () => setUp().token, /signature is wrong/],
    [
      'claims that differ',
      ({ key }) => signToken({ iss: 'kubernetes/serviceaccount', sub: 'x' }, key),
      /claims/,
    ],
    [
      'a secret that is gone',
      ({ reader, secret }) => void reader.delete('', 'secrets', secret()),
      /secret .* is gone/,
    ],
    [
      'a secret with another token',
      ({ reader, secret }) => void reader.put('', 'secrets', secret({}, 'other')),
      /holds another/,
    ],
    [
      'a token that was taken back',
      ({ reader, secret }) =>
        void reader.put(
          '',
          'secrets',
          secret({ labels: { 'kubernetes.io/legacy-token-invalid-since': '2025-12-31' } }),
        ),
      /taken back/,
    ],
    [
      'an account that is gone',
      ({ reader, account }) => void reader.delete('', 'serviceaccounts', account()),
      /account is gone/,
    ],
    [
      'an account that was made anew',
      ({ reader, account }) => void reader.put('', 'serviceaccounts', account({ uid: 'new' })),
      /account is gone/,
    ],
  ];
  for (const [what, change, reason] of refused) {
    it(`refuses ${what}`, () => {
      const kit = setUp();
      const token = change(kit) ?? kit.token;
      expect(() => kit.tokens.authenticate(token))
        .to.throw(reason)
        .with.nested.property('status.code', 401);
    });
  }
});
