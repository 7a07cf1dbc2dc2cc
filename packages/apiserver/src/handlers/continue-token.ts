/**
 * The opaque token that goes on with a list: the revision of the snapshot and the key after which to go on, in
 * the encoding of kube-apiserver. Revision -1 means "whatever is there now". Pure.
 */
import { newBadRequest, newStatusError, type StatusError } from '@flotilla/api';

export interface ContinueToken {
  /** -1: no longer consistent with the first page. */
  readonly revision: bigint;
  /** Key, relative to the listed prefix, at which to start. */
  readonly start: string;
}

export function encodeContinue({ revision, start }: ContinueToken): string {
  const json = `{"v":"meta.k8s.io/v1","rv":${revision},"start":${JSON.stringify(start)}}`;
  return Buffer.from(json).toString('base64url');
}

/** @throws StatusError 400 when the token was not made by us. */
export function decodeContinue(token: string): ContinueToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch (cause) {
    throw newBadRequest(`continue key is not valid: ${(cause as Error).message}`, { cause });
  }
  const { v, rv, start } = (value ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== 'meta.k8s.io/v1') {
    throw newBadRequest(
      `continue key is not valid: server does not recognize this encoded version ${JSON.stringify(v ?? '')}`,
    );
  }
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw newBadRequest(
      'continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    );
  }
  if (typeof start !== 'string' || start === '') {
    throw newBadRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  }
  if (`/${start}/`.includes('/../')) throw newBadRequest(`continue key is not valid: ${start}`);
  return { revision: BigInt(rv), start };
}

/** 410 for a token whose snapshot is gone; carries a token that goes on without consistency. */
export function newExpiredContinue(start: string): StatusError {
  const expired = newStatusError(410, 'Expired', {
    message:
      'The provided continue parameter is too old to display a consistent list result. Start a new list without it, or go on with the token in this response, which gives an inconsistent rest of the list.',
  });
  expired.status.metadata.continue = encodeContinue({ revision: -1n, start });
  return expired;
}
