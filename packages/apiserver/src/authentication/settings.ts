/** How callers are known beyond what every server knows (client certificates, its own tokens): data and methods, no files. */
import type { TokenAuthenticator } from './authenticator.js';

export interface AuthenticationSettings {
  /** Requests without credentials are system:anonymous; default true, as kube-apiserver. */
  readonly anonymous?: boolean;
  /** More kinds of bearer tokens, asked after the server's own, in order. */
  readonly tokens?: readonly TokenAuthenticator[];
}
