/**
 * Who owns whom, over all resources that can be deleted: a watch of the metadata of each, of which only identity,
 * owners, marks of deletion and the two finalizers of propagation are kept, and an index by the owners' uids.
 * Follows the registry, so that custom resources come and go. It decides nothing; the garbage collector does.
 */
import {
  formatApiVersion,
  hasReason,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  parseApiVersion,
} from '@flotilla/api';
import {
  type Change,
  createInformer,
  type Env,
  type IndexLookup,
  type Informer,
  type KubeClient,
  keyOf,
  spawn,
  wellKnown,
} from '@flotilla/kube';
import { foregroundFinalizer, orphanFinalizer } from '../registry/object-meta.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { deletableResources, refOf, storedResource } from './deletable-resources.js';

export interface GraphOptions {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
}

/** Where an object is: its stored resource and its key in it. */
export interface NodeId {
  readonly resource: string;
  readonly key: string;
}

/** An object of the graph; `object` is the little that is kept of it. */
export interface GraphNode extends NodeId {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
}

export interface GraphChange extends GraphNode {
  readonly type: Change<KubeObject>['type'];
  readonly old?: KubeObject;
}

/** `unknown`: its kind is not served, so that nobody can tell. */
export type OwnerLookup =
  | { readonly is: 'found'; readonly definition: ResourceDefinition; readonly node: GraphNode | undefined }
  | { readonly is: 'unknown' }
  /** An object without a namespace cannot be owned by one that has one. */
  | { readonly is: 'misplaced' };

interface Watched {
  readonly definition: ResourceDefinition;
  readonly informer: Informer<KubeObject>;
  readonly dependentsOf: IndexLookup<KubeObject>;
}

/** Events outlive what they are about. */
const uncollected: ReadonlySet<string> = new Set(['/events']);

export class OwnershipGraph {
  readonly #options: GraphOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #onChange: (change: GraphChange) => void;
  #signal: AbortSignal | undefined;
  #unlisten = (): void => undefined;

  constructor(options: GraphOptions, onChange: (change: GraphChange) => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#unlisten = this.#options.registry.onChange(() => this.#follow());
    this.#follow();
  }

  async close(): Promise<void> {
    this.#unlisten();
    await Promise.all([...this.#watched.values()].map(({ informer }) => informer.close()));
  }

  /** True when every resource has been seen whole: only then is a list of dependents complete. */
  get isSynced(): boolean {
    for (const { informer } of this.#watched.values()) if (!informer.isSynced) return false;
    return true;
  }

  /** Resolves when what is served now has been seen whole. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#watched.values()].map(({ informer }) => informer.synced(signal)));
  }

  get({ resource, key }: NodeId): GraphNode | undefined {
    const watched = this.#watched.get(resource);
    const object = watched?.informer.cache.get(key);
    return watched && object && { resource, key, definition: watched.definition, object };
  }

  dependentsOf(uid: string): GraphNode[] {
    const found: GraphNode[] = [];
    for (const [resource, { definition, dependentsOf }] of this.#watched) {
      for (const object of dependentsOf(uid))
        found.push({ resource, key: keyOf(object), definition, object });
    }
    return found;
  }

  /** By apiVersion, kind and name, as the reference says; its uid is not compared. */
  findOwner(reference: OwnerReference, namespace: string | undefined): OwnerLookup {
    const { group, version } = parseApiVersion(reference.apiVersion);
    const definition = this.#options.registry.findKind(group, version, reference.kind);
    if (definition === undefined || definition.virtual !== undefined) return { is: 'unknown' };
    if (definition.namespaced && namespace === undefined) return { is: 'misplaced' };
    const key = definition.namespaced ? `${namespace}/${reference.name}` : reference.name;
    return { is: 'found', definition, node: this.get({ resource: storedResource(definition), key }) };
  }

  /** Watches what is served now and no more. */
  #follow(): void {
    if (this.#signal === undefined || this.#signal.aborted) return;
    const { registry } = this.#options;
    const wanted = new Map<string, ResourceDefinition>();
    for (const definition of deletableResources(registry)) {
      const resource = storedResource(definition);
      if (!uncollected.has(resource) && definition.verbs.includes('watch')) wanted.set(resource, definition);
    }
    for (const [resource, watched] of this.#watched) {
      const { group, version, resource: plural } = watched.definition;
      if (!wanted.has(resource)) this.#drop(resource, watched);
      else if (registry.find(group, version, plural) === undefined) this.#close(resource, watched);
    }
    for (const [resource, definition] of wanted) {
      if (!this.#watched.has(resource)) this.#watch(resource, { definition, signal: this.#signal });
    }
  }

  #watch(
    resource: string,
    { definition, signal }: { definition: ResourceDefinition; signal: AbortSignal },
  ): void {
    const { client, env } = this.#options;
    const apiVersion = formatApiVersion(definition);
    const { kind } = definition;
    const informer = createInformer<KubeObject>(client, refOf(definition), {
      env,
      metadataOnly: true,
      sendInitialEvents: true,
      transform: ({ metadata }) => ({ apiVersion, kind, metadata: shrink(metadata) }),
    });
    const dependentsOf = informer.cache.addIndex(({ metadata }) => ownerUids(metadata));
    this.#watched.set(resource, { definition, informer, dependentsOf });
    informer.onChange((change) =>
      this.#onChange({ ...change, resource, key: keyOf(change.object), definition }),
    );
    informer.start(signal);
  }

  #close(resource: string, { informer }: Watched): void {
    this.#watched.delete(resource);
    spawn(`close the watch of ${resource}`, () => informer.close(), { log: this.#options.env.log });
  }

  /** A definition that is gone took its objects along; one that is only served no more did not. */
  #drop(resource: string, watched: Watched): void {
    this.#close(resource, watched);
    const { client, env } = this.#options;
    const { definition, informer } = watched;
    const tellAll = async (): Promise<void> => {
      const name = `${definition.resource}.${definition.group}`;
      try {
        await client.get(wellKnown.customResourceDefinitions, { name });
        return;
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      for (const object of informer.cache.list()) {
        this.#onChange({ type: 'deleted', object, resource, key: keyOf(object), definition });
      }
    };
    spawn(`drop ${resource} from the ownership graph`, tellAll, { log: env.log });
  }
}

/** True while its dependents are to be deleted before it. */
export function isDeletingDependents({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && hasFinalizer(metadata, foregroundFinalizer);
}

/** True while its dependents are to be let go before it. */
export function isOrphaningDependents({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && hasFinalizer(metadata, orphanFinalizer);
}

export function hasFinalizer({ finalizers }: ObjectMeta, name: string): boolean {
  return finalizers?.includes(name) ?? false;
}

function ownerUids({ ownerReferences }: ObjectMeta): readonly string[] {
  return ownerReferences === undefined ? [] : ownerReferences.map(({ uid }) => uid);
}

/** The bounded remainder that stays in memory for each object of the server. Runs for every event of all of them. */
function shrink(metadata: ObjectMeta): ObjectMeta {
  const { name = '', namespace, uid = '', resourceVersion = '' } = metadata;
  const { deletionTimestamp, finalizers, ownerReferences } = metadata;
  const kept: ObjectMeta = { name, uid, resourceVersion };
  if (namespace !== undefined) kept.namespace = namespace;
  if (ownerReferences !== undefined) kept.ownerReferences = ownerReferences;
  if (deletionTimestamp === undefined) return kept;
  kept.deletionTimestamp = deletionTimestamp;
  // Others' finalizers are no business of this collector.
  if (finalizers !== undefined) kept.finalizers = finalizers.filter(isPropagation);
  return kept;
}

function isPropagation(finalizer: string): boolean {
  return finalizer === foregroundFinalizer || finalizer === orphanFinalizer;
}
