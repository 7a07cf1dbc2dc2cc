import {
  createCertificateAuthority,
  fromPem,
  generateKeyPair,
  issueCertificate,
  publicKeyHash,
} from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import { renewalTimeMs } from './certificate-rotation.js';
import { checkChain, fetchPinnedCa } from './pinned-ca.js';

const { random } = createNodeEnv({ logLevel: 'silent' });
const nowMs = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;

function authority(name: string) {
  return createCertificateAuthority({ commonName: name, validityMs: 100 * dayMs, nowMs, random });
}

function leafOf(ca: ReturnType<typeof authority>): string {
  return issueCertificate({
    ca,
    subject: { commonName: 'hub' },
    publicKeyDer: generateKeyPair().publicKeyDer,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 9 * dayMs,
    usages: ['digital signature', 'server auth'],
    dnsNames: ['hub.example'],
    random,
  });
}

describe('the pin of a join string', () => {
  const ca = authority('hub-ca');
  const leaf = fromPem('CERTIFICATE', leafOf(ca));
  const caDer = fromPem('CERTIFICATE', ca.certificatePem);
  const join = {
    server: 'https://hub.example:6443',
    token: 'abcdef.0123456789abcdef',
    caHash: publicKeyHash(caDer),
  };
  const fetch = (chain: readonly Uint8Array[], atMs = nowMs) =>
    fetchPinnedCa(join, { probe: async () => chain, nowMs: atMs });

  it('finds the CA that has it', async () => {
    expect(await fetch([leaf, caDer])).to.equal(ca.certificatePem);
  });

  const refusals: [string, () => Promise<string>, RegExp][] = [
    [
      'a hub that shows another CA',
      () => fetch([leaf, fromPem('CERTIFICATE', authority('hub-ca').certificatePem)]),
      /pin/,
    ],
    ['a hub that shows no CA', () => fetch([leaf]), /pin/],
    ['nothing', () => fetch([]), /pin/],
    [
      'a leaf that another CA signed',
      () => fetch([fromPem('CERTIFICATE', leafOf(authority('hub-ca'))), caDer]),
      /authority/,
    ],
    ['a clock that is years ahead', () => fetch([leaf, caDer], nowMs + 400 * dayMs), /clock/],
  ];
  for (const [name, act, expected] of refusals) {
    it(`refuses ${name}`, async () => {
      const error = await act().then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).to.match(expected);
    });
  }

  it('is not needed where the authorities are known: the hub need not show them', () => {
    const bundle = authority('proxy-ca').certificatePem + ca.certificatePem;
    const shown = { server: join.server, chain: [leaf], nowMs };
    expect(() => checkChain(shown, bundle)).not.to.throw();
    expect(() => checkChain(shown, authority('hub-ca').certificatePem)).to.throw(/is not good \(CA\)/);
    expect(() => checkChain({ ...shown, chain: [] }, bundle)).to.throw(/shows no certificate/);
    expect(() => checkChain({ ...shown, nowMs: nowMs + 400 * dayMs }, bundle)).to.throw(/clock/);
  });

  it('renews in the last quarter of the life of a certificate', () => {
    const pem = leafOf(ca);
    const lifeMs = 10 * dayMs;
    expect(renewalTimeMs(pem, { random: 0 })).to.equal(nowMs + 9 * dayMs - 0.2 * lifeMs);
    expect(renewalTimeMs(pem, { random: 1 })).to.equal(nowMs + 9 * dayMs - 0.25 * lifeMs);
  });
});
