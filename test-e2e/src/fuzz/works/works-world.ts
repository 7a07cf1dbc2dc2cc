/**
 * Fuzzed works against whole work agents on a virtual clock, some works at a time: created, changed, deleted, in a
 * cluster that also holds objects of others. Says what went wrong: a failure of our own, a status that is none,
 * rewriting without end, something of others changed, something of ours left.
 */
import { type KubeObject, type ManifestWork, StatusError, validateManifestWork } from '@flotilla/api';
import { type ControlPlane, startControlPlane } from '@flotilla/apiserver';
import { createSavedWorks } from '@flotilla/klusterlet';
import { createStopController, type ResourceRef, wellKnown } from '@flotilla/kube';
import { strangeAuthority } from '../../support/credentials.js';
import { widgetCrd } from '../../support/objects.js';
import {
  clusterName,
  configMap,
  createNamespace,
  createWorld,
  find,
  type World,
} from '../../work-agent/world.js';
import {
  asObject,
  Claims,
  type Content,
  contentOf,
  describeDifference,
  differences,
  manifestsOf,
  objectOf,
  placeOfKey,
} from './cluster-content.js';
import { foreignNamespace } from './random-manifests.js';
import { type FuzzWork, numbered } from './random-works.js';
import { statusProblems } from './status-problems.js';

/** A work that the hub has let in. */
interface Accepted {
  readonly name: string;
  readonly work: FuzzWork;
  readonly specs: unknown[];
}

/** Of virtual time, for what should take a moment. */
const settleLimitMs = 120_000;
const deletionLimitMs = 600_000;

export class WorksWorld {
  readonly #world: World;
  /** What is there without any work. */
  #baseline: Content = new Map();
  /** True when a world of somebody else's design would be the better start. */
  isSpoiled = false;
  readonly #stop = createStopController();
  #plane: ControlPlane | undefined;

  private constructor(world: World) {
    this.#world = world;
  }

  static async create(seed: number): Promise<WorksWorld> {
    const made = new WorksWorld(await createWorld(seed));
    await made.#furnish();
    return made;
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the world ends'));
    await this.#plane?.close();
    await this.#world.close();
  }

  /** What is wrong; undefined when nothing is. */
  async problemOf(works: readonly FuzzWork[]): Promise<string | undefined> {
    const accepted: Accepted[] = [];
    this.isSpoiled = true; // until it is known to be clean
    for (const [number, work] of works.entries()) {
      const made = await this.#create(numbered(work, number));
      if (made !== undefined) accepted.push(made);
    }
    const problem =
      (await this.#judgeStatuses(accepted, 'after creation')) ??
      (await this.#drift(accepted)) ??
      (await this.#change(accepted)) ??
      (await this.#judgeStatuses(accepted, 'after the change')) ??
      (await this.#judgeRest(accepted)) ??
      (await this.#judgeForeign(accepted, 'while the works are there')) ??
      (await this.#judgePruned(accepted)) ??
      (await this.#delete(accepted)) ??
      (await this.#judgeForeign(accepted, 'after the works were deleted')) ??
      (await this.#judgeRemains(accepted)) ??
      this.#judgeLog();
    if (problem === undefined) await this.#cleanUp();
    return problem && this.#withLog(problem);
  }

  async #furnish(): Promise<void> {
    const { managed, env, managedStore } = this.#world;
    // Owned objects, namespaces and workloads have their lives, as in any cluster.
    this.#plane = await startControlPlane(this.#world.managedServerObject, {
      env,
      profile: 'cluster',
      store: managedStore,
      ca: strangeAuthority(),
      signal: this.#stop.signal,
    });
    for (const name of ['team', foreignNamespace]) await createNamespace(managed, name);
    await managed.create(wellKnown.customResourceDefinitions, widgetCrd('widgets') as never); // a KubeObject
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'mighty', namespace: 'default' },
    };
    await managed.create(wellKnown.serviceAccounts, account);
    const subject = { kind: 'ServiceAccount', name: 'mighty', namespace: 'default' };
    await managed.create(wellKnown.clusterRoleBindings, bindingTo('mighty', [subject]));
    const foreign = await managed.create<KubeObject>(
      wellKnown.configMaps,
      configMap('foreign-a', { a: 'b' }, foreignNamespace),
    );
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'foreign-a', uid: foreign.metadata.uid ?? '' };
    await managed.create(wellKnown.configMaps, {
      ...configMap('foreign-owned', {}, foreignNamespace),
      metadata: { name: 'foreign-owned', namespace: foreignNamespace, ownerReferences: [owner] },
    });
    for (const namespace of ['default', 'team', foreignNamespace]) {
      await managed.create(wellKnown.configMaps, configMap('foreign-named', { mine: 'yes' }, namespace));
      await managed.create(wellKnown.configMaps, configMap('foreign-other', { mine: 'yes' }, namespace));
    }
    await this.#furnishOtherAgent();
    this.#world.startAgent();
    await env.clock.advance(30_000);
    this.#baseline = await contentOf(this.#world.managedStore);
    env.log.clear();
  }

  /** Another hub's agent has a work in this cluster. */
  async #furnishOtherAgent(): Promise<void> {
    const { managed } = this.#world;
    const name = `${'0'.repeat(64)}-theirs`;
    const inventory = await managed.create<KubeObject>(wellKnown.appliedManifestWorks, {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'AppliedManifestWork',
      metadata: { name },
      spec: { hubHash: '0'.repeat(64), agentID: 'agent-2', manifestWorkName: 'theirs' },
    } as KubeObject);
    const { apiVersion, kind, metadata } = inventory;
    await managed.create(wellKnown.configMaps, {
      ...configMap('theirs', {}, 'team'),
      metadata: {
        name: 'theirs',
        namespace: 'team',
        ownerReferences: [{ apiVersion, kind, name, uid: metadata.uid ?? '' }],
      },
    });
  }

  async #create(work: FuzzWork): Promise<Accepted | undefined> {
    const object = {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { ...work.metadata, name: work.name, namespace: clusterName },
      spec: work.spec,
    } as ManifestWork; // or anything: the hub is to find out
    const created = await this.#write(() => this.#world.hub.create(wellKnown.manifestWorks, object));
    if (created === undefined) return undefined;
    judgeAdmission(created);
    return { name: work.name, work, specs: [created.spec] };
  }

  /** Undefined when the hub refuses it, as it may. */
  async #write(write: () => Promise<ManifestWork>): Promise<ManifestWork | undefined> {
    try {
      return await write();
    } catch (error) {
      if (error instanceof StatusError && (error.status.code ?? 500) < 500) return undefined;
      throw error;
    }
  }

  async #judgeStatuses(accepted: readonly Accepted[], when: string): Promise<string | undefined> {
    const { clock } = this.#world.env;
    const endMs = clock.monotonicMs() + settleLimitMs;
    for (let stepMs = 20; ; stepMs = Math.min(stepMs * 2, 5000)) {
      await clock.advance(stepMs);
      const { items } = await this.#world.hub.list<ManifestWork>(wellKnown.manifestWorks);
      const found = accepted.map(({ name }) => items.find(({ metadata }) => metadata.name === name));
      const judged = found.map((work) => work && statusProblems(work));
      const at = judged.indexOf(undefined);
      if (at < 0) {
        const bad = judged.findIndex((problems) => problems !== undefined && problems.length > 0);
        return bad < 0 ? undefined : `${when}: ${accepted[bad]?.name}: ${judged[bad]?.join('; ')}`;
      }
      if (clock.monotonicMs() < endMs) continue;
      return `${when}: ${accepted[at]?.name} has no status of its generation: ${JSON.stringify(found[at] ?? null).slice(0, 1000)}`;
    }
  }

  /** Somebody in the cluster changes, or deletes, the first thing that a work has applied. */
  async #drift(accepted: readonly Accepted[]): Promise<undefined> {
    const content = await contentOf(this.#world.managedStore);
    for (const { name, work } of accepted) {
      if (work.drift === 'none') continue;
      const key = [...content].find(([, value]) =>
        objectOf(value).metadata.ownerReferences?.some((owner) => owner.name.endsWith(`-${name}`)),
      )?.[0];
      if (key === undefined) continue;
      const body = {
        metadata: { labels: { drifted: 'yes' }, annotations: null },
        data: { k: 'ZHJpZnQ=', more: 'ZHJpZnQ=' },
      };
      await this.#asUser(key, (ref, at) =>
        work.drift === 'delete'
          ? this.#world.managed.delete(ref, at)
          : this.#world.managed.patch(ref, at, { type: 'merge', body }),
      );
    }
    return undefined;
  }

  async #change(accepted: readonly Accepted[]): Promise<undefined> {
    for (const each of accepted) {
      if (each.work.next === undefined) continue;
      const key = { namespace: clusterName, name: each.name };
      const changed = await this.#write(async () => {
        const now = await this.#world.hub.get<ManifestWork>(wellKnown.manifestWorks, key);
        return this.#world.hub.update(wellKnown.manifestWorks, {
          ...now,
          spec: each.work.next,
        } as ManifestWork); // or anything
      });
      if (changed === undefined) continue;
      judgeAdmission(changed);
      each.specs.push(changed.spec);
    }
    return undefined;
  }

  /** When all is done nothing is written any more. */
  async #judgeRest(accepted: readonly Accepted[]): Promise<string | undefined> {
    const { env, managedStore, hubStore } = this.#world;
    await env.clock.advance(20_000);
    const contested = await this.#contested(accepted);
    const claims = this.#claimsOf(accepted);
    // Workloads have lives of their own: a volume may be made for a claim at any time.
    const isOurs = (key: string): boolean => /\/(?:applied)?manifestworks\//.test(key) || claims.hasKey(key);
    for (const [where, store] of [
      ['cluster', managedStore],
      ['hub', hubStore],
    ] as const) {
      const before = await contentOf(store);
      await env.clock.advance(10_000);
      const after = await contentOf(store);
      const written = differences(before, after).filter((key) => isOurs(key) && !contested(key));
      if (written.length === 0) continue;
      const [key = ''] = written;
      const how = describeDifference(before.get(key), after.get(key));
      return `at rest the ${where} is still written to: ${written.join(', ')} (${accepted.length} works): ${how}`;
    }
    return undefined;
  }

  /** What somebody else takes away each time (a collector, for the owner that a manifest names is not there) comes again. */
  async #contested(accepted: readonly Accepted[]): Promise<(key: string) => boolean> {
    const { items } = await this.#world.hub.list<ManifestWork>(wellKnown.manifestWorks);
    const fighting = items
      .filter(({ status }) => JSON.stringify(status ?? {}).includes('somebody else keeps'))
      .map(({ metadata }) => metadata.name ?? '');
    const claims = this.#claimsOf(accepted.filter(({ name }) => fighting.includes(name)));
    return (key) =>
      claims.hasKey(key) || fighting.some((name) => key.endsWith(`/${name}`) || key.endsWith(`-${name}`));
  }

  /** What no work has named is as it was. */
  async #judgeForeign(accepted: readonly Accepted[], when: string): Promise<string | undefined> {
    const claims = this.#claimsOf(accepted);
    const now = await contentOf(this.#world.managedStore);
    for (const [key, value] of this.#baseline) {
      if (claims.covers(key)) continue;
      const is = now.get(key);
      if (is === undefined) return `${when}: ${key}, which is not ours, is deleted`;
      if (Buffer.compare(is, value) !== 0) {
        return `${when}: ${key}, which is not ours, is changed: ${Buffer.from(is).toString().slice(0, 2000)}`;
      }
    }
    return undefined;
  }

  #claimsOf(accepted: readonly Accepted[]): Claims {
    const claims = new Claims();
    for (const { specs } of accepted)
      for (const spec of specs) claims.addAll(spec, this.#world.managedServerObject);
    return claims;
  }

  /** What a work does not name any more is not its own any more. */
  async #judgePruned(accepted: readonly Accepted[]): Promise<string | undefined> {
    const content = await contentOf(this.#world.managedStore);
    for (const { name, specs } of accepted) {
      if (!mayDelete(specs.at(-1))) continue;
      const names = new Set(
        manifestsOf(specs.at(-1)).map((each) => asObject(asObject(each)['metadata'])['name']),
      );
      for (const [key, value] of content) {
        const { metadata } = objectOf(value);
        const isOwned = metadata.ownerReferences?.some((owner) => owner.name.endsWith(`-${name}`)) === true;
        if (isOwned && metadata.deletionTimestamp === undefined && !names.has(metadata.name)) {
          return `${key} is still of ${name}, which does not name it any more`;
        }
      }
    }
    return undefined;
  }

  async #delete(accepted: readonly Accepted[]): Promise<string | undefined> {
    const { hub, env } = this.#world;
    for (const { name } of accepted)
      await hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    const startMs = env.clock.monotonicMs();
    for (let stepMs = 50; ; stepMs = Math.min(stepMs * 2, 10_000)) {
      await env.clock.advance(stepMs);
      const works = (await hub.list<ManifestWork>(wellKnown.manifestWorks)).items;
      for (const { metadata } of works)
        if (metadata.finalizers?.includes('example.com/user')) await this.#letGo(metadata.name);
      if (works.length === 0) return undefined;
      const passedMs = env.clock.monotonicMs() - startMs;
      if (passedMs > deletionLimitMs) {
        const [work] = works;
        return `${work?.metadata.name} is not gone after ${passedMs / 1000} s: ${JSON.stringify(work?.status?.conditions?.find(({ type }) => type === 'Deleting'))}`;
      }
      if (passedMs < 5000) continue;
      await this.#allowAll();
      await this.#dropFinalizers();
    }
  }

  /** What could not be deleted as the executor can be now. */
  async #allowAll(): Promise<void> {
    const name = 'everybody-may';
    if ((await find(this.#world.managed, wellKnown.clusterRoleBindings, { name })) !== undefined) return;
    await this.#world.managed.create(
      wellKnown.clusterRoleBindings,
      bindingTo(name, [
        { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts' },
      ]),
    );
  }

  async #letGo(name = ''): Promise<void> {
    const { items } = await this.#world.managed.list<KubeObject>(wellKnown.appliedManifestWorks);
    if (items.some(({ metadata }) => metadata.name?.endsWith(`-${name}`))) return;
    const key = { namespace: clusterName, name };
    await this.#world.hub.patch(wellKnown.manifestWorks, key, {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
  }

  /** Whoever put finalizers into manifests now takes them away. */
  async #dropFinalizers(): Promise<void> {
    for (const [key, value] of await contentOf(this.#world.managedStore)) {
      const { metadata, kind } = objectOf(value);
      const users = metadata.finalizers?.some((each) =>
        /^example\.com|^orphan$|^foregroundDeletion$/.test(each),
      );
      if (users !== true || metadata.deletionTimestamp === undefined || kind === 'AppliedManifestWork')
        continue;
      const body = { metadata: { finalizers: null } };
      await this.#asUser(key, (ref, at) => this.#world.managed.patch(ref, at, { type: 'merge', body }));
    }
  }

  async #judgeRemains(accepted: readonly Accepted[]): Promise<string | undefined> {
    await this.#world.env.clock.advance(5000);
    const content = await contentOf(this.#world.managedStore);
    const claims = this.#claimsOf(accepted);
    const staying = this.#claimsOf(accepted.filter(({ specs }) => specs.some(leavesSomething)));
    for (const [key, value] of content) {
      if (this.#baseline.has(key)) continue;
      const { metadata } = objectOf(value);
      const inventory = metadata.ownerReferences?.find(
        ({ kind, name }) => kind === 'AppliedManifestWork' && /-work-q\d+q$|-[xy]+-q\d+q$/.test(name),
      );
      if (inventory !== undefined) return `${key} is left, and still of ${inventory.name}`;
      if (placeOfKey(key).resource === 'appliedmanifestworks') return `${key} is left`;
      if (claims.hasKey(key) && !staying.covers(key)) return `${key} is left`;
    }
    const { env } = this.#world;
    const saved = await createSavedWorks({ env, directory: '/data/works' }).load();
    return saved.length === 0
      ? undefined
      : `saved works are left: ${saved.map(({ metadata }) => metadata.name).join()}`;
  }

  #judgeLog(): string | undefined {
    const failure = this.#world.env.log.entries.find(
      ({ level, fields }) => level === 'error' || isOwnFailure(fields['error']),
    );
    return failure && `logged: ${failure.message} ${describe(failure.fields)}`;
  }

  #withLog(problem: string): string {
    const lately = this.#world.env.log.entries.filter(({ level }) => level !== 'debug').slice(-8);
    return [
      problem,
      ...lately.map(({ level, message, fields }) => `  ${level} ${message} ${describe(fields)}`),
    ].join('\n');
  }

  /** Takes away what was left behind rightly; the world is good for the next works when it is as it was. */
  async #cleanUp(): Promise<void> {
    const { managedStore, hubStore, env } = this.#world;
    for (let round = 0; round < 2; round++) {
      for (const [key, value] of await contentOf(managedStore)) {
        if (this.#baseline.has(key)) continue;
        const { finalizers = [] } = objectOf(value).metadata;
        await this.#asUser(key, async (ref, at) => {
          if (finalizers.length > 0 && ref.resource !== 'namespaces') {
            await this.#world.managed.patch(ref, at, {
              type: 'merge',
              body: { metadata: { finalizers: null } },
            });
          }
          await this.#world.managed.delete(ref, at);
        });
      }
      await env.clock.advance(40_000);
    }
    for (const store of [managedStore, hubStore]) await store.compact(await store.revision());
    env.log.clear();
    this.#world.requests.length = 0;
    this.isSpoiled = differences(this.#baseline, await contentOf(managedStore)).length > 0;
  }

  /** As somebody who finds it gone already, or held: both may be. */
  async #asUser(
    key: string,
    act: (ref: ResourceRef, at: { name: string; namespace?: string }) => Promise<unknown>,
  ): Promise<void> {
    const { group, resource, namespace, name } = placeOfKey(key);
    const served = this.#world.managedServerObject.registry
      .all()
      .find((each) => each.group === group && each.resource === resource);
    if (served === undefined) return;
    const ref = { group, resource, version: served.version, namespaced: served.namespaced };
    const at = { name, ...(served.namespaced && { namespace }) };
    try {
      if ((await find(this.#world.managed, ref, at)) !== undefined) await act(ref, at);
    } catch (error) {
      if (!(error instanceof StatusError) || (error.status.code ?? 500) >= 500) throw error;
    }
  }
}

function bindingTo(name: string, subjects: readonly object[]): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects,
  };
}

/** The hub's own checks refuse with a Status, or let it pass; they never stumble. */
function judgeAdmission(work: ManifestWork): void {
  try {
    validateManifestWork(work);
  } catch (error) {
    if (!(error instanceof StatusError)) throw new Error('admission stumbles', { cause: error });
  }
}

/** What the executor may not delete stays, as it should. */
function mayDelete(spec: unknown): boolean {
  const { executor } = asObject(spec);
  return executor === undefined || JSON.stringify(executor).includes('"mighty"');
}

function leavesSomething(spec: unknown): boolean {
  const { deleteOption } = asObject(spec);
  const policy = asObject(deleteOption)['propagationPolicy'];
  return policy === 'Orphan' || policy === 'SelectivelyOrphan';
}

function isOwnFailure(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(fields, (_, value: unknown) =>
    value instanceof Error ? `${value.name}: ${value.message.slice(0, 500)}` : value,
  );
  return text.slice(0, 1500);
}
