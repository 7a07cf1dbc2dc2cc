/**
 * Who owns whom, over all resources that can be deleted, and whom their owners' deletion concerns. Follows the registry,
 * so that custom resources come and go; reads the watch cache itself, as it looks at every write of the server. It
 * decides nothing; the garbage collector does.
 */
import {
  hasReason,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  parseApiVersion,
} from '@flotilla/api';
import { type Env, formatKey, type KubeClient, spawn, wellKnown } from '@flotilla/kube';
import { foregroundFinalizer, orphanFinalizer } from '../registry/object-meta.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { deletableResources, storedResource } from './deletable-resources.js';
import { type FeedChange, type OwnershipCache, OwnershipFeed } from './ownership-feed.js';

export interface GraphOptions {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
  /** Of the server that `client` reaches. */
  readonly cache: OwnershipCache;
}

/** Where an object is: its stored resource and its key in it. */
export interface NodeId {
  readonly resource: string;
  readonly key: string;
}

/** An object of the graph; `object` may be the little that is kept of it. */
export interface GraphNode extends NodeId {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
}

export interface GraphChange extends GraphNode {
  readonly type: FeedChange['type'];
  readonly old?: KubeObject;
}

/** `unknown`: its kind is not served, so that nobody can tell. */
export type OwnerLookup =
  | { readonly is: 'found'; readonly definition: ResourceDefinition; readonly node: GraphNode | undefined }
  | { readonly is: 'unknown' }
  /** An object without a namespace cannot be owned by one that has one. */
  | { readonly is: 'misplaced' };

/** Events outlive what they are about. */
const uncollected: ReadonlySet<string> = new Set(['/events']);

export class OwnershipGraph {
  readonly #options: GraphOptions;
  readonly #feeds = new Map<string, OwnershipFeed>();
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

  close(): void {
    this.#unlisten();
    for (const feed of this.#feeds.values()) feed.close();
  }

  get({ resource, key }: NodeId): GraphNode | undefined {
    const feed = this.#feeds.get(resource);
    const object = feed?.get(key);
    return feed && object && { resource, key, definition: feed.definition, object };
  }

  dependentsOf(uid: string): GraphNode[] {
    const found: GraphNode[] = [];
    for (const [resource, feed] of this.#feeds) {
      for (const dependent of feed.dependentsOf(uid)) {
        found.push({ resource, definition: feed.definition, ...dependent });
      }
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
    for (const [resource, feed] of this.#feeds) {
      const { group, version, resource: plural } = feed.definition;
      if (!wanted.has(resource)) this.#drop(resource, feed);
      else if (registry.find(group, version, plural) === undefined) this.#close(resource, feed);
    }
    for (const [resource, definition] of wanted) {
      if (!this.#feeds.has(resource)) this.#open(resource, definition);
    }
  }

  #open(resource: string, definition: ResourceDefinition): void {
    const feed = new OwnershipFeed(definition, {
      cache: this.#options.cache,
      onChange: (change) => this.#onChange({ ...change, resource, definition }),
      onGap: () => this.#tellAgain(),
    });
    this.#feeds.set(resource, feed);
    feed.start();
  }

  #close(resource: string, feed: OwnershipFeed): void {
    this.#feeds.delete(resource);
    feed.close();
  }

  /** An owner may have gone unseen: whoever has owners is as new. */
  #tellAgain(): void {
    for (const [resource, { definition, kept }] of this.#feeds) {
      for (const [key, object] of kept) this.#onChange({ type: 'added', resource, key, object, definition });
    }
  }

  /** A definition that is gone took its objects along; one that is only served no more did not. */
  #drop(resource: string, feed: OwnershipFeed): void {
    this.#close(resource, feed);
    const { client, env } = this.#options;
    const { definition } = feed;
    const last = feed.list();
    const tellAll = async (): Promise<void> => {
      const name = `${definition.resource}.${definition.group}`;
      try {
        await client.get(wellKnown.customResourceDefinitions, { name });
        return;
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      for (const cached of last) {
        this.#onChange({
          type: 'deleted',
          object: cached.object,
          resource,
          key: formatKey(cached),
          definition,
        });
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
