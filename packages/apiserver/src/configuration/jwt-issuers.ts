/**
 * Makes authenticators of the issuers that an operator names, and asks each issuer for its keys at once, again and again
 * until it answers, so that a mistake is in the log before the first user meets it.
 */
import type { JsonObject } from '@flotilla/api';
import { type Env, sleep, spawn } from '@flotilla/kube';
import type { SlowTokenAuthenticator } from '../authentication/authenticator.js';
import { type FetchJson, IssuerKeys } from '../authentication/jwt/issuer-keys.js';
import { createJwtAuthenticator } from '../authentication/jwt/jwt-authenticator.js';
import type { UserInfo } from '../authentication/user.js';

export interface JwtIssuer {
  /** As in the `iss` claim. */
  readonly url: string;
  readonly discoveryUrl?: string;
  /** PEM bundle. */
  readonly certificateAuthority?: string;
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  /** @throws Error in words when the claims make no user. */
  readonly identify: (claims: JsonObject) => UserInfo;
}

export interface JwtContext {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly fetchJson: FetchJson;
  readonly signal: AbortSignal;
}

const askAgainAfterMs = 10_000;

export function createIssuerAuthenticator(issuer: JwtIssuer, context: JwtContext): SlowTokenAuthenticator {
  const { env, fetchJson, signal } = context;
  const keys = new IssuerKeys({ ...issuer, fetchJson, clock: env.clock, log: env.log });
  spawn('fetch keys of a token issuer', () => fetchFirst(keys, context), { log: env.log, signal });
  return createJwtAuthenticator({ ...issuer, issuer: issuer.url, keys, clock: env.clock });
}

async function fetchFirst(keys: IssuerKeys, { env, signal }: JwtContext): Promise<void> {
  while (!signal.aborted) {
    const answer = await keys.current().catch((error: Error) => error); // logged where it is met
    if (!(answer instanceof Error)) return;
    await sleep(env.clock, askAgainAfterMs, signal);
  }
}
