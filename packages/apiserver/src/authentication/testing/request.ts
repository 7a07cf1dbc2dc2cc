/** For tests: a request that carries the given credentials. */
import type { ApiRequest } from '../../server/handler.js';

export function requestWith(parts: Partial<ApiRequest> = {}): ApiRequest {
  return {
    method: 'GET',
    path: '/api',
    query: new URLSearchParams(),
    headers: {},
    body: new Uint8Array(),
    signal: new AbortController().signal,
    remoteAddress: '127.0.0.1',
    clientCertificates: [],
    ...parts,
  };
}
