/**
 * Tokens of an OpenID issuer, as the `auth-provider` oidc of a kubeconfig keeps them: used until they expire, then
 * refreshed at the issuer, as client-go does. What is refreshed stays in memory; the kubeconfig is not written. Our own,
 * since the refresh of @kubernetes/client-node 2 fails (it hands a text to openid-client, which wants a URL).
 */
import { isObject, type JsonObject } from '@flotilla/api';
import type { Clock } from '../env/env.js';
import { createHttpsTransport } from './https-transport.js';

export interface OidcOptions {
  readonly clock: Clock;
  /** Of the auth-provider: `idp-issuer-url`, `client-id`, `id-token` and so on. */
  readonly config: Readonly<Record<string, string | undefined>>;
  /** PEM of the issuer's authorities; absent: those that the system trusts. */
  readonly ca?: string;
}

/** A token that expires within this time is refreshed, as in client-go. */
const leewayMs = 10_000;
const timeoutMs = 30_000;

/** A function that gives the present token. It rejects with an Error that says what the issuer did not do. */
export function createOidcAuth({ clock, config, ca }: OidcOptions): () => Promise<string | undefined> {
  let idToken = config['id-token'];
  let refreshToken = config['refresh-token'];
  let refreshing: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    const issuer = config['idp-issuer-url'] ?? '';
    const answer = await exchange({ clock, config, issuer, refreshToken: refreshToken ?? '', ca });
    if (typeof answer['id_token'] !== 'string') throw new Error(`the issuer ${issuer} sent no id_token`);
    idToken = answer['id_token'];
    if (typeof answer['refresh_token'] === 'string') refreshToken = answer['refresh_token'];
  };

  return async () => {
    const isGood = idToken !== undefined && expiryMs(idToken) - leewayMs > clock.now();
    // Without a way to another one, the server says what it thinks of this one.
    if (isGood || !refreshToken || !config['idp-issuer-url']) return idToken;
    refreshing ??= refresh().finally(() => {
      refreshing = undefined;
    });
    await refreshing;
    return idToken;
  };
}

/** 0 for what is no JWT, or has no expiry. */
function expiryMs(token: string): number {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return isObject(claims) && typeof claims['exp'] === 'number' ? claims['exp'] * 1000 : 0;
  } catch (error) {
    if (error instanceof SyntaxError) return 0;
    throw error;
  }
}

interface Exchange extends Pick<OidcOptions, 'clock' | 'config'> {
  readonly issuer: string;
  readonly refreshToken: string;
  readonly ca: string | undefined;
}

/** The refresh of RFC 6749, section 6. */
async function exchange({ clock, config, issuer, refreshToken, ca }: Exchange): Promise<JsonObject> {
  const ask = { clock, ca };
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ask);
  const endpoint = document['token_endpoint'];
  if (typeof endpoint !== 'string') throw new Error(`the issuer ${issuer} has no token endpoint`);
  const id = config['client-id'] ?? '';
  const secret = config['client-secret'] ?? '';
  const grant = { grant_type: 'refresh_token', refresh_token: refreshToken };
  const basic = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
  // A client without a secret says who it is in the form; with one, in the header.
  const form = new URLSearchParams(secret === '' ? { ...grant, client_id: id } : grant).toString();
  return fetchJson(endpoint, {
    ...ask,
    form,
    ...(secret !== '' && { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
  });
}

interface Fetch {
  readonly clock: Clock;
  readonly ca: string | undefined;
  /** Sent by POST. */
  readonly form?: string;
  readonly authorization?: string;
}

async function fetchJson(address: string, { clock, ca, form, authorization }: Fetch): Promise<JsonObject> {
  const url = new URL(address);
  if (url.protocol !== 'https:') throw new Error(`${address} is not an https URL`);
  const transport = createHttpsTransport({
    server: url.origin,
    clock,
    label: 'OpenID issuer',
    ...(ca !== undefined && { ca }),
  });
  try {
    const answer = await transport.request({
      method: form === undefined ? 'GET' : 'POST',
      path: `${url.pathname}${url.search}`,
      headers: {
        accept: 'application/json',
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(authorization !== undefined && { authorization }),
      },
      ...(form !== undefined && { body: form }),
      timeoutMs,
    });
    const text = Buffer.from(await answer.bytes()).toString('utf8');
    const what = `${url.origin}${url.pathname}`;
    if (answer.status !== 200) throw new Error(`${what} answered ${answer.status}: ${text.slice(0, 200)}`);
    const body: unknown = JSON.parse(text);
    if (!isObject(body)) throw new Error(`${what} answered no JSON object`);
    return body;
  } finally {
    await transport.close();
  }
}
