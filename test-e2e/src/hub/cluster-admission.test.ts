/** What the hub completes and refuses when clusters and bindings are written, for users with and without the right. */
import type { UserInfo } from '@flotilla/apiserver';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  binding,
  bindingsRef,
  cluster,
  clusterGroup,
  clusterSet,
  HubWorld,
  refused,
  setLabel,
  setsRef,
} from './hub-world.js';

const registerGroup = 'register.open-cluster-management.io';
const clustersRule = { apiGroups: [clusterGroup], resources: ['managedclusters'], verbs: ['*'] };
const bindingsRule = { apiGroups: [clusterGroup], resources: ['managedclustersetbindings'], verbs: ['*'] };
const acceptRule = { apiGroups: [registerGroup], resources: ['managedclusters/accept'], verbs: ['update'] };
const onSet = (verb: 'join' | 'bind', set: string): object => ({
  apiGroups: [clusterGroup],
  resources: [`managedclustersets/${verb}`],
  verbs: ['create'],
  resourceNames: [set],
});

describe('writing clusters and bindings', () => {
  const world = new HubWorld();
  let hub: KubeClient;
  let names = 0;
  const newName = (): string => `cluster-${++names}`;

  before(async () => {
    await world.start();
    hub = world.hub;
    await hub.create(setsRef, clusterSet('team'));
    await world.createNamespace('users');
  });
  after(() => world.close());

  /** A user of its own for each test: nobody has rights of another test. */
  async function userWith(...rules: object[]): Promise<UserInfo> {
    const user = { username: `user-${++names}`, groups: ['system:authenticated'] };
    await world.allow(user.username, rules);
    return user;
  }

  /** A namespace that a finalizer holds while it is being deleted. */
  async function terminatingNamespace(name: string): Promise<void> {
    await hub.create(wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await hub.create(wellKnown.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', namespace: name, finalizers: ['example.com/held'] },
    });
    await hub.delete(wellKnown.namespaces, { name });
    const { metadata } = await hub.get<{ metadata: { deletionTimestamp?: string } }>(wellKnown.namespaces, {
      name,
    });
    expect(metadata.deletionTimestamp).to.be.a('string');
  }

  describe('a new cluster', () => {
    it('gets a lease duration of 60 seconds', async () => {
      const { spec } = await world.createCluster(cluster(newName()));
      expect(spec?.leaseDurationSeconds).to.equal(60);
    });

    for (const [what, labels] of [
      ['no labels', undefined],
      ['other labels', { env: 'test' }],
      ['the label empty', { [setLabel]: '' }],
    ] as const) {
      it(`is put into the default set when it has ${what}`, async () => {
        const { metadata } = await world.createCluster(cluster(newName(), labels && { labels }));
        expect(metadata.labels).to.deep.equal({ ...labels, [setLabel]: 'default' });
      });
    }

    it('is told when its taints were added, and again when one changes', async () => {
      const name = newName();
      const chosen = '2020-01-01T00:00:00Z';
      const taint = (effect: string) => ({ key: 'a', value: 'b', effect });
      const made = await world.createCluster(
        cluster(name, { spec: { taints: [{ ...taint('NoSelect'), timeAdded: chosen }] } }),
      );
      const first = made.spec?.taints?.[0]?.timeAdded;
      expect(first).to.be.a('string').and.not.equal(chosen);
      await world.settle(5000);
      const changed = await world.patchCluster(name, { spec: { taints: [taint('NoSelectIfNew')] } });
      const second = changed.spec?.taints?.find(({ key }) => key === 'a')?.timeAdded;
      expect(Date.parse(second ?? '')).to.be.greaterThan(Date.parse(first ?? ''));
    });

    it('is refused with an address that is not https', async () => {
      const spec = { managedClusterClientConfigs: [{ url: 'http://127.0.0.1:8001' }] };
      expect(await refused(world.createCluster(cluster(newName(), { spec })))).to.match(
        /^BadRequest: .*"http:\/\/127\.0\.0\.1:8001"/,
      );
    });

    it('is refused with a name that no namespace can have', async () => {
      expect(await refused(world.createCluster(cluster('test.invalid.name')))).to.match(
        /^(BadRequest|Invalid): .*metadata\.name/,
      );
    });

    it('is not made accepted by somebody who may not accept', async () => {
      const user = await userWith(clustersRule, onSet('join', 'default'));
      const accepted = cluster(newName(), { spec: { hubAcceptsClient: true } });
      expect(await refused(world.createCluster(accepted, user))).to.match(
        /^Forbidden: .*cannot update the HubAcceptsClient field/,
      );
    });

    it('is not made accepted while the namespace of its name is being deleted', async () => {
      const name = newName();
      await terminatingNamespace(name);
      const user = await userWith(clustersRule, acceptRule, onSet('join', 'default'));
      const accepted = cluster(name, { spec: { hubAcceptsClient: true } });
      expect(await refused(world.createCluster(accepted, user))).to.match(/^Forbidden: .*terminating/);
    });

    it('is made accepted by somebody who may accept', async () => {
      const user = await userWith(clustersRule, acceptRule, onSet('join', 'default'));
      const made = await world.createCluster(cluster(newName(), { spec: { hubAcceptsClient: true } }), user);
      expect(made.spec?.hubAcceptsClient).to.equal(true);
    });

    it('that is accepted can have its labels changed by somebody who may not accept', async () => {
      const name = newName();
      await world.createCluster(cluster(name, { spec: { hubAcceptsClient: true } }));
      const user = await userWith(clustersRule);
      const patched = await world.patchCluster(name, { metadata: { labels: { k: 'v' } } }, user);
      expect(patched.metadata.labels?.['k']).to.equal('v');
    });

    it('is made in a set by somebody who may join clusters to it', async () => {
      const user = await userWith(clustersRule, onSet('join', 'team'));
      const made = await world.createCluster(cluster(newName(), { labels: { [setLabel]: 'team' } }), user);
      expect(made.metadata.labels?.[setLabel]).to.equal('team');
    });

    it('is not made in a set by somebody who may not join clusters to it', async () => {
      const user = await userWith(clustersRule, onSet('join', 'default'));
      const attempt = world.createCluster(cluster(newName(), { labels: { [setLabel]: 'team' } }), user);
      expect(await refused(attempt)).to.match(/^Forbidden: .*ManagedClusterSet "team"/);
    });
  });

  describe('a change of a cluster', () => {
    async function made(): Promise<string> {
      const name = newName();
      await world.createCluster(cluster(name));
      return name;
    }

    it('that leaves the lease duration out leaves it at 60 seconds', async () => {
      // What a Go client sends for a duration of 0.
      const live = await world.getCluster(await made());
      const { leaseDurationSeconds: _, ...spec } = live.spec ?? {};
      const updated = await hub.update(wellKnown.managedClusters, { ...live, spec });
      expect((updated as typeof live).spec?.leaseDurationSeconds).to.equal(60);
    });

    it('cannot take the label of its set away, only change it', async () => {
      const name = await made();
      await world.patchCluster(name, { metadata: { labels: { [setLabel]: null } } });
      expect((await world.getCluster(name)).metadata.labels?.[setLabel]).to.equal('default');
    });

    it('moves it to another set', async () => {
      const name = await made();
      await world.patchCluster(name, { metadata: { labels: { [setLabel]: 'team' } } });
      expect((await world.getCluster(name)).metadata.labels?.[setLabel]).to.equal('team');
    });

    it('to an address that is not https is refused', async () => {
      const spec = { managedClusterClientConfigs: [{ url: 'http://127.0.0.1:8001' }] };
      expect(await refused(world.patchCluster(await made(), { spec }))).to.match(/^BadRequest: /);
    });

    it('does not accept it by somebody who may not accept', async () => {
      const user = await userWith(clustersRule);
      const attempt = world.patchCluster(await made(), { spec: { hubAcceptsClient: true } }, user);
      expect(await refused(attempt)).to.match(/^Forbidden: .*cannot update the HubAcceptsClient field/);
    });

    it('does not accept it while its namespace is being deleted', async () => {
      const name = await made();
      await terminatingNamespace(name);
      const attempt = world.patchCluster(name, { spec: { hubAcceptsClient: true } });
      expect(await refused(attempt)).to.match(/^Forbidden: .*terminating/);
    });

    it('moves it by somebody who may join clusters to both sets', async () => {
      const name = await made();
      const user = await userWith(clustersRule, onSet('join', 'default'), onSet('join', 'team'));
      const moved = await world.patchCluster(name, { metadata: { labels: { [setLabel]: 'team' } } }, user);
      expect(moved.metadata.labels?.[setLabel]).to.equal('team');
    });

    for (const missing of ['default', 'team']) {
      it(`does not move it by somebody who may not join clusters to the set ${missing}`, async () => {
        const name = await made();
        const other = missing === 'team' ? 'default' : 'team';
        const user = await userWith(clustersRule, onSet('join', other));
        const attempt = world.patchCluster(name, { metadata: { labels: { [setLabel]: 'team' } } }, user);
        expect(await refused(attempt)).to.match(new RegExp(`^Forbidden: .*ManagedClusterSet "${missing}"`));
      });
    }
  });

  describe('a binding', () => {
    async function bound(): Promise<string> {
      const name = `set-${++names}`;
      await hub.create(bindingsRef, binding('users', name));
      return name;
    }

    it('has the name of its set', async () => {
      expect(await refused(hub.create(bindingsRef, binding('users', 'a', 'b')))).to.match(
        /^BadRequest: .*must have the same name as the target ManagedClusterSet/,
      );
    });

    it('is made by somebody who may bind the set', async () => {
      const user = await userWith(bindingsRule, onSet('bind', 'mine'));
      await world.as(user).create(bindingsRef, binding('users', 'mine'));
    });

    it('is not made by somebody who may not bind the set', async () => {
      const user = await userWith(bindingsRule, onSet('bind', 'mine'));
      expect(await refused(world.as(user).create(bindingsRef, binding('users', 'yours')))).to.match(
        /^Forbidden: .*not allowed to bind cluster set "yours"/,
      );
    });

    it('cannot be changed to another set', async () => {
      const name = await bound();
      const body = { spec: { clusterSet: 'other' } };
      const attempt = hub.patch(bindingsRef, { namespace: 'users', name }, { type: 'merge', body });
      expect(await refused(attempt)).to.match(/^BadRequest: /);
    });

    it('can have its labels changed by somebody who may not bind the set', async () => {
      const name = await bound();
      const user = await userWith(bindingsRule);
      const body = { metadata: { labels: { owner: 'user' } } };
      const key = { namespace: 'users', name };
      const patched = await world.as(user).patch(bindingsRef, key, { type: 'merge', body });
      expect(patched.metadata.labels).to.deep.equal({ owner: 'user' });
    });
  });
});
