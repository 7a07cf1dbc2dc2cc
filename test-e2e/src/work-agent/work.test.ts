/** OCM's integration cases of single works: what is created, changed, merged and reported. */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  forResource,
  getWork,
  manifestCondition,
  manifestStatuses,
  patchWork,
  settle,
  untilCondition,
  untilManifests,
  type World,
  work,
} from './world.js';

const rbacGroup = 'rbac.authorization.k8s.io';
const rbac = (resource: string): ResourceRef => ({
  group: rbacGroup,
  version: 'v1',
  resource,
  namespaced: !resource.startsWith('cluster'),
});
const gadgets: ResourceRef = { group: 'example.io', version: 'v1', resource: 'gadgets', namespaced: true };

const gadgetDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const gadget = (metadata: object = {}, spec: object = { size: 1 }): KubeObject => ({
  apiVersion: 'example.io/v1',
  kind: 'Gadget',
  metadata: { name: 'g', namespace: 'default', ...metadata },
  spec,
});

const named = (apiVersion: string, kind: string, rest: object = {}, name = 'app'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default' },
  ...rest,
});

const role = named(`${rbacGroup}/v1`, 'Role', {
  rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
});

const binding = (roleName: string): KubeObject =>
  named(`${rbacGroup}/v1`, 'RoleBinding', {
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name: roleName },
    subjects: [{ kind: 'ServiceAccount', name: 'app', namespace: 'default' }],
  });

const labels = { app: 'app' };
const deployment = (serviceAccountName: string): KubeObject =>
  named('apps/v1', 'Deployment', {
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { serviceAccountName, containers: [{ name: 'c', image: 'x' }] },
      },
    },
  });

const timeOf = (found: ManifestWork, index: number): string | undefined =>
  manifestCondition(found, 'Applied', index)?.lastTransitionTime;

describe('work agent, one work', () => {
  let world: World;
  const cm = (name: string, namespace = 'default') =>
    find(world.managed, wellKnown.configMaps, { namespace, name });
  const get = (ref: ResourceRef, name: string) => find(world.managed, ref, { namespace: 'default', name });
  const manifests = (...list: KubeObject[]) => ({ spec: { workload: { manifests: list } } });
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('replaces its one manifest: the new object comes, the old one and its record go', async () => {
    await createWork(world, work('w', [configMap('old')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', manifests(configMap('new')));
    await untilCondition(world, 'w', { type: 'Applied' });
    await eventually(world, async () => (await cm('old')) === undefined && (await cm('new')) !== undefined);
    await settle(world);
    const { items } = await world.managed.list<KubeObject & { status: { appliedResources: object[] } }>(
      wellKnown.appliedManifestWorks,
    );
    expect(items[0]?.status.appliedResources).to.have.length(1);
    expect(items[0]?.status.appliedResources[0]).to.include({ name: 'new' });
  });

  it('applies two of three manifests when the first has no namespace, is mended by an update, and goes clean', async () => {
    await createWork(world, work('w', [configMap('a', {}, 'nowhere'), configMap('b'), configMap('c')]));
    const statuses = ['False', 'True', 'True'];
    await untilManifests(world, 'w', { type: 'Applied', statuses });
    await untilManifests(world, 'w', { type: 'Available', statuses });
    await patchWork(world, 'w', manifests(configMap('a'), configMap('b'), configMap('d')));
    await untilManifests(world, 'w', { type: 'Available', statuses: ['True', 'True', 'True'] });
    expect(await cm('c')).to.equal(undefined);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'w' });
    await eventually(world, async () => (await getWork(world, 'w')) === undefined);
    for (const name of ['a', 'b', 'd']) expect(await cm(name)).to.equal(undefined);
    expect((await world.managed.list(wellKnown.appliedManifestWorks)).items).to.deep.equal([]);
  });

  it('merges annotations into a custom resource that has others', async () => {
    await world.managed.create(wellKnown.customResourceDefinitions, gadgetDefinition);
    await settle(world, 2000);
    await world.managed.create(gadgets, gadget({ annotations: { theirs: 'kept' } }));
    await createWork(world, work('w', [gadget({ annotations: { ours: 'added' } })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const live = await get(gadgets, 'g');
    expect(live?.metadata.annotations).to.deep.equal({ theirs: 'kept', ours: 'added' });
  });

  it('leaves the finalizers of a custom resource as they are when it changes it', async () => {
    await createWork(world, work('w', [gadgetDefinition, gadget()]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const body = { metadata: { finalizers: ['example.io/theirs'] } };
    await world.managed.patch(gadgets, { namespace: 'default', name: 'g' }, { type: 'merge', body });
    await patchWork(world, 'w', manifests(gadgetDefinition, gadget({}, { size: 2 })));
    await untilCondition(world, 'w', { type: 'Applied' });
    const live = expectDefined(await get(gadgets, 'g'));
    expect(live['spec']).to.deep.equal({ size: 2 });
    expect(live.metadata.finalizers).to.deep.equal(['example.io/theirs']);
  });

  it('takes a definition and its custom resource away together', async () => {
    await createWork(world, work('w', [gadgetDefinition, gadget()]));
    await untilCondition(world, 'w', { type: 'Available' });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'w' });
    await eventually(world, async () => (await getWork(world, 'w')) === undefined);
    const definition = { name: 'gadgets.example.io' };
    expect(await find(world.managed, wellKnown.customResourceDefinitions, definition)).to.equal(undefined);
    expect(await get(gadgets, 'g')).to.equal(undefined);
  });

  it('ignores the namespace of a manifest whose kind has none', async () => {
    const clusterRole = named(`${rbacGroup}/v1`, 'ClusterRole', { rules: [] });
    await createWork(world, work('w', [clusterRole]));
    const found = await untilCondition(world, 'w', { type: 'Available' });
    expect(found.status?.resourceStatus?.manifests?.[0]?.resourceMeta).to.deep.equal({
      ordinal: 0,
      group: rbacGroup,
      version: 'v1',
      kind: 'ClusterRole',
      resource: 'clusterroles',
      name: 'app',
      namespace: '',
    });
    expect(await find(world.managed, rbac('clusterroles'), { name: 'app' })).to.not.equal(undefined);
  });

  it('brings an account, its role and its deployment in one work, whatever their order', async () => {
    const app = [deployment('app'), binding('app'), role, named('v1', 'ServiceAccount')];
    await createWork(world, work('w', app));
    await untilManifests(world, 'w', { type: 'Available', statuses: ['True', 'True', 'True', 'True'] });
    for (const ref of [rbac('roles'), rbac('rolebindings'), wellKnown.deployments]) {
      expect(await get(ref, 'app')).to.not.equal(undefined);
    }
    expect(world.env.log.find('reconcile failed')).to.deep.equal([]);
  });

  it('keeps the times of the conditions of what an update leaves alone, and renews those of what it renames', async () => {
    const accounts = wellKnown.serviceAccounts;
    await createWork(world, work('w', [deployment('app'), named('v1', 'ServiceAccount')]));
    const before = await untilCondition(world, 'w', { type: 'Available' });
    await settle(world, 10_000);
    await patchWork(world, 'w', manifests(deployment('app'), named('v1', 'ServiceAccount', {}, 'other')));
    await untilManifests(world, 'w', { type: 'Available', statuses: ['True', 'True'] });
    const after = expectDefined(await getWork(world, 'w'));
    for (const type of ['Applied', 'Available', 'StatusFeedbackSynced']) {
      expect(manifestStatuses(after, type)).to.deep.equal(['True', 'True']);
    }
    expect(manifestCondition(after, 'Available', 0)).to.deep.equal(manifestCondition(before, 'Available', 0));
    expect(timeOf(after, 1)).to.not.equal(timeOf(before, 1));
    await eventually(world, async () => (await get(accounts, 'app')) === undefined);
    expect(await get(accounts, 'other')).to.not.equal(undefined);
  });

  it('reports a new spec under its generation, with a new time for what it applied', async () => {
    await createWork(world, work('w', [configMap('a', { x: '1' })]));
    const before = await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world, 10_000);
    await patchWork(world, 'w', manifests(configMap('a', { x: '2' })));
    const after = await untilCondition(world, 'w', { type: 'Applied' });
    const [first, second] = [before, after].map((found) => manifestCondition(found, 'Applied'));
    expect([first?.observedGeneration, second?.observedGeneration]).to.deep.equal([1, 2]);
    expect(Date.parse(expectDefined(second).lastTransitionTime)).to.be.greaterThan(
      Date.parse(expectDefined(first).lastTransitionTime),
    );
  });

  it('keeps its conditions as they are while somebody changes an object directly', async () => {
    await createWork(world, work('w', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'w', { type: 'Available' });
    await settle(world, 10_000);
    const before = await getWork(world, 'w');
    await world.managed.patch(
      wellKnown.configMaps,
      { namespace: 'default', name: 'a' },
      { type: 'merge', body: { data: { x: 'drift' } } },
    );
    await eventually(world, async () => (await cm('a'))?.['data']?.['x' as never] === '1');
    await settle(world, 10_000);
    expect((await getWork(world, 'w'))?.status).to.deep.equal(before?.status);
  });

  it('ends when a rule calls it complete, also when that rule came with an update', async () => {
    const rules = [{ type: 'CEL', condition: 'Complete', celExpressions: ['object.data.x == "2"'] }];
    const manifestConfigs = [forResource('configmaps', 'a', { conditionRules: rules })];
    await createWork(world, work('w', [configMap('a', { x: '1' }), configMap('b')], { manifestConfigs }));
    await untilCondition(world, 'w', { type: 'Complete', status: 'False' });
    await patchWork(world, 'w', manifests(configMap('a', { x: '2' }), configMap('b')));
    const found = await untilCondition(world, 'w', { type: 'Complete', status: 'True' });
    const complete = found.status?.conditions?.find(({ type }) => type === 'Complete');
    expect(complete?.reason).to.equal('ConditionRulesAggregated');
  });

  it('says that a role reference cannot change while the binding is there, for each new spec', async () => {
    await createWork(world, work('w', [role, binding('app')]));
    await untilCondition(world, 'w', { type: 'Available' });
    for (const other of ['second', 'third']) {
      await patchWork(world, 'w', manifests(role, binding(other)));
      const found = await untilManifests(world, 'w', { type: 'Applied', statuses: ['True', 'False'] });
      expect(manifestStatuses(found, 'Available')).to.deep.equal(['True', 'True']);
      expect(manifestCondition(found, 'Applied', 1)?.message).to.contain('roleRef');
    }
    expect((await get(rbac('rolebindings'), 'app'))?.['roleRef']).to.deep.include({ name: 'app' });
  });
});
