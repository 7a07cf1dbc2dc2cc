/**
 * Plays scheduler and kubelet for every pod: gives it a node, says that it runs and is ready, lets the pods of Jobs
 * succeed, and finishes deletions, so that namespaces never hang. No container is started anywhere; what the commands
 * of simulated ones come to is asked of the port `CommandRuns`.
 */
import { hasReason, type KubeObject } from '@flotilla/api';
import {
  type Controller,
  createController,
  type IndexLookup,
  keyOf,
  onAbort,
  parseKey,
  wellKnown,
} from '@flotilla/kube';
import { at, listAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import type { CommandRuns } from './command-runs.js';
import { recordEvents } from './event-recorder.js';
import { faultyPodStatus, noFaults } from './faulty-pod-status.js';
import { isNodeReady } from './node-faults.js';
import { isFinished, type PodControl } from './pod-control.js';
import { deleteDelayMs, faultsOf, unschedulableReason } from './pod-faults.js';
import {
  isRunningAsSpecified,
  runningStatus,
  succeededStatus,
  unreadyStatus,
  unscheduledStatus,
} from './pod-status.js';
import { controllerOf, type SimulatedCluster } from './simulated-cluster.js';
import { isClaimHeld } from './volume-claims.js';

/** Long enough to be seen running. */
const jobPodRunMs = 50;
/**
 * Containers take a moment to end. If they took none, a StatefulSet had its pod again before `kubectl delete pod` waits:
 * kubectl reads the pod and then lists it, and waits without end for one that was made between the two.
 */
const terminationMs = 100;

export interface PodLoopOptions {
  readonly commands: CommandRuns | undefined;
  readonly signal: AbortSignal;
}

export function createPodLoop(
  cluster: SimulatedCluster,
  pods: PodControl,
  { commands, signal }: PodLoopOptions,
): Controller {
  const nodes = cluster.informer('', 'nodes');
  const kubelet = new StandInKubelet(cluster, pods, commands);
  const controller = createController({
    name: 'stand-in-pods',
    env: cluster.env,
    concurrency: 32,
    maxDelayMs: 10_000,
    reconcile: (key) => kubelet.sync(key),
  });
  pods.informer.onChange(({ type, object, old }) => {
    if (type === 'deleted') return;
    if (isTerminating(object) && !isTerminating(old)) controller.enqueueAfter(keyOf(object), terminationMs);
    else controller.enqueue(keyOf(object));
  });
  if (commands !== undefined) {
    const stop = commands.onChange((key) => controller.enqueue(key));
    onAbort(signal, stop);
  }
  nodes.onChange(({ type, object, old }) => {
    if (type === 'deleted') return;
    for (const pod of kubelet.unscheduled()) controller.enqueue(keyOf(pod));
    if (old === undefined || isNodeReady(object) === isNodeReady(old)) return;
    for (const pod of kubelet.onNode(object.metadata.name ?? '')) controller.enqueue(keyOf(pod));
  });
  cluster.informer('', 'persistentvolumeclaims').onChange(({ object }) => {
    for (const pod of kubelet.unscheduled()) {
      if (pod.metadata.namespace === object.metadata.namespace) controller.enqueue(keyOf(pod));
    }
  });
  return controller;
}

class StandInKubelet {
  readonly #cluster: SimulatedCluster;
  readonly #pods: PodControl;
  readonly #commands: CommandRuns | undefined;
  readonly #byIp: IndexLookup<KubeObject>;
  readonly #withoutNode: IndexLookup<KubeObject>;
  readonly #byNode: IndexLookup<KubeObject>;
  /** Given out and not yet seen on a pod: between two pods only one asks at a time. */
  #lastIp = 1;

  constructor(cluster: SimulatedCluster, pods: PodControl, commands: CommandRuns | undefined) {
    this.#commands = commands;
    this.#cluster = cluster;
    this.#pods = pods;
    this.#byIp = pods.informer.cache.addIndex((pod) => {
      const ip = textAt(pod, 'status', 'podIP');
      return ip === '' ? [] : [ip];
    });
    this.#withoutNode = pods.informer.cache.addIndex((pod) =>
      textAt(pod, 'spec', 'nodeName') === '' ? ['pending'] : [],
    );
    this.#byNode = pods.informer.cache.addIndex((pod) => [textAt(pod, 'spec', 'nodeName')]);
  }

  onNode(name: string): readonly KubeObject[] {
    return this.#byNode(name);
  }

  unscheduled(): readonly KubeObject[] {
    return this.#withoutNode('pending');
  }

  async sync(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const cluster = this.#cluster;
    const pod = this.#pods.informer.cache.get(key);
    if (pod === undefined) return undefined;
    if (isTerminating(pod)) return this.#terminate(pod);
    if (isFinished(pod)) return undefined;
    if (textAt(pod, 'spec', 'nodeName') === '') {
      await this.#schedule(pod);
      return undefined;
    }
    if (!isNodeReady(this.#nodeOf(pod))) {
      await cluster.writeStatus(wellKnown.pods, pod, unreadyStatus(pod, cluster.nowMs));
      return undefined; // nobody hears of it until its node is back
    }
    if (faultsOf(pod) !== undefined || this.#playsCommands(pod)) return this.#live(pod);
    if (!isRunningAsSpecified(pod)) {
      await cluster.writeStatus(wellKnown.pods, pod, runningStatus(pod, this.#facts(pod)));
      return undefined; // its own event brings it back
    }
    if (!belongsToJob(pod)) return undefined;
    const started = Date.parse(textAt(pod, 'status', 'startTime'));
    const leftMs = Math.min(started + jobPodRunMs - cluster.nowMs, jobPodRunMs);
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await cluster.writeStatus(wellKnown.pods, pod, succeededStatus(pod, cluster.nowMs));
    return undefined;
  }

  async #terminate(pod: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const { deletionTimestamp = '', deletionGracePeriodSeconds: grace = 0 } = pod.metadata;
    // The timestamp is when the grace ends, not when the deletion was asked for.
    const askedMs = Date.parse(deletionTimestamp) - grace * 1000;
    const leftMs = askedMs + deleteDelayMs(pod) - this.#cluster.nowMs;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    if (isHeldOnlyByGrace(pod)) await this.#cluster.delete(wellKnown.pods, pod, { graceSeconds: 0 });
    return undefined;
  }

  #playsCommands(pod: KubeObject): boolean {
    const commands = this.#commands;
    return (
      commands !== undefined && objectsAt(pod, 'spec', 'containers').some((one) => commands.isPlayed(one))
    );
  }

  /** Lives through what its annotations ask for, and its commands. */
  async #live(pod: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const cluster = this.#cluster;
    const { status, events, nextMs } = faultyPodStatus(pod, {
      ...this.#facts(pod),
      faults: faultsOf(pod) ?? noFaults,
      completesAfterMs: belongsToJob(pod) ? jobPodRunMs : undefined,
      commandOf: (container) => this.#commands?.follow(pod, container),
    });
    if (await cluster.writeStatus(wellKnown.pods, pod, status)) {
      await recordEvents(cluster, pod, { events, component: 'kubelet' });
    }
    return nextMs === undefined ? undefined : { requeueAfterMs: Math.max(nextMs - cluster.nowMs, 1) };
  }

  #nodeOf(pod: KubeObject): KubeObject | undefined {
    return this.#cluster.informer('', 'nodes').cache.get(textAt(pod, 'spec', 'nodeName'));
  }

  #facts(pod: KubeObject) {
    const { nowMs } = this.#cluster;
    const node = this.#nodeOf(pod);
    const internal = objectsAt(node, 'status', 'addresses').find((one) => one['type'] === 'InternalIP');
    const hostIp = textAt(internal, 'address') || '127.0.0.1';
    const known = textAt(pod, 'status', 'podIP');
    const usesHost = at(pod, 'spec', 'hostNetwork') === true;
    return { podIp: usesHost ? hostIp : known || this.#nextIp(), hostIp, nowMs };
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
    const problem = this.#schedulingProblem(pod);
    const node = this.#chooseNode(pod);
    if (problem !== undefined || node === undefined) {
      const count = cluster.informer('', 'nodes').cache.size;
      const why = problem ?? `${count} node(s) didn't match Pod's node affinity/selector.`;
      const message = `0/${count} nodes are available: ${why}`;
      const status = unscheduledStatus(pod, { reason: 'Unschedulable', message, nowMs });
      if (await cluster.writeStatus(wellKnown.pods, pod, status)) {
        const events = [{ type: 'Warning' as const, reason: 'FailedScheduling', message }];
        await recordEvents(cluster, pod, { events, component: 'default-scheduler' });
      }
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

  /** What keeps it from every node: its own wish, or a claim that has no volume yet. */
  #schedulingProblem(pod: KubeObject): string | undefined {
    const wished = unschedulableReason(pod);
    if (wished !== undefined) return wished;
    const { namespace = '' } = pod.metadata;
    const claims = this.#cluster.informer('', 'persistentvolumeclaims').cache;
    const isUnbound = objectsAt(pod, 'spec', 'volumes')
      .map((volume) => claims.get({ namespace, name: textAt(volume, 'persistentVolumeClaim', 'claimName') }))
      .some((claim) => claim !== undefined && isClaimHeld(claim));
    return isUnbound ? 'pod has unbound immediate PersistentVolumeClaims.' : undefined;
  }

  #chooseNode(pod: KubeObject): string | undefined {
    const selector = objectAt(pod, 'spec', 'nodeSelector');
    return this.#cluster
      .informer('', 'nodes')
      .cache.list()
      .filter(
        (node) =>
          at(node, 'spec', 'unschedulable') !== true && isNodeReady(node) && matchesNode(selector, node),
      )
      .map((node) => node.metadata.name ?? '')
      .sort()[0];
  }
}

/** A node selector matches by equality. */
export function matchesNode(selector: Readonly<Record<string, unknown>>, { metadata }: KubeObject): boolean {
  return Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);
}

function isTerminating(pod: KubeObject | undefined): boolean {
  return pod?.metadata.deletionTimestamp !== undefined;
}

function belongsToJob(pod: KubeObject): boolean {
  return controllerOf(pod)?.kind === 'Job';
}

/** With its grace at an end, only finalizers can still hold it, and they are others' business. */
function isHeldOnlyByGrace({ metadata }: KubeObject): boolean {
  return (metadata.deletionGracePeriodSeconds ?? 0) > 0 || (metadata.finalizers ?? []).length === 0;
}
