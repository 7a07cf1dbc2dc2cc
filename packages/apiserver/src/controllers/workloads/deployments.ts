/**
 * Rolls Deployments out: one ReplicaSet for each pod template, the new one grown and the old ones shrunk within the
 * limits of the strategy, revisions numbered so that `kubectl rollout` works. Plays kube-controller-manager.
 */
import { hasReason, type JsonObject, type KubeObject } from '@flotilla/api';
import { type Controller, createController, type IndexLookup } from '@flotilla/kube';
import { at, numberAt, objectAt, textAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { deploymentStatus, progressDeadlineMs } from './deployment-status.js';
import { planNewSet, planOldSets, rolloutLimits, sum, wanted } from './rollout-plan.js';
import {
  controllerOf,
  controllerReference,
  controllerUid,
  enqueueChanged,
  enqueueOwners,
  type SimulatedCluster,
} from './simulated-cluster.js';
import { templateHash } from './template-hash.js';

const hashLabel = 'pod-template-hash';
const revisionAnnotation = 'deployment.kubernetes.io/revision';
const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
/** Not for the ReplicaSets: what a client keeps for itself, and what we write ourselves. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

export function createDeploymentLoop(cluster: SimulatedCluster): Controller {
  const deployments = cluster.informer('apps', 'deployments');
  const sets = cluster.informer('apps', 'replicasets');
  const rollouts = new Rollouts(cluster, sets.cache.addIndex(controllerUid));
  const controller = createController({
    name: 'stand-in-deployments',
    env: cluster.env,
    concurrency: 16,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const deployment = deployments.cache.get(key);
      return deployment === undefined ? undefined : rollouts.sync(deployment);
    },
  });
  enqueueChanged(deployments, controller);
  enqueueOwners(sets, 'Deployment', controller);
  return controller;
}

class Rollouts {
  readonly #cluster: SimulatedCluster;
  readonly #byOwner: IndexLookup<KubeObject>;

  constructor(cluster: SimulatedCluster, byOwner: IndexLookup<KubeObject>) {
    this.#cluster = cluster;
    this.#byOwner = byOwner;
  }

  async sync(deployment: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const sets = this.#byOwner(deployment.metadata.uid ?? '').toSorted(byAge);
    const hash = templateHash(objectAt(deployment, 'spec', 'template'));
    let newSet = sets.find((set) => set.metadata.labels?.[hashLabel] === hash);
    const old = sets.filter((set) => set !== newSet);
    if (deployment.metadata.deletionTimestamp === undefined) {
      if (at(deployment, 'spec', 'paused') === true) await this.#scaleOnly(deployment, sets);
      else newSet = await this.#rollOut(deployment, { hash, newSet, old });
    }
    const { nowMs } = this.#cluster;
    const all = newSet === undefined || sets.includes(newSet) ? sets : [...sets, newSet];
    const status = deploymentStatus(deployment, { newSet, sets: all, nowMs });
    await this.#cluster.writeStatus(this.#ref('deployments'), deployment, status);
    const requeueAfterMs = progressDeadlineMs({ ...deployment, status }, nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  async #rollOut(
    deployment: KubeObject,
    { hash, newSet, old }: { hash: string; newSet: KubeObject | undefined; old: readonly KubeObject[] },
  ): Promise<KubeObject | undefined> {
    const isRecreate = textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate';
    if (isRecreate && sum(old, (set) => Math.max(wanted(set), numberAt(set, 'status', 'replicas'))) > 0) {
      await inBatches(old, (set) => this.#scale(deployment, set, { replicas: 0 }));
      return newSet;
    }
    const current = newSet === undefined ? 0 : wanted(newSet);
    const replicas = planNewSet(deployment, { current, others: old });
    const revision = nextRevision(newSet, old);
    const set = newSet ?? (await this.#createSet(deployment, { hash, replicas, revision }));
    if (set === undefined) return undefined;
    if (newSet !== undefined) await this.#scale(deployment, newSet, { replicas, revision });
    if (deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
      const annotations = { [revisionAnnotation]: revision };
      await this.#cluster.change(this.#ref('deployments'), deployment, { metadata: { annotations } });
    }
    const sizes = planOldSets(deployment, { newSet: set, old });
    await inBatches([...sizes], ([oldSet, size]) => this.#scale(deployment, oldSet, { replicas: size }));
    await this.#forgetHistory(deployment, old);
    return set;
  }

  /** A paused Deployment follows its replica count only. */
  async #scaleOnly(deployment: KubeObject, sets: readonly KubeObject[]): Promise<void> {
    const active = sets.filter((set) => wanted(set) > 0);
    const set = active.length > 1 ? undefined : (active[0] ?? sets.at(-1));
    if (set !== undefined)
      await this.#scale(deployment, set, { replicas: numberAt(deployment, 'spec', 'replicas') });
  }

  async #scale(
    deployment: KubeObject,
    set: KubeObject,
    { replicas, revision }: { replicas: number; revision?: string },
  ): Promise<void> {
    const annotations = sizeAnnotations(deployment);
    if (revision !== undefined)
      Object.assign(annotations, inherited(deployment), { [revisionAnnotation]: revision });
    const isNoted = Object.entries(annotations).every(
      ([key, value]) => set.metadata.annotations?.[key] === value,
    );
    const minReadySeconds = numberAt(deployment, 'spec', 'minReadySeconds');
    if (wanted(set) === replicas && isNoted && numberAt(set, 'spec', 'minReadySeconds') === minReadySeconds)
      return;
    const spec = { replicas, minReadySeconds };
    await this.#cluster.change(this.#ref('replicasets'), set, { metadata: { annotations }, spec });
  }

  async #createSet(
    deployment: KubeObject,
    { hash, replicas, revision }: { hash: string; replicas: number; revision: string },
  ): Promise<KubeObject | undefined> {
    const { name, namespace = '' } = deployment.metadata;
    const template = objectAt(deployment, 'spec', 'template');
    const templateMetadata = objectAt(template, 'metadata');
    const labels = { ...objectAt(templateMetadata, 'labels'), [hashLabel]: hash } as Record<string, string>; // labels are texts
    const selector = objectAt(deployment, 'spec', 'selector');
    const set: KubeObject = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: {
          ...inherited(deployment),
          ...sizeAnnotations(deployment),
          [revisionAnnotation]: revision,
        },
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas,
        minReadySeconds: numberAt(deployment, 'spec', 'minReadySeconds'),
        selector: { ...selector, matchLabels: { ...objectAt(selector, 'matchLabels'), [hashLabel]: hash } },
        template: { ...template, metadata: { ...templateMetadata, labels } },
      },
    };
    return (await this.#cluster.create(this.#ref('replicasets'), set)) ?? this.#adopt(deployment, set);
  }

  /** A ReplicaSet that an orphaning deletion of its Deployment has left. */
  async #adopt(deployment: KubeObject, { metadata }: KubeObject): Promise<KubeObject | undefined> {
    const { client } = this.#cluster;
    const ref = this.#ref('replicasets');
    const { name = '', namespace = '' } = metadata;
    try {
      const found = await client.get(ref, { namespace, name });
      if (controllerOf(found) !== undefined || found.metadata.deletionTimestamp !== undefined)
        return undefined;
      const { uid, resourceVersion } = found.metadata;
      const ownerReferences = [...(found.metadata.ownerReferences ?? []), controllerReference(deployment)];
      const body: JsonObject = { metadata: { uid, resourceVersion, ownerReferences } };
      return await client.patch(ref, { namespace, name }, { type: 'merge', body });
    } catch (error) {
      if (hasReason(error, 'NotFound', 'Conflict')) return undefined;
      throw error;
    }
  }

  async #forgetHistory(deployment: KubeObject, old: readonly KubeObject[]): Promise<void> {
    const limit = at(deployment, 'spec', 'revisionHistoryLimit');
    if (typeof limit !== 'number') return;
    const idle = old.filter(
      (set) =>
        wanted(set) === 0 &&
        numberAt(set, 'status', 'replicas') === 0 &&
        set.metadata.deletionTimestamp === undefined,
    );
    const surplus = idle
      .toSorted((a, b) => revisionOf(a) - revisionOf(b))
      .slice(0, Math.max(idle.length - limit, 0));
    await inBatches(surplus, (set) => this.#cluster.delete(this.#ref('replicasets'), set));
  }

  #ref(resource: string) {
    return this.#cluster.ref('apps', resource);
  }
}

function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}

/** A set that is new again after a rollback gets a new number. */
function nextRevision(newSet: KubeObject | undefined, old: readonly KubeObject[]): string {
  const newest = Math.max(0, ...old.map(revisionOf));
  const own = newSet === undefined ? 0 : revisionOf(newSet);
  return String(own > newest ? own : newest + 1);
}

function inherited({ metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key)),
  );
}

function sizeAnnotations(deployment: KubeObject): Record<string, string> {
  const replicas = numberAt(deployment, 'spec', 'replicas');
  const max = replicas + rolloutLimits(deployment).maxSurge;
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(max) };
}

function byAge(a: KubeObject, b: KubeObject): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}
