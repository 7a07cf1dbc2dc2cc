/**
 * The keys and certificates of a server in its data directory: one authority for server and client certificates (as
 * kubeadm's), the serving certificate, the key of ServiceAccount tokens, the operator's own client certificate.
 * Made at the first start, kept after; what nears its end is made again.
 */
import { join } from 'node:path';
import {
  type CertificateAuthority,
  type Env,
  generateKeyPair,
  isIssuedBy,
  issueCertificate,
  parseCertificate,
} from '@flotilla/kube';
import { type AuthorityPhase, ensureAuthorities, makeAuthority } from './authorities.js';
import { readPair, writePair } from './pair-files.js';

export interface ServerPki {
  readonly phase: AuthorityPhase;
  /** Issues clients' certificates. */
  readonly ca: CertificateAuthority;
  /** PEM of all authorities that are trusted, the issuer of the serving certificate first. */
  readonly trusted: string;
  /** PEM, leaf first, then its issuer, so that a joining klusterlet can check its pin. */
  readonly servingCertificate: string;
  readonly servingKey: string;
  readonly serviceAccountKey: string;
  readonly adminCertificate: string;
  readonly adminKey: string;
}

export interface ServerPkiOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'files'>;
  readonly directory: string;
  readonly caName: string;
  /** Names under which the server is reached. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Of a new serving certificate, milliseconds; default a year. */
  readonly servingLifeMs?: number | undefined;
}

export const serviceAccountKeyFile = 'service-account.key';
const dayMs = 24 * 3_600_000;
const leafLifeMs = 365 * dayMs;
/** What has less left is made again; of a short life, its last third. */
const renewBeforeMs = 60 * dayMs;
const shortLifePart = 1 / 3;
/** For clients whose clock is behind. */
const backdateMs = 3_600_000;

/** Makes what is missing or ends soon. @throws PkiError when a file is damaged. */
export async function ensureServerPki(options: ServerPkiOptions): Promise<ServerPki> {
  const { phase, serving: ca, signing, trusted } = await ensureAuthorities(options);
  const serving = await ensureLeaf(options, ca, {
    name: 'server',
    lifeMs: options.servingLifeMs,
    subject: { commonName: options.caName },
    usages: ['digital signature', 'key encipherment', 'server auth'],
    dnsNames: options.dnsNames,
    ipAddresses: options.ipAddresses,
  });
  const admin = await ensureLeaf(options, ca, {
    name: 'admin',
    subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    usages: ['digital signature', 'key encipherment', 'client auth'],
    dnsNames: [],
    ipAddresses: [],
  });
  return {
    phase,
    ca: signing,
    trusted,
    servingCertificate: serving.certificatePem + ca.certificatePem,
    servingKey: serving.privateKeyPem,
    serviceAccountKey: await ensureKey(options),
    adminCertificate: admin.certificatePem,
    adminKey: admin.privateKeyPem,
  };
}

/** What a directory holds of a cluster's identity, and the rest new; nothing is written. */
export async function proposeIdentity(
  options: Pick<ServerPkiOptions, 'env' | 'directory' | 'caName'>,
): Promise<Pick<ServerPki, 'ca' | 'serviceAccountKey'>> {
  const key = await options.env.files.read(join(options.directory, serviceAccountKeyFile));
  return {
    ca: (await readPair(options, 'ca')) ?? makeAuthority(options),
    serviceAccountKey: key === undefined ? generateKeyPair().privateKeyPem : Buffer.from(key).toString(),
  };
}

/** When a certificate that this server made for itself is to be made again. */
export function leafRenewalMs(certificatePem: string): number {
  const { notBeforeMs, notAfterMs } = parseCertificate(certificatePem);
  const lifeMs = notAfterMs - notBeforeMs - backdateMs;
  return notAfterMs - Math.min(renewBeforeMs, lifeMs * shortLifePart);
}

interface LeafOptions {
  readonly name: string;
  readonly lifeMs?: number | undefined;
  readonly subject: { readonly commonName: string; readonly organizations?: readonly string[] };
  readonly usages: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

async function ensureLeaf(
  options: ServerPkiOptions,
  ca: CertificateAuthority,
  leaf: LeafOptions,
): Promise<CertificateAuthority> {
  const nowMs = options.env.clock.now();
  const known = await readPair(options, leaf.name);
  if (known !== undefined && isFit(known.certificatePem, { ca, leaf, nowMs })) return known;
  const keys = generateKeyPair();
  const certificatePem = issueCertificate({
    ca,
    publicKeyDer: keys.publicKeyDer,
    subject: leaf.subject,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: nowMs + (leaf.lifeMs ?? leafLifeMs),
    usages: leaf.usages,
    dnsNames: leaf.dnsNames,
    ipAddresses: leaf.ipAddresses,
    random: options.env.random,
  });
  const made = { certificatePem, privateKeyPem: keys.privateKeyPem };
  await writePair(options, leaf.name, made);
  return made;
}

function isFit(
  certificatePem: string,
  { ca, leaf, nowMs }: { ca: CertificateAuthority; leaf: LeafOptions; nowMs: number },
): boolean {
  const certificate = parseCertificate(certificatePem);
  const hasAll = (have: readonly string[], want: readonly string[]): boolean =>
    want.every((name) => have.includes(name));
  return (
    isIssuedBy(certificatePem, ca.certificatePem) &&
    nowMs < leafRenewalMs(certificatePem) &&
    hasAll(certificate.dnsNames, leaf.dnsNames) &&
    hasAll(certificate.ipAddresses, leaf.ipAddresses)
  );
}

async function ensureKey({ env, directory }: ServerPkiOptions): Promise<string> {
  const path = join(directory, serviceAccountKeyFile);
  const known = await env.files.read(path);
  if (known !== undefined) return Buffer.from(known).toString();
  const { privateKeyPem } = generateKeyPair();
  await env.files.write(path, privateKeyPem, { mode: 0o600 });
  return privateKeyPem;
}
