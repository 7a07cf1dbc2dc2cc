/**
 * The reference model of a fleet: what the hub must say and what each cluster must hold, from what people did and what
 * they were told, and from nothing that the system itself says. It knows no I/O, no clock and no code of the product.
 * `convergence.ts` compares the world with it; users, operators and others tell it what they do.
 */
import { ClusterModel } from './cluster-model.js';
import { Editions } from './editions.js';
import { type Expectation, expectCluster } from './expectation.js';
import { HubModel } from './hub-model.js';
import type { Live } from './work-model.js';

export class FleetModel {
  readonly editions = new Editions();
  readonly hub = new HubModel();
  readonly #clusters: ReadonlyMap<string, ClusterModel>;

  constructor(clusters: readonly { readonly name: string; readonly minor: number }[]) {
    this.#clusters = new Map(clusters.map(({ name, minor }) => [name, new ClusterModel(name, minor)]));
  }

  cluster(name: string): ClusterModel {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) throw new Error(`there is no cluster ${name}`);
    return cluster;
  }

  /**
   * What the cluster must hold. `since`: when the inventory of a work was made, as text that sorts. A text, in place of
   * an expectation, says why nothing can be said yet.
   */
  expect(cluster: string, since: (work: string) => string): Expectation | string {
    const works = new Map<string, Live>();
    for (const [name, state] of this.hub.worksOf(cluster)) {
      if (state === undefined) return `work ${cluster}/${name}: a request is under way`;
      if (state.is === 'going') return `work ${cluster}/${name}: still being deleted`;
      if (state.is === 'live') works.set(name, state);
    }
    return expectCluster({ works, cluster: this.cluster(cluster), editions: this.editions, since });
  }
}
