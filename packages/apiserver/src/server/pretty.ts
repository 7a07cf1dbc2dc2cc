/**
 * JSON for people: indented when the query says `pretty`, or when the client is one that people read the answers of
 * (apiserver.md 7.1). Streams, and documents for machines (OpenAPI, aggregated discovery), stay as they are. Pure.
 */
import type { ApiRequest, ApiResponse } from './handler.js';

/** Indented, when that was asked for. */
export function prettified(answer: ApiResponse, request: ApiRequest): ApiResponse {
  const { body, headers } = answer;
  if (typeof body === 'function' || body.length === 0 || !wantsPretty(request)) return answer;
  if (headers['content-type'] !== 'application/json' || request.path.startsWith('/openapi/')) return answer;
  const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString());
  return { ...answer, body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}

function wantsPretty({ query, headers }: ApiRequest): boolean {
  const pretty = query.get('pretty');
  if (pretty !== null) return pretty !== 'false' && pretty !== '0';
  return /^(curl|Wget|Mozilla\/5\.0)/.test(String(headers['user-agent'] ?? ''));
}
