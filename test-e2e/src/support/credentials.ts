/** Certificates of clients, made with the authority of a test server or with another. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createCertificateRequest,
  generateKeyPair,
  issueCertificate,
  parseCertificateRequest,
} from '@flotilla/kube';
import type { TestServer } from './server.js';

const hourMs = 3_600_000;
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

export interface ClientIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** The authority that a test server trusts, out of its data directory. */
export function authorityOf(server: TestServer): CertificateAuthority {
  const read = (name: string) => readFileSync(join(server.directory, 'data', 'pki', name), 'utf8');
  return { certificatePem: read('ca.crt'), privateKeyPem: read('ca.key') };
}

/** An authority that nobody trusts. */
export function strangeAuthority(): CertificateAuthority {
  return createCertificateAuthority({ commonName: 'strange', validityMs: hourMs, nowMs: Date.now(), random });
}

export function clientCertificate(
  ca: CertificateAuthority,
  { user, groups = [], isExpired = false }: { user: string; groups?: readonly string[]; isExpired?: boolean },
): ClientIdentity {
  const { privateKeyPem } = generateKeyPair();
  const request = createCertificateRequest({ privateKeyPem, commonName: user, organizations: groups });
  const certificate = issueCertificate({
    ca,
    publicKeyDer: parseCertificateRequest(request).publicKeyDer,
    subject: { commonName: user, organizations: groups },
    notBeforeMs: Date.now() - hourMs / 2,
    notAfterMs: Date.now() + (isExpired ? -1000 : hourMs / 2),
    usages: ['digital signature', 'client auth'],
    random,
  });
  return { certificate, key: privateKeyPem };
}

/** A request as base64 for a CertificateSigningRequest, and its key. */
export function signingRequest(user: string, groups: readonly string[]): { request: string; key: string } {
  const { privateKeyPem } = generateKeyPair();
  const pem = createCertificateRequest({ privateKeyPem, commonName: user, organizations: groups });
  return { request: Buffer.from(pem).toString('base64'), key: privateKeyPem };
}

/** For a server on 127.0.0.1; the authority's certificate comes after the leaf. */
export function servingCertificate(
  ca: CertificateAuthority,
  commonName = 'server',
  { lifeMs = hourMs / 2, ageMs = hourMs / 2 }: { lifeMs?: number; ageMs?: number } = {},
): ClientIdentity {
  const { privateKeyPem, publicKeyDer } = generateKeyPair();
  const certificate = issueCertificate({
    ca,
    publicKeyDer,
    subject: { commonName },
    notBeforeMs: Date.now() - ageMs,
    notAfterMs: Date.now() + lifeMs,
    usages: ['digital signature', 'key encipherment', 'server auth'],
    ipAddresses: ['127.0.0.1'],
    random,
  });
  return { certificate: certificate + ca.certificatePem, key: privateKeyPem };
}
