import {
  type KubeObject,
  type ManifestPlan,
  type ManifestWorkPlan,
  manifestWorkPlanKind,
  resourceOf,
} from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  applyCrds,
  clusterName,
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const ref = resourceOf(manifestWorkPlanKind);

describe('a plan of a work', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  async function startAgent(): Promise<void> {
    await applyCrds(world.hub, ['manifestworkplans']);
    await settle(world, 1000);
    world.startAgent();
    await settle(world, 1000);
  }

  let count = 0;
  async function ask(
    workName: string,
    manifests: readonly KubeObject[],
    more: object = {},
  ): Promise<ManifestWorkPlan> {
    const name = `plan-${++count}`;
    const { spec } = work(workName, manifests, more);
    await world.hub.create<ManifestWorkPlan>(ref, {
      apiVersion: `${ref.group}/${ref.version}`,
      kind: 'ManifestWorkPlan',
      metadata: { name, namespace: clusterName },
      spec: { workName, workSpec: expectDefined(spec) },
    });
    return answered(name);
  }

  const answered = (name: string): Promise<ManifestWorkPlan> =>
    eventually(world, async () => {
      const plan = await world.hub.get<ManifestWorkPlan>(ref, { namespace: clusterName, name });
      return plan.status?.observedGeneration === plan.metadata.generation && plan;
    });

  const actions = ({ status }: ManifestWorkPlan): string[] =>
    (status?.manifests ?? []).map(({ name, action }) => `${action} ${name}`);
  const first = ({ status }: ManifestWorkPlan): ManifestPlan => expectDefined(status?.manifests?.[0]);

  /** The version of the whole cluster: it moves with every write of anything. */
  const clusterVersion = async (): Promise<string> =>
    expectDefined((await world.managed.list(wellKnown.configMaps, {})).metadata.resourceVersion);

  async function apply(name: string, manifests: readonly KubeObject[], more: object = {}): Promise<void> {
    await createWork(world, work(name, manifests, more));
    await untilCondition(world, name, { type: 'Applied' });
    await settle(world, 1000);
  }

  const withStrategy = (name: string, type: string): object => ({
    manifestConfigs: [
      {
        resourceIdentifier: { group: '', resource: 'configmaps', name, namespace: 'default' },
        updateStrategy: { type },
      },
    ],
  });

  for (const [type, changed] of [
    ['Update', 'change'],
    ['ServerSideApply', 'change'],
    ['CreateOnly', 'unchanged'],
    ['ReadOnly', 'unchanged'],
  ] as const) {
    it(`writes nothing with the strategy ${type}, and does what it would do`, async () => {
      await startAgent();
      await apply(
        'web',
        [configMap('kept', { a: '1' }), configMap('old')],
        withStrategy('kept', type === 'ReadOnly' ? 'Update' : type),
      );
      const before = await clusterVersion();
      const plan = await ask(
        'web',
        [configMap('kept', { a: '2' }), configMap('new')],
        withStrategy('kept', type),
      );
      expect(actions(plan)).to.deep.equal([`${changed} kept`, 'create new', 'delete old']);
      if (changed === 'change')
        expect(first(plan).changes).to.deep.equal([{ path: 'data.a', from: '"1"', to: '"2"' }]);
      expect(await clusterVersion()).to.equal(before);
    });
  }

  it('makes no inventory for a work that is not there', async () => {
    await startAgent();
    await settle(world, 5000);
    const before = await clusterVersion();
    const writes = world.requests.length;
    expect(actions(await ask('fresh', [configMap('a'), configMap('b')]))).to.deep.equal([
      'create a',
      'create b',
    ]);
    expect(await clusterVersion()).to.equal(before);
    expect((await world.managed.list(wellKnown.appliedManifestWorks)).items).to.deep.equal([]);
    for (const request of world.requests.slice(writes)) {
      if (!request.startsWith('GET ')) expect(request).to.contain('dryRun=All');
    }
  });

  it('comes true when the work is then changed that way', async () => {
    await startAgent();
    await apply('web', [configMap('kept', { a: '1', b: '2' }), configMap('old')]);
    const manifests = [configMap('kept', { a: '3' }), configMap('new')];
    const plan = await ask('web', manifests);
    expect(first(plan).changes).to.deep.equal([
      { path: 'data.a', from: '"1"', to: '"3"' },
      { path: 'data.b', from: '"2"' },
    ]);
    await patchWork(world, 'web', { spec: { workload: { manifests } } });
    await untilCondition(world, 'web', { type: 'Applied' });
    await settle(world, 1000);
    const live = await world.managed.get(wellKnown.configMaps, { namespace: 'default', name: 'kept' });
    expect(live['data']).to.deep.equal({ a: '3' });
    expect(actions(await ask('web', manifests))).to.deep.equal(['unchanged kept', 'unchanged new']);
  });

  it('tells when another work was first, and that what it has too is not deleted', async () => {
    await startAgent();
    await apply('first', [configMap('shared', { a: '1' })]);
    const contested = await ask('second', [configMap('shared', { a: '2' })]);
    expect(first(contested)).to.include({ action: 'refused' });
    expect(first(contested).message).to.contain('ManifestWork "first" applies the same object');
    await apply('second', [configMap('shared', { a: '1' }), configMap('own')]);
    const plan = await ask('second', [configMap('own')]);
    expect(actions(plan)).to.deep.equal(['unchanged own', 'change shared']);
    expect(plan.status?.manifests?.[1]?.message).to.contain('another work has it too');
  });

  it('is refused what its executor may not do', async () => {
    await startAgent();
    const subject = { type: 'ServiceAccount', serviceAccount: { namespace: 'default', name: 'nobody' } };
    const plan = await ask('web', [configMap('a')], { executor: { subject } });
    expect(first(plan)).to.include({ action: 'refused' });
    expect(first(plan).message).to.match(/^not allowed to apply the resource {2}configmaps, default a$/);
  });

  it('does not let the values of secrets out', async () => {
    await startAgent();
    const secret = (value: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      stringData: { password: value },
    });
    await apply('web', [secret('before-123')]);
    const plan = await ask('web', [secret('after-456')]);
    expect(first(plan).changes).to.deep.equal([
      { path: 'data.password', from: '"*** (before)"', to: '"*** (after)"' },
    ]);
    expect(JSON.stringify(plan.status)).not.to.contain(Buffer.from('before-123').toString('base64'));
  });

  it('is answered anew when it is changed, and once otherwise', async () => {
    await startAgent();
    const { metadata } = await ask('web', [configMap('a')]);
    const name = expectDefined(metadata.name);
    const version = (await answered(name)).metadata.resourceVersion;
    await world.stopAgent();
    world.startAgent();
    await settle(world, 10_000);
    expect((await answered(name)).metadata.resourceVersion).to.equal(version);
    const manifests = [configMap('a'), configMap('b')];
    await world.hub.patch(
      ref,
      { namespace: clusterName, name },
      { type: 'merge', body: { spec: { workSpec: { workload: { manifests } } } } },
    );
    expect(actions(await answered(name))).to.deep.equal(['create a', 'create b']);
  });

  it('waits for a hub that comes to serve plans, and costs little until then', async () => {
    world.startAgent();
    await settle(world, 3_600_000);
    await applyCrds(world.hub, ['manifestworkplans']);
    await settle(world, 601_000);
    expect(actions(await ask('web', [configMap('a')]))).to.deep.equal(['create a']);
  });
});
