/**
 * The people around a fleet: a user who applies, changes and removes works on the hub, and tells the model what was
 * asked and what was acknowledged, so that what the hub says can be judged (P1). Called by the run of a scenario.
 */
import {
  type KubeObject,
  type ManifestWork,
  type ManifestWorkRevision,
  manifestWorkPlanKind,
  manifestWorkRevisionKind,
  planAnnotation,
  resourceOf,
  StatusError,
  workUidLabel,
} from '@flotilla/api';
import { TransportError, wellKnown } from '@flotilla/kube';
import { itemKey, planTokenPrefix, tokenOf, toWork, type WorkPlan } from './items.js';
import { isWriter } from './model/editions.js';
import type { Change, SeenWork } from './model/work-model.js';
import type { World } from './world.js';

type WorkName = Pick<WorkPlan, 'cluster' | 'name'>;

export class User {
  readonly #world: World;
  readonly #queues = new Map<string, Promise<void>>();
  #edition = 0;

  constructor(world: World) {
    this.#world = world;
  }

  apply(plan: WorkPlan): void {
    const edition = this.#world.model.editions.add({ token: `${plan.name}.${++this.#edition}`, plan });
    this.#inOrder(plan, () =>
      this.#change(plan, { do: 'apply', edition }, (key) =>
        this.#world.user.patch<ManifestWork>(wellKnown.manifestWorks, key, {
          type: 'apply',
          body: toWork(plan, edition.token),
          fieldManager: 'user',
          force: true,
        }),
      ),
    );
  }

  /** Brings a former generation back, as `hub works undo` does. */
  undo(work: WorkName, pick: number): void {
    this.#inOrder(work, async () => {
      const { user, model } = this.#world;
      const live = await user.get<ManifestWork>(wellKnown.manifestWorks, keyOf(work));
      const { uid = '', generation: from = 0 } = live.metadata;
      const { items } = await user.list<ManifestWorkRevision>(resourceOf(manifestWorkRevisionKind), {
        namespace: work.cluster,
        labelSelector: `${workUidLabel}=${uid}`,
      });
      const revision = items[pick % Math.max(1, items.length)]?.spec;
      if (revision === undefined) return;
      const spec = revision.workSpec as NonNullable<ManifestWork['spec']>; // a spec that a work had
      const { generation } = revision;
      // What nobody was told of is taken for what it says it is.
      const edition =
        model.hub.generation(idOf(work), { uid, generation }) ?? model.editions.of(tokenOfSpec(spec));
      if (edition === undefined) {
        this.#world.breach('P1', `work ${idOf(work)}: nobody asked for what its revision ${generation} says`);
        return;
      }
      await this.#change(work, { do: 'undo', uid, from, edition }, () =>
        user.update<ManifestWork>(wellKnown.manifestWorks, { ...live, spec }),
      );
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
    });
  }

  /** A work that is annotated as a plan: it is answered in its status, and nothing of it may ever be in a cluster. */
  applyAsPlan(plan: WorkPlan): void {
    const token = `${plan.name}.${++this.#edition}`;
    const edition = this.#world.model.editions.add({ token, plan, isPlan: true });
    const { metadata, ...rest } = toWork(plan, token);
    const body = { ...rest, metadata: { ...metadata, annotations: { [planAnnotation]: 'true' } } };
    this.#inOrder(plan, () =>
      this.#change(plan, { do: 'apply', edition }, (key) =>
        this.#world.user.patch<ManifestWork>(wellKnown.manifestWorks, key, {
          type: 'apply',
          body,
          fieldManager: 'user',
          force: true,
        }),
      ),
    );
  }

  /** Takes the annotation away: what the plan says is to be done. */
  carryOut(work: WorkName): void {
    const body = { metadata: { annotations: { [planAnnotation]: null } } };
    this.#inOrder(work, () => {
      this.#world.model.editions.carryOut(work);
      return this.#change(work, { do: 'carry out' }, (key) =>
        this.#world.user.patch<ManifestWork>(wellKnown.manifestWorks, key, { type: 'merge', body }),
      );
    });
  }

  label(work: WorkName, value: string): void {
    const body = { metadata: { labels: { [labelKey]: value } } };
    this.#inOrder(work, () =>
      this.#change(work, { do: 'label', value }, (key) =>
        this.#world.user.patch<ManifestWork>(wellKnown.manifestWorks, key, { type: 'merge', body }),
      ),
    );
  }

  labelCluster(cluster: string, value: string): void {
    this.#inOrder({ cluster, name: '' }, async () => {
      const body = { metadata: { labels: { [labelKey]: value } } };
      const acknowledge = this.#world.model.hub.labelCluster(cluster, value);
      await this.#world.user.patch(wellKnown.managedClusters, { name: cluster }, { type: 'merge', body });
      acknowledge();
    });
  }

  remove(work: WorkName): void {
    this.#inOrder(work, () =>
      this.#change(work, { do: 'remove' }, async (key) => {
        await this.#world.user.delete(wellKnown.manifestWorks, key);
        return undefined;
      }),
    );
  }

  /** Compares what the hub says with what it has acknowledged. */
  judge(works: readonly ManifestWork[]): void {
    judgeWorks(this.#world, works);
  }

  /** One request; the model is told how it ends. */
  async #change(
    work: WorkName,
    change: Change,
    send: (key: { namespace: string; name: string }) => Promise<ManifestWork | undefined>,
  ): Promise<void> {
    const { hub } = this.#world.model;
    const request = hub.begin(idOf(work), change);
    try {
      const answer = await send(keyOf(work));
      const wrong = hub.answered(request, answer && seenOf(answer));
      if (wrong !== undefined) this.#world.breach('P1', `${wrong}: the answer to ${change.do}`);
    } catch (error) {
      if (isRefusal(error)) hub.refused(request);
      else hub.lost(request);
      throw error;
    }
  }

  /** One request after the other for one work; what the hub refuses or does not answer is not repeated. */
  #inOrder(work: WorkName, act: () => Promise<void>): void {
    const id = idOf(work);
    const run = async (): Promise<void> => {
      try {
        await act();
      } catch (error) {
        if (!isExpected(error)) this.#world.breach('user', `work ${id}: ${String(error)}`);
      }
    };
    this.#queues.set(id, (this.#queues.get(id) ?? Promise.resolve()).then(run));
  }
}

/** Compares what the hub says with what it has acknowledged. */
export function judgeWorks(world: World, works: readonly ManifestWork[]): void {
  world.checks.add('P1', works.length);
  const seen = new Map(
    works.map((work) => [`${work.metadata.namespace}/${work.metadata.name}`, seenOf(work)]),
  );
  for (const wrong of world.model.hub.look(seen)) world.breach('P1', wrong);
}

/**
 * What may happen to whoever asks: a cluster that has just joined has not yet said what its agent knows, what was a plan
 * may have been carried out, and the namespace may be going.
 */
function isExpected(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  if (!(error instanceof StatusError)) return false;
  const { code, message } = error;
  const isTooEarly = code === 400 && message.includes('has not said that it knows plans');
  const isTooLate = code === 400 && message.includes('a work that is applied cannot become a plan');
  const isOfItsPlace = code === 403 && message.includes('because it is being terminated');
  const isRefusedForThis = isTooEarly || isTooLate || isOfItsPlace;
  return code === 404 || code === 409 || code === 429 || code >= 500 || isRefusedForThis;
}

const labelKey = 'sim.example/label';

function idOf({ cluster, name }: WorkName): string {
  return `${cluster}/${name}`;
}

function keyOf({ cluster, name }: WorkName): { namespace: string; name: string } {
  return { namespace: cluster, name };
}

/** It was not carried out; a server in trouble does not know, and a connection that broke says nothing. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TransportError) return error.hop === 'tcp';
  return error instanceof StatusError && error.code < 500;
}

function seenOf({ metadata, spec }: ManifestWork): SeenWork {
  const { uid = '', generation = 0, deletionTimestamp, labels, annotations, resourceVersion = '' } = metadata;
  return {
    uid,
    generation,
    isGoing: deletionTimestamp !== undefined,
    spec,
    label: labels?.[labelKey],
    isPlan: annotations?.[planAnnotation] === 'true',
    version: resourceVersion,
  };
}

function tokenOfSpec(spec: ManifestWork['spec']): string | undefined {
  return tokenOf(spec?.workload?.manifests?.[0] as KubeObject | undefined); // what items.ts made
}

/** Whether the plan's work corrects an object of this key. */
export function holds(plan: WorkPlan, key: string): boolean {
  return plan.items.some((item) => itemKey(item) === key && isWriter(item.strategy));
}
