/**
 * The policies of a hub as they are at this moment: what `hub serve` was started with, and what the ClusterManager
 * object adds to it. Every process of a hub follows the object for itself, as each one decides about writes.
 */
import { type ClusterManager, clusterManagerKind, type KubeObject, resourceOf } from '@flotilla/api';
import { createInformer, type Env, type KubeClient } from '@flotilla/kube';
import type { HubPolicies } from '../policies.js';
import { clusterManagerName, readClusterManager } from './read-cluster-manager.js';

export class LivePolicies implements HubPolicies {
  readonly labels: HubPolicies['labels'];
  readonly heartbeatGrace: number;
  readonly addresses: readonly string[];
  readonly #given: readonly string[];
  #added: readonly string[] = [];

  constructor({ labels, heartbeatGrace, autoApproveUsers, addresses }: HubPolicies) {
    this.labels = labels;
    this.heartbeatGrace = heartbeatGrace;
    this.addresses = addresses;
    this.#given = autoApproveUsers;
  }

  get autoApproveUsers(): readonly string[] {
    return [...this.#given, ...this.#added];
  }

  /** Undefined: there is no such object. */
  apply(object: ClusterManager | undefined): void {
    this.#added = object === undefined ? [] : readClusterManager(object).autoApproveUsers;
  }

  /** Resolves when the object has been looked at once. */
  async follow(client: KubeClient, env: Env, signal: AbortSignal): Promise<void> {
    const informer = createInformer<KubeObject>(client, resourceOf(clusterManagerKind), {
      env,
      fieldSelector: `metadata.name=${clusterManagerName}`,
    });
    informer.onChange(({ type, object }) => {
      this.apply(type === 'deleted' ? undefined : (object as ClusterManager)); // the informer's kind
    });
    informer.start(signal);
    await informer.synced(signal);
  }
}
