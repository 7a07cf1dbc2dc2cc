import { generateKeyPairSync } from 'node:crypto';
import { createCertificateAuthority, generateKeyPair } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { openToken, signToken } from './jwt.js';
import { readSigningKey, readVerificationKeys } from './token-keys.js';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const publicPem = { type: 'spki', format: 'pem' } as const;

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
};

describe('keys of service account tokens', () => {
  for (const [algorithm, { privateKey, publicKey }] of Object.entries(pairs)) {
    it(`signs and verifies with ${algorithm}`, () => {
      const key = readSigningKey(privateKey.export(pem).toString());
      expect(key.algorithm).to.equal(algorithm);
      const opened = openToken(signToken({ iss: 'me' }, key));
      expect(opened?.claims).to.deep.equal({ iss: 'me' });
      const [same] = readVerificationKeys(publicKey.export(publicPem).toString());
      expect(same?.id).to.equal(key.id).and.to.equal(opened?.keyId);
      for (const [other, { publicKey: otherKey }] of Object.entries(pairs)) {
        const [candidate] = readVerificationKeys(otherKey.export(publicPem).toString());
        expect(candidate !== undefined && opened?.isSignedBy(candidate), other).to.equal(other === algorithm);
      }
    });
  }

  it('reads all keys of a file, be they private, public or in a certificate', () => {
    const { clock, random } = createTestEnv();
    const ca = createCertificateAuthority({
      commonName: 'sa',
      validityMs: 3_600_000,
      nowMs: clock.now(),
      random,
    });
    const file = [
      pairs.RS256.publicKey.export(publicPem),
      'a remark',
      ca.certificatePem,
      generateKeyPair().privateKeyPem,
    ].join('\n');
    expect(readVerificationKeys(file).map(({ algorithm }) => algorithm)).to.deep.equal([
      'RS256',
      'ES256',
      'ES256',
    ]);
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pem).toString();
  const odd = generateKeyPairSync('ed25519').privateKey.export(pem).toString();
  for (const [what, text, reason] of [
    ['nothing', '', /no private key/],
    ['a public key', pairs.RS256.publicKey.export(publicPem).toString(), /no private key/],
    ['rubbish in armour', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', /cannot be read/],
    ['a short RSA key', weak, /1024 bits is too short/],
    ['a key of another kind', odd, /must be RSA, or EC/],
  ] as const) {
    it(`does not sign with ${what}`, () => expect(() => readSigningKey(text)).to.throw(reason));
  }

  it('says when a file has no key', () => {
    expect(() => readVerificationKeys('hello')).to.throw(/no public key, private key or certificate/);
  });
});
