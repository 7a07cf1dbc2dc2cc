/**
 * Whose tokens are believed besides the server's own, and whether anonymous requests are: from the flags `--oidc-*` and
 * `--anonymous-auth`, or from the file of --authentication-config, which may change while the server runs.
 */
import type { SlowTokenAuthenticator } from '../authentication/authenticator.js';
import type { AuthenticationSettings } from '../authentication/settings.js';
import { type AuthenticationFile, parseAuthenticationFile } from './authentication-file.js';
import { createIssuerAuthenticator, type JwtContext } from './jwt-issuers.js';
import { loadOidc, type OidcOptions } from './oidc.js';
import { type WatchedFileEnv, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface TokenIssuerOptions extends OidcOptions {
  /** Default true. */
  readonly anonymousAuth?: boolean;
  /** An AuthenticationConfiguration (YAML): issuers of tokens, and where anonymous requests are let in. */
  readonly authenticationConfig?: string;
}

export interface TokenIssuerContext extends JwtContext {
  readonly env: JwtContext['env'] & WatchedFileEnv;
  /** Issuers of service account tokens. */
  readonly takenIssuers: readonly string[];
}

/** @throws Error in one sentence that names the flag at fault. */
export async function loadTokenIssuers(
  options: TokenIssuerOptions,
  context: TokenIssuerContext,
): Promise<Pick<AuthenticationSettings, 'slowTokens' | 'anonymous'>> {
  const { authenticationConfig: path, anonymousAuth } = options;
  const oidc = await loadOidc(options, context);
  if (path === undefined) {
    return {
      anonymous: anonymousAuth ?? true,
      slowTokens: oidc === undefined ? [] : [createIssuerAuthenticator(oidc, context)],
    };
  }
  if (oidc !== undefined)
    throw new Error('give either --authentication-config or the flags --oidc-*, not both');
  const { takenIssuers } = context;
  const file = await watchFiles({
    files: [{ flag: '--authentication-config', path }],
    env: context.env,
    signal: context.signal,
    parse: ([text = '']) => parseAuthenticationFile(text, { takenIssuers }),
  });
  if (anonymousAuth !== undefined && file.current.anonymous !== undefined) {
    throw new Error('the file of --authentication-config says who is anonymous: leave --anonymous-auth out');
  }
  return {
    anonymous: ({ path: asked }) => file.current.anonymous?.(asked) ?? anonymousAuth ?? true,
    slowTokens: [changingIssuers(file, context)],
  };
}

/** The issuers of the file as it is now: those of the file before stop being asked. */
function changingIssuers(
  file: { readonly current: AuthenticationFile; onChange(fn: () => void): void },
  context: JwtContext,
): SlowTokenAuthenticator {
  let stop = new AbortController();
  const make = (): SlowTokenAuthenticator[] => {
    const signal = AbortSignal.any([stop.signal, context.signal]);
    return file.current.issuers.map((issuer) => createIssuerAuthenticator(issuer, { ...context, signal }));
  };
  let current = make();
  file.onChange(() => {
    stop.abort(new Error('the configuration has changed'));
    stop = new AbortController();
    current = make();
  });
  return {
    async authenticate(token) {
      for (const issuer of current) {
        const identity = await issuer.authenticate(token);
        if (identity !== undefined) return identity;
      }
      return undefined;
    },
  };
}
