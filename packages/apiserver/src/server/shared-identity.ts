/**
 * What all servers on one store have in common: the authority for certificates, the key of service account tokens,
 * their issuer. Kept in the store under a key of its own, made once by compare-and-set, so that a further server needs
 * no files from the first. Whoever may read the store may thus act as the authority: the store must be guarded as a
 * key file is. Called at each start on a shared store.
 */
import { isObject } from '@flotilla/api';
import type { CertificateAuthority } from '@flotilla/kube';
import type { Revision, Store } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';

export interface SharedIdentity {
  readonly ca: CertificateAuthority;
  /** PEM. */
  readonly serviceAccountKey: string;
  /** URL; of the first server's choice. */
  readonly issuer: string;
}

/** Beside the objects, so that nothing that reads those sees it. */
export const sharedIdentityKey = '/identity';
const format = 1;

/** Takes what is there, or puts what `make` gives. @throws StoreError */
export async function ensureSharedIdentity(
  store: Store,
  make: () => Promise<SharedIdentity>,
): Promise<SharedIdentity> {
  const known = await store.get(sharedIdentityKey);
  if (known !== undefined) return parse(known.value);
  const made = await make();
  const value = Buffer.from(JSON.stringify({ format, ...made }));
  const result = await store.write({ type: 'put', key: sharedIdentityKey, value, expected: 0n as Revision });
  if (result.ok) return made;
  // Another server was faster.
  const theirs = result.current ?? (await store.get(sharedIdentityKey));
  if (theirs === undefined) throw damaged('it comes and goes');
  return parse(theirs.value);
}

function parse(value: Uint8Array): SharedIdentity {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw damaged('it is no JSON', cause);
  }
  if (!isObject(read)) throw damaged('it is no object');
  if (read['format'] !== format) {
    throw new StoreError(
      'newer-format',
      `the servers' common identity in the store (${sharedIdentityKey}) has format ${JSON.stringify(read['format'])}; this server knows ${format}: use the newer version`,
    );
  }
  const { ca, serviceAccountKey, issuer } = read;
  if (!isObject(ca)) throw damaged('its authority is missing');
  const { certificatePem, privateKeyPem } = ca;
  if (
    typeof certificatePem !== 'string' ||
    typeof privateKeyPem !== 'string' ||
    typeof serviceAccountKey !== 'string' ||
    typeof issuer !== 'string'
  ) {
    throw damaged('something in it is missing');
  }
  return { ca: { certificatePem, privateKeyPem }, serviceAccountKey, issuer };
}

function damaged(why: string, cause?: unknown): StoreError {
  return new StoreError(
    'corrupt',
    `the servers' common identity in the store (${sharedIdentityKey}) is damaged: ${why}`,
    { cause },
  );
}
