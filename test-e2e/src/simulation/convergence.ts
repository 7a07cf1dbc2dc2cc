/**
 * What is still wrong with a fleet once faults have stopped: P2 (what the hub asks for is what the clusters have, and
 * what it says of them is true) and P6 (what was removed is gone, without a trace). What is right is the model's to
 * say, not the hub's. Looks only; called by the run.
 */
import { isObject, type ManifestWork } from '@flotilla/api';
import { createSavedWorks } from '@flotilla/klusterlet';
import { createTestLogger } from '@flotilla/kube/testing';
import { inventoriesOf } from './cluster-view.js';
import { compareCluster } from './compare-cluster.js';
import type { FleetCluster } from './fleet-cluster.js';
import { tokenOf } from './items.js';
import type { Expectation } from './model/expectation.js';
import type { World } from './world.js';

export async function findProblems(world: World): Promise<string[]> {
  if (!world.hub.isReady) return ['the hub is not ready'];
  const { observer, model } = world;
  const problems: string[] = [];
  for (const cluster of world.clusters) {
    const { name } = cluster;
    if (!cluster.server.isReady) problems.push(`${name}: not ready`);
    else problems.push(...(await world.clusterProblems(cluster)));
    const view = observer.cluster(name);
    const inventories = inventoriesOf(view);
    const since = (work: string): string => inventories.get(work)?.metadata.creationTimestamp ?? '~';
    const expected = model.expect(name, since);
    if (typeof expected === 'string') {
      problems.push(expected);
      continue;
    }
    const wrong = [
      ...compareCluster({ expected, view, works: worksOf(world, name) }),
      ...(await compareSaved(cluster, expected)),
    ];
    problems.push(...wrong.map((problem) => `${name}: ${problem}`));
    world.checks.add('P2', expected.works.size);
    world.checks.add('P6');
  }
  for (const [id, plan] of observer.plans) {
    const isAnswered = isObject(plan['status']) && Array.isArray(plan['status']['conditions']);
    if (!isAnswered) problems.push(`plan ${id} has no answer`);
  }
  return problems;
}

function worksOf({ observer }: World, cluster: string): Map<string, ManifestWork> {
  const prefix = `${cluster}/`;
  return new Map(
    [...observer.works].flatMap(([id, work]) =>
      id.startsWith(prefix) ? [[id.slice(prefix.length), work] as const] : [],
    ),
  );
}

/** The klusterlet's own copies are of what the hub has, or it would hold its cluster to something else without it. */
async function compareSaved({ klusterlet }: FleetCluster, { works }: Expectation): Promise<string[]> {
  const env = { files: klusterlet.files, log: createTestLogger() };
  const copies = await createSavedWorks({ env, directory: '/data/works' }).load();
  const say = (name: string, generation = 0, token = 'nothing'): string => `${name} ${generation} (${token})`;
  const saved = copies.map(
    ({ metadata, spec }) =>
      say(metadata.name ?? '', metadata.generation, tokenOf(spec?.workload?.manifests?.[0] as never)), // what items.ts made
  );
  const wanted = [...works.values()].map((each) => say(each.name, each.generation, each.edition.token));
  const [have, want] = [saved.sort().join(', '), wanted.sort().join(', ')];
  return have === want ? [] : [`the klusterlet has saved ${have || 'nothing'}, not ${want || 'nothing'}`];
}
