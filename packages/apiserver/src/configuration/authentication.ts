/**
 * Who may be known to the server, and by what: the files and names that an operator gives, turned into the settings of
 * a server. Files that may change are looked at while it runs. Called when a server starts.
 */
import type { Env } from '@flotilla/kube';
import type { TokenAuthenticator } from '../authentication/authenticator.js';
import type { FetchJson } from '../authentication/jwt/issuer-keys.js';
import type { AuthenticationSettings } from '../authentication/settings.js';
import { createStaticTokenAuthenticator, parseStaticTokens } from '../authentication/static-tokens.js';
import { readSigningKey, readVerificationKeys, type SigningKey } from '../service-accounts/token-keys.js';
import type { TokenSettings } from '../service-accounts/tokens.js';
import { type FrontProxyOptions, type LoadedFrontProxy, loadFrontProxy } from './front-proxy.js';
import { checkedBundle } from './pem-bundle.js';
import { type PublishedTrust, trustData } from './published-trust.js';
import { loadTokenIssuers, type TokenIssuerOptions } from './token-issuers.js';
import { readTextFile, type WatchedFileEnv, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface AuthenticationOptions extends FrontProxyOptions, TokenIssuerOptions {
  /** PEM bundle of issuers of client certificates, besides the server's own. */
  readonly clientCaFile?: string;
  /** Values `token,user,uid,"group1,group2"` in lines. */
  readonly tokenAuthFile?: string;
  /** PEM files of keys whose service account tokens are believed, besides the signing key. */
  readonly serviceAccountKeyFile?: readonly string[];
  /** PEM of the key that signs service account tokens; default: one of the server's own. */
  readonly serviceAccountSigningKeyFile?: string;
  /** The first issues, all are believed; default: the server's URL. */
  readonly serviceAccountIssuer?: readonly string[];
  /** Audiences that are this server; default: the issuers. */
  readonly apiAudiences?: readonly string[];
  /** Milliseconds; default: as long as was asked for. */
  readonly serviceAccountMaxTokenExpiration?: number;
}

export interface AuthenticationContext {
  readonly env: WatchedFileEnv & Pick<Env, 'clock'>;
  readonly fetchJson: FetchJson;
  readonly signal: AbortSignal;
  /** The server's own issuers of client certificates, which are always believed. */
  readonly ownCa: { readonly current: () => string; readonly onChange: (fn: () => void) => void };
  /** What signs service account tokens unless a flag says otherwise. */
  readonly ownServiceAccountKey: string;
  /** What issues them unless a flag says otherwise. */
  readonly ownIssuer: string;
}

export interface LoadedAuthentication {
  readonly settings: AuthenticationSettings;
  readonly serviceAccounts: TokenSettings;
  /** PEM bundle of the issuers of client certificates, as of now. */
  readonly clientCa: () => string;
  /** Called when the bundle has changed. */
  readonly onClientCaChange: (fn: () => void) => void;
  readonly trust: PublishedTrust;
}

/** @throws Error in one sentence that names the flag at fault. */
export async function loadAuthentication(
  options: AuthenticationOptions,
  context: AuthenticationContext,
): Promise<LoadedAuthentication> {
  const serviceAccounts = await loadTokenSettings(options, context);
  const [clientCa, frontProxy, tokens, issuers] = await Promise.all([
    loadClientCa(options, context),
    loadFrontProxy(options, context),
    loadStaticTokens(options, context),
    loadTokenIssuers(options, { ...context, takenIssuers: serviceAccounts.issuers }),
  ]);
  return {
    settings: {
      tokens,
      ...issuers,
      ...(frontProxy && { frontProxy: frontProxy.settings }),
    },
    serviceAccounts,
    ...clientCa,
    trust: publishedTrust(clientCa, frontProxy),
  };
}

type ClientCa = Pick<LoadedAuthentication, 'clientCa' | 'onClientCaChange'>;

function publishedTrust(
  { clientCa, onClientCaChange }: ClientCa,
  frontProxy: LoadedFrontProxy | undefined,
): PublishedTrust {
  return {
    data: () => trustData(clientCa(), frontProxy?.settings),
    onChange: (fn) => {
      onClientCaChange(fn);
      frontProxy?.onChange(fn);
    },
  };
}

async function loadStaticTokens(
  { tokenAuthFile }: AuthenticationOptions,
  { env, signal }: AuthenticationContext,
): Promise<readonly TokenAuthenticator[]> {
  if (tokenAuthFile === undefined) return [];
  const tokens = await watchFiles({
    files: [{ flag: '--token-auth-file', path: tokenAuthFile }],
    env,
    signal,
    parse: ([text = '']) => parseStaticTokens(text),
  });
  return [createStaticTokenAuthenticator(() => tokens.current)];
}

async function loadClientCa(
  { clientCaFile }: AuthenticationOptions,
  { env, signal, ownCa }: AuthenticationContext,
): Promise<ClientCa> {
  if (clientCaFile === undefined) return { clientCa: ownCa.current, onClientCaChange: ownCa.onChange };
  const bundle = await watchFiles({
    files: [{ flag: '--client-ca-file', path: clientCaFile }],
    env,
    signal,
    parse: ([text = '']) => checkedBundle(text),
  });
  return {
    clientCa: () => ownCa.current() + bundle.current,
    onClientCaChange: (fn) => {
      bundle.onChange(fn);
      ownCa.onChange(fn);
    },
  };
}

async function loadTokenSettings(
  options: AuthenticationOptions,
  { env, ownServiceAccountKey, ownIssuer }: AuthenticationContext,
): Promise<TokenSettings> {
  const { serviceAccountKeyFile = [], serviceAccountSigningKeyFile } = options;
  const read = async <T>(flag: string, path: string, parse: (pem: string) => T): Promise<T> => {
    const text = await readTextFile(env, { flag, path });
    try {
      return parse(text);
    } catch (cause) {
      throw new Error(`${flag} ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  };
  const signingKey: SigningKey =
    serviceAccountSigningKeyFile === undefined
      ? readSigningKey(ownServiceAccountKey)
      : await read('--service-account-signing-key-file', serviceAccountSigningKeyFile, readSigningKey);
  const verificationKeys = await Promise.all(
    serviceAccountKeyFile.map((path) => read('--service-account-key-file', path, readVerificationKeys)),
  );
  const [issuer = ownIssuer, ...otherIssuers] = options.serviceAccountIssuer ?? [];
  const { apiAudiences = [], serviceAccountMaxTokenExpiration } = options;
  return {
    signingKey,
    verificationKeys: verificationKeys.flat(),
    issuers: [issuer, ...otherIssuers],
    ...(apiAudiences.length > 0 && { audiences: apiAudiences }),
    ...(serviceAccountMaxTokenExpiration !== undefined && {
      maxExpirationSeconds: Math.floor(serviceAccountMaxTokenExpiration / 1000),
    }),
  };
}
