/** For tests: an OpenID issuer without a network, whose keys can be rotated and which can be down. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { FetchJson } from '../jwt/issuer-keys.js';

export const issuerUrl = 'https://issuer.example';

export async function createTestIssuer(nowMs: () => number) {
  let keys = await makeKeys('one');
  const state = { isDown: false, asked: [] as string[], issuer: issuerUrl };
  const fetchJson: FetchJson = async (url) => {
    state.asked.push(url);
    if (state.isDown) throw new Error(`${url}: connect ECONNREFUSED`);
    return url.endsWith('/keys')
      ? { keys: [{ kty: 'odd' }, keys.jwk] }
      : { issuer: state.issuer, jwks_uri: `${issuerUrl}/keys` };
  };
  return {
    state,
    fetchJson,
    rotate: async (id: string) => {
      keys = await makeKeys(id);
    },
    sign: (claims: Readonly<Record<string, unknown>>): Promise<string> => {
      const nowSeconds = Math.floor(nowMs() / 1000);
      const all = { iss: issuerUrl, aud: 'client', sub: 'ann', exp: nowSeconds + 600, ...claims };
      return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: keys.id }).sign(keys.privateKey);
    },
  };
}

async function makeKeys(id: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: id, alg: 'ES256', use: 'sig' };
  return { id, privateKey, jwk };
}
