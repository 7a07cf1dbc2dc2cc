/**
 * Plays scheduler and kubelet for every pod: gives it a node, says that it runs and is ready, lets the pods of Jobs
 * succeed, and finishes deletions, so that namespaces never hang. No container is started anywhere.
 */
import { hasReason, type KubeObject } from '@flotilla/api';
import {
  type Controller,
  createController,
  type IndexLookup,
  keyOf,
  parseKey,
  wellKnown,
} from '@flotilla/kube';
import { at, listAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { isFinished, type PodControl } from './pod-control.js';
import { isRunningAsSpecified, runningStatus, succeededStatus, unscheduledStatus } from './pod-status.js';
import { controllerOf, type SimulatedCluster } from './simulated-cluster.js';

/** Long enough to be seen running. */
const jobPodRunMs = 50;

export function createPodLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const nodes = cluster.informer('', 'nodes');
  const kubelet = new StandInKubelet(cluster, pods);
  const controller = createController({
    name: 'stand-in-pods',
    env: cluster.env,
    concurrency: 32,
    maxDelayMs: 10_000,
    reconcile: (key) => kubelet.sync(key),
  });
  pods.informer.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(keyOf(object));
  });
  nodes.onChange(({ type }) => {
    if (type === 'deleted') return;
    for (const pod of kubelet.unscheduled()) controller.enqueue(keyOf(pod));
  });
  return controller;
}

class StandInKubelet {
  readonly #cluster: SimulatedCluster;
  readonly #pods: PodControl;
  readonly #byIp: IndexLookup<KubeObject>;
  readonly #withoutNode: IndexLookup<KubeObject>;
  /** Given out and not yet seen on a pod: between two pods only one asks at a time. */
  #lastIp = 1;

  constructor(cluster: SimulatedCluster, pods: PodControl) {
    this.#cluster = cluster;
    this.#pods = pods;
    this.#byIp = pods.informer.cache.addIndex((pod) => {
      const ip = textAt(pod, 'status', 'podIP');
      return ip === '' ? [] : [ip];
    });
    this.#withoutNode = pods.informer.cache.addIndex((pod) =>
      textAt(pod, 'spec', 'nodeName') === '' ? ['pending'] : [],
    );
  }

  unscheduled(): readonly KubeObject[] {
    return this.#withoutNode('pending');
  }

  async sync(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const cluster = this.#cluster;
    const pod = this.#pods.informer.cache.get(key);
    if (pod === undefined) return undefined;
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (isHeldOnlyByGrace(pod)) await cluster.delete(wellKnown.pods, pod, { graceSeconds: 0 });
      return undefined;
    }
    if (isFinished(pod)) return undefined;
    if (textAt(pod, 'spec', 'nodeName') === '') {
      await this.#schedule(pod);
      return undefined;
    }
    if (!isRunningAsSpecified(pod)) {
      await cluster.writeStatus(wellKnown.pods, pod, this.#running(pod));
      return undefined; // its own event brings it back
    }
    if (!belongsToJob(pod)) return undefined;
    const started = Date.parse(textAt(pod, 'status', 'startTime'));
    const leftMs = Math.min(started + jobPodRunMs - cluster.nowMs, jobPodRunMs);
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await cluster.writeStatus(wellKnown.pods, pod, succeededStatus(pod, cluster.nowMs));
    return undefined;
  }

  #running(pod: KubeObject) {
    const { nowMs } = this.#cluster;
    const nodeName = textAt(pod, 'spec', 'nodeName');
    const node = this.#cluster.informer('', 'nodes').cache.get(nodeName);
    const internal = objectsAt(node, 'status', 'addresses').find((one) => one['type'] === 'InternalIP');
    const hostIp = textAt(internal, 'address') || '127.0.0.1';
    const known = textAt(pod, 'status', 'podIP');
    const usesHost = at(pod, 'spec', 'hostNetwork') === true;
    return runningStatus(pod, { podIp: usesHost ? hostIp : known || this.#nextIp(), hostIp, nowMs });
  }

  /** Goes round 10.244.0.0/16 and passes over what is in use. */
  #nextIp(): string {
    const size = 256 * 254;
    for (let tries = 0; tries < size; tries++) {
      this.#lastIp = (this.#lastIp + 1) % size;
      const ip = `10.244.${Math.floor(this.#lastIp / 254)}.${(this.#lastIp % 254) + 1}`;
      if (this.#byIp(ip).length === 0) return ip;
    }
    throw new Error('the stand-in cluster has no pod address left');
  }

  async #schedule(pod: KubeObject): Promise<void> {
    const cluster = this.#cluster;
    const { nowMs } = cluster;
    if (listAt(pod, 'spec', 'schedulingGates').length > 0) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates';
      const status = unscheduledStatus(pod, { reason: 'SchedulingGated', message, nowMs });
      await cluster.writeStatus(wellKnown.pods, pod, status);
      return;
    }
    const node = this.#chooseNode(pod);
    if (node === undefined) {
      const count = cluster.informer('', 'nodes').cache.size;
      const message = `0/${count} nodes are available: ${count} node(s) didn't match Pod's node affinity/selector.`;
      const status = unscheduledStatus(pod, { reason: 'Unschedulable', message, nowMs });
      await cluster.writeStatus(wellKnown.pods, pod, status);
      return;
    }
    const { namespace, name } = parseKey(keyOf(pod));
    const binding: KubeObject = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await cluster.client.create(wellKnown.pods, binding, { subresource: 'binding' });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  #chooseNode(pod: KubeObject): string | undefined {
    const selector = objectAt(pod, 'spec', 'nodeSelector');
    return this.#cluster
      .informer('', 'nodes')
      .cache.list()
      .filter((node) => at(node, 'spec', 'unschedulable') !== true && matchesNode(selector, node))
      .map((node) => node.metadata.name ?? '')
      .sort()[0];
  }
}

/** A node selector matches by equality. */
export function matchesNode(selector: Readonly<Record<string, unknown>>, { metadata }: KubeObject): boolean {
  return Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);
}

function belongsToJob(pod: KubeObject): boolean {
  return controllerOf(pod)?.kind === 'Job';
}

/** With its grace at an end, only finalizers can still hold it, and they are others' business. */
function isHeldOnlyByGrace({ metadata }: KubeObject): boolean {
  return (metadata.deletionGracePeriodSeconds ?? 0) > 0 || (metadata.finalizers ?? []).length === 0;
}
