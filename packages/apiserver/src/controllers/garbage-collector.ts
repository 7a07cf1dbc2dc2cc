/**
 * Deletes what has lost all its owners, and carries out foreground and orphaning deletions (apiserver.md 5.7).
 * Nothing is deleted on hearsay: the object and each owner that seems gone are read again, and the delete names the uid
 * and version that were judged. An owner of a kind that is not served keeps its dependents.
 */
import { hasReason, type KubeObject, type ObjectMeta, type OwnerReference } from '@flotilla/api';
import { createController, type Env, formatKey, type KubeClient, parseKey } from '@flotilla/kube';
import { foregroundFinalizer, orphanFinalizer } from '../registry/object-meta.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { AbsentOwners } from './absent-owners.js';
import { refOf } from './deletable-resources.js';
import { type OwnerState, planCollection } from './garbage-plan.js';
import { reportMisplacedOwner } from './misplaced-owner.js';
import type { OwnershipCache } from './ownership-feed.js';
import {
  type GraphChange,
  type GraphNode,
  isDeletingDependents,
  isOrphaningDependents,
  type NodeId,
  OwnershipGraph,
} from './ownership-graph.js';

export interface GarbageCollectorOptions {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
  /** Of the server that `client` reaches: what it shows is checked with the client before anything is done. */
  readonly cache: OwnershipCache;
}

export interface GarbageCollector {
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** Dependents written just before their owner's deletion come by other watches: they get this long to be seen. */
const settleMs = 25;
const conflictRetryMs = 50;
const concurrency = 16;

export function createGarbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  const collector = new Collector(options);
  const controller = createController({
    name: 'garbage-collector',
    env: options.env,
    concurrency,
    maxDelayMs: 60_000,
    reconcile: async (key) => {
      try {
        return await collector.collect(parseNode(key));
      } catch (error) {
        // Somebody has changed what was judged: that is judged again, with no complaint.
        if (hasReason(error, 'Conflict')) return { requeueAfterMs: conflictRetryMs };
        throw error;
      }
    },
  });
  collector.enqueue = (node, delayMs) => controller.enqueueAfter(formatNode(node), delayMs ?? 0);
  return {
    start: (signal) => {
      collector.graph.start(signal);
      controller.start(signal);
    },
    close: async () => {
      collector.graph.close();
      await controller.close();
    },
  };
}

class Collector {
  readonly graph: OwnershipGraph;
  enqueue: (node: NodeId, delayMs?: number) => void = () => undefined;
  readonly #options: GarbageCollectorOptions;
  readonly #absent = new AbsentOwners();

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
    this.graph = new OwnershipGraph(options, (change) => this.#observe(change));
  }

  #observe(change: GraphChange): void {
    const { type, object, old } = change;
    if (type === 'deleted') this.#observeDeletion(change);
    else if (startsWaiting(object, old)) {
      this.enqueue(change, settleMs);
      if (isDeletingDependents(object)) this.#enqueueDependents(object, settleMs);
    }
    if (type !== 'deleted' && this.#mayBeGarbage(object, old)) this.enqueue(change);
    // An owner that waits for this dependent may be free now.
    for (const reference of lostReferences(object, type === 'deleted' ? object : old, type)) {
      const owner = this.#ownerNode(object, reference);
      if (owner !== undefined && isDeletingDependents(owner.object)) this.enqueue(owner);
    }
  }

  #observeDeletion({ object }: GraphChange): void {
    const dependents = this.graph.dependentsOf(object.metadata.uid ?? '');
    if (dependents.length === 0) return;
    this.#absent.addObject(object);
    for (const dependent of dependents) this.enqueue(dependent);
  }

  #enqueueDependents({ metadata }: KubeObject, delayMs: number): void {
    for (const dependent of this.graph.dependentsOf(metadata.uid ?? '')) this.enqueue(dependent, delayMs);
  }

  /** Its owners are new to us, and not all of them are known to be there. */
  #mayBeGarbage(object: KubeObject, old: KubeObject | undefined): boolean {
    const references = object.metadata.ownerReferences ?? [];
    if (references.length === 0) return false;
    const known = new Set(old?.metadata.ownerReferences?.map(({ uid }) => uid));
    return references.some((reference) => !known.has(reference.uid) && !this.#isSolid(object, reference));
  }

  #ownerNode({ metadata }: KubeObject, reference: OwnerReference): GraphNode | undefined {
    const owner = this.graph.findOwner(reference, metadata.namespace);
    if (owner.is !== 'found' || owner.node?.object.metadata.uid !== reference.uid) return undefined;
    return owner.node;
  }

  #isSolid(object: KubeObject, reference: OwnerReference): boolean {
    const owner = this.#ownerNode(object, reference);
    return owner !== undefined && !isDeletingDependents(owner.object);
  }

  async collect(id: NodeId): Promise<{ requeueAfterMs: number } | undefined> {
    const node = this.graph.get(id);
    if (node === undefined) return undefined;
    if (isOrphaningDependents(node.object) || isDeletingDependents(node.object)) {
      if (isOrphaningDependents(node.object)) await this.#orphanDependents(node);
      else await this.#deleteDependents(node);
      return undefined;
    }
    const { deletionTimestamp, ownerReferences = [] } = node.object.metadata;
    if (deletionTimestamp !== undefined) return undefined;
    if (ownerReferences.every((reference) => this.#isSolid(node.object, reference))) return undefined;
    await this.#judge(node);
    return undefined;
  }

  /** Takes the object through the live check and does what its owners' states ask for. */
  async #judge(node: GraphNode): Promise<void> {
    const { client } = this.#options;
    const live = await this.#read(node);
    if (live === undefined || live.metadata.uid !== node.object.metadata.uid) return;
    const { metadata } = live;
    if (metadata.deletionTimestamp !== undefined) return;
    const states: OwnerState[] = [];
    for (const reference of metadata.ownerReferences ?? []) {
      const state = await this.#ownerState(live, reference);
      if (state === 'misplaced') {
        await reportMisplacedOwner(this.#options, live, reference);
        return;
      }
      states.push(state);
    }
    const dependents = this.graph.dependentsOf(metadata.uid ?? '').map(({ object }) => object);
    const plan = planCollection(metadata, { states, dependents });
    switch (plan.action) {
      case 'keep':
        return;
      case 'release':
        await this.#patch(node, metadata, { ownerReferences: plan.ownerReferences });
        return;
      case 'delete': {
        if (plan.unblocked !== undefined) {
          // Two objects that wait for each other: this one stops to block.
          await this.#patch(node, metadata, { ownerReferences: plan.unblocked });
        }
        const { uid = '', resourceVersion = '' } =
          plan.unblocked === undefined ? metadata : { uid: metadata.uid };
        await ignoreGone(() =>
          client.delete(refOf(node.definition), parseKey(node.key), {
            propagationPolicy: plan.propagationPolicy,
            preconditions: { uid, ...(resourceVersion !== '' && { resourceVersion }) },
          }),
        );
      }
    }
  }

  async #ownerState(dependent: KubeObject, reference: OwnerReference): Promise<OwnerState | 'misplaced'> {
    const { namespace } = dependent.metadata;
    if (this.#absent.has(reference, namespace)) return 'absent';
    const found = this.graph.findOwner(reference, namespace);
    if (found.is === 'misplaced') return 'misplaced';
    if (found.is === 'unknown') return 'solid';
    const { definition, node } = found;
    if (node?.object.metadata.uid === reference.uid && !isDeletingDependents(node.object)) return 'solid';
    const key = {
      name: reference.name,
      ...(definition.namespaced && namespace !== undefined && { namespace }),
    };
    try {
      const owner = await this.#options.client.get(refOf(definition), key);
      if (owner.metadata.uid === reference.uid) return isDeletingDependents(owner) ? 'waiting' : 'solid';
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    this.#absent.add(reference, namespace);
    return 'absent';
  }

  /** Foreground: goes when no dependent blocks it any more. */
  async #deleteDependents(node: GraphNode): Promise<void> {
    const uid = node.object.metadata.uid ?? '';
    const blocking = this.graph.dependentsOf(uid).filter(({ object }) => blocks(object, uid));
    if (blocking.length === 0) {
      await this.#removeFinalizer(node, foregroundFinalizer);
      return;
    }
    for (const dependent of blocking) if (!isDeletingDependents(dependent.object)) this.enqueue(dependent);
  }

  async #orphanDependents(node: GraphNode): Promise<void> {
    const uid = node.object.metadata.uid ?? '';
    for (const dependent of this.graph.dependentsOf(uid)) {
      const live = await this.#read(dependent);
      if (live === undefined || live.metadata.uid !== dependent.object.metadata.uid) continue;
      const ownerReferences = (live.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      await this.#patch(dependent, live.metadata, { ownerReferences });
    }
    await this.#removeFinalizer(node, orphanFinalizer);
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#read(node);
    if (live === undefined || live.metadata.uid !== node.object.metadata.uid) return;
    const finalizers = (live.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    if (finalizers.length === live.metadata.finalizers?.length) return;
    await this.#patch(node, live.metadata, { finalizers });
  }

  async #read({ definition, key }: GraphNode): Promise<KubeObject | undefined> {
    try {
      return await this.#options.client.get(refOf(definition), parseKey(key));
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** Applies to the state that was read, or fails with Conflict and comes again. */
  async #patch(
    { definition, key }: GraphNode,
    { uid, resourceVersion }: ObjectMeta,
    change: Pick<ObjectMeta, 'ownerReferences' | 'finalizers'>,
  ): Promise<void> {
    const body = { metadata: { uid, resourceVersion, ...change } };
    await ignoreGone(() =>
      this.#options.client.patch(refOf(definition), parseKey(key), { type: 'merge', body }),
    );
  }
}

function startsWaiting(object: KubeObject, old: KubeObject | undefined): boolean {
  if (isDeletingDependents(object)) return old === undefined || !isDeletingDependents(old);
  return isOrphaningDependents(object) && (old === undefined || !isOrphaningDependents(old));
}

function blocks({ metadata }: KubeObject, ownerUid: string): boolean {
  return (
    metadata.ownerReferences?.some((one) => one.uid === ownerUid && one.blockOwnerDeletion === true) ?? false
  );
}

/** References of `old` that the object has no more, or that block no more; all of them when it is gone. */
function lostReferences(
  object: KubeObject,
  old: KubeObject | undefined,
  type: GraphChange['type'],
): readonly OwnerReference[] {
  const before = old?.metadata.ownerReferences ?? [];
  if (type === 'deleted' || before.length === 0) return before;
  return before.filter(({ uid }) => {
    const now = object.metadata.ownerReferences?.find((one) => one.uid === uid);
    return now === undefined || now.blockOwnerDeletion !== true;
  });
}

async function ignoreGone(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** A stored resource has exactly one `/`, and keys have no space. */
function formatNode({ resource, key }: NodeId): string {
  return `${resource} ${key}`;
}

function parseNode(text: string): NodeId {
  const space = text.indexOf(' ');
  return { resource: text.slice(0, space), key: formatKey(parseKey(text.slice(space + 1))) };
}
