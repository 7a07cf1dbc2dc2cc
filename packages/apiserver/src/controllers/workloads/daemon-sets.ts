/** DaemonSets: one pod on each node that their node selector matches. Plays kube-controller-manager. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import { numberAt, objectAt, textAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { ControllerRevisions, revisionLabel, type TemplateRevision } from './controller-revisions.js';
import { isActive, isAvailable, isReady, type PodControl } from './pod-control.js';
import { matchesNode } from './pods.js';
import { availabilityDelay } from './replica-sets.js';
import { resolve } from './rollout-plan.js';
import { enqueueChanged, enqueueOwners, nonZero, type SimulatedCluster } from './simulated-cluster.js';

export function createDaemonSetLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const sets = cluster.informer('apps', 'daemonsets');
  const nodes = cluster.informer('', 'nodes');
  const loop = new DaemonSets(cluster, pods);
  const controller = createController({
    name: 'stand-in-daemon-sets',
    env: cluster.env,
    concurrency: 8,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const set = sets.cache.get(key);
      return set === undefined ? undefined : loop.sync(set);
    },
  });
  enqueueChanged(sets, controller);
  enqueueOwners(pods.informer, 'DaemonSet', controller);
  nodes.onChange(() => {
    for (const set of sets.cache.list()) controller.enqueue(keyOf(set));
  });
  return controller;
}

class DaemonSets {
  readonly #cluster: SimulatedCluster;
  readonly #pods: PodControl;
  readonly #revisions: ControllerRevisions;

  constructor(cluster: SimulatedCluster, pods: PodControl) {
    this.#cluster = cluster;
    this.#pods = pods;
    this.#revisions = new ControllerRevisions(cluster);
  }

  async sync(set: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const revision = await this.#revisions.ensure(set);
    const claimed = await this.#pods.claim(set);
    const selector = objectAt(set, 'spec', 'template', 'spec', 'nodeSelector');
    const wanted = this.#cluster
      .informer('', 'nodes')
      .cache.list()
      .filter((node) => node.metadata.deletionTimestamp === undefined && matchesNode(selector, node))
      .map(({ metadata }) => metadata.name ?? '');
    const kept = new Map<string, KubeObject>();
    const surplus: KubeObject[] = [];
    for (const pod of claimed) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      const node = textAt(pod, 'spec', 'nodeName');
      if (isActive(pod) && wanted.includes(node) && !kept.has(node)) kept.set(node, pod);
      else surplus.push(pod);
    }
    if (set.metadata.deletionTimestamp === undefined) {
      await inBatches(
        wanted.filter((node) => !kept.has(node)),
        (node) => this.#create(set, node, revision),
      );
      const outdated = this.#outdated(set, kept, { revision, desired: wanted.length });
      await inBatches([...surplus, ...outdated], (pod) => this.#pods.delete(pod));
    }
    const { nowMs } = this.#cluster;
    const pods = [...kept.values()];
    const status = statusOf(set, pods, { desired: wanted.length, surplus: surplus.length, revision, nowMs });
    await this.#cluster.writeStatus(this.#cluster.ref('apps', 'daemonsets'), set, status);
    await this.#revisions.forgetHistory(
      set,
      new Set([revision.name, ...pods.map((pod) => revisionName(set, pod))]),
    );
    return availabilityDelay(set, pods, nowMs);
  }

  async #create(set: KubeObject, nodeName: string, { template, name }: TemplateRevision): Promise<void> {
    await this.#pods.create(set, {
      template,
      labels: {
        [revisionLabel]: hashOf(set, name),
        'pod-template-generation': String(set.metadata.generation ?? 1),
      },
      spec: { nodeName },
    });
  }

  /** Those to replace now: no more than may be unavailable at a time. */
  #outdated(
    set: KubeObject,
    kept: ReadonlyMap<string, KubeObject>,
    { revision, desired }: { revision: TemplateRevision; desired: number },
  ): KubeObject[] {
    const strategy = objectAt(set, 'spec', 'updateStrategy');
    if (strategy['type'] === 'OnDelete') return [];
    const limit = resolve(objectAt(strategy, 'rollingUpdate')['maxUnavailable'], {
      of: desired,
      round: Math.ceil,
    });
    const missing = desired - [...kept.values()].filter(isReady).length;
    const old = [...kept.values()].filter((pod) => revisionName(set, pod) !== revision.name);
    const broken = old.filter((pod) => !isReady(pod));
    const working = old.filter(isReady).slice(0, Math.max(Math.max(limit, 1) - missing, 0));
    return [...broken, ...working];
  }
}

function hashOf({ metadata }: KubeObject, revisionName: string): string {
  return revisionName.slice((metadata.name ?? '').length + 1);
}

function revisionName(set: KubeObject, { metadata }: KubeObject): string {
  return `${set.metadata.name}-${metadata.labels?.[revisionLabel]}`;
}

function statusOf(
  set: KubeObject,
  pods: readonly KubeObject[],
  facts: { desired: number; surplus: number; revision: TemplateRevision; nowMs: number },
): JsonObject {
  const { desired, surplus, revision, nowMs } = facts;
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds');
  const available = pods.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length;
  return {
    currentNumberScheduled: pods.length,
    numberMisscheduled: surplus,
    desiredNumberScheduled: desired,
    numberReady: pods.filter(isReady).length,
    ...nonZero({
      observedGeneration: set.metadata.generation ?? 0,
      updatedNumberScheduled: pods.filter((pod) => revisionName(set, pod) === revision.name).length,
      numberAvailable: available,
      numberUnavailable: desired - available,
    }),
  };
}
