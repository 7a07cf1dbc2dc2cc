/** The flags `--oidc-*`: one OpenID issuer whose tokens are believed. Called when a server starts. */
import { type ClaimRules, identifyByClaims } from '../authentication/jwt/claim-rules.js';
import { jwtAlgorithms } from '../authentication/jwt/jwt-authenticator.js';
import type { JwtIssuer } from './jwt-issuers.js';
import { checkedBundle } from './pem-bundle.js';
import { readTextFile, type WatchedFileEnv } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface OidcOptions {
  /** Without it there is no issuer. */
  readonly oidcIssuerUrl?: string;
  /** What tokens must be for. */
  readonly oidcClientId?: string;
  /** Default `sub`. */
  readonly oidcUsernameClaim?: string;
  /** Default: `<issuer>#`, but nothing before an `email`; `-`: nothing. */
  readonly oidcUsernamePrefix?: string;
  readonly oidcGroupsClaim?: string;
  readonly oidcGroupsPrefix?: string;
  /** `claim=value` each. */
  readonly oidcRequiredClaim?: readonly string[];
  /** Default RS256. */
  readonly oidcSigningAlgs?: readonly string[];
  /** PEM bundle of the issuers of the issuer's serving certificate; default: the machine's. */
  readonly oidcCaFile?: string;
}

/** Undefined: no issuer is wanted. @throws Error in one sentence that names the flag at fault. */
export async function loadOidc(
  options: OidcOptions,
  { env }: { readonly env: Pick<WatchedFileEnv, 'files'> },
): Promise<JwtIssuer | undefined> {
  const { oidcIssuerUrl: url, oidcClientId, oidcSigningAlgs = ['RS256'] } = options;
  if (url === undefined) {
    if (Object.entries(options).some(([name, value]) => name.startsWith('oidc') && value !== undefined)) {
      throw new Error('the flags --oidc-* need --oidc-issuer-url and --oidc-client-id');
    }
    return undefined;
  }
  checkIssuerUrl(url, '--oidc-issuer-url');
  if (oidcClientId === undefined)
    throw new Error('--oidc-issuer-url needs --oidc-client-id, for whom tokens must be');
  const unknown = oidcSigningAlgs.find((name) => !jwtAlgorithms.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--oidc-signing-algs: ${JSON.stringify(unknown)} is none of ${jwtAlgorithms.join(', ')}`);
  }
  const rules = claimRules(options, url);
  return {
    url,
    audiences: [oidcClientId],
    algorithms: oidcSigningAlgs,
    identify: (claims) => identifyByClaims(claims, rules),
    ...(await certificateAuthority(options, env)),
  };
}

async function certificateAuthority({ oidcCaFile }: OidcOptions, env: Pick<WatchedFileEnv, 'files'>) {
  if (oidcCaFile === undefined) return {};
  const flag = '--oidc-ca-file';
  const text = await readTextFile(env, { flag, path: oidcCaFile });
  try {
    return { certificateAuthority: checkedBundle(text) };
  } catch (cause) {
    throw new Error(`${flag} ${oidcCaFile}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** @throws Error naming the setting. */
export function checkIssuerUrl(text: string, setting: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.search === '' && url.hash === '' && url.username === '';
  if (url?.protocol !== 'https:' || !isPlain) {
    throw new Error(
      `${setting}: ${JSON.stringify(text)} must be an https URL without query, fragment or user`,
    );
  }
}

function claimRules(options: OidcOptions, url: string): ClaimRules {
  const { oidcUsernameClaim: claim = 'sub', oidcUsernamePrefix: prefix, oidcGroupsClaim } = options;
  const ownPrefix = claim === 'email' ? '' : `${url}#`;
  const required = (options.oidcRequiredClaim ?? []).map((pair) => {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw new Error(`--oidc-required-claim: ${JSON.stringify(pair)} is not of the form claim=value`);
    }
    return [name, value] as const;
  });
  return {
    username: { claim, prefix: prefix === undefined ? ownPrefix : prefix === '-' ? '' : prefix },
    ...(oidcGroupsClaim !== undefined && {
      groups: { claim: oidcGroupsClaim, prefix: options.oidcGroupsPrefix ?? '' },
    }),
    required: new Map(required),
  };
}
