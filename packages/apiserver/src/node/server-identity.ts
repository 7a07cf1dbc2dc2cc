/**
 * Who a server is: its names and addresses, its keys and certificates, the operator's kubeconfig. All its own, or in
 * part what servers on one store share. Called by `run-server.ts`.
 */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type Env, sleep, spawn, writeKubeconfig } from '@flotilla/kube';
import type { CertificateOptions } from '../configuration/certificates.js';
import { adoptIdentity } from '../server/adopt-identity.js';
import { type AuthorityStep, authoritySteps, makeAuthority } from '../server/authorities.js';
import { ensureServerPki, proposeIdentity, type ServerPki } from '../server/server-pki.js';
import { ensureSharedIdentity, newerIdentity, rollIdentity } from '../server/shared-identity.js';
import type { Revision, Store } from '../storage/store.js';
import { createLivePki, type LivePki } from './live-pki.js';

/** What of a server's options makes its identity. */
export interface IdentityOptions {
  readonly env: Env;
  readonly profile: 'hub' | 'cluster';
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly advertiseUrl?: string;
  readonly alsoAdvertised?: readonly string[];
  readonly certificates?: CertificateOptions;
}

export interface ServerIdentity {
  readonly pki: LivePki;
  readonly issuer: string;
  /** Takes a step of the roll of the authority; `pki` has it after its next refresh. */
  readonly roll: (step: AuthorityStep) => Promise<void>;
}

/** How soon a server follows when another one has rolled the authority that they share. */
const followMs = 1000;

/** The server's keys: all its own, or what servers on one store share and the rest its own. */
export async function makeIdentity(
  options: IdentityOptions,
  { store, url, signal }: { store: Store; url: string; signal: AbortSignal },
): Promise<ServerIdentity> {
  const { env } = options;
  const directory = pkiDirectory(options);
  const files = { env, directory, caName: caName(options) };
  if (store.isShared !== true) {
    const pki = await createLivePki({ env, load: () => makePki(options), signal });
    return { pki, issuer: url, roll: (step) => authoritySteps[step].take(files) };
  }
  const { issuer } = await ensureSharedIdentity(store, async () => ({
    ...(await proposeIdentity(files)),
    issuer: url,
  }));
  let adopted: Revision | undefined;
  const load = async (): Promise<ServerPki> => {
    const newer = await newerIdentity(store, adopted).catch((error: unknown) => {
      // What this server has is good while the store is away, also to renew its own certificates.
      if (adopted === undefined) throw error;
      env.log.warn('the authorities that servers share cannot be read', { error: String(error) });
      return undefined;
    });
    if (newer !== undefined) {
      await adoptIdentity(newer.identity, { env, directory });
      adopted = newer.revision;
    }
    return makePki(options);
  };
  const pki = await createLivePki({ env, load, signal });
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(env.clock, followMs, signal).catch(() => undefined); // only an abort, which ends the loop
      if (signal.aborted) return;
      try {
        if ((await newerIdentity(store, adopted)) !== undefined) await pki.refresh();
      } catch (error) {
        env.log.debug('the authorities that servers share cannot be read', { error: String(error) });
      }
    }
  };
  spawn('authorities that servers share', follow, { log: env.log, signal });
  return { pki, issuer, roll: (step) => rollIdentity(store, step, () => makeAuthority(files)) };
}

export function caName({ profile }: Pick<IdentityOptions, 'profile'>): string {
  return `flotilla-${profile}`;
}

export function pkiDirectory({ dataDir }: Pick<IdentityOptions, 'dataDir'>): string {
  return join(dataDir, 'pki');
}

function makePki(options: IdentityOptions): Promise<ServerPki> {
  const hosts = new Set(['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc']);
  const addresses = new Set(['127.0.0.1', ...localAddresses()]);
  const { listen, advertiseUrl = '', alsoAdvertised = [] } = options;
  const urls = [advertiseUrl, ...alsoAdvertised].filter((url) => url !== '');
  for (const host of [listen.host, ...urls.map((url) => new URL(url).hostname)]) {
    if (host === '' || host === '0.0.0.0' || host === '::') continue;
    const bare = host.replace(/^\[|\]$/g, '');
    if (/^[0-9.]+$|:/.test(bare)) addresses.add(bare);
    else hosts.add(bare);
  }
  return ensureServerPki({
    env: options.env,
    directory: pkiDirectory(options),
    caName: caName(options),
    dnsNames: [...hosts],
    ipAddresses: [...addresses],
    servingLifeMs: options.certificates?.servingCertificateDuration,
  });
}

function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address }) => address);
}

/** For a server on all addresses: the first that others can reach. */
export function advertisedHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  return localAddresses().find((address) => !address.startsWith('127.')) ?? '127.0.0.1';
}

export function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export function adminKubeconfig(server: string, { pki, ca }: { pki: ServerPki; ca: string }): string {
  return writeKubeconfig({
    server,
    ca,
    clusterName: 'flotilla',
    userName: 'admin',
    credential: { clientCertificate: pki.adminCertificate, clientKey: pki.adminKey },
  });
}
