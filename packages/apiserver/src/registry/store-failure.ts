/** What a client is told when the store fails. The operator's own words for it are the store's messages. */
import { newStatusError } from '@flotilla/api';
import { StoreError } from '../storage/store-errors.js';

/** A StatusError for a StoreError; anything else as it is. */
export function storeFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case 'overloaded':
      return newStatusError(429, 'TooManyRequests', {
        message: error.message,
        details: { retryAfterSeconds: 1 },
        cause: error,
      });
    case 'disk-full':
      return newStatusError(507, 'InsufficientStorage', { message: error.message, cause: error });
    case 'too-large':
      return newStatusError(413, 'RequestEntityTooLarge', { message: error.message, cause: error });
    case 'uncertain':
      return newStatusError(504, 'Timeout', { message: error.message, cause: error });
    default:
      return newStatusError(503, 'ServiceUnavailable', { message: error.message, cause: error });
  }
}

/** The most that etcd takes in one request by default: what one store keeps, each must keep. */
const maxObjectBytes = 1.5 * 1024 * 1024;

/** @throws StatusError 413 for an object that is too large to be stored. */
export function checkSize(stored: Uint8Array): void {
  if (stored.length <= maxObjectBytes) return;
  const message = `Request entity too large: the object has ${stored.length} bytes, limit is ${maxObjectBytes}`;
  throw newStatusError(413, 'RequestEntityTooLarge', { message });
}
