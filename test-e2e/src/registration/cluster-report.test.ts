/** What a klusterlet reports of its cluster: claims and properties, nodes, annotations, certificate, namespaces. */
import type { KubeObject, ManagedCluster } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { clusterSet, setLabel, setsRef } from '../hub/hub-world.js';
import { clusterName, JoinWorld } from './join-world.js';

const claimKind = ['cluster.open-cluster-management.io/v1alpha1', 'ClusterClaim'] as const;
const propertyKind = ['about.k8s.io/v1alpha1', 'ClusterProperty'] as const;

describe('what a klusterlet reports', () => {
  const world = new JoinWorld({
    agent: {
      maxCustomClusterClaims: 5,
      reservedClusterClaimSuffixes: ['.vendor.example'],
      clusterAnnotations: { 'agent.open-cluster-management.io/owner': 'team', 'example.com/other': 'x' },
    },
  });
  before(async () => {
    await world.start();
    await world.join();
    await world.joined();
  });
  after(() => world.close());

  const statement = (
    [apiVersion, kind]: readonly [string, string],
    name: string,
    value: string,
  ): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name },
    spec: { value },
  });
  const refOf = (kind: readonly [string, string]) =>
    kind === claimKind ? wellKnown.clusterClaims : wellKnown.clusterProperties;
  const create = (kind: readonly [string, string], name: string, value: string) =>
    world.passing(world.managed.create(refOf(kind), statement(kind, name, value)));
  const change = (kind: readonly [string, string], name: string, value: string) =>
    world.passing(world.managed.patch(refOf(kind), { name }, { type: 'merge', body: { spec: { value } } }));
  const remove = (kind: readonly [string, string], name: string) =>
    world.passing(world.managed.delete(refOf(kind), { name }));

  /** Without what our klusterlet adds. */
  async function claims(): Promise<string[]> {
    const { status } = await world.seen();
    return (status?.clusterClaims ?? [])
      .filter(({ name }) => name !== 'plans.flotilla.dev')
      .map(({ name, value }) => `${name}=${value}`);
  }
  const untilClaims = (...expected: string[]): Promise<void> =>
    world.until(`claims ${expected.join()}`, async () => (await claims()).join() === expected.join(), 90_000);

  it('only those annotations that are meant for clusters', async () => {
    expect((await world.seen()).metadata.annotations)
      .to.include({ 'agent.open-cluster-management.io/owner': 'team' })
      .and.not.have.property('example.com/other');
  });

  it('claims as they come, change and go', async () => {
    await create(claimKind, 'a', 'x');
    await create(claimKind, 'b', 'y');
    await untilClaims('a=x', 'b=y');
    await change(claimKind, 'b', 'z');
    await untilClaims('a=x', 'b=z');
    await remove(claimKind, 'a');
    await untilClaims('b=z');
  });

  it('cluster properties as they come, change and go, once the cluster has that kind', async () => {
    await world.passing(world.managed.create(wellKnown.customResourceDefinitions, propertyDefinition()));
    await world.until('the kind is there', async () => {
      await create(propertyKind, 'p', '1');
      return true;
    });
    await untilClaims('b=z', 'p=1');
    await change(propertyKind, 'p', '2');
    await create(propertyKind, 'q', '3');
    await untilClaims('b=z', 'p=2', 'q=3');
    await remove(propertyKind, 'q');
    await untilClaims('b=z', 'p=2');
  });

  it('the property where there is a claim of the same name, too', async () => {
    await create(claimKind, 'p', 'of the claim');
    await create(claimKind, 'r', '4');
    await untilClaims('b=z', 'p=2', 'r=4');
    await remove(propertyKind, 'p');
    await untilClaims('b=z', 'p=of the claim', 'r=4');
  });

  it('no more claims than it may, but all reserved ones', async () => {
    for (const name of ['d', 'c', 'e', 'id.k8s.io']) await create(claimKind, name, name);
    await untilClaims('id.k8s.io=id.k8s.io', 'b=z', 'c=c', 'd=d', 'e=e', 'p=of the claim');
  });

  it('claims of a reserved suffix beyond that number', async () => {
    await create(claimKind, 'zone.vendor.example', 'north');
    await untilClaims(
      'id.k8s.io=id.k8s.io',
      'zone.vendor.example=north',
      'b=z',
      'c=c',
      'd=d',
      'e=e',
      'p=of the claim',
    );
  });

  it('capacity of all nodes, and allocatable of those that take pods', async () => {
    const resources = async (): Promise<object> => {
      const { capacity, allocatable } = (await world.seen()).status ?? {};
      return [capacity, allocatable].map((all) => `${all?.['cpu']} cpu, ${all?.['memory']} memory`);
    };
    const untilResources = (what: string, ...wanted: string[]): Promise<void> =>
      world.until(what, async () => JSON.stringify(await resources()) === JSON.stringify(wanted), 90_000);
    // The stand-in cluster gives each node 32 cpu and 64Gi.
    await untilResources('one node', '32 cpu, 64Gi memory', '32 cpu, 64Gi memory');
    for (const [name, unschedulable] of [
      ['n1', false],
      ['n2', true],
    ] as const) {
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable } };
      await world.passing(world.managed.create(wellKnown.nodes, node));
    }
    await untilResources('the cordoned node is left out', '96 cpu, 192Gi memory', '64 cpu, 128Gi memory');
    const body = { spec: { unschedulable: false } };
    await world.passing(world.managed.patch(wellKnown.nodes, { name: 'n2' }, { type: 'merge', body }));
    await untilResources('all are counted', '96 cpu, 192Gi memory', '96 cpu, 192Gi memory');
  });

  describe('of the namespaces that its sets manage', () => {
    const hub = () => world.hub.client;
    const namespaces = async () => (await world.seen()).status?.managedNamespaces ?? [];
    const set = (name: string, ...names: string[]) =>
      world.passing(
        hub().patch(
          setsRef,
          { name },
          { type: 'merge', body: { spec: { managedNamespaces: names.map((one) => ({ name: one })) } } },
        ),
      );
    /** The value of the hub's mark on a namespace of the cluster. */
    const mark = async (name: string): Promise<string | undefined> => {
      const { metadata } = await world.passing(world.managed.get<KubeObject>(wellKnown.namespaces, { name }));
      const [mark] = Object.entries(metadata.labels ?? {}).filter(([key]) =>
        /^clusterset\.open-cluster-management\.io\/[0-9a-f]{63}$/.test(key),
      );
      return mark?.[1];
    };
    const told = async (): Promise<string[]> =>
      (await namespaces()).map(({ clusterSet, name, conditions = [] }) => {
        const [condition] = conditions;
        return `${clusterSet}/${name} ${condition?.type}=${condition?.status} ${condition?.reason}`;
      });
    const applied = (...entries: string[]): string[] =>
      entries.map((entry) => `${entry} NamespaceAvailable=True NamespaceApplied`);
    const untilTold = (expected: string[]): Promise<void> =>
      world.until(expected.join(', '), async () => (await told()).join() === expected.join(), 30_000);

    before(async () => {
      await world.passing(hub().create(setsRef, clusterSet('team')));
      await world.passing(
        hub().patch<ManagedCluster>(
          wellKnown.managedClusters,
          { name: clusterName },
          { type: 'merge', body: { metadata: { labels: { [setLabel]: 'team', tier: 'one' } } } },
        ),
      );
    });

    it('the list comes to the status of the cluster, in order', async () => {
      await set('team', 'ns-b', 'ns-a');
      await world.until('both are there', async () => (await namespaces()).length === 2, 10_000);
      expect((await namespaces()).map(({ clusterSet, name }) => [clusterSet, name])).to.deep.equal([
        ['team', 'ns-a'],
        ['team', 'ns-b'],
      ]);
    });

    it('they are made in the cluster with the mark of the hub', async () => {
      await world.until('ns-a is there', async () => (await mark('ns-a')) === 'true', 10_000);
      await world.until('ns-b is there', async () => (await mark('ns-b')) === 'true', 10_000);
    });

    it('a condition tells that they are there, also after somebody deleted one', async () => {
      await untilTold(applied('team/ns-a', 'team/ns-b'));
      await world.passing(world.managed.delete(wellKnown.namespaces, { name: 'ns-a' }));
      await world.until('it is there again', async () => (await mark('ns-a')) === 'true', 120_000);
      await untilTold(applied('team/ns-a', 'team/ns-b'));
    });

    it('one that is removed from the set stays in the cluster, marked as managed no more', async () => {
      await set('team', 'ns-a');
      await untilTold(applied('team/ns-a'));
      await world.until('ns-b is let go', async () => (await mark('ns-b')) === 'false', 10_000);
      expect(await mark('ns-a')).to.equal('true');
    });

    it('those of several sets come together', async () => {
      const selector = { selectorType: 'LabelSelector', labelSelector: { matchLabels: { tier: 'one' } } };
      const spec = { clusterSelector: selector, managedNamespaces: [{ name: 'ns-c' }] };
      await world.passing(hub().create(setsRef, clusterSet('a-tier', spec)));
      await untilTold(applied('a-tier/ns-c', 'team/ns-a'));
      expect([await mark('ns-a'), await mark('ns-c')]).to.deep.equal(['true', 'true']);
      await world.passing(hub().delete(setsRef, { name: 'a-tier' }));
      await untilTold(applied('team/ns-a'));
      await world.until('ns-c is let go', async () => (await mark('ns-c')) === 'false', 10_000);
    });
  });
});

/** The CRD of KEP-2149, as far as it matters here. */
function propertyDefinition(): KubeObject {
  const spec = { type: 'object', properties: { value: { type: 'string' } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'clusterproperties.about.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/enhancements/pull/1' },
    },
    spec: {
      group: 'about.k8s.io',
      names: { kind: 'ClusterProperty', plural: 'clusterproperties' },
      scope: 'Cluster',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}
