/**
 * The lines of a watch stream in one representation. Lines of plain events are shared by all watchers of that
 * representation through the cache's events; so are bookmarks of the same revision.
 */
import { formatApiVersion, type KubeObject, type Status } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import type { ResourceDefinition } from '../registry/resource.js';
import { definitionId, viewJson, viewObject } from '../registry/versions.js';
import type { Revision } from '../storage/store.js';
import { makeTable, partialObjectMetadata, type TableOptions } from '../table/table.js';
import type { CachedObject, CacheEvent } from '../watch-cache/types.js';
import { tableOptions } from './represent.js';
import type { ResourceRequest } from './resource-request.js';

/** Annotation on the bookmark that ends the initial events. */
const initialEventsEnd = 'k8s.io/initial-events-end';

export interface WatchEncoder {
  event(event: CacheEvent): Uint8Array;
  /** An object of the initial state. */
  initial(object: CachedObject): Uint8Array;
  bookmark(revision: Revision, options: { readonly endsInitial: boolean }): Uint8Array;
}

/** One encoder per watch: a Table's first line carries the columns. */
export function createEncoder(request: ResourceRequest, clock: Clock): WatchEncoder {
  switch (request.accept.as) {
    case 'object':
      return new PlainEncoder(request.definition);
    case 'Table':
      return new TableEncoder(request, clock);
    default:
      return new MetadataEncoder(request.definition);
  }
}

/** The line of an ERROR event. */
export function errorLine(status: Status): Uint8Array {
  return Buffer.from(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);
}

const tail = Buffer.from('}\n');
const heads: Readonly<Record<string, Buffer>> = Object.fromEntries(
  ['ADDED', 'MODIFIED', 'DELETED'].map((type) => [type, Buffer.from(`{"type":"${type}","object":`)]),
);

function line(type: string, json: Uint8Array): Uint8Array {
  const head = heads[type] ?? Buffer.from(`{"type":"${type}","object":`);
  return Buffer.concat([head, json, tail], head.length + json.length + tail.length);
}

function valueLine(type: string, value: unknown): Uint8Array {
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(value)}}\n`);
}

function bookmarkObject(
  gvk: { readonly apiVersion: string; readonly kind: string },
  revision: Revision,
  endsInitial: boolean,
): KubeObject {
  return {
    kind: gvk.kind,
    apiVersion: gvk.apiVersion,
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(endsInitial && { annotations: { [initialEventsEnd]: 'true' } }),
    },
  };
}

/** The last plain bookmark of each definition, since all its idle watchers send the same one in the same minute. */
const lastBookmarks = new WeakMap<
  ResourceDefinition,
  Map<string, { revision: Revision; bytes: Uint8Array }>
>();

function sharedBookmark(
  definition: ResourceDefinition,
  representation: string,
  { revision, build }: { readonly revision: Revision; readonly build: () => Uint8Array },
): Uint8Array {
  let known = lastBookmarks.get(definition);
  if (known === undefined) {
    known = new Map();
    lastBookmarks.set(definition, known);
  }
  const last = known.get(representation);
  if (last !== undefined && last.revision === revision) return last.bytes;
  const bytes = build();
  known.set(representation, { revision, bytes });
  return bytes;
}

class PlainEncoder implements WatchEncoder {
  readonly #definition: ResourceDefinition;
  readonly #representation: string;
  readonly #build: (event: CacheEvent) => Uint8Array;

  constructor(definition: ResourceDefinition) {
    this.#definition = definition;
    this.#representation = `${definitionId(definition)} plain`;
    this.#build = (event) => line(event.type, viewJson(definition, event.object));
  }

  event(event: CacheEvent): Uint8Array {
    return event.encode(this.#representation, this.#build);
  }

  initial(object: CachedObject): Uint8Array {
    return line('ADDED', viewJson(this.#definition, object));
  }

  bookmark(revision: Revision, { endsInitial }: { endsInitial: boolean }): Uint8Array {
    const gvk = { apiVersion: formatApiVersion(this.#definition), kind: this.#definition.kind };
    const build = (): Uint8Array => valueLine('BOOKMARK', bookmarkObject(gvk, revision, endsInitial));
    return endsInitial ? build() : sharedBookmark(this.#definition, 'plain', { revision, build });
  }
}

class MetadataEncoder implements WatchEncoder {
  readonly #definition: ResourceDefinition;
  readonly #representation: string;
  readonly #build: (event: CacheEvent) => Uint8Array;

  constructor(definition: ResourceDefinition) {
    this.#definition = definition;
    this.#representation = `${definitionId(definition)} metadata`;
    this.#build = (event) =>
      valueLine(event.type, partialObjectMetadata(viewObject(definition, event.object)));
  }

  event(event: CacheEvent): Uint8Array {
    return event.encode(this.#representation, this.#build);
  }

  initial(object: CachedObject): Uint8Array {
    return valueLine('ADDED', partialObjectMetadata(viewObject(this.#definition, object)));
  }

  bookmark(revision: Revision, { endsInitial }: { endsInitial: boolean }): Uint8Array {
    const gvk = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' };
    const build = (): Uint8Array => valueLine('BOOKMARK', bookmarkObject(gvk, revision, endsInitial));
    return endsInitial ? build() : sharedBookmark(this.#definition, 'metadata', { revision, build });
  }
}

class TableEncoder implements WatchEncoder {
  readonly #definition: ResourceDefinition;
  readonly #clock: Clock;
  readonly #options: TableOptions;
  readonly #representation: string;
  #isFirst = true;

  constructor(request: ResourceRequest, clock: Clock) {
    this.#definition = request.definition;
    this.#clock = clock;
    this.#options = tableOptions(request, 0);
    const { includeObject, apiVersion } = this.#options;
    this.#representation = `${definitionId(request.definition)} table ${includeObject} ${apiVersion}`;
  }

  event(event: CacheEvent): Uint8Array {
    const build = (): Uint8Array => this.#line(event.type, viewObject(this.#definition, event.object));
    return this.#isFirst ? build() : event.encode(this.#representation, build);
  }

  initial(object: CachedObject): Uint8Array {
    return this.#line('ADDED', viewObject(this.#definition, object));
  }

  bookmark(revision: Revision, { endsInitial }: { endsInitial: boolean }): Uint8Array {
    const gvk = { apiVersion: formatApiVersion(this.#definition), kind: this.#definition.kind };
    return this.#line('BOOKMARK', bookmarkObject(gvk, revision, endsInitial));
  }

  #line(type: string, object: KubeObject): Uint8Array {
    const table = makeTable(
      this.#definition,
      {
        objects: [object],
        metadata: { resourceVersion: object.metadata.resourceVersion ?? '' },
        withColumns: this.#isFirst,
      },
      { ...this.#options, nowMs: this.#clock.now() },
    );
    this.#isFirst = false;
    return valueLine(type, table);
  }
}
