/** Damaged certificates, requests and DER against their readers: only a PkiError may come of them. */
import { fuzz, mutatedBytes, mutatedText } from '@flotilla/api/testing';
import fc from 'fast-check';
import { createSeededRandom } from '../testing/index.js';
import { parseCertificate, publicKeyHash, splitCertificates } from './certificate.js';
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.js';
import { readDer } from './der.js';
import { createCertificateAuthority, issueCertificate } from './issue.js';
import { generateKeyPair } from './keys.js';
import { fromPem, toPem } from './pem.js';
import { PkiError } from './pki-error.js';
import { verifyChain } from './verify-chain.js';

const random = createSeededRandom(1);
const nowMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const keys = generateKeyPair();
const ca = createCertificateAuthority({ commonName: 'ca', validityMs: 24 * hourMs, nowMs, random });
const leafPem = issueCertificate({
  ca,
  subject: { commonName: 'system:open-cluster-management:c:a', organizations: ['o', 'p'] },
  publicKeyDer: keys.publicKeyDer,
  notBeforeMs: nowMs - hourMs,
  notAfterMs: nowMs + hourMs,
  usages: ['digital signature', 'client auth'],
  random,
});
const requestPem = createCertificateRequest({
  privateKeyPem: keys.privateKeyPem,
  commonName: 'system:open-cluster-management:c:a',
  organizations: ['o'],
  dnsNames: ['a.example'],
  ipAddresses: ['1.2.3.4', '::1'],
});
const leaf = fromPem('CERTIFICATE', leafPem);
const root = fromPem('CERTIFICATE', ca.certificatePem);
const request = fromPem('CERTIFICATE REQUEST', requestPem);

function guarded(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof PkiError && !/call stack|is not a function|undefined/.test(error.message))
      return false;
    throw error;
  }
}

describe('fuzzed certificates', () => {
  fuzz({
    name: 'DER',
    cases: fc.oneof(
      mutatedBytes([leaf, root, request]),
      fc.nat(20_000).map((depth) => new Uint8Array(depth).fill(0x30)),
      fc.nat(3000).map((depth) => Buffer.concat(Array.from({ length: depth }, () => Buffer.of(0x30, 0x80)))),
    ),
    check: (bytes) => {
      guarded(() => readDer(bytes));
    },
  });

  fuzz({
    name: 'certificates',
    cases: mutatedBytes([leaf, root]),
    check: (bytes) => {
      guarded(() => parseCertificate(bytes));
      guarded(() => publicKeyHash(bytes));
    },
  });

  fuzz({
    name: 'chains of damaged certificates',
    cases: mutatedBytes([leaf], 2),
    check: (bytes) => {
      if (Buffer.compare(bytes, leaf) === 0) return;
      const isTrusted = guarded(() =>
        verifyChain(bytes, { cas: [ca.certificatePem], nowMs, usage: 'clientAuth' }),
      );
      if (isTrusted) throw new Error('a damaged certificate is trusted');
    },
  });

  fuzz({
    name: 'certificate requests',
    cases: fc.oneof(
      mutatedBytes([request]).map((bytes) => toPem('CERTIFICATE REQUEST', bytes)),
      mutatedText([requestPem], ['-----', 'BEGIN', 'END', '\n', '=', 'A', '/', '+', ' ']),
    ),
    check: (pem) => {
      guarded(() => parseCertificateRequest(pem));
    },
  });

  fuzz({
    name: 'PEM bundles',
    cases: mutatedText(
      [leafPem + ca.certificatePem, ca.certificatePem],
      ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----', '\n', '=', 'A', '\u0000'],
    ),
    check: (text) => {
      guarded(() => splitCertificates(text));
      guarded(() => fromPem('CERTIFICATE', text));
    },
  });
});
