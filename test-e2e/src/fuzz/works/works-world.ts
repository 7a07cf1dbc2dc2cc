/**
 * Fuzzed works against whole work agents on a virtual clock, some works at a time: created, changed, deleted, in a
 * cluster that also holds objects of others. Says what went wrong: a failure of our own, a status that is none,
 * rewriting without end, something of others changed, something of ours left.
 */
import { type ManifestWork, StatusError, validateManifestWork } from '@flotilla/api';
import type { ControlPlane } from '@flotilla/apiserver';
import { createStopController, wellKnown } from '@flotilla/kube';
import { clusterName, createWorld, type World } from '../../work-agent/world.js';
import { type Content, contentOf, differences, objectOf } from './cluster-content.js';
import { furnish } from './furnish.js';
import { allowAll, asUser, dropFinalizers, letGo } from './other-people.js';
import { type FuzzWork, numbered } from './random-works.js';
import { statusProblems } from './status-problems.js';
import { type Accepted, WorksJudge } from './works-judge.js';

/** Of virtual time, for what should take a moment. */
const settleLimitMs = 120_000;
const deletionLimitMs = 600_000;

interface Furnished {
  readonly world: World;
  readonly stop: AbortController;
  readonly plane: ControlPlane;
  /** What is there without any work. */
  readonly baseline: Content;
}

export class WorksWorld {
  readonly #world: World;
  readonly #furnished: Furnished;
  readonly #judge: WorksJudge;
  /** True when a world of somebody else's design would be the better start. */
  isSpoiled = false;

  private constructor(furnished: Furnished) {
    this.#furnished = furnished;
    this.#world = furnished.world;
    this.#judge = new WorksJudge(furnished.world, furnished.baseline);
  }

  static async create(seed: number): Promise<WorksWorld> {
    const world = await createWorld(seed);
    const stop = createStopController();
    const plane = await furnish(world, stop.signal);
    return new WorksWorld({ world, stop, plane, baseline: await contentOf(world.managedStore) });
  }

  async close(): Promise<void> {
    this.#furnished.stop.abort(new Error('the world ends'));
    await this.#furnished.plane.close();
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
      (await this.#judge.rest(accepted)) ??
      (await this.#judge.foreign(accepted, 'while the works are there')) ??
      (await this.#judge.pruned(accepted)) ??
      (await this.#delete(accepted)) ??
      (await this.#judge.foreign(accepted, 'after the works were deleted')) ??
      (await this.#judge.remains(accepted)) ??
      this.#judgeLog();
    if (problem === undefined) await this.#cleanUp();
    return problem && this.#withLog(problem);
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
      await asUser(this.#world, key, (ref, at) =>
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

  async #delete(accepted: readonly Accepted[]): Promise<string | undefined> {
    const { hub, env } = this.#world;
    for (const { name } of accepted)
      await hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    const startMs = env.clock.monotonicMs();
    for (let stepMs = 50; ; stepMs = Math.min(stepMs * 2, 10_000)) {
      await env.clock.advance(stepMs);
      const works = (await hub.list<ManifestWork>(wellKnown.manifestWorks)).items;
      for (const work of works)
        if (work.metadata.finalizers?.includes('example.com/user')) await letGo(this.#world, work);
      if (works.length === 0) return undefined;
      const passedMs = env.clock.monotonicMs() - startMs;
      if (passedMs > deletionLimitMs) {
        const [work] = works;
        return `${work?.metadata.name} is not gone after ${passedMs / 1000} s: ${JSON.stringify(work?.status?.conditions?.find(({ type }) => type === 'Deleting'))}`;
      }
      if (passedMs < 5000) continue;
      await allowAll(this.#world);
      await dropFinalizers(this.#world);
    }
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
        if (this.#furnished.baseline.has(key)) continue;
        const { finalizers = [] } = objectOf(value).metadata;
        await asUser(this.#world, key, async (ref, at) => {
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
    this.isSpoiled = differences(this.#furnished.baseline, await contentOf(managedStore)).length > 0;
  }
}

/** The hub's own checks refuse with a Status, or let it pass; they never stumble. */
function judgeAdmission(work: ManifestWork): void {
  try {
    validateManifestWork(work);
  } catch (error) {
    if (!(error instanceof StatusError)) throw new Error('admission stumbles', { cause: error });
  }
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
