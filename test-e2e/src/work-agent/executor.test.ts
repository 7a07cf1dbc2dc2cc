/** Works that name an executor: the managed cluster's own RBAC decides what they may do, deletion included. */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  manifestStatuses,
  untilCondition,
  untilManifests,
  type World,
  work,
} from './world.js';

const rbacVersion = 'rbac.authorization.k8s.io/v1';
const rbac = (resource: string): ResourceRef => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource,
  namespaced: true,
});
const roles = rbac('roles');
const executor = { subject: { type: 'ServiceAccount', serviceAccount: { namespace: 'default', name: 'e' } } };
const key = { namespace: 'default', name: 'a' };

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const onConfigMaps = (...verbs: string[]): Rule => ({ apiGroups: [''], resources: ['configmaps'], verbs });
/** All but `escalate` and `bind`. */
const onRoles: Rule = {
  apiGroups: ['rbac.authorization.k8s.io'],
  resources: ['roles'],
  verbs: ['create', 'update', 'patch', 'get', 'delete'],
};
const withoutDelete = onConfigMaps('create', 'update', 'patch', 'get');

describe('work agent, executor', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent({ executorRetryMs: 5000 });
    await world.managed.create(rbac('rolebindings'), {
      apiVersion: rbacVersion,
      kind: 'RoleBinding',
      metadata: { name: 'e', namespace: 'default' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'e' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'e' }],
    } as KubeObject);
    await world.managed.create(roles, {
      apiVersion: rbacVersion,
      kind: 'Role',
      metadata: { name: 'e', namespace: 'default' },
      rules: [],
    } as KubeObject);
  });
  afterEach(() => world.close());

  const get = () => find(world.managed, wellKnown.configMaps, key);
  const grant = (...rules: Rule[]) =>
    world.managed.patch(roles, { namespace: 'default', name: 'e' }, { type: 'merge', body: { rules } });
  const messages = (seen: ManifestWork): (string | undefined)[] =>
    (seen.status?.resourceStatus?.manifests ?? []).map(
      ({ conditions }) => conditions.find(({ type }) => type === 'Applied')?.message,
    );

  it('applies nothing that the executor may not apply, and all of it when it may', async () => {
    await createWork(world, work('one', [configMap('a')], { executor }));
    const refused = await untilCondition(world, 'one', { type: 'Applied', status: 'False' });
    expect(messages(refused)).to.deep.equal([
      'Failed to apply manifest: not allowed to apply the resource  configmaps, default a, will try again in 0m5s',
    ]);
    expect(await get()).to.equal(undefined);
    await grant(onConfigMaps('*'));
    await eventually(world, async () => (await get()) !== undefined);
  });

  it('applies what it may beside what it may not', async () => {
    await grant(onConfigMaps('*'));
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
    } as KubeObject;
    await createWork(world, work('one', [configMap('a'), secret], { executor }));
    const seen = await untilCondition(world, 'one', { type: 'Applied', status: 'False' });
    expect(messages(seen)[0]).to.equal('Apply manifest complete');
    expect(messages(seen)[1]).to.contain('not allowed to apply the resource  secrets, default s');
  });

  it('needs no permission to delete for what the work orphans', async () => {
    await grant(withoutDelete);
    await createWork(
      world,
      work('kept', [configMap('b')], { executor, deleteOption: { propagationPolicy: 'Orphan' } }),
    );
    await untilCondition(world, 'kept', { type: 'Applied', status: 'True' });
    await createWork(world, work('owned', [configMap('a')], { executor }));
    await untilCondition(world, 'owned', { type: 'Applied', status: 'False' });
    const rule = { group: '', resource: 'configmaps', namespace: 'default', name: 'c' };
    const selectively = {
      propagationPolicy: 'SelectivelyOrphan',
      selectivelyOrphans: { orphaningRules: [rule] },
    };
    const some = work('some', [configMap('c'), configMap('d')], { executor, deleteOption: selectively });
    await createWork(world, some);
    const seen = await untilCondition(world, 'some', { type: 'Applied', status: 'False' });
    expect(messages(seen)[0]).to.equal('Apply manifest complete');
    expect(messages(seen)[1]).to.contain('not allowed to apply');
  });

  it('lets nobody grant through it what the executor does not hold', async () => {
    await grant(onRoles);
    const powerful = {
      apiVersion: rbacVersion,
      kind: 'Role',
      metadata: { name: 'powerful', namespace: 'default' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['*'] }],
    } as KubeObject;
    await createWork(world, work('one', [powerful], { executor }));
    const seen = await untilCondition(world, 'one', { type: 'Applied', status: 'False' });
    expect(messages(seen)[0]).to.contain('permission escalation');
    await grant(onRoles, { apiGroups: [''], resources: ['secrets'], verbs: ['*'] });
    await untilCondition(world, 'one', { type: 'Applied', status: 'True' });
  });

  it('deletes as the executor, and tells on the hub why it cannot', async () => {
    await grant(onConfigMaps('*'));
    await createWork(world, work('one', [configMap('a')], { executor }));
    await untilCondition(world, 'one', { type: 'Applied' });
    await grant(withoutDelete);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'one' });
    const held = await eventually(world, async () => {
      const seen = await getWork(world, 'one');
      const message = seen?.status?.conditions?.find(({ type }) => type === 'Deleting')?.message;
      const why =
        'configmaps "a" is forbidden: User "system:serviceaccount:default:e" cannot delete resource "configmaps"';
      return message?.includes(why) && seen;
    });
    expect(held.metadata.deletionTimestamp).to.not.equal(undefined);
    expect(await get()).to.not.equal(undefined);
    await grant(onConfigMaps('*'));
    await eventually(world, async () => (await getWork(world, 'one')) === undefined, 300_000);
    expect(await get()).to.equal(undefined);
  });

  it('prunes as the executor', async () => {
    await grant(onConfigMaps('*'));
    await createWork(world, work('one', [configMap('a'), configMap('b')], { executor }));
    await untilCondition(world, 'one', { type: 'Applied' });
    const { spec } = work('one', [configMap('b')]);
    await grant(withoutDelete);
    await world.hub.patch(
      wellKnown.manifestWorks,
      { namespace: 'cluster1', name: 'one' },
      { type: 'merge', body: { spec: { workload: spec?.workload } } },
    );
    await world.env.clock.advance(20_000);
    expect(await get()).to.not.equal(undefined);
    await grant(onConfigMaps('*'));
    await eventually(world, async () => (await get()) === undefined, 300_000);
  });

  /** A role that the executor may write, a binding and a config map, as OCM's cases have them. */
  const granting = (): KubeObject[] => [
    configMap('a', {}, 'missing'),
    {
      apiVersion: rbacVersion,
      kind: 'Role',
      metadata: { name: 'powerful', namespace: 'default' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['*'] }],
    } as KubeObject,
    {
      apiVersion: rbacVersion,
      kind: 'RoleBinding',
      metadata: { name: 'powerful', namespace: 'default' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'powerful' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'e' }],
    } as KubeObject,
  ];
  const onBindings: Rule = { ...onRoles, resources: ['roles', 'rolebindings'] };
  const granter: Rule = { ...onRoles, resources: ['roles'], verbs: [...onRoles.verbs, 'escalate', 'bind'] };

  it('refuses a role that is there already as it refuses a new one, and says that it is there', async () => {
    const [, powerful] = granting();
    await world.managed.create(roles, powerful as KubeObject);
    await grant(onBindings, onConfigMaps('*'));
    await createWork(world, work('one', granting(), { executor }));
    const seen = await untilManifests(world, 'one', {
      type: 'Applied',
      statuses: ['False', 'False', 'False'],
    });
    expect(manifestStatuses(seen, 'Available')).to.deep.equal(['False', 'True', 'False']);
    expect(messages(seen)[1]).to.contain('permission escalation');
    expect(messages(seen)[2]).to.contain('permission escalation');
  });

  for (const isThere of [false, true]) {
    it(`grants what it may escalate and bind, with the role ${isThere ? 'there already' : 'new'}`, async () => {
      const [, powerful, binding] = granting() as [KubeObject, KubeObject, KubeObject];
      if (isThere) await world.managed.create(roles, { ...powerful, rules: [] } as KubeObject);
      await grant(onBindings, granter);
      await createWork(world, work('one', [powerful, binding], { executor }));
      await untilManifests(world, 'one', { type: 'Available', statuses: ['True', 'True'] });
      await untilCondition(world, 'one', { type: 'Applied' });
      const live = await find(world.managed, roles, { namespace: 'default', name: 'powerful' });
      expect(live?.['rules']).to.deep.equal(powerful['rules']);
    });
  }

  it('notices that a permission is taken away from what it has applied, and given back', async () => {
    await grant(onConfigMaps('*'));
    const three = [configMap('a'), configMap('b'), configMap('c')];
    await createWork(world, work('one', three, { executor }));
    await untilCondition(world, 'one', { type: 'Applied' });
    await grant();
    await world.managed.delete(wellKnown.configMaps, { namespace: 'default', name: 'c' });
    const seen = await untilManifests(world, 'one', {
      type: 'Applied',
      statuses: ['False', 'False', 'False'],
    });
    await eventually(world, async () => {
      const found = await getWork(world, 'one');
      return found && manifestStatuses(found, 'Available').join() === 'True,True,False';
    });
    expect(messages(seen)[0]).to.contain('not allowed to apply');
    await grant(onConfigMaps('*'));
    await untilManifests(world, 'one', { type: 'Applied', statuses: ['True', 'True', 'True'] });
    await eventually(
      world,
      async () =>
        (await find(world.managed, wellKnown.configMaps, { namespace: 'default', name: 'c' })) !== undefined,
    );
  });
});
