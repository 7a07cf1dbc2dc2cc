/**
 * What the loops of the stand-in cluster share: one informer for each resource that any of them reads, and a way to
 * write a status that writes nothing when nothing changed. Every write names the uid that it is meant for, so that it
 * never lands on a namesake.
 */
import {
  createMergePatch,
  hasReason,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
} from '@flotilla/api';
import {
  type Controller,
  createInformer,
  dropManagedFields,
  type Env,
  type Informer,
  type KubeClient,
  keyOf,
  parseKey,
  type ResourceRef,
} from '@flotilla/kube';
import { objectAt } from '../../builtin/access.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { refOf } from '../deletable-resources.js';

export interface ClusterOptions {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
}

export class SimulatedCluster {
  readonly client: KubeClient;
  readonly env: Env;
  readonly #registry: ResourceRegistry;
  readonly #informers = new Map<string, Informer<KubeObject>>();

  constructor({ client, env, registry }: ClusterOptions) {
    this.client = client;
    this.env = env;
    this.#registry = registry;
  }

  get nowMs(): number {
    return this.env.clock.now();
  }

  /** True when this Kubernetes version has the resource. */
  serves(group: string, resource: string): boolean {
    return this.#registry.findPreferred(group, resource) !== undefined;
  }

  /** In the preferred version. The caller knows that it is served. */
  ref(group: string, resource: string): ResourceRef {
    const definition = this.#registry.findPreferred(group, resource);
    if (definition === undefined)
      throw new Error(`the resource ${resource} of the group ${group} is not served`);
    return refOf(definition);
  }

  /** The one informer of a resource. */
  informer(group: string, resource: string): Informer<KubeObject> {
    const key = `${group}/${resource}`;
    let informer = this.#informers.get(key);
    if (informer === undefined) {
      informer = createInformer<KubeObject>(this.client, this.ref(group, resource), {
        env: this.env,
        sendInitialEvents: true,
        transform: dropManagedFields,
      });
      this.#informers.set(key, informer);
    }
    return informer;
  }

  /** All that were asked for so far. */
  get informers(): readonly Informer<KubeObject>[] {
    return [...this.#informers.values()];
  }

  /** Replaces the status; true when that changed it. */
  async writeStatus(ref: ResourceRef, object: KubeObject, status: JsonObject): Promise<boolean> {
    const patch = createMergePatch(objectAt(object, 'status'), status);
    if (Object.keys(patch).length === 0) return false;
    const body = { metadata: { uid: object.metadata.uid }, status: patch };
    return this.#patch(ref, object, { body, subresource: 'status' });
  }

  /** A merge patch of this very object. */
  async change(ref: ResourceRef, object: KubeObject, patch: JsonObject): Promise<boolean> {
    const metadata = { ...objectAt(patch, 'metadata'), uid: object.metadata.uid };
    return this.#patch(ref, object, { body: { ...patch, metadata } });
  }

  /** The new object; undefined when the name is taken or the namespace is going away. */
  async create(ref: ResourceRef, object: KubeObject): Promise<KubeObject | undefined> {
    try {
      return await this.client.create(ref, object);
    } catch (error) {
      if (hasReason(error, 'AlreadyExists') || isNamespaceGoing(error)) return undefined;
      throw error;
    }
  }

  /** Deletes this very object, in the background and at once; silent when it has gone. */
  async delete(ref: ResourceRef, object: KubeObject, options: { graceSeconds?: number } = {}): Promise<void> {
    const { uid } = object.metadata;
    try {
      await this.client.delete(ref, parseKey(keyOf(object)), {
        propagationPolicy: 'Background',
        ...(options.graceSeconds !== undefined && { gracePeriodSeconds: options.graceSeconds }),
        ...(uid !== undefined && { preconditions: { uid } }),
      });
    } catch (error) {
      if (!isAnother(error)) throw error;
    }
  }

  async #patch(
    ref: ResourceRef,
    object: KubeObject,
    call: { body: JsonObject; subresource?: string },
  ): Promise<boolean> {
    try {
      await this.client.patch(ref, parseKey(keyOf(object)), { type: 'merge', ...call });
      return true;
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      return false;
    }
  }
}

/** Tells a controller the controlling owner of each changed object of a resource. */
export function enqueueOwners(informer: Informer<KubeObject>, kind: string, controller: Controller): void {
  informer.onChange(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === kind) controller.enqueue(ownerKey(object, owner.name));
  });
}

/** Tells a controller each changed object. */
export function enqueueChanged(informer: Informer<KubeObject>, controller: Controller): void {
  informer.onChange(({ object }) => controller.enqueue(keyOf(object)));
}

export function controllerOf({
  metadata,
}: KubeObject): { kind: string; name: string; uid: string } | undefined {
  return metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The reference that makes `owner` the controller of what it makes. */
export function controllerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name = '', uid = '' } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** For an index of what each object controls. */
export function controllerUid(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

/** Counts as the API writes them: zeros are left out. */
export function nonZero(counts: Record<string, number>): JsonObject {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

function ownerKey({ metadata }: KubeObject, name: string): string {
  return metadata.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}

function isNamespaceGoing(error: unknown): boolean {
  if (hasReason(error, 'NotFound')) return true;
  return hasReason(error, 'Forbidden') && error.message.includes('being terminated');
}

/** Gone, or a namesake is there now. */
function isAnother(error: unknown): boolean {
  return hasReason(error, 'NotFound', 'Conflict');
}
