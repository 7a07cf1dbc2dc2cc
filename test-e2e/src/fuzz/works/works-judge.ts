/**
 * What must be true of a cluster with fuzzed works, and after them: nothing is rewritten without end, what is not theirs
 * is as it was, and nothing of theirs is left. Called by the world of those works.
 */
import type { ManifestWork } from '@flotilla/api';
import { createSavedWorks } from '@flotilla/klusterlet';
import { wellKnown } from '@flotilla/kube';
import type { World } from '../../work-agent/world.js';
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
import type { FuzzWork } from './random-works.js';

/** A work that the hub has let in. */
export interface Accepted {
  readonly name: string;
  readonly work: FuzzWork;
  readonly specs: unknown[];
}

/** Each check says what is wrong; undefined when nothing is. */
export class WorksJudge {
  readonly #world: World;
  /** What is there without any work. */
  readonly #baseline: Content;

  constructor(world: World, baseline: Content) {
    this.#world = world;
    this.#baseline = baseline;
  }

  /** When all is done nothing is written any more. */
  async rest(accepted: readonly Accepted[]): Promise<string | undefined> {
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
  async foreign(accepted: readonly Accepted[], when: string): Promise<string | undefined> {
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

  /** What a work does not name any more is not its own any more. */
  async pruned(accepted: readonly Accepted[]): Promise<string | undefined> {
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

  async remains(accepted: readonly Accepted[]): Promise<string | undefined> {
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

  #claimsOf(accepted: readonly Accepted[]): Claims {
    const claims = new Claims();
    for (const { specs } of accepted)
      for (const spec of specs) claims.addAll(spec, this.#world.managedServerObject);
    return claims;
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
