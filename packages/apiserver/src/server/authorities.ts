/**
 * The certificate authorities of a server, and how one takes the place of another without anybody being locked out. All
 * state is files of the key directory, written so that a crash at any step is finished by the next start:
 *
 *   stable     ca                  issues and is trusted
 *   spreading  ca, next-ca         both are trusted; clients' certificates come from the next one, the server's own from ca
 *   retiring   ca, old-ca.crt      the next one has become ca; certificates of the old one are still trusted
 *
 * Called at each start, and by whoever rolls the authority (`node/authority-endpoint.ts`).
 */
import { join } from 'node:path';
import { type CertificateAuthority, createCertificateAuthority, type Env } from '@flotilla/kube';
import { readPair, writePair } from './pair-files.js';

export type AuthorityPhase = 'stable' | 'spreading' | 'retiring';

export interface Authorities {
  readonly phase: AuthorityPhase;
  /** Issues the server's own certificate and the operator's. */
  readonly serving: CertificateAuthority;
  /** Issues clients' certificates. */
  readonly signing: CertificateAuthority;
  /** PEM bundle; the issuer of the server's own certificate comes first, since that is the one that join strings pin. */
  readonly trusted: string;
}

export interface AuthorityOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'files'>;
  readonly directory: string;
  /** The authority's common name is this and `-ca`. */
  readonly caName: string;
}

const caLifeMs = 10 * 365 * 24 * 3_600_000;
/** Of the old one only the certificate is kept. */
export const authorityFiles = { current: 'ca', next: 'next-ca', old: 'old-ca' } as const;
const names = authorityFiles;

/** Makes the first authority when there is none. */
export async function ensureAuthorities(options: AuthorityOptions): Promise<Authorities> {
  await finishPromotion(options);
  const serving = (await readPair(options, names.current)) ?? (await make(options, names.current));
  const next = await readPair(options, names.next);
  if (next !== undefined) {
    const trusted = serving.certificatePem + next.certificatePem;
    return { phase: 'spreading', serving, signing: next, trusted };
  }
  const old = await readOld(options);
  const trusted = serving.certificatePem + (old ?? '');
  return { phase: old === undefined ? 'stable' : 'retiring', serving, signing: serving, trusted };
}

/** From stable to spreading. Without effect in any other phase. */
export async function beginRoll(options: AuthorityOptions): Promise<void> {
  const { phase } = await ensureAuthorities(options);
  if (phase === 'stable') await make(options, names.next);
}

/** From spreading to retiring. Without effect in any other phase. */
export async function promoteNext(options: AuthorityOptions): Promise<void> {
  const { phase, serving } = await ensureAuthorities(options);
  if (phase !== 'spreading') return;
  const { env, directory } = options;
  await env.files.write(join(directory, `${names.old}.crt`), serving.certificatePem, { mode: 0o644 });
  await finishPromotion(options);
}

/** From retiring to stable: who still has certificates of the old authority is locked out. */
export async function dropOld(options: AuthorityOptions): Promise<void> {
  const { phase } = await ensureAuthorities(options);
  if (phase === 'retiring') await options.env.files.remove(join(options.directory, `${names.old}.crt`));
}

/** The next step of putting another authority in the place of the one in use. */
export type AuthorityStep = 'begin' | 'promote' | 'finish';

export const authoritySteps: Readonly<
  Record<
    AuthorityStep,
    {
      readonly from: AuthorityPhase;
      readonly to: AuthorityPhase;
      /** On the files of a server that has its authorities for itself. */
      readonly take: (options: AuthorityOptions) => Promise<void>;
    }
  >
> = {
  begin: { from: 'stable', to: 'spreading', take: beginRoll },
  promote: { from: 'spreading', to: 'retiring', take: promoteNext },
  finish: { from: 'retiring', to: 'stable', take: dropOld },
};

/** An authority that is not kept anywhere yet. */
export function makeAuthority({
  env,
  caName,
}: Pick<AuthorityOptions, 'env' | 'caName'>): CertificateAuthority {
  return createCertificateAuthority({
    commonName: `${caName}-ca`,
    validityMs: caLifeMs,
    nowMs: env.clock.now(),
    random: env.random,
  });
}

async function make(options: AuthorityOptions, name: string): Promise<CertificateAuthority> {
  const made = makeAuthority(options);
  await writePair(options, name, made);
  return made;
}

/** With the old certificate put aside, the next pair is on its way to its place. */
async function finishPromotion(options: AuthorityOptions): Promise<void> {
  const next = await readPair(options, names.next);
  if (next === undefined || (await readOld(options)) === undefined) return;
  await writePair(options, names.current, next);
  for (const file of [`${names.next}.crt`, `${names.next}.key`]) {
    await options.env.files.remove(join(options.directory, file));
  }
}

async function readOld({ env, directory }: AuthorityOptions): Promise<string | undefined> {
  const bytes = await env.files.read(join(directory, `${names.old}.crt`));
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}
