/** An OpenID issuer on this machine: discovery and keys over real TLS, tokens signed with keys that can be rotated. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair as generateJwtKeys, type JWK, SignJWT } from 'jose';
import { servingCertificate, strangeAuthority } from './credentials.js';

interface JwtKey {
  readonly id: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export class TokenIssuer {
  readonly #authority = strangeAuthority();
  readonly #serving = servingCertificate(this.#authority);
  #server: Server | undefined;
  #keys: JwtKey[] = [];
  #port = 0;
  /** How often keys were asked for. */
  keysAsked = 0;
  /** Claims of the tokens that a refresh token brings; undefined: there is no such endpoint. */
  refreshed: (() => Readonly<Record<string, unknown>>) | undefined;
  /** How often a token was refreshed. */
  refreshes = 0;

  /** PEM of the authority by which the issuer's own certificate is known. */
  get ca(): string {
    return this.#authority.certificatePem;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** The same port again after a stop. */
  async start(): Promise<void> {
    if (this.#keys.length === 0) await this.rotate();
    const server = createServer({ cert: this.#serving.certificate, key: this.#serving.key });
    server.on('request', (request, response) => {
      const url = request.url ?? '';
      const answer = url === '/token' ? this.#refresh() : Promise.resolve(this.#document(url));
      request.resume();
      void answer.then((document) => {
        response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(document ?? {}));
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port; // of a TCP server
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** A new key, and no other any more. */
  async rotate(algorithm: 'RS256' | 'ES256' = 'RS256'): Promise<void> {
    const { privateKey, publicKey } = await generateJwtKeys(algorithm, { extractable: true });
    const id = randomUUID();
    const jwk = { ...(await exportJWK(publicKey)), kid: id, use: 'sig', alg: algorithm };
    this.#keys = [{ id, privateKey, jwk }];
  }

  /** For an hour, unless the claims say otherwise. */
  async token(claims: Readonly<Record<string, unknown>>): Promise<string> {
    const [key] = this.#keys;
    if (key === undefined) throw new Error('the issuer has no key yet');
    const nowSeconds = Math.floor(Date.now() / 1000);
    const all = { iss: this.url, iat: nowSeconds, exp: nowSeconds + 3600, ...claims };
    return new SignJWT(all)
      .setProtectedHeader({ alg: String(key.jwk.alg), kid: key.id })
      .sign(key.privateKey);
  }

  /** The answer of RFC 6749, section 5.1, with an id_token. */
  async #refresh(): Promise<unknown> {
    if (this.refreshed === undefined) return undefined;
    this.refreshes++;
    const claims = this.refreshed();
    const token = await this.token(claims);
    const nowSeconds = Math.floor(Date.now() / 1000);
    return {
      access_token: randomUUID(),
      token_type: 'bearer',
      expires_in: Number(claims['exp'] ?? nowSeconds + 3600) - nowSeconds,
      refresh_token: randomUUID(),
      id_token: token,
    };
  }

  #document(path: string): unknown {
    switch (path) {
      case '/.well-known/openid-configuration':
        return {
          issuer: this.url,
          jwks_uri: `${this.url}/keys`,
          ...(this.refreshed && { token_endpoint: `${this.url}/token` }),
        };
      case '/keys':
        this.keysAsked++;
        return { keys: this.#keys.map(({ jwk }) => jwk) };
      default:
        return undefined;
    }
  }
}
