/**
 * With which certificate the server answers: its own, or the pair of files that its operator gives, which is loaded
 * again when it changes. Called when a server starts; reads files through the environment only.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { splitCertificates, toPem } from '@flotilla/kube';
import { type WatchedFileEnv, type WatchedValue, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface ServingOptions {
  /** PEM, leaf first, its issuers after it. */
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  /** Where `apiserver.crt` and `apiserver.key` are looked for when the files are not named. */
  readonly certDir?: string;
  readonly tlsMinVersion?: TlsVersion;
  /** Reads and writes together are the seats of all priority levels. */
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  /** Milliseconds; of requests that have an end. */
  readonly requestTimeout?: number;
  readonly http2MaxStreamsPerConnection?: number;
}

/** As the reference's. */
const defaultInflight = Object.freeze({ reads: 400, writes: 200 });

/** How many requests are worked on at once. */
export function seatsOf({ maxRequestsInflight, maxMutatingRequestsInflight }: ServingOptions): number {
  const { reads, writes } = defaultInflight;
  return (maxRequestsInflight ?? reads) + (maxMutatingRequestsInflight ?? writes);
}

export type TlsVersion = 'VersionTLS12' | 'VersionTLS13';
export const tlsVersions: readonly TlsVersion[] = ['VersionTLS12', 'VersionTLS13'];

export interface ServingPair {
  /** PEM, leaf first. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** What new connections are served with, as of now. */
export interface ServingContext {
  readonly current: { readonly certificate: string; readonly privateKey: string; readonly clientCa: string };
  readonly minTlsVersion: 'TLSv1.2' | 'TLSv1.3';
  /** PEM bundle by which clients know the server: the operator's chain as it was at the start, and its own authorities. */
  readonly rootCa: string;
  /** A renewed certificate of the server's own; without effect where the operator's is served. */
  setOwn(own: OwnPair): void;
  onChange(fn: () => void): void;
}

/** The server's own pair, and the authorities that it trusts. */
export interface OwnPair {
  /** PEM bundle, the issuer of the pair first. */
  readonly trusted: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
}

export interface ServingSources {
  readonly env: WatchedFileEnv;
  readonly signal: AbortSignal;
  readonly own: OwnPair;
  /** The issuers to name to clients. */
  readonly clientCa: { readonly clientCa: () => string; readonly onClientCaChange: (fn: () => void) => void };
}

/** @throws Error in one sentence that names the flag at fault. */
export async function createServingContext(
  options: ServingOptions,
  { env, signal, own, clientCa }: ServingSources,
): Promise<ServingContext> {
  const given = await loadServingPair(options, { env, signal });
  let ownPair = own;
  const givenIssuers = given === undefined ? '' : issuersFirst(given.current.certificate);
  const listeners: (() => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  given?.onChange(tell);
  clientCa.onClientCaChange(tell);
  return {
    get current() {
      const pair = given?.current ?? {
        certificate: ownPair.servingCertificate,
        privateKey: ownPair.servingKey,
      };
      return { ...pair, clientCa: clientCa.clientCa() };
    },
    minTlsVersion: options.tlsMinVersion === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2',
    // Of a given chain every certificate is believed: which of them clients know beforehand is not written in it. Its
    // issuer comes first: that is the one that join strings pin, and it must be in the chain that is served.
    get rootCa() {
      return givenIssuers + ownPair.trusted;
    },
    setOwn(renewed) {
      ownPair = renewed;
      if (given === undefined) tell();
    },
    onChange: (fn) => void listeners.push(fn),
  };
}

function issuersFirst(pem: string): string {
  return splitCertificates(pem)
    .reverse()
    .map((der) => toPem('CERTIFICATE', der))
    .join('');
}

/**
 * The operator's pair; undefined: the server's own is to be used.
 * @throws Error in one sentence that names the flag.
 */
async function loadServingPair(
  options: ServingOptions,
  context: { readonly env: WatchedFileEnv; readonly signal: AbortSignal },
): Promise<WatchedValue<ServingPair> | undefined> {
  const files = await pairFiles(options, context.env);
  if (files === undefined) return undefined;
  const parse = ([certificate = '', privateKey = '']: readonly string[]): ServingPair =>
    checkedPair({ certificate, privateKey });
  return watchFiles({ ...context, files, parse });
}

async function pairFiles({ tlsCertFile, tlsPrivateKeyFile, certDir }: ServingOptions, env: WatchedFileEnv) {
  const [certificateFlag, keyFlag] = ['--tls-cert-file', '--tls-private-key-file'] as const;
  if (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined) {
    return [
      { flag: certificateFlag, path: tlsCertFile },
      { flag: keyFlag, path: tlsPrivateKeyFile },
    ];
  }
  if (tlsCertFile !== undefined || tlsPrivateKeyFile !== undefined) {
    throw new Error(`${certificateFlag} and ${keyFlag} belong together: give both`);
  }
  if (certDir === undefined) return undefined;
  const [certificate, key] = [join(certDir, 'apiserver.crt'), join(certDir, 'apiserver.key')];
  const found = await Promise.all([env.files.read(certificate), env.files.read(key)]);
  if (found.some((bytes) => bytes === undefined)) return undefined;
  return [
    { flag: '--cert-dir', path: certificate },
    { flag: '--cert-dir', path: key },
  ];
}

/** @throws Error when the two do not belong together. */
function checkedPair(pair: ServingPair): ServingPair {
  const [leaf] = splitCertificates(pair.certificate);
  if (leaf === undefined) throw new Error('there is no certificate in PEM form');
  const certificate = read(() => new X509Certificate(leaf), 'the certificate cannot be read');
  const key = read(() => createPrivateKey(pair.privateKey), 'the private key cannot be read');
  if (!certificate.checkPrivateKey(key))
    throw new Error('the certificate and the private key do not belong together');
  return pair;
}

function read<T>(fn: () => T, reason: string): T {
  try {
    return fn();
  } catch (cause) {
    throw new Error(reason, { cause });
  }
}
