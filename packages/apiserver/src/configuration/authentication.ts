/**
 * Who may be known to the server, and by what: the files and names that an operator gives, turned into the settings of
 * a server. Files that may change are looked at while it runs. Called when a server starts.
 */
import { parseCertificate, splitCertificates } from '@flotilla/kube';
import type { AuthenticationSettings } from '../authentication/settings.js';
import { readSigningKey, readVerificationKeys, type SigningKey } from '../service-accounts/token-keys.js';
import type { TokenSettings } from '../service-accounts/tokens.js';
import { readTextFile, type WatchedFileEnv, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface AuthenticationOptions {
  /** Default true. */
  readonly anonymousAuth?: boolean;
  /** PEM bundle of issuers of client certificates, besides the server's own. */
  readonly clientCaFile?: string;
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
  readonly env: WatchedFileEnv;
  readonly signal: AbortSignal;
  /** The server's own issuer of client certificates, which is always believed. */
  readonly ownCa: string;
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
}

/** @throws Error in one sentence that names the flag at fault. */
export async function loadAuthentication(
  options: AuthenticationOptions,
  context: AuthenticationContext,
): Promise<LoadedAuthentication> {
  const clientCa = await loadClientCa(options, context);
  return {
    settings: { anonymous: options.anonymousAuth ?? true },
    serviceAccounts: await loadTokenSettings(options, context),
    ...clientCa,
  };
}

async function loadClientCa(
  { clientCaFile }: AuthenticationOptions,
  { env, signal, ownCa }: AuthenticationContext,
): Promise<Pick<LoadedAuthentication, 'clientCa' | 'onClientCaChange'>> {
  if (clientCaFile === undefined) return { clientCa: () => ownCa, onClientCaChange: () => undefined };
  const bundle = await watchFiles({
    files: [{ flag: '--client-ca-file', path: clientCaFile }],
    env,
    signal,
    parse: ([text = '']) => ownCa + checkedBundle(text),
  });
  return { clientCa: () => bundle.current, onClientCaChange: (fn) => bundle.onChange(fn) };
}

/** Only the certificates of a bundle, each on lines of its own. @throws Error when there are none. */
export function checkedBundle(text: string): string {
  const certificates = splitCertificates(text);
  if (certificates.length === 0) throw new Error('there is no certificate in PEM form');
  for (const der of certificates) parseCertificate(der);
  return text.endsWith('\n') ? text : `${text}\n`;
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
