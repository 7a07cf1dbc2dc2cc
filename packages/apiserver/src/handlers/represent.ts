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
import type { ApiResponse, ResponseSink } from '../server/handler.js';
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
import { itemsOfSlice, slicedBody } from './sliced-body.js';
import type { Warnings } from './warnings.js';

/** Lists above this size are written piece by piece, as the peer takes them. */
const streamAboveBytes = 1024 * 1024;
const sliceBytes = 256 * 1024;

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

interface MadeList {
  readonly head: object;
  /** The last field, which holds the items. */
  readonly field: 'items' | 'rows';
  readonly items: readonly CachedObject[];
}

/** A list whose items are made for this answer; a long one slice by slice. */
function madeList(
  { head, field, items }: MadeList,
  options: RespondOptions,
  make: (item: CachedObject) => unknown,
): ApiResponse {
  if (items.length <= itemsOfSlice) {
    return valueResponse(200, { ...head, [field]: items.map(make) }, options);
  }
  const form = options.request.accept.yaml
    ? {
        head: `${stringifyYaml(head)}${field}:\n`,
        render: (item: CachedObject) => stringifyYaml([make(item)]),
        separator: '',
        tail: '',
      }
    : {
        head: `${JSON.stringify(head).slice(0, -1)},"${field}":[`,
        render: (item: CachedObject) => JSON.stringify(make(item)),
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
  const { listKind } = definition;
  const apiVersion = formatApiVersion(definition);
  if (accept.yaml) {
    const list = { head: { kind: listKind, apiVersion, metadata }, field: 'items', items } as const;
    return madeList(list, options, (item) => listItem(viewObject(definition, item), definition));
  }
  const head = JSON.stringify({ kind: listKind, apiVersion, metadata });
  const parts = joinItems(
    `${head.slice(0, -1)},"items":[`,
    items.map((item) => viewJson(definition, item)),
    definition.origin === 'builtin' ? typeSuffix({ kind: definition.kind, apiVersion }) : undefined,
  );
  let size = 0;
  for (const part of parts) size += part.length;
  if (size <= streamAboveBytes) return respond(200, Buffer.concat(parts, size), options);
  return respond(200, (sink) => streamParts(parts, sink), options);
}

/** Items of built-in kinds leave out what the list says: so a Go client gets what it gets from a `get`. */
function listItem(object: KubeObject, { origin }: ResourceDefinition): object {
  if (origin !== 'builtin') return object;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

const comma = Buffer.from(',');
const brace = Buffer.from('}');

function joinItems(head: string, items: readonly Buffer[], suffix: Buffer | undefined): Buffer[] {
  const parts: Buffer[] = [Buffer.from(head)];
  items.forEach((item, index) => {
    if (index > 0) parts.push(comma);
    const bare = suffix && withoutType(item, suffix);
    if (bare === undefined) parts.push(item);
    else parts.push(bare, brace);
  });
  parts.push(Buffer.from(']}'));
  return parts;
}

/** Writes slices until the peer is full, and goes on when it has drained. */
function streamParts(parts: readonly Buffer[], sink: ResponseSink): void {
  let next = 0;
  let isClosed = false;
  const pump = (): void => {
    while (next < parts.length && !isClosed) {
      const start = next;
      let size = 0;
      while (next < parts.length && size < sliceBytes) size += parts[next++]?.length ?? 0;
      if (!sink.write(Buffer.concat(parts.slice(start, next), size))) return;
    }
    if (!isClosed) sink.end();
  };
  sink.onClose(() => {
    isClosed = true;
  });
  sink.onDrain(pump);
  pump();
}
