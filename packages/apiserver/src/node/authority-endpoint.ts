/**
 * `/flotilla.dev/authority`: what authorities the server has (GET), and the next step of putting another in the place of
 * the one in use (POST `{"step": "begin" | "promote" | "finish"}`). RBAC guards it as a non-resource path, which only
 * system:masters and who may everything have. Which step may be taken when is for the caller to know; here each is safe
 * to repeat, and one that comes too early is refused.
 */
import { isObject, newBadRequest, newStatusError } from '@flotilla/api';
import { type Env, parseCertificate, publicKeyHash, splitCertificates } from '@flotilla/kube';
import { type AuthorityPhase, type AuthorityStep, authoritySteps } from '../server/authorities.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import type { ServerPki } from '../server/server-pki.js';
import type { LivePki } from './live-pki.js';

export const authorityPath = '/flotilla.dev/authority';

/** What GET answers. */
export interface AuthorityState {
  readonly phase: AuthorityPhase;
  /** Of the public key of who issues clients' certificates, `sha256:<hex>`. */
  readonly signing: string;
  /** All that are trusted, the issuer of the serving certificate first. */
  readonly trusted: readonly { readonly hash: string; readonly notAfter: string }[];
  /** The end of the server's own serving certificate. */
  readonly servingNotAfter: string;
}

export interface AuthorityEndpointOptions {
  readonly env: Pick<Env, 'log'>;
  readonly pki: LivePki;
  /** Takes a step, of this server's authorities or of those that servers share; without effect in another phase. */
  readonly roll: (step: AuthorityStep) => Promise<void>;
}

export function createAuthorityHandler(
  options: AuthorityEndpointOptions,
): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  return async (request) => {
    if (request.path !== authorityPath) return undefined;
    if (request.method === 'POST') await takeStep(options, readStep(request.body));
    else if (request.method !== 'GET')
      throw newStatusError(405, 'MethodNotAllowed', { message: `${request.method} is not supported` });
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: Buffer.from(`${JSON.stringify(stateOf(options.pki.current))}\n`),
    };
  };
}

function readStep(body: Uint8Array): AuthorityStep {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(body).toString());
  } catch {
    throw newBadRequest('the body is no JSON');
  }
  const step = isObject(read) ? read['step'] : undefined;
  if (step === 'begin' || step === 'promote' || step === 'finish') return step;
  throw newBadRequest(`step: must be begin, promote or finish, not ${JSON.stringify(step)}`);
}

async function takeStep({ env, pki, roll }: AuthorityEndpointOptions, step: AuthorityStep): Promise<void> {
  const { from, to } = authoritySteps[step];
  const { phase } = pki.current;
  if (phase === to) return;
  if (phase !== from)
    throw newBadRequest(`step: ${step} comes after ${from}, and the authorities are ${phase}`);
  await roll(step);
  await pki.refresh();
  env.log.info('authority rolled', { step, phase: to });
}

export function stateOf({ phase, ca, trusted, servingCertificate }: ServerPki): AuthorityState {
  const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
  return {
    phase,
    signing: publicKeyHash(ca.certificatePem),
    trusted: splitCertificates(trusted).map((der) => ({
      hash: publicKeyHash(der),
      notAfter: iso(parseCertificate(der).notAfterMs),
    })),
    servingNotAfter: iso(parseCertificate(servingCertificate).notAfterMs),
  };
}
