/**
 * For tests: the resource handlers in process over the memory store, with a few small resources, and calls as short as
 * a test wants them. Nothing of it is used by the server.
 */
import { clone, type KubeObject, type Schema, type Status, StatusError } from '@flotilla/api';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import type { AdmissionPlugin } from '../../admission/admission.js';
import { createNamespaceLifecycle } from '../../admission/namespace-lifecycle.js';
import { ObjectStore } from '../../registry/object-store.js';
import type { ResourceDefinition, Strategy } from '../../registry/resource.js';
import { ResourceRegistry } from '../../registry/resource-registry.js';
import type { ApiResponse, ResponseSink } from '../../server/handler.js';
import { createMemoryStore, type MemoryStore } from '../../storage/memory-store.js';
import { WatchCache } from '../../watch-cache/watch-cache.js';
import { createResourceHandler, type ResourceHandler, type ResourceRequest } from '../resource-handler.js';

const plainStrategy: Strategy = {
  tracksGeneration: false,
  allowCreateOnUpdate: false,
  allowUnconditionalUpdate: true,
  deleteReturnsObject: false,
  nameRule: 'subdomain',
};

/** A definition with everything a test does not care about filled in. */
export function testDefinition(
  facts: Partial<ResourceDefinition> & Pick<ResourceDefinition, 'resource' | 'kind' | 'schema'>,
): ResourceDefinition {
  return {
    group: '',
    version: 'v1',
    singular: facts.kind.toLowerCase(),
    listKind: `${facts.kind}List`,
    namespaced: true,
    shortNames: [],
    categories: [],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    origin: 'builtin',
    columns: [],
    strategy: plainStrategy,
    hasStatus: false,
    subresources: [],
    selectableFields: {},
    storageVersion: facts.version ?? 'v1',
    ...facts,
  };
}

const strings: Schema = { type: 'object', additionalProperties: { type: 'string' } };

export const configMaps = testDefinition({
  resource: 'configmaps',
  kind: 'ConfigMap',
  schema: { type: 'object', properties: { data: strings, immutable: { type: 'boolean' } } },
});

export const namespaces = testDefinition({
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  schema: { type: 'object', properties: { spec: { type: 'object' }, status: { type: 'object' } } },
});

/** A kind with everything: generation, status, scale, selectable fields, defaults. */
export const widgets = testDefinition({
  group: 'demo.io',
  resource: 'widgets',
  kind: 'Widget',
  origin: 'crd',
  hasStatus: true,
  strategy: { ...plainStrategy, tracksGeneration: true, allowUnconditionalUpdate: false },
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  selectableFields: {
    'spec.color': (object) => String((object['spec'] as { color?: string } | undefined)?.color ?? ''),
  },
  columns: [
    { name: 'Size', type: 'integer', value: '.spec.size' },
    { name: 'Age', type: 'date', value: '.metadata.creationTimestamp' },
  ],
  schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        required: ['size'],
        properties: {
          size: { type: 'integer', minimum: 1 },
          color: { type: 'string', default: 'blue' },
          replicas: { type: 'integer' },
        },
      },
      status: {
        type: 'object',
        properties: {
          ready: { type: 'boolean' },
          replicas: { type: 'integer' },
          selector: { type: 'string' },
        },
      },
    },
  },
});

export interface CallOptions {
  readonly query?: string;
  readonly contentType?: string;
  readonly as?: ResourceRequest['accept']['as'];
  readonly yaml?: boolean;
  readonly subresource?: string;
  readonly userAgent?: string;
}

/** One watch's output. */
export interface TestSink extends ResponseSink {
  /** Parsed lines so far. */
  readonly events: { type: string; object: KubeObject }[];
  readonly isEnded: boolean;
  /** When false, writes are taken but answered with "full". */
  isOpen: boolean;
  drain(): void;
  hangUp(): void;
}

/** A server without a server around it. */
export class TestServer {
  readonly env: TestEnv;
  readonly store: MemoryStore;
  readonly cache: WatchCache;
  readonly registry = new ResourceRegistry();
  readonly objects: ObjectStore;
  readonly handler: ResourceHandler;

  constructor(options: { readonly admission?: readonly AdmissionPlugin[]; readonly seed?: number } = {}) {
    this.env = createTestEnv({ seed: options.seed ?? 1 });
    this.store = createMemoryStore();
    this.cache = new WatchCache({ store: this.store, clock: this.env.clock }, { freezeObjects: true });
    this.registry.set('builtin', [namespaces, configMaps, widgets]);
    const { store, cache, registry, env } = this;
    const admission = options.admission ?? [];
    this.objects = new ObjectStore({ store, cache, registry, env, admission });
    this.handler = createResourceHandler({ cache, registry, env, objects: this.objects });
  }

  static async start(options: ConstructorParameters<typeof TestServer>[0] = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.cache.start();
    return server;
  }

  /** With the namespace `c1` and namespace lifecycle admission. */
  static async startWithNamespace(): Promise<TestServer> {
    const server = await TestServer.start({ admission: [createNamespaceLifecycle()] });
    await server.call(namespaces, 'create', '', { metadata: { name: 'c1' } });
    return server;
  }

  async close(): Promise<void> {
    this.cache.close();
    await this.store.close();
  }

  /** `path` is `namespace/name`, `namespace/`, `name`, or nothing. */
  request(
    definition: ResourceDefinition,
    verb: ResourceRequest['verb'],
    path: string,
    { body, ...options }: CallOptions & { readonly body?: unknown } = {},
  ): ResourceRequest {
    const slash = path.indexOf('/');
    const namespace = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    const bytes =
      body === undefined
        ? new Uint8Array()
        : body instanceof Uint8Array
          ? body
          : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    return {
      definition,
      verb,
      ...(namespace !== '' && { namespace }),
      ...(name !== '' && { name }),
      ...(options.subresource !== undefined && { subresource: options.subresource }),
      query: new URLSearchParams(options.query ?? ''),
      body: bytes,
      contentType:
        options.contentType ?? (verb === 'patch' ? 'application/merge-patch+json' : 'application/json'),
      userAgent: options.userAgent ?? 'tester/1.0',
      user: { username: 'tester', groups: [] },
      signal: new AbortController().signal,
      accept: { as: options.as ?? 'object', yaml: options.yaml ?? false },
    };
  }

  /** The raw response. */
  send(
    definition: ResourceDefinition,
    verb: ResourceRequest['verb'],
    path: string,
    options: CallOptions & { readonly body?: unknown } = {},
  ): Promise<ApiResponse> {
    return this.handler.handle(this.request(definition, verb, path, options));
  }

  /** The parsed body of a response that is no failure. */
  async call(
    definition: ResourceDefinition,
    verb: ResourceRequest['verb'],
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<KubeObject> {
    return bodyOf(await this.send(definition, verb, path, { ...options, body }));
  }

  /** The Status of a call that must fail. */
  async fail(
    definition: ResourceDefinition,
    verb: ResourceRequest['verb'],
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<Status> {
    try {
      await this.send(definition, verb, path, { ...options, body });
    } catch (error) {
      if (error instanceof StatusError) return error.status;
      throw error;
    }
    throw new Error('the call did not fail');
  }

  /** A running watch. */
  async watch(definition: ResourceDefinition, path: string, options: CallOptions = {}): Promise<TestSink> {
    const response = await this.send(definition, 'watch', path, options);
    if (typeof response.body !== 'function') throw new Error('a watch must answer a stream');
    const sink = new Sink();
    response.body(sink);
    return sink;
  }
}

/** Parses a JSON response, streamed ones included. */
export function bodyOf(response: ApiResponse): KubeObject {
  if (typeof response.body !== 'function') {
    return JSON.parse(Buffer.from(response.body).toString()) as KubeObject;
  }
  const sink = new Sink();
  response.body(sink);
  return JSON.parse(sink.text) as KubeObject;
}

class Sink implements TestSink {
  isEnded = false;
  isOpen = true;
  text = '';
  #onDrain: (() => void)[] = [];
  #onClose: (() => void)[] = [];

  get events(): { type: string; object: KubeObject }[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { type: string; object: KubeObject });
  }

  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString();
    return this.isOpen;
  }

  onDrain(fn: () => void): void {
    this.#onDrain.push(fn);
  }

  onClose(fn: () => void): void {
    this.#onClose.push(fn);
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    for (const fn of this.#onClose) fn();
  }

  drain(): void {
    this.isOpen = true;
    for (const fn of this.#onDrain) fn();
  }

  hangUp(): void {
    this.end();
  }
}

/** A copy without what the server makes up. */
export function essence(object: KubeObject): unknown {
  const copy = clone(object);
  const { name, namespace, labels, annotations, finalizers, generation } = copy.metadata;
  return JSON.parse(
    JSON.stringify({ ...copy, metadata: { name, namespace, labels, annotations, finalizers, generation } }),
  );
}
