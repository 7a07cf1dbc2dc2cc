/**
 * Reads the bodies of requests, bounded in size each and together, and in time. Called by the HTTP front, one for each
 * server.
 */
import { newStatusError } from '@flotilla/api';
import type { Exchange } from './http-exchange.js';
import type { HttpFrontLimits } from './http-limits.js';

export type ReadBody = (exchange: Pick<Exchange, 'method' | 'readable'>) => Promise<Uint8Array>;

type BodyLimits = Pick<HttpFrontLimits, 'maxBodyBytes' | 'maxBufferedBodyBytes' | 'bodyTimeoutMs'>;

const none = Promise.resolve(new Uint8Array());

/** What it makes rejects with StatusError 408, 413 or 429, and with an Error when the client goes away. */
export function createReadBody(limits: BodyLimits): ReadBody {
  const { maxBodyBytes, maxBufferedBodyBytes, bodyTimeoutMs } = limits;
  let bufferedBytes = 0;
  return ({ method, readable }) => {
    if (method === 'GET' || method === 'HEAD') {
      readable.resume();
      return none;
    }
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let isDone = false;
      const finish = (settle: () => void): void => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        bufferedBytes -= size;
        chunks.length = 0;
        settle();
      };
      const refuse = (error: Error): void => finish(() => reject(error));
      const timer = setTimeout(() => {
        refuse(
          newStatusError(408, 'Timeout', {
            message: 'Timeout: the body of the request did not arrive in time',
          }),
        );
        readable.resume();
      }, bodyTimeoutMs);
      timer.unref();
      let received = 0;
      readable.on('data', (chunk: Buffer) => {
        received += chunk.length;
        // The answer is on its way; what still comes is thrown away, within reason.
        if (received > 4 * maxBodyBytes) readable.destroy();
        if (isDone) return;
        size += chunk.length;
        bufferedBytes += chunk.length;
        if (size > maxBodyBytes) refuse(tooLarge(maxBodyBytes));
        else if (bufferedBytes > maxBufferedBodyBytes) refuse(tooMany());
        else chunks.push(chunk);
      });
      readable.once('end', () => {
        const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
        finish(() => resolve(body));
      });
      readable.once('error', refuse);
      readable.once('close', () => refuse(new Error('the client went away')));
    });
  };
}

function tooLarge(limit: number): Error {
  return newStatusError(413, 'RequestEntityTooLarge', {
    message: `Request entity too large: limit is ${limit}`,
  });
}

function tooMany(): Error {
  return newStatusError(429, 'TooManyRequests', {
    message: 'Too many requests, please try again later.',
    details: { retryAfterSeconds: 1 },
  });
}
