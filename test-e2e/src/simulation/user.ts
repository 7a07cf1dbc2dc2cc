/**
 * The people around a fleet: a user who applies and removes works on the hub and remembers what was acknowledged (P1),
 * and somebody else who meddles with objects in the managed clusters. Called by the run of a scenario.
 */
import {
  type ManifestWork,
  type ManifestWorkRevision,
  manifestWorkPlanKind,
  manifestWorkRevisionKind,
  resourceOf,
  StatusError,
  workUidLabel,
} from '@flotilla/api';
import { TransportError, wellKnown } from '@flotilla/kube';
import { itemKey, type Strategy, tokenOf, toWork, type WorkPlan } from './items.js';
import type { World } from './world.js';

/** The last thing that the hub has acknowledged of a work. */
interface Acknowledged {
  readonly uid: string;
  readonly generation: number;
  readonly token: string;
  readonly isRemoved: boolean;
}

/** Of what was only asked about. */
export const planTokenPrefix = 'plan.';

export class User {
  readonly #world: World;
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** Works that somebody has tried to remove since they were last acknowledged. */
  readonly #removals = new Set<string>();
  readonly #queues = new Map<string, Promise<void>>();
  readonly #plans = new Map<string, WorkPlan>();
  readonly #strategies = new Map<string, Set<Strategy>>();
  #edition = 0;
  #restores = 0;
  /** What the hub has acknowledged of the clusters' labels. */
  readonly clusterLabels = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The plan that a token is of. */
  planOf(token: string | undefined): WorkPlan | undefined {
    return token === undefined ? undefined : this.#plans.get(token);
  }

  /** Whether a work has always asked for one strategy for the object. */
  isOfOneMind({ cluster, name }: WorkPlan, key: string): boolean {
    return this.#strategies.get(`${cluster}/${name} ${key}`)?.size === 1;
  }

  apply(plan: WorkPlan): void {
    const token = `${plan.name}.${++this.#edition}`;
    this.#plans.set(token, plan);
    for (const item of plan.items) {
      const id = `${plan.cluster}/${plan.name} ${itemKey(item)}`;
      this.#strategies.set(id, (this.#strategies.get(id) ?? new Set()).add(item.strategy));
    }
    this.#inOrder(plan, async (id) => {
      const body = toWork(plan, token);
      const answer = await this.#world.user.patch<ManifestWork>(
        wellKnown.manifestWorks,
        { namespace: plan.cluster, name: plan.name },
        { type: 'apply', body, fieldManager: 'user', force: true },
      );
      return () => this.#keep(id, answer);
    });
  }

  /** Brings a former generation back, as `hub works undo` does. */
  undo(work: Pick<WorkPlan, 'cluster' | 'name'>, pick: number): void {
    this.#inOrder(work, async (id) => {
      const { user } = this.#world;
      const key = { namespace: work.cluster, name: work.name };
      const live = await user.get<ManifestWork>(wellKnown.manifestWorks, key);
      const { items } = await user.list<ManifestWorkRevision>(resourceOf(manifestWorkRevisionKind), {
        namespace: work.cluster,
        labelSelector: `${workUidLabel}=${live.metadata.uid ?? ''}`,
      });
      const spec = items[pick % Math.max(1, items.length)]?.spec?.workSpec as
        | ManifestWork['spec']
        | undefined;
      if (spec === undefined) return undefined;
      const answer = await user.update<ManifestWork>(wellKnown.manifestWorks, { ...live, spec });
      return () => this.#keep(id, answer);
    });
  }

  /** Asks what the work would do; whatever the answer, nothing with this token may ever be in a cluster. */
  plan(plan: WorkPlan): void {
    const token = `${planTokenPrefix}${++this.#edition}`;
    this.#inOrder(plan, async () => {
      const workSpec = toWork(plan, token).spec;
      await this.#world.user.create(resourceOf(manifestWorkPlanKind), {
        apiVersion: `${manifestWorkPlanKind.group}/${manifestWorkPlanKind.version}`,
        kind: manifestWorkPlanKind.kind,
        metadata: { name: token, namespace: plan.cluster },
        spec: { workName: plan.name, workSpec },
      });
      return undefined;
    });
  }

  label({ cluster, name }: Pick<WorkPlan, 'cluster' | 'name'>, value: string): void {
    this.#inOrder({ cluster, name }, async () => {
      const body = { metadata: { labels: { 'sim.example/label': value } } };
      const key = { namespace: cluster, name };
      await this.#world.user.patch(wellKnown.manifestWorks, key, { type: 'merge', body });
      return undefined;
    });
  }

  labelCluster(cluster: string, value: string): void {
    this.#inOrder({ cluster, name: '' }, async () => {
      const body = { metadata: { labels: { 'sim.example/label': value } } };
      await this.#world.user.patch(wellKnown.managedClusters, { name: cluster }, { type: 'merge', body });
      return () => this.clusterLabels.set(cluster, value);
    });
  }

  /** The way back to what was acknowledged until now, for a hub that is restored. */
  remember(): () => void {
    const [acknowledged, removals, labels] = [
      new Map(this.#acknowledged),
      new Set(this.#removals),
      new Map(this.clusterLabels),
    ];
    return () => {
      this.#acknowledged.clear();
      for (const [id, known] of acknowledged) this.#acknowledged.set(id, known);
      for (const id of removals) this.#removals.add(id); // what was under way may have come through
      this.clusterLabels.clear();
      for (const [cluster, value] of labels) this.clusterLabels.set(cluster, value);
      this.#restores++;
    };
  }

  #keep(id: string, answer: ManifestWork): void {
    const { uid = '', generation = 0, deletionTimestamp } = answer.metadata;
    const isRemoved = deletionTimestamp !== undefined; // a change of what is going away keeps nothing
    if (!isRemoved) this.#removals.delete(id);
    const token = tokenOf(answer.spec?.workload?.manifests?.[0] as never) ?? ''; // what items.ts made
    this.#acknowledged.set(id, { uid, generation, token, isRemoved });
  }

  remove(work: Pick<WorkPlan, 'cluster' | 'name'>): void {
    this.#inOrder(work, async (id) => {
      this.#removals.add(id);
      await this.#world.user.delete(wellKnown.manifestWorks, { namespace: work.cluster, name: work.name });
      return () => {
        const before = this.#acknowledged.get(id);
        if (before !== undefined) this.#acknowledged.set(id, { ...before, isRemoved: true });
      };
    });
  }

  /** Compares what the hub says with what it has acknowledged. */
  judge(works: readonly ManifestWork[]): void {
    const live = new Map(works.map((work) => [`${work.metadata.namespace}/${work.metadata.name}`, work]));
    for (const [id, acknowledged] of this.#acknowledged) {
      this.#world.checks.add('P1');
      const wrong = this.#compare(live.get(id), acknowledged, this.#removals.has(id));
      if (wrong !== undefined) this.#world.breach('P1', `work ${id}: ${wrong}`);
    }
  }

  #compare(live: ManifestWork | undefined, known: Acknowledged, mayBeGone: boolean): string | undefined {
    if (live === undefined || live.metadata.uid !== known.uid) {
      return mayBeGone ? undefined : `the acknowledged ${known.token} is gone`;
    }
    const { generation = 0, deletionTimestamp } = live.metadata;
    if (known.isRemoved && deletionTimestamp === undefined) return 'its acknowledged removal is undone';
    if (generation < known.generation) return `generation ${known.generation} was lost, it is ${generation}`;
    const token = tokenOf(live.spec?.workload?.manifests?.[0] as never); // what items.ts made
    return generation === known.generation && token !== known.token
      ? `the acknowledged ${known.token} was lost, it is ${token}`
      : undefined;
  }

  /** One request after the other for one work, then what its answer acknowledges; what the hub refuses or does not answer is not repeated. */
  #inOrder(
    { cluster, name }: Pick<WorkPlan, 'cluster' | 'name'>,
    act: (id: string) => Promise<(() => void) | undefined>,
  ): void {
    const id = `${cluster}/${name}`;
    const run = async (): Promise<void> => {
      try {
        const restores = this.#restores;
        const acknowledge = await act(id);
        // What was said by a hub that has gone back since is not said any more.
        if (restores === this.#restores) acknowledge?.();
      } catch (error) {
        const isExpected =
          error instanceof TransportError ||
          (error instanceof StatusError &&
            (error.code === 404 || error.code === 409 || error.code === 429 || error.code >= 500));
        if (!isExpected) this.#world.breach('user', `work ${id}: ${String(error)}`);
      }
    };
    this.#queues.set(id, (this.#queues.get(id) ?? Promise.resolve()).then(run));
  }
}

/** Whether the plan's work corrects an object of this key. */
export function holds(plan: WorkPlan, key: string): boolean {
  return plan.items.some(
    (item) => itemKey(item) === key && (item.strategy === 'Update' || item.strategy === 'ServerSideApply'),
  );
}
