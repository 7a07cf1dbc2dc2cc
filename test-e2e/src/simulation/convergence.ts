/**
 * What is still wrong with a fleet once faults have stopped: P2 (what the hub asks for is what the clusters have, and
 * what it says of them is true) and P6 (what was removed is gone, without a trace). Looks only; called by the run.
 */
import { equal, findCondition, isObject, type KubeObject, type ManifestWork } from '@flotilla/api';
import { createSavedWorks } from '@flotilla/klusterlet';
import { createTestLogger } from '@flotilla/kube/testing';
import type { Drifts } from './drifts.js';
import { type Item, isShared, itemKey, tokenOf, type WorkPlan } from './items.js';
import { type ClusterView, inventoriesOf } from './observer.js';
import type { User } from './user.js';
import type { FleetCluster, World } from './world.js';

interface LiveWork {
  readonly id: string;
  readonly work: ManifestWork;
  readonly token: string;
  readonly plan: WorkPlan;
}

export async function findProblems(world: World, user: User, drifts: Drifts): Promise<string[]> {
  if (!world.hub.isReady) return ['the hub is not ready'];
  const problems: string[] = [];
  for (const cluster of world.clusters) {
    if (!cluster.server.isReady) problems.push(`${cluster.name}: not ready`);
    else problems.push(...(await world.clusterProblems(cluster)));
    const works: LiveWork[] = [];
    for (const [id, work] of world.observer.works) {
      if (!id.startsWith(`${cluster.name}/`)) continue;
      const token = tokenOf(work.spec?.workload?.manifests?.[0] as never) ?? ''; // what items.ts made
      const plan = user.planOf(token);
      if (work.metadata.deletionTimestamp !== undefined) problems.push(`work ${id}: still being deleted`);
      else if (plan === undefined) problems.push(`work ${id}: nobody knows ${token}`);
      else works.push({ id, work, token, plan });
    }
    const judge = new ClusterJudge(world.observer.cluster(cluster.name), works, {
      user,
      drifts,
      cluster: cluster.name,
    });
    problems.push(...judge.judgeWorks(), ...judge.judgeRemains());
    world.checks.add('P2', works.length);
    world.checks.add('P6');
    problems.push(...(await judge.judgeSaved(cluster)));
  }
  for (const [id, plan] of world.observer.plans) {
    const isAnswered = isObject(plan['status']) && Array.isArray(plan['status']['conditions']);
    if (!isAnswered) problems.push(`plan ${id} has no answer`);
  }
  return problems;
}

class ClusterJudge {
  readonly #view: ClusterView;
  readonly #works: readonly LiveWork[];
  readonly #user: User;
  readonly #drifts: Drifts;
  readonly #cluster: string;

  constructor(
    view: ClusterView,
    works: readonly LiveWork[],
    { user, drifts, cluster }: { readonly user: User; readonly drifts: Drifts; readonly cluster: string },
  ) {
    this.#view = view;
    this.#works = works;
    this.#user = user;
    this.#drifts = drifts;
    this.#cluster = cluster;
  }

  judgeWorks(): string[] {
    return this.#works.flatMap((live) =>
      [...live.plan.items.flatMap((item) => this.#judgeItem(item, live)), ...this.#judgeStatus(live)].map(
        (problem) => `work ${live.id} (${live.token}): ${problem}`,
      ),
    );
  }

  #object(key: string): KubeObject | undefined {
    return this.#view.objects.get(key)?.object;
  }

  #claimants(key: string): LiveWork[] {
    return this.#works.filter(({ plan }) =>
      plan.items.some((item) => itemKey(item) === key && item.strategy !== 'ReadOnly'),
    );
  }

  #judgeItem(item: Item, live: LiveWork): string[] {
    if (item.strategy === 'ReadOnly') return [];
    const key = itemKey(item);
    const object = this.#object(key);
    if (object === undefined) return [`${key} is not there`];
    if (object.metadata.deletionTimestamp !== undefined) return [`${key} is being deleted`];
    const problems: string[] = [];
    const inventory = inventoriesOf(this.#view).get(live.plan.name);
    const isOwner =
      object.metadata.ownerReferences?.some(({ uid }) => uid === inventory?.metadata.uid) ?? false;
    if (isOwner === live.plan.orphan) problems.push(`${key} is ${isOwner ? '' : 'not '}owned by it`);
    if (item.kind === 'deployment' && readyReplicas(object) !== wantedReplicas(object)) {
      problems.push(`${key} has ${readyReplicas(object)} of ${wantedReplicas(object)} replicas ready`);
    }
    if (item.strategy === 'CreateOnly') return problems;
    const claimants = this.#claimants(key);
    const token = tokenOf(object) ?? 'nothing';
    if (!claimants.some((each) => each.token === token)) problems.push(`${key} is as of ${token}`);
    const orphans = this.#drifts.disowned.has(`${this.#cluster} ${key}`)
      ? []
      : keysOfLeavers(object, claimants);
    if (orphans.length > 0)
      problems.push(`${key} still has ${orphans.join(', ')} of works that let go of it`);
    // Another strategy, or another work that holds the object too, lets keys be that the present one did not set.
    const isClear = !live.plan.orphan && !isShared(item) && this.#user.isOfOneMind(live.plan, key);
    const rest = isClear ? staleKeys(object, live) : [];
    if (rest.length > 0) problems.push(`${key} still has ${rest.join(', ')}`);
    return problems;
  }

  #judgeStatus({ work, plan, token }: LiveWork): string[] {
    const problems: string[] = [];
    const { generation = 0 } = work.metadata;
    const loses = plan.items.some((item) => {
      const key = itemKey(item);
      return (
        item.strategy === 'Update' && this.#claimants(key).length > 1 && tokenOf(this.#object(key)) !== token
      );
    });
    const isAllThere = plan.items.every((item) => this.#object(itemKey(item)) !== undefined);
    for (const [type, expected] of [
      ['Applied', loses ? 'False' : 'True'],
      ['Available', isAllThere ? 'True' : 'False'],
    ] as const) {
      const condition = findCondition(work.status?.conditions, type);
      if (condition?.observedGeneration !== generation) {
        problems.push(`${type} is about generation ${condition?.observedGeneration} of ${generation}`);
      }
      if (condition?.status !== expected) problems.push(`${type} is ${condition?.status}, not ${expected}`);
    }
    const inventory = inventoriesOf(this.#view).get(plan.name);
    if (!equal(inventory?.metadata.labels ?? {}, work.metadata.labels ?? {})) {
      problems.push('the labels of its inventory are not its own');
    }
    return [...problems, ...this.#judgeFeedback(work)];
  }

  #judgeFeedback(work: ManifestWork): string[] {
    const manifests = work.status?.resourceStatus?.manifests ?? [];
    const wanted = work.spec?.workload?.manifests?.length ?? 0;
    if (manifests.length !== wanted)
      return [`the status is about ${manifests.length} of ${wanted} manifests`];
    return manifests.flatMap(({ resourceMeta, statusFeedback }) => {
      const { group, resource, namespace, name } = resourceMeta;
      const object = this.#object(`/registry/${group || 'core'}/${resource}/${namespace}/${name}`);
      const value = (of: string) => statusFeedback?.values?.find((each) => each.name === of)?.fieldValue;
      const said = resource === 'deployments' ? value('ReadyReplicas')?.integer : value('count')?.string;
      const live = resource === 'deployments' ? readyReplicas(object) : countOf(object, resource);
      return said === live ? [] : [`feedback of ${resource} ${name} is ${said}, not ${live}`];
    });
  }

  /** P6, and of P3 that foreign objects are there. */
  judgeRemains(): string[] {
    const problems: string[] = [];
    const inventories = inventoriesOf(this.#view);
    const uids = new Set([...this.#view.objects.values()].map(({ object }) => object.metadata.uid));
    for (const [name, { metadata }] of inventories) {
      const hasWork = this.#works.some(({ plan }) => plan.name === name);
      if (!hasWork) problems.push(`the inventory of ${name} is left behind`);
      if (metadata.deletionTimestamp !== undefined)
        problems.push(`the inventory of ${name} is being deleted`);
    }
    for (const [key, { object }] of this.#view.objects) {
      const dangling = object.metadata.ownerReferences?.find(({ uid }) => !uids.has(uid));
      if (dangling) problems.push(`${key} has an owner that is gone: ${dangling.kind} ${dangling.name}`);
      const token = tokenOf(object);
      const mayStay =
        token === undefined ||
        this.#claimants(key).length > 0 ||
        this.#drifts.disowned.has(`${this.#cluster} ${key}`) ||
        this.#user.planOf(token)?.orphan === true ||
        this.#view.foreign.has(object.metadata.uid ?? '');
      if (!mayStay) problems.push(`${key} is left behind, as of ${token}`);
    }
    for (const [uid, { key, mayChange }] of this.#view.foreign) {
      if (!mayChange && this.#object(key)?.metadata.uid !== uid) problems.push(`the foreign ${key} is gone`);
    }
    return problems.map((problem) => `${this.#cluster}: ${problem}`);
  }

  async judgeSaved({ name, klusterlet }: FleetCluster): Promise<string[]> {
    const env = { files: klusterlet.files, log: createTestLogger() };
    const copies = await createSavedWorks({ env, directory: '/data/works' }).load();
    const saved = copies.map(({ metadata }) => metadata.name).sort();
    const works = this.#works.map(({ plan }) => plan.name).sort();
    const isSame = saved.length === works.length && saved.every((each, i) => each === works[i]);
    return isSame
      ? []
      : [`${name}: the klusterlet has saved ${saved.join(', ') || 'nothing'}, not ${works.join(', ')}`];
  }
}

function readyReplicas(object: KubeObject | undefined): number | undefined {
  return (object?.['status'] as { readyReplicas?: number } | undefined)?.readyReplicas; // apps/v1
}

function wantedReplicas(object: KubeObject): number | undefined {
  return (object['spec'] as { replicas?: number } | undefined)?.replicas; // apps/v1
}

function countOf(object: KubeObject | undefined, resource = ''): string | undefined {
  const isAsked = resource === 'configmaps' || resource === 'secrets';
  return isAsked ? object?.metadata.labels?.['count'] : undefined;
}

/** Data of a shared object that is from a work which does not have the object any more. */
function keysOfLeavers(object: KubeObject, claimants: readonly LiveWork[]): string[] {
  const data = object['data'];
  if (!isShared({ name: object.metadata.name ?? '' }) || typeof data !== 'object' || data === null) return [];
  return Object.keys(data).filter((key) => {
    const leaver = /^from-(.*)\.\d+$/.exec(key)?.[1];
    return leaver !== undefined && claimants.every(({ plan }) => plan.name !== leaver);
  });
}

/** Data that only an earlier edition of the same work has put there. */
function staleKeys(object: KubeObject, { token, plan }: LiveWork): string[] {
  const data = object['data'];
  if (object.kind !== 'ConfigMap' || typeof data !== 'object' || data === null) return [];
  return Object.keys(data).filter((key) => key.startsWith(`from-${plan.name}.`) && key !== `from-${token}`);
}
