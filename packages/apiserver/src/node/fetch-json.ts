/** Fetches small JSON documents over HTTPS, bounded in size and time. No redirects, no proxy. Called for issuers' keys. */
import { get } from 'node:https';
import type { FetchJson } from '../authentication/jwt/issuer-keys.js';

const maxBytes = 1024 * 1024;
const timeoutMs = 10_000;

export const fetchJson: FetchJson = (url, { certificateAuthority }) =>
  new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${url}: ${why}`));
    const signal = AbortSignal.timeout(timeoutMs);
    const request = get(
      url,
      {
        signal,
        headers: { accept: 'application/json' },
        agent: false,
        ...(certificateAuthority !== undefined && {
          ca: certificateAuthority,
          allowPartialTrustChain: true, // as in Go: the issuer's own certificate will do
        }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxBytes) request.destroy(new Error(`the answer is longer than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          if (response.statusCode !== 200) {
            fail(`the answer is ${response.statusCode}`);
            return;
          }
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
          } catch {
            fail('the answer is no JSON'); // what a parser says of it helps nobody
          }
        });
      },
    );
    request.on('error', (error) =>
      fail(signal.aborted ? `no answer within ${timeoutMs / 1000} seconds` : error.message),
    );
  });
