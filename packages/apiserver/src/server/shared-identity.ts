/**
 * What all servers on one store have in common: the authorities for certificates (`authorities.ts` has the phases of
 * their roll), the key of service account tokens, their issuer. Kept in the store under a key of its own, made once and
 * changed by compare-and-set, so that a further server needs no files from the first. Whoever may read the store may
 * thus act as the authority: the store must be guarded as a key file is. Called at each start on a shared store, and
 * by whichever server is told to roll.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import type { CertificateAuthority } from '@flotilla/kube';
import type { Revision, Store } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import type { AuthorityStep } from './authorities.js';

export interface SharedIdentity {
  readonly ca: CertificateAuthority;
  /** While it is spreading. */
  readonly next?: CertificateAuthority;
  /** PEM of the former one's certificate, while that is retiring. */
  readonly old?: string;
  /** PEM. */
  readonly serviceAccountKey: string;
  /** URL; of the first server's choice. */
  readonly issuer: string;
}

/** Beside the objects, so that nothing that reads those sees it. */
export const sharedIdentityKey = '/identity';
const format = 1;
/** While authorities are rolled: a server that knows nothing of that must not go on by the one it sees. */
const rollingFormat = 2;

/** Takes what is there, or puts what `make` gives. @throws StoreError */
export async function ensureSharedIdentity(
  store: Store,
  make: () => Promise<SharedIdentity>,
): Promise<SharedIdentity> {
  const known = await store.get(sharedIdentityKey);
  if (known !== undefined) return parse(known.value);
  const made = await make();
  const result = await store.write({
    type: 'put',
    key: sharedIdentityKey,
    value: encode(made),
    expected: 0n as Revision,
  });
  if (result.ok) return made;
  // Another server was faster.
  const theirs = result.current ?? (await store.get(sharedIdentityKey));
  if (theirs === undefined) throw damaged('it comes and goes');
  return parse(theirs.value);
}

/** Undefined when it is the one of this revision. @throws StoreError */
export async function newerIdentity(
  store: Pick<Store, 'get'>,
  known: Revision | undefined,
): Promise<{ readonly identity: SharedIdentity; readonly revision: Revision } | undefined> {
  const found = await store.get(sharedIdentityKey);
  if (found === undefined) throw damaged('it is gone');
  if (found.modRevision === known) return undefined;
  return { identity: parse(found.value), revision: found.modRevision };
}

/** Takes a step for all servers; without effect in any phase but the one that it begins in. @throws StoreError */
export async function rollIdentity(
  store: Pick<Store, 'get' | 'write'>,
  step: AuthorityStep,
  make: () => CertificateAuthority,
): Promise<void> {
  for (;;) {
    const found = await store.get(sharedIdentityKey);
    if (found === undefined) throw damaged('it is gone');
    const before = parse(found.value);
    const after = stepped(before, step, make);
    if (after === before) return;
    const value = encode(after);
    const result = await store.write({
      type: 'put',
      key: sharedIdentityKey,
      value,
      expected: found.modRevision,
    });
    if (result.ok) return;
  }
}

function stepped(
  identity: SharedIdentity,
  step: AuthorityStep,
  make: () => CertificateAuthority,
): SharedIdentity {
  const { next, old, ...kept } = identity;
  if (step === 'begin') return next === undefined && old === undefined ? { ...kept, next: make() } : identity;
  if (step === 'promote')
    return next === undefined ? identity : { ...kept, ca: next, old: kept.ca.certificatePem };
  return old === undefined ? identity : kept;
}

function encode(identity: SharedIdentity): Buffer {
  const isRolling = identity.next !== undefined || identity.old !== undefined;
  return Buffer.from(JSON.stringify({ format: isRolling ? rollingFormat : format, ...identity }));
}

function parse(value: Uint8Array): SharedIdentity {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw damaged('it is no JSON', cause);
  }
  if (!isObject(read)) throw damaged('it is no object');
  if (read['format'] !== format && read['format'] !== rollingFormat) {
    throw new StoreError(
      'newer-format',
      `the servers' common identity in the store (${sharedIdentityKey}) has format ${JSON.stringify(read['format'])}; this server knows ${rollingFormat} at most: use the newer version`,
    );
  }
  const { ca, next, old, serviceAccountKey, issuer } = read;
  if (
    !isPair(ca) ||
    typeof serviceAccountKey !== 'string' ||
    typeof issuer !== 'string' ||
    !(next === undefined || isPair(next)) ||
    !(old === undefined || typeof old === 'string')
  ) {
    throw damaged('something in it is missing');
  }
  return {
    ca,
    serviceAccountKey,
    issuer,
    ...(next !== undefined && { next }),
    ...(old !== undefined && { old }),
  };
}

function isPair(value: unknown): value is CertificateAuthority & JsonObject {
  return (
    isObject(value) &&
    typeof value['certificatePem'] === 'string' &&
    typeof value['privateKeyPem'] === 'string'
  );
}

function damaged(why: string, cause?: unknown): StoreError {
  return new StoreError(
    'corrupt',
    `the servers' common identity in the store (${sharedIdentityKey}) is damaged: ${why}`,
    { cause },
  );
}
