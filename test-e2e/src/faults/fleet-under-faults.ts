/**
 * What the tests of real faults begin and end with: objects in the cluster that are nobody's business, and, once the
 * faults are over, the promises: what is acknowledged is there (P1), the cluster holds what the hub says, and the hub
 * says what is true (P2, P4), what is not ours is as it was (P3), and nothing is left of what was deleted (P6).
 */
import type { KubeList, KubeObject, ManifestWork } from '@flotilla/api';
import { createClient, type KubeClient, wellKnown } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { expect } from 'chai';
import { eventually } from '../support/processes.js';
import { contentOf, objectsOf, type WorkLoad } from './work-load.js';

const namespace = 'default';

/**
 * For the klusterlets of such fleets. One that is killed between a new work's objects and its finalizer may find that the
 * work was deleted meanwhile, and cannot tell that from a hub that has lost it: what is there waits for this grace, an
 * hour by default (docs/architecture.md, "The first moments").
 */
export const shortEviction = ['--appliedmanifestwork-eviction-grace-period', '5s'];

/** Held processes answer late, and a busy machine later still. */
const callTimeoutMs = 120_000;

export async function connect(kubeconfig: string): Promise<KubeClient> {
  const env = createNodeEnv({ logLevel: 'error' });
  const { transport } = await transportFromKubeconfig({ file: kubeconfig }, { env });
  return createClient(transport, { userAgent: 'faults-test', timeoutMs: callTimeoutMs });
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Objects that somebody else made; some have the names that a work would choose next. */
export async function createForeign(cluster: KubeClient): Promise<readonly ConfigMap[]> {
  const names = ['foreign', 'load-0-0', 'load-0-0-c', 'load-9-9-a'];
  return Promise.all(
    names.map((name) =>
      cluster.create<ConfigMap>(wellKnown.configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace },
        data: { content: 'foreign' },
      }),
    ),
  );
}

export interface Converging {
  readonly hub: KubeClient;
  readonly cluster: KubeClient;
  /** Of the works on the hub. */
  readonly namespace: string;
  /** Stopped. */
  readonly load: WorkLoad;
  readonly foreign: readonly ConfigMap[];
}

/** Waits for rest, then checks. `timeoutMs`: how long rest may take. */
export async function checkConverged(
  { hub, cluster, namespace: home, load, foreign }: Converging,
  timeoutMs = 120_000,
): Promise<void> {
  const contents = load.contents();
  const works = await eventually(
    'every work is applied, and those deleted are gone',
    () => settled(hub, home),
    {
      timeoutMs,
      stepMs: 300,
    },
  );
  await eventually(
    'no inventory is without its work',
    async () => {
      const inventories: KubeList<KubeObject> = await cluster.list(wellKnown.appliedManifestWorks);
      const listed = inventories.items.map(
        (item) => (item['spec'] as { manifestWorkName: string }).manifestWorkName, // of the kind
      );
      expect(listed, 'inventories').to.have.members([...contents.keys()]);
      return true;
    },
    { timeoutMs, stepMs: 300 },
  );
  const held = works.map((work) => [work.metadata.name ?? '', contentOf(work)] as const);
  expect(Object.fromEntries(held), 'works on the hub').to.deep.equal(Object.fromEntries(contents));
  const wanted = new Map(
    [...contents].flatMap(([name, content]) =>
      objectsOf(name, content).map((object) => [object, String(content)] as const),
    ),
  );
  for (const { metadata } of foreign) wanted.set(metadata.name ?? '', 'foreign');
  const { items } = await cluster.list<ConfigMap>(wellKnown.configMaps, { namespace });
  const own = items.filter(({ metadata: { name } }) => name !== 'kube-root-ca.crt');
  const shown = own.map(({ metadata: { name = '' }, data }) => [name, data?.['content']]);
  expect(Object.fromEntries(shown), 'objects in the cluster').to.deep.equal(Object.fromEntries(wanted));
  for (const before of foreign) {
    const now = own.find(({ metadata }) => metadata.name === before.metadata.name);
    expect(now?.metadata, 'what is not ours').to.deep.equal(before.metadata);
  }
}

async function settled(hub: KubeClient, home: string): Promise<readonly ManifestWork[]> {
  const { items } = await hub.list<ManifestWork>(wellKnown.manifestWorks, { namespace: home });
  for (const { metadata, status } of items) {
    const { name, generation, deletionTimestamp } = metadata;
    if (deletionTimestamp !== undefined) throw new Error(`${name} is still being deleted`);
    for (const wanted of ['Applied', 'Available']) {
      const condition = status?.conditions?.find(({ type }) => type === wanted);
      if (condition?.status !== 'True' || condition.observedGeneration !== generation) {
        throw new Error(`${name} in generation ${generation} says ${JSON.stringify(condition)}`);
      }
    }
  }
  return items;
}
