/** The hub's controllers and rules about clusters and their sets, with the real API server in this process. */
import {
  type HasConditions,
  type KubeObject,
  type ManagedCluster,
  type ManagedClusterSet,
  managedClusterLeaseName,
} from '@flotilla/api';
import type { UserInfo } from '@flotilla/apiserver';
import { bootstrapTokenSecret, createBootstrapToken } from '@flotilla/hub';
import { createClient, type KubeClient, wellKnown } from '@flotilla/kube';
import type { TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { bindingsRef, cluster, clusterGroup, HubWorld, refused, setLabel, setsRef } from './hub-world.js';

const plain: UserInfo = { username: 'plain', groups: ['system:authenticated'] };

describe('clusters and their sets on the hub', () => {
  const world = new HubWorld();
  let env: TestEnv;
  let hub: KubeClient;

  before(async () => {
    await world.start();
    ({ env, hub } = world);
    await world.allow('plain', [
      {
        apiGroups: [clusterGroup],
        resources: ['managedclusters', 'managedclustersetbindings'],
        verbs: ['*'],
      },
    ]);
    for (const name of ['users', 'kube-system']) await world.createNamespace(name);
  });
  after(() => world.close());

  const settle = (): Promise<void> => world.settle();
  const get = (name: string): Promise<ManagedCluster> => world.getCluster(name);
  const getSet = (name: string): Promise<ManagedClusterSet> => hub.get(setsRef, { name });
  const keys = (cluster: ManagedCluster): string[] =>
    (cluster.spec?.taints ?? []).map(({ key }) => key.replace(`${clusterGroup}/`, ''));
  const condition = (object: HasConditions, type: string): string | undefined =>
    object.status?.conditions?.find((one) => one.type === type)?.reason;
  const as = (user: UserInfo): KubeClient => world.as(user);
  const allow = (user: string, rules: object[]): Promise<void> => world.allow(user, rules);
  const create = (object: KubeObject, user?: UserInfo): Promise<KubeObject> =>
    world.createCluster(object, user);
  const patch = (name: string, body: object, user?: UserInfo): Promise<ManagedCluster> =>
    world.patchCluster(name, body, user);
  const report = (name: string, status: string): Promise<void> =>
    world.report(name, { conditions: { ManagedClusterConditionAvailable: status } });

  it('taints a cluster as its Available condition tells', async () => {
    await create(cluster('taints', { spec: { taints: [{ key: 'mine', effect: 'NoSelect' }] } }));
    await settle();
    expect(keys(await get('taints'))).to.deep.equal(['mine', 'unreachable']);
    for (const { timeAdded } of (await get('taints')).spec?.taints ?? []) expect(timeAdded).to.be.a('string');
    await report('taints', 'True');
    expect(keys(await get('taints'))).to.deep.equal(['mine']);
    await report('taints', 'False');
    expect(keys(await get('taints'))).to.deep.equal(['mine', 'unavailable']);
    await patch('taints', { spec: { taints: null } });
    await settle();
    expect(keys(await get('taints'))).to.deep.equal(['unavailable']);
  });

  it('lets a heartbeat that tells nothing new write nothing to the cluster', async () => {
    await create(cluster('beats', { spec: { hubAcceptsClient: true } }));
    await settle();
    const key = { namespace: 'beats', name: managedClusterLeaseName };
    const renew = async (offsetMs: number): Promise<void> => {
      const renewTime = new Date(env.clock.now() + offsetMs).toISOString().replace('Z', '000Z');
      await hub.patch(wellKnown.leases, key, { type: 'merge', body: { spec: { renewTime } } });
      await settle();
    };
    await report('beats', 'True');
    await renew(0);
    const steady = await get('beats');
    expect(condition(steady, 'ManagedClusterConditionClockSynced')).to.equal('ManagedClusterClockSynced');
    for (let i = 0; i < 5; i++) await renew(i * 1000);
    expect((await get('beats')).metadata.resourceVersion).to.equal(steady.metadata.resourceVersion);

    await renew(301_000);
    const wrong = await get('beats');
    expect(condition(wrong, 'ManagedClusterConditionClockSynced')).to.equal('ManagedClusterClockOutOfSync');
    await renew(320_000);
    expect((await get('beats')).metadata.resourceVersion).to.equal(wrong.metadata.resourceVersion);
    await patch('beats', {
      metadata: { annotations: { 'registration.open-cluster-management.io/skip-clock-sync-check': 'true' } },
    });
    await settle();
    expect(condition(await get('beats'), 'ManagedClusterConditionClockSynced')).to.equal(
      'ManagedClusterClockSynced',
    );
  });

  it('writes to a new cluster nothing, and to an accepted one its condition', async () => {
    let writes = 0;
    const watching = new AbortController();
    const made = await create(cluster('writes'));
    expect(keys(made)).to.deep.equal(['unreachable']);
    await settle();
    const { resourceVersion = '' } = (await get('writes')).metadata;
    expect(resourceVersion).to.equal(made.metadata.resourceVersion);
    const seen = (async () => {
      const options = { resourceVersion, signal: watching.signal, fieldSelector: 'metadata.name=writes' };
      try {
        for await (const { type } of hub.watch(wellKnown.managedClusters, options)) {
          if (type === 'MODIFIED') writes++;
        }
      } catch (error) {
        if (!watching.signal.aborted) throw error;
      }
    })();
    const { metadata } = await patch('writes', { spec: { hubAcceptsClient: true } });
    expect(metadata.finalizers).to.have.lengthOf(2);
    await settle();
    watching.abort(new Error('seen enough'));
    await seen;
    expect(writes).to.equal(2);
  });

  it('restores the sets that every hub has, and counts what is in them', async () => {
    expect((await getSet('default')).spec?.clusterSelector?.selectorType).to.equal(
      'ExclusiveClusterSetLabel',
    );
    const selector = { selectorType: 'LabelSelector', labelSelector: { matchLabels: { a: 'b' } } };
    for (const name of ['default', 'global']) {
      const body = { spec: { clusterSelector: selector, managedNamespaces: [{ name: 'kept' }] } };
      await hub.patch(setsRef, { name }, { type: 'merge', body });
    }
    await settle();
    expect((await getSet('default')).spec).to.deep.equal({
      clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' },
      managedNamespaces: [{ name: 'kept' }],
    });
    expect((await getSet('global')).spec?.clusterSelector).to.deep.equal({
      selectorType: 'LabelSelector',
      labelSelector: {},
    });
    await hub.delete(setsRef, { name: 'global' });
    await settle();
    const clusters = (await hub.list<ManagedCluster>(wellKnown.managedClusters)).items.length;
    const [empty] = (await getSet('global')).status?.conditions ?? [];
    expect(empty?.message).to.equal(`${clusters} ManagedClusters selected`);

    await hub.create(setsRef, {
      apiVersion: `${clusterGroup}/v1beta2`,
      kind: 'ManagedClusterSet',
      metadata: { name: 'team' },
    });
    await settle();
    expect(condition(await getSet('team'), 'ClusterSetEmpty')).to.equal('NoClusterMatched');
    await create(cluster('member', { labels: { [setLabel]: 'team' } }));
    await settle();
    expect(condition(await getSet('team'), 'ClusterSetEmpty')).to.equal('ClustersSelected');
    await patch('member', { metadata: { labels: { [setLabel]: 'default' } } });
    await settle();
    expect(condition(await getSet('team'), 'ClusterSetEmpty')).to.equal('NoClusterMatched');
  });

  it('tells of a binding whether its set exists, and who may make it', async () => {
    const binding = (name: string, clusterSet = name): KubeObject => ({
      apiVersion: `${clusterGroup}/v1beta2`,
      kind: 'ManagedClusterSetBinding',
      metadata: { name, namespace: 'users' },
      spec: { clusterSet },
    });
    const bound = async (name: string): Promise<string | undefined> => {
      await settle();
      return condition(await hub.get(bindingsRef, { namespace: 'users', name }), 'Bound');
    };
    expect(await refused(hub.create(bindingsRef, binding('a', 'b')))).to.contain('same name');
    expect(await refused(as(plain).create(bindingsRef, binding('default')))).to.contain(
      'not allowed to bind cluster set "default"',
    );
    await hub.create(bindingsRef, binding('default'));
    expect(await bound('default')).to.equal('ClusterSetBound');
    await hub.create(bindingsRef, binding('later'));
    expect(await bound('later')).to.equal('ClusterSetNotFound');
    await hub.create(setsRef, {
      apiVersion: `${clusterGroup}/v1beta2`,
      kind: 'ManagedClusterSet',
      metadata: { name: 'later' },
    });
    expect(await bound('later')).to.equal('ClusterSetBound');
    await hub.delete(setsRef, { name: 'later' });
    expect(await bound('later')).to.equal('ClusterSetNotFound');
  });

  it('puts a cluster into the default set, and asks for the permission to move it', async () => {
    await create(cluster('unlabelled'));
    expect((await get('unlabelled')).metadata.labels?.[setLabel]).to.equal('default');
    expect(await refused(create(cluster('other'), plain))).to.contain('ManagedClusterSet "default"');
    const move = { metadata: { labels: { [setLabel]: 'team' } } };
    expect(await refused(patch('unlabelled', move, plain))).to.contain('ManagedClusterSet "default"');
    const join = (set: string): object => ({
      apiGroups: [clusterGroup],
      resources: ['managedclustersets/join'],
      verbs: ['create'],
      resourceNames: [set],
    });
    await allow('plain', [join('default')]);
    expect(await refused(patch('unlabelled', move, plain))).to.contain('ManagedClusterSet "team"');
    await allow('plain', [join('team')]);
    await patch('unlabelled', move, plain);
    await patch('unlabelled', { metadata: { labels: { [setLabel]: null } } }, plain);
    expect((await get('unlabelled')).metadata.labels?.[setLabel]).to.equal('default');
  });

  it('lets somebody without the permission write a cluster that is older than its label', async () => {
    // The server's own user passes the rules by, as a cluster of a former version did.
    await createClient(world.server.transport()).create(wellKnown.managedClusters, cluster('old'));
    const nobody: UserInfo = { username: 'editor', groups: ['system:authenticated'] };
    await allow('editor', [{ apiGroups: [clusterGroup], resources: ['managedclusters'], verbs: ['patch'] }]);
    const written = await patch('old', { metadata: { labels: { a: 'b' } } }, nobody);
    expect(written.metadata.labels).to.deep.equal({ a: 'b', [setLabel]: 'default' });
  });

  it('lets a bootstrap token make its cluster in the default set only, and stay good when refused', async () => {
    const token = createBootstrapToken(env.random);
    await hub.create(
      wellKnown.secrets,
      bootstrapTokenSecret(token, { expiresAtMs: env.clock.now() + 3_600_000 }),
    );
    const joining: UserInfo = {
      username: `system:bootstrap:${token.id}`,
      groups: ['system:bootstrappers', 'system:bootstrappers:managedcluster', 'system:authenticated'],
    };
    const why = await refused(create(cluster('sneaky', { labels: { [setLabel]: 'team' } }), joining));
    expect(why).to.contain('ManagedClusterSet "team"');
    await create(cluster('joined'), joining);
    expect((await get('joined')).metadata.labels?.[setLabel]).to.equal('default');
  });

  it('refuses chosen taint times and survives what is no taint', async () => {
    await create(cluster('times', { spec: { taints: [{ key: 'a', effect: 'NoSelect' }] } }));
    const time = '2020-01-01T00:00:00Z';
    const chosen = { spec: { taints: [{ key: 'b', effect: 'NoSelect', timeAdded: time }] } };
    expect(await refused(patch('times', chosen))).to.equal(
      'BadRequest: It is not allowed to set TimeAdded of Taint "b".',
    );
    for (const taints of ['none', ['none'], [null], { a: 1 }]) {
      expect(await refused(create(cluster('bad', { spec: { taints } })))).to.contain('spec.taints');
    }
    for (const labels of ['none', ['none'], { [setLabel]: 5 }, { [setLabel]: {} }]) {
      await refused(create(cluster('bad', { labels: labels as object })));
    }
  });

  it('deletes a work that is complete when its time is up, and no other', async () => {
    await create(cluster('finishing', { spec: { hubAcceptsClient: true } }));
    await settle();
    const names = ['of-a-set', 'at-once', 'timed', 'running', 'untimed'];
    const ofSet = { 'work.open-cluster-management.io/manifestworkreplicaset': 'ns.set' };
    for (const name of names) {
      const lastTransitionTime = new Date(env.clock.now()).toISOString();
      await hub.create(wellKnown.manifestWorks, {
        apiVersion: 'work.open-cluster-management.io/v1',
        kind: 'ManifestWork',
        metadata: { name, namespace: 'finishing', ...(name === 'of-a-set' && { labels: ofSet }) },
        spec: {
          ...(name !== 'untimed' && {
            deleteOption: { ttlSecondsAfterFinished: name === 'at-once' ? 0 : 60 },
          }),
          workload: {
            manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'x' } }],
          },
        },
      });
      const status = name === 'running' ? 'False' : 'True';
      const complete = {
        type: 'Complete',
        status,
        reason: 'ConditionRulesAggregated',
        message: '',
        lastTransitionTime,
      };
      await hub.patch(
        wellKnown.manifestWorks,
        { namespace: 'finishing', name },
        { type: 'merge', body: { status: { conditions: [complete] } }, subresource: 'status' },
      );
    }
    const left = async (): Promise<(string | undefined)[]> =>
      (await hub.list(wellKnown.manifestWorks, { namespace: 'finishing' })).items.map(
        ({ metadata }) => metadata.name,
      );
    await env.clock.advance(50_000);
    expect(await left()).to.deep.equal(['of-a-set', 'running', 'timed', 'untimed']);
    await env.clock.advance(15_000);
    expect(await left()).to.deep.equal(['of-a-set', 'running', 'untimed']);
  });
});
