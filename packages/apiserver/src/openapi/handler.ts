/**
 * Serves `/openapi/v3`, `/openapi/v3/<group version>` and `/openapi/v2`. A group version's document is made when it is
 * first asked for and kept until its definitions change; others keep theirs, so that a new CRD costs one small
 * document. Hashes in the index are of the documents, which clients keep on disk for ever under their hash.
 */
import { createHash } from 'node:crypto';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import { rootPath } from './paths.js';
import { buildOpenApiV2, encodeOpenApiV2 } from './v2.js';
import { buildOpenApiV3 } from './v3.js';

/** Where the definitions come from; ResourceRegistry is one. */
export interface OpenApiSource {
  /** Differs after every change. */
  readonly generation: number;
  groups(): readonly { readonly group: string; readonly versions: readonly string[] }[];
  list(group: string, version: string): readonly ResourceDefinition[];
}

export interface OpenApiHandler {
  /** Undefined when the path is not below `/openapi` or names nothing that is served. */
  handle(request: ApiRequest): ApiResponse | undefined;
}

interface Document {
  readonly definitions: readonly ResourceDefinition[];
  readonly body: Buffer;
  readonly hash: string;
}

const oneYearSeconds = 31_536_000;
// The `@` that clients put into their Accept is no legal token; the answer must not repeat it.
const v2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function createOpenApiHandler(source: OpenApiSource): OpenApiHandler {
  const documents = new DocumentCache(source);
  return {
    handle(request) {
      const path = request.path.replace(/\/+$/, '');
      if (path === '/openapi/v2') return documents.v2(request);
      if (path === '/openapi/v3') return documents.index(request);
      if (path.startsWith('/openapi/v3/'))
        return documents.groupVersion(request, path.slice('/openapi/v3/'.length));
      return undefined;
    },
  };
}

class DocumentCache {
  readonly #source: OpenApiSource;
  readonly #byKey = new Map<string, Document>();
  #whole = new Map<'json' | 'protobuf', Document>();
  #index: Document | undefined;
  #generation: number | undefined;

  constructor(source: OpenApiSource) {
    this.#source = source;
  }

  index(request: ApiRequest): ApiResponse {
    this.#refresh();
    this.#index ??= documentOf([], this.#buildIndex());
    return answer(request, this.#index, 'application/json');
  }

  /** `key` is `api/v1` or `apis/<group>/<version>`. */
  groupVersion(request: ApiRequest, key: string): ApiResponse | undefined {
    this.#refresh();
    const served = this.#served().find((one) => one.key === key);
    if (served === undefined) return undefined;
    const document = this.#document(served);
    const asked = request.query.get('hash');
    if (asked === null) return answer(request, document, 'application/json');
    if (asked !== document.hash) {
      return {
        status: 301,
        headers: { location: urlOf(key, document.hash), 'cache-control': 'no-cache, private' },
        body: Buffer.alloc(0),
      };
    }
    const response = answer(request, document, 'application/json');
    const headers = { ...response.headers, 'cache-control': `public, immutable, max-age=${oneYearSeconds}` };
    return { ...response, headers };
  }

  v2(request: ApiRequest): ApiResponse {
    this.#refresh();
    const accept = String(request.headers['accept'] ?? '');
    const form = accept.includes('protobuf') ? 'protobuf' : 'json';
    let document = this.#whole.get(form);
    if (document === undefined) {
      const all = this.#served().flatMap(({ definitions }) => definitions);
      document = documentOf(
        all,
        form === 'protobuf' ? encodeOpenApiV2(all) : Buffer.from(JSON.stringify(buildOpenApiV2(all))),
      );
      this.#whole.set(form, document);
    }
    return answer(request, document, form === 'protobuf' ? v2Protobuf : 'application/json');
  }

  #refresh(): void {
    if (this.#generation === this.#source.generation) return;
    this.#generation = this.#source.generation;
    this.#index = undefined;
    this.#whole = new Map();
    const keys = new Set(this.#served().map(({ key }) => key));
    for (const key of this.#byKey.keys()) if (!keys.has(key)) this.#byKey.delete(key);
  }

  #served(): ServedVersion[] {
    return this.#source.groups().flatMap(({ group, versions }) =>
      versions.map((version) => ({
        group,
        version,
        key: rootPath({ group, version }).slice(1),
        definitions: this.#source.list(group, version),
      })),
    );
  }

  #document(served: ServedVersion): Document {
    const { key, definitions } = served;
    const known = this.#byKey.get(key);
    if (known !== undefined && sameItems(known.definitions, definitions)) return known;
    const made = documentOf(definitions, Buffer.from(JSON.stringify(buildOpenApiV3(definitions, served))));
    this.#byKey.set(key, made);
    return made;
  }

  #buildIndex(): Buffer {
    const paths = Object.fromEntries(
      this.#served().map((served) => [
        served.key,
        { serverRelativeURL: urlOf(served.key, this.#document(served).hash) },
      ]),
    );
    return Buffer.from(JSON.stringify({ paths }));
  }
}

interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly key: string;
  readonly definitions: readonly ResourceDefinition[];
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function urlOf(key: string, hash: string): string {
  return `/openapi/v3/${key}?hash=${hash}`;
}

function documentOf(definitions: readonly ResourceDefinition[], body: Buffer): Document {
  return { definitions, body, hash: createHash('sha512').update(body).digest('hex').toUpperCase() };
}

function answer(request: ApiRequest, { body, hash }: Document, contentType: string): ApiResponse {
  const etag = `"${hash}"`;
  const headers = { etag, vary: 'Accept', 'cache-control': 'no-cache, private' };
  if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: Buffer.alloc(0) };
  return { status: 200, headers: { ...headers, 'content-type': contentType }, body };
}
