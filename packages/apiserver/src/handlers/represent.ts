/**
 * From objects to response bytes in the representation that was asked for: JSON or YAML, whole objects,
 * PartialObjectMetadata or Tables. Lists of whole objects are the cached bytes strung together, never parsed.
 * Called by every handler that answers objects.
 */
import {
  formatApiVersion,
  type KubeObject,
  type ListMeta,
  newBadRequest,
  stringifyYaml,
} from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { ResourceDefinition } from '../registry/resource.js';
import { viewJson, viewObject } from '../registry/versions.js';
import type { ApiResponse } from '../server/handler.js';
import { typeSuffix, withoutType } from '../storage/codec.js';
import {
  type IncludeObject,
  makeTable,
  partialObjectMetadata,
  type TableOptions,
  tableRow,
} from '../table/table.js';
import type { CachedObject } from '../watch-cache/types.js';
import type { ResourceRequest } from './resource-request.js';
import { type SlicedBody, slicedBody, wholeBody } from './sliced-body.js';
import type { Warnings } from './warnings.js';

/** Longer lists are made and written piece by piece, as the peer takes them; these take some milliseconds. */
const atOnce = Object.freeze({ bytes: 1024 * 1024, made: 500, madeYaml: 25 });

export interface RespondOptions {
  readonly request: ResourceRequest;
  readonly warnings: Warnings;
  /** Gives way to others while a long list is made. */
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly nowMs: number;
}

function respond(status: number, body: ApiResponse['body'], options: RespondOptions): ApiResponse {
  const warnings = options.warnings.headers();
  return {
    status,
    headers: {
      'content-type': options.request.accept.yaml ? 'application/yaml' : 'application/json',
      'cache-control': 'no-cache, private',
      ...(warnings && { warning: warnings }),
    },
    body,
  };
}

/** Any value as the whole body. */
export function valueResponse(status: number, value: unknown, options: RespondOptions): ApiResponse {
  const text = options.request.accept.yaml ? stringifyYaml(value) : JSON.stringify(value);
  return respond(status, Buffer.from(text), options);
}

/** @throws StatusError 400 for an unknown value of `includeObject`. */
export function tableOptions({ query, accept }: ResourceRequest, nowMs: number): TableOptions {
  const include = query.get('includeObject') ?? '';
  if (include !== '' && include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw newBadRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  }
  return {
    nowMs,
    includeObject: include === '' ? 'Metadata' : (include as IncludeObject), // checked above
    apiVersion: `meta.k8s.io/${accept.tableVersion ?? 'v1'}`,
  };
}

/** An object that is in the cache: its bytes as they are, when that is what was asked for. */
export function cachedResponse(status: number, cached: CachedObject, options: RespondOptions): ApiResponse {
  const { definition, accept } = options.request;
  if (accept.as === 'object' && !accept.yaml) return respond(status, viewJson(definition, cached), options);
  return objectResponse(status, viewObject(definition, cached), options);
}

/** One object of the request's resource. */
export function objectResponse(status: number, object: KubeObject, options: RespondOptions): ApiResponse {
  const { definition, accept } = options.request;
  switch (accept.as) {
    case 'object':
      return valueResponse(status, object, options);
    case 'Table': {
      const metadata = { resourceVersion: object.metadata.resourceVersion ?? '' };
      const content = { objects: [object], metadata, withColumns: true };
      return valueResponse(
        status,
        makeTable(definition, content, tableOptions(options.request, options.nowMs)),
        options,
      );
    }
    default:
      return valueResponse(status, partialObjectMetadata(object), options);
  }
}

/** A list of the request's resource. */
export function listResponse(
  content: { readonly items: readonly CachedObject[]; readonly metadata: ListMeta },
  options: RespondOptions,
): ApiResponse {
  const { definition, accept } = options.request;
  const { items, metadata } = content;
  if (accept.as === 'object') return plainList(content, options);
  if (accept.as === 'Table') {
    const shown = tableOptions(options.request, options.nowMs);
    const content = { objects: [], metadata: { ...metadata }, withColumns: true };
    const { rows: _rows, ...table } = makeTable(definition, content, shown);
    return madeList({ head: table, field: 'rows', items }, options, (item) =>
      tableRow(definition, viewObject(definition, item), shown),
    );
  }
  const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata };
  return madeList({ head, field: 'items', items }, options, (item) =>
    partialObjectMetadata(viewObject(definition, item)),
  );
}

export interface MadeList<T> {
  readonly head: object;
  /** The last field, which holds the items. */
  readonly field: 'items' | 'rows';
  readonly items: readonly T[];
}

/** A list whose items are made for this answer; a long one in slices of time. */
export function madeList<T>(
  { head, field, items }: MadeList<T>,
  options: RespondOptions,
  make: (item: T) => unknown,
): ApiResponse {
  const { yaml } = options.request.accept;
  if (items.length <= (yaml ? atOnce.madeYaml : atOnce.made)) {
    return valueResponse(200, { ...head, [field]: items.map(make) }, options);
  }
  const form = yaml
    ? {
        head: `${stringifyYaml(head)}${field}:\n`,
        render: (item: T) => [Buffer.from(stringifyYaml([make(item)]))],
        separator: '',
        tail: '',
      }
    : {
        head: `${JSON.stringify(head).slice(0, -1)},"${field}":[`,
        render: (item: T) => [Buffer.from(JSON.stringify(make(item)))],
        separator: ',',
        tail: ']}',
      };
  return respond(200, slicedBody({ ...form, items }, options.env), options);
}

function plainList(
  { items, metadata }: { readonly items: readonly CachedObject[]; readonly metadata: ListMeta },
  options: RespondOptions,
): ApiResponse {
  const { definition, accept } = options.request;
  const { kind, listKind, origin } = definition;
  const apiVersion = formatApiVersion(definition);
  const head = { kind: listKind, apiVersion, metadata };
  if (accept.yaml) {
    return madeList({ head, field: 'items', items }, options, (item) =>
      listItem(viewObject(definition, item), definition),
    );
  }
  const suffix = origin === 'builtin' ? typeSuffix({ kind, apiVersion }) : undefined;
  const body: SlicedBody<CachedObject> = {
    head: `${JSON.stringify(head).slice(0, -1)},"items":[`,
    items,
    render: (item) => bareItem(viewJson(definition, item), suffix),
    separator: ',',
    tail: ']}',
  };
  return respond(200, isShort(items) ? wholeBody(body) : slicedBody(body, options.env), options);
}

function isShort(items: readonly CachedObject[]): boolean {
  let size = 0;
  return items.every(({ json }) => {
    size += json.length;
    return size <= atOnce.bytes;
  });
}

/** Items of built-in kinds leave out what the list says: so a Go client gets what it gets from a `get`. */
function listItem(object: KubeObject, { origin }: ResourceDefinition): object {
  if (origin !== 'builtin') return object;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

const brace = Buffer.from('}');

function bareItem(json: Buffer, suffix: Buffer | undefined): readonly Buffer[] {
  const bare = suffix && withoutType(json, suffix);
  return bare === undefined ? [json] : [bare, brace];
}
