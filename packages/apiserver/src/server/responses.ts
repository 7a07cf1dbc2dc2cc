/** Small constructors of `ApiResponse`, and the one place where an error becomes a Kubernetes Status. */
import { createHash } from 'node:crypto';
import { newInternalError, type Status, StatusError, stringifyYaml } from '@flotilla/api';
import type { Logger } from '@flotilla/kube';
import type { ApiRequest, ApiResponse } from './handler.js';

type Headers = Readonly<Record<string, string | readonly string[]>>;

export function jsonResponse(status: number, value: unknown, headers: Headers = {}): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

export function textResponse(status: number, text: string, headers: Headers = {}): ApiResponse {
  return {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache, private',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body: Buffer.from(text),
  };
}

/** Any error as the Status that the client gets; what is not a StatusError is a defect of ours and is logged. */
export function errorResponse(error: unknown, options: { request: ApiRequest; log: Logger }): ApiResponse {
  const status = toStatus(error, options);
  const yaml = String(options.request.headers['accept'] ?? '').startsWith('application/yaml');
  const retryAfter = status.details?.retryAfterSeconds;
  return {
    status: status.code,
    headers: {
      'content-type': yaml ? 'application/yaml' : 'application/json',
      'cache-control': 'no-cache, private',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    },
    body: Buffer.from(yaml ? stringifyYaml(status) : JSON.stringify(status)),
  };
}

function toStatus(error: unknown, { request, log }: { request: ApiRequest; log: Logger }): Status {
  if (error instanceof StatusError) return error.status;
  log.error('request failed', {
    method: request.method,
    path: request.path,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return newInternalError(error instanceof Error ? error.message : String(error)).status;
}

/** A document that changes seldom, answered with an ETag (upper-case hex SHA-512 as the kube-apiserver's). */
export class CachedDocument {
  readonly #build: () => Uint8Array;
  readonly #contentType: string;
  #version: unknown;
  #body: Uint8Array = new Uint8Array();
  #etag = '';

  constructor(build: () => Uint8Array, contentType: string) {
    this.#build = build;
    this.#contentType = contentType;
  }

  /** `version`: whatever the document depends on; it is built again when that differs from the last call's. */
  respond(request: ApiRequest, version: unknown): ApiResponse {
    if (this.#etag === '' || this.#version !== version) {
      this.#body = this.#build();
      this.#etag = `"${createHash('sha512').update(this.#body).digest('hex').toUpperCase()}"`;
      this.#version = version;
    }
    const headers = { etag: this.#etag, vary: 'Accept', 'cache-control': 'public' };
    if (request.headers['if-none-match'] === this.#etag)
      return { status: 304, headers, body: new Uint8Array() };
    return { status: 200, headers: { ...headers, 'content-type': this.#contentType }, body: this.#body };
  }
}
