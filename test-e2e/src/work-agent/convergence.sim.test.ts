/**
 * Random works, drift, cuts, lost answers, restarts and crashes; when the faults stop, hub and cluster must agree and
 * nothing foreign may be missing. A failure names its seed, which replays the same run.
 */
import type { AppliedManifestWork, KubeObject, ManifestWork } from '@flotilla/api';
import { createSavedWorks } from '@flotilla/klusterlet';
import { wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import {
  clusterName,
  conditionsOf,
  configMap,
  createNamespace,
  createWork,
  createWorld,
  eventually,
  find,
  patchWork,
  settle,
  type World,
  work,
} from './world.js';

const names = ['one', 'two', 'three'];
const seeds = Number(process.env['SIMULATION_SEEDS'] ?? 12);

class Simulation {
  readonly #world: World;
  readonly #random: () => number;
  readonly #foreign = new Map<string, string | undefined>();

  constructor(world: World, seed: number) {
    this.#world = world;
    const random = createSeededRandom(seed);
    this.#random = () => random.next();
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T; // never empty
  }

  async begin(): Promise<void> {
    await createNamespace(this.#world.managed, 'team');
    for (const name of ['foreign-1', 'one-foreign']) {
      const made = await this.#world.managed.create<KubeObject>(
        wellKnown.configMaps,
        configMap(name, { a: 'b' }),
      );
      this.#foreign.set(name, made.metadata.uid);
    }
    this.#world.startAgent({ evictionGracePeriodMs: 5000 });
  }

  async step(): Promise<void> {
    const { network, env } = this.#world;
    const actions: (() => Promise<void> | void)[] = [
      () => this.#change(),
      () => this.#change(),
      () => this.#drift(),
      () => this.#drift(),
      () => network.cut(this.#pick(['hub', 'managed']), this.#pick(['drop', 'refuse'])),
      () => network.healAll(),
      () => network.setFaults({ loseRequest: 0.05, loseResponse: 0.05, breakStream: 0.02 }),
      () => network.setFaults({ loseRequest: 0, loseResponse: 0, breakStream: 0 }),
      () => this.#restart(),
    ];
    await this.#pick(actions)();
    await env.clock.advance(Math.floor(this.#random() ** 3 * 4000));
    await this.checkForeign();
  }

  /** Manifests of a work: some of its own, some that other works have as well. */
  #manifests(name: string): KubeObject[] {
    const some = <T>(items: readonly T[]): T[] => items.filter(() => this.#random() < 0.5);
    const own = some(['a', 'b', 'c']).map((suffix) =>
      configMap(`${name}-${suffix}`, { value: this.#pick(['1', '2']) }, this.#pick(['default', 'team'])),
    );
    const shared = some(['s', 't']).map((suffix) => configMap(`shared-${suffix}`, { value: 'same' }));
    return own.length + shared.length === 0 ? [configMap(`${name}-z`, { value: '1' })] : [...own, ...shared];
  }

  async #change(): Promise<void> {
    const name = this.#pick(names);
    const now = await find<ManifestWork>(this.#world.hub, wellKnown.manifestWorks, {
      namespace: clusterName,
      name,
    });
    if (now === undefined) await createWork(this.#world, work(name, this.#manifests(name)));
    else if (now.metadata.deletionTimestamp !== undefined) return;
    else if (this.#random() < 0.4) {
      await this.#world.hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    } else {
      await patchWork(this.#world, name, { spec: { workload: { manifests: this.#manifests(name) } } });
    }
  }

  async #drift(): Promise<void> {
    const { managed } = this.#world;
    const objects = (await this.#objects()).filter(({ metadata }) => !this.#foreign.has(metadata.name ?? ''));
    if (objects.length === 0) return;
    const { metadata } = this.#pick(objects);
    const key = { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
    if (this.#random() < 0.3) await managed.delete(wellKnown.configMaps, key);
    else {
      const body = { data: { value: 'drift' } };
      await managed.patch(wellKnown.configMaps, key, { type: 'merge', body });
    }
  }

  async #restart(): Promise<void> {
    if (this.#random() < 0.5) this.#world.env.files.crash();
    await this.#world.stopAgent();
    await settle(this.#world, this.#random() < 0.5 ? 0 : 3000);
    this.#world.startAgent({ evictionGracePeriodMs: 5000 });
  }

  async #objects(): Promise<KubeObject[]> {
    return (await this.#world.managed.list<KubeObject>(wellKnown.configMaps)).items;
  }

  async checkForeign(): Promise<void> {
    const objects = await this.#objects();
    for (const [name, uid] of this.#foreign) {
      const found = objects.find(({ metadata }) => metadata.name === name);
      expect(found?.metadata.uid, `foreign object ${name}`).to.equal(uid);
    }
  }

  async end(): Promise<void> {
    const { network, hub } = this.#world;
    network.healAll();
    network.setFaults({ loseRequest: 0, loseResponse: 0, breakStream: 0 });
    let difference = '';
    try {
      await eventually(
        this.#world,
        async () => {
          const works = (await hub.list<ManifestWork>(wellKnown.manifestWorks)).items;
          difference = await this.#difference(works);
          return difference === '';
        },
        900_000,
      );
    } catch (error) {
      throw new Error(`hub and cluster do not agree: ${difference}`, { cause: error });
    }
  }

  /** Empty when the cluster is as the hub says and the hub knows. */
  async #difference(works: readonly ManifestWork[]): Promise<string> {
    const wanted = new Map<string, string>();
    for (const { metadata, status, spec } of works) {
      if (metadata.deletionTimestamp !== undefined) return `${metadata.name} is still being deleted`;
      const stale = status?.conditions?.some((each) => each.observedGeneration !== metadata.generation);
      const shown = conditionsOf({ status } as ManifestWork);
      if (stale !== false || shown['Applied'] !== 'True' || shown['Available'] !== 'True') {
        return `${metadata.name} is not reported: ${JSON.stringify(status?.conditions)}`;
      }
      for (const manifest of (spec?.workload?.manifests ?? []) as unknown as KubeObject[]) {
        const { namespace, name } = manifest.metadata;
        wanted.set(`${namespace}/${name}`, JSON.stringify(manifest['data']));
      }
    }
    const found = new Map<string, string>();
    for (const { metadata, data } of await this.#objects()) {
      if (this.#foreign.has(metadata.name ?? '')) continue;
      found.set(`${metadata.namespace}/${metadata.name}`, JSON.stringify(data));
    }
    const show = (map: Map<string, string>): string => JSON.stringify([...map].sort());
    if (show(wanted) !== show(found)) return `wanted ${show(wanted)}, found ${show(found)}`;
    const { items } = await this.#world.managed.list<AppliedManifestWork>(wellKnown.appliedManifestWorks);
    const recorded = items.map(({ spec }) => spec?.manifestWorkName ?? '').sort();
    const expected = works.map(({ metadata }) => metadata.name ?? '').sort();
    if (`${recorded}` !== `${expected}`) return `inventories of ${recorded}, works ${expected}`;
    const saved = await createSavedWorks({ env: this.#world.env, directory: '/data/works' }).load();
    const names = saved.map(({ metadata }) => metadata.name).sort();
    return `${names}` === `${expected}` ? '' : `saved works ${names}, works ${expected}`;
  }
}

describe('work agent under faults', () => {
  for (let seed = 1; seed <= seeds; seed++) {
    it(`converges when they stop (seed ${seed})`, async () => {
      const world = await createWorld(seed);
      try {
        const simulation = new Simulation(world, seed);
        await simulation.begin();
        for (let i = 0; i < 60; i++) await simulation.step();
        await simulation.end();
        await simulation.checkForeign();
      } finally {
        world.network.healAll();
        await world.close();
      }
    });
  }
});
