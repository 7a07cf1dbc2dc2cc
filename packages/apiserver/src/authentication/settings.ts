/** How callers are known beyond what every server knows (client certificates, its own tokens): data and methods, no files. */
import type { AuthenticatorOptions, SlowTokenAuthenticator, TokenAuthenticator } from './authenticator.js';
import type { FrontProxySettings } from './front-proxy.js';

export interface AuthenticationSettings {
  /** Requests without credentials are system:anonymous; default true, as kube-apiserver. */
  readonly anonymous?: AuthenticatorOptions['anonymous'];
  readonly frontProxy?: FrontProxySettings;
  /** More kinds of bearer tokens, asked before the server's own, in order. */
  readonly tokens?: readonly TokenAuthenticator[];
  /** Tokens of other issuers, asked last. */
  readonly slowTokens?: readonly SlowTokenAuthenticator[];
}
