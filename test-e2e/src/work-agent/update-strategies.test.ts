/** OCM's integration cases of update strategies: who writes which field of an object, and what it says about it. */
import { type KubeObject, kinds, type ManifestWork, toCrd } from '@flotilla/api';
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
  manifestCondition,
  patchWork,
  settle,
  untilCondition,
  untilManifests,
  type World,
  work,
} from './world.js';

const place = { namespace: 'default', name: 'web' };
const labels = { app: 'web' };

interface Asked {
  readonly replicas?: number;
  readonly minReadySeconds?: number;
  readonly serviceAccountName?: string;
  readonly env?: readonly object[];
  readonly image?: string;
}

const deployment = ({
  replicas,
  minReadySeconds,
  serviceAccountName,
  env,
  image = 'x',
}: Asked): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: place,
  spec: {
    ...(replicas !== undefined && { replicas }),
    ...(minReadySeconds !== undefined && { minReadySeconds }),
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        ...(serviceAccountName !== undefined && { serviceAccountName }),
        containers: [{ name: 'c', image, ...(env && { env }) }],
      },
    },
  },
});

const configured = (resource: string, name: string, updateStrategy: object) => ({
  manifestConfigs: [forResource(resource, name, { updateStrategy })],
});
const apply = (serverSideApply: object = {}) =>
  configured('deployments.apps', 'web', { type: 'ServerSideApply', serverSideApply });
const ignoring = (condition: string, fields: object) =>
  apply({ force: true, ignoreFields: [{ condition, ...fields }] });

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers: readonly {
    readonly image: string;
    readonly env?: readonly { readonly name: string; readonly value: string }[];
  }[];
}

describe('work agent, who writes what', () => {
  let world: World;
  const get = () => find(world.managed, wellKnown.deployments, place);
  const replicas = async () => ((await get())?.['spec'] as { replicas?: number } | undefined)?.replicas;
  const minReadySeconds = async () =>
    ((await get())?.['spec'] as { minReadySeconds?: number } | undefined)?.minReadySeconds;
  const podSpec = async (): Promise<PodSpec> => {
    const spec = (await get())?.['spec'] as { template: { spec: PodSpec } };
    return spec.template.spec;
  };
  const write = (manager: string, object: Asked) =>
    world.managed.patch(wellKnown.deployments, place, {
      type: 'apply',
      body: deployment(object),
      fieldManager: manager,
      force: true,
    });
  const update = (object: Asked, name = 'w'): Promise<ManifestWork> =>
    patchWork(world, name, { spec: { workload: { manifests: [deployment(object)] } } });
  const applied = (status = 'True', name = 'w') => untilCondition(world, name, { type: 'Applied', status });
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('ReadOnly reports what it sees in the object of somebody else, and each change, and never writes', async () => {
    await world.managed.create(wellKnown.configMaps, configMap('theirs', { x: '1' }));
    const manifestConfigs = [
      forResource('configmaps', '*', {
        updateStrategy: { type: 'ReadOnly' },
        feedbackRules: [{ type: 'JSONPaths', jsonPaths: [{ name: 'x', path: '.data.x' }] }],
      }),
    ];
    await createWork(world, work('w', [configMap('theirs', { x: 'ours' })], { manifestConfigs }));
    const key = { namespace: 'default', name: 'theirs' };
    for (const value of ['1', '2']) {
      if (value === '2') {
        await world.managed.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: { x: value } } });
      }
      await eventually(world, async () => {
        const found = await applied();
        const values = found.status?.resourceStatus?.manifests?.[0]?.statusFeedback?.values;
        return values?.[0]?.fieldValue.string === value;
      });
    }
    const live = expectDefined(await find(world.managed, wellKnown.configMaps, key));
    expect(live['data']).to.deep.equal({ x: '2' });
    expect(live.metadata.ownerReferences).to.equal(undefined);
  });

  it('ReadOnly by a wildcard counts only where no entry before it has a strategy', async () => {
    const manifestConfigs = [
      forResource('configmaps', 'a', { updateStrategy: { type: 'Update' } }),
      forResource('configmaps', '*', { updateStrategy: { type: 'ReadOnly' } }),
    ];
    await createWork(world, work('w', [configMap('a'), configMap('b')], { manifestConfigs }));
    await untilManifests(world, 'w', { type: 'Available', statuses: ['True', 'False'] });
    const names = (await world.managed.list(wellKnown.configMaps, { namespace: 'default' })).items.map(
      ({ metadata }) => metadata.name,
    );
    expect(names).to.include('a').and.not.include('b');
  });

  it('ServerSideApply brings an update', async () => {
    await createWork(world, work('w', [deployment({ replicas: 1 })], apply()));
    await applied();
    await update({ replicas: 3 });
    await applied();
    expect(await replicas()).to.equal(3);
  });

  it('ServerSideApply tells whose a field is, and recovers when the manifest does not ask for it any more', async () => {
    await createWork(world, work('w', [deployment({ replicas: 3 })], apply()));
    await applied();
    await write('somebody', { replicas: 5 });
    await update({ replicas: 7 });
    const refused = await applied('False');
    expect(manifestCondition(refused, 'Applied')?.message).to.contain('somebody');
    expect(await replicas()).to.equal(5);
    await update({});
    await applied();
    expect(await replicas()).to.equal(5);
  });

  it("ServerSideApply brings the other fields of its object while one is somebody else's", async () => {
    await createWork(world, work('w', [deployment({ replicas: 3, minReadySeconds: 1 })], apply()));
    await applied();
    await write('somebody', { replicas: 5 });
    await applied('False');
    await update({ replicas: 3, minReadySeconds: 7 });
    await eventually(world, async () => (await minReadySeconds()) === 7);
    await world.managed.patch(wellKnown.deployments, place, {
      type: 'merge',
      body: { spec: { minReadySeconds: null } },
    });
    await eventually(world, async () => (await minReadySeconds()) === 7);
    expect(await replicas()).to.equal(5);
    const refused = await applied('False');
    expect(manifestCondition(refused, 'Applied')?.message).to.match(
      /conflict with "somebody": \.spec\.replicas$/,
    );
    const { resourceVersion } = expectDefined(await get()).metadata;
    await settle(world, 20_000);
    expect((await get())?.metadata.resourceVersion).to.equal(resourceVersion);
  });

  it('ServerSideApply writes nothing into the object of somebody else while they differ on a field', async () => {
    await write('somebody', { replicas: 5 });
    await createWork(world, work('w', [deployment({ replicas: 3, minReadySeconds: 7 })], apply()));
    await applied('False');
    await settle(world, 20_000);
    expect(await minReadySeconds()).to.equal(undefined);
    expect((await get())?.metadata.ownerReferences).to.equal(undefined);
  });

  it('two works with managers of their own share one object, field by field', async () => {
    const mine = (name: string, force: boolean) => apply({ force, fieldManager: `work-agent-${name}` });
    await createWork(world, work('one', [deployment({ serviceAccountName: 'first' })], mine('one', false)));
    await applied('True', 'one');
    await createWork(world, work('two', [deployment({ replicas: 4 })], mine('two', true)));
    await applied('True', 'two');
    expect([await replicas(), (await podSpec()).serviceAccountName]).to.deep.equal([4, 'first']);
    await patchWork(world, 'two', { spec: mine('two', false) });
    await update({ replicas: 4, serviceAccountName: 'second' }, 'two');
    const refused = await applied('False', 'two');
    expect(manifestCondition(refused, 'Applied')?.message).to.contain('work-agent-one');
    expect((await podSpec()).serviceAccountName).to.equal('first');
  });

  it('ServerSideApply lets go of its owner reference as the delete option says', async () => {
    const owners = async (): Promise<number> => (await get())?.metadata.ownerReferences?.length ?? 0;
    for (const name of ['one', 'two']) {
      const spec = apply({ force: true, fieldManager: `work-agent-${name}` });
      await createWork(world, work(name, [deployment({ replicas: 1 })], spec));
      await applied('True', name);
    }
    expect(await owners()).to.equal(2);
    await patchWork(world, 'one', { spec: { deleteOption: { propagationPolicy: 'Orphan' } } });
    await eventually(world, async () => (await owners()) === 1);
  });

  it('a field ignored OnSpokeChange keeps what the cluster made of it until the hub changes the manifest', async () => {
    const spec = ignoring('OnSpokeChange', { jsonPaths: ['.spec.replicas'] });
    await createWork(world, work('w', [deployment({ replicas: 1 })], spec));
    await applied();
    await write('scaler', { replicas: 2 });
    await settle(world, 20_000);
    expect(await replicas()).to.equal(2);
    await update({ replicas: 3 });
    await applied();
    expect(await replicas()).to.equal(3);
  });

  it('a field ignored OnSpokePresent keeps what the cluster made of it, whatever the hub changes', async () => {
    const spec = ignoring('OnSpokePresent', { jsonPaths: ['.spec.replicas'] });
    await createWork(world, work('w', [deployment({ replicas: 1 })], spec));
    await applied();
    await write('scaler', { replicas: 2 });
    await update({ replicas: 3, image: 'y' });
    await applied();
    expect([await replicas(), (await podSpec()).containers[0]?.image]).to.deep.equal([2, 'y']);
  });

  it('a JSON pointer names an ignored field', async () => {
    await createWork(
      world,
      work(
        'w',
        [deployment({ replicas: 1 })],
        ignoring('OnSpokePresent', { jsonPointers: ['/spec/replicas'] }),
      ),
    );
    await applied();
    await write('scaler', { replicas: 2 });
    await update({ replicas: 3 });
    await applied();
    expect(await replicas()).to.equal(2);
  });

  it('a jq path picks an ignored variable out of the environment of a container', async () => {
    const jqPathExpressions = [
      '.spec.template.spec.containers[] | select(.name == "c").env[]? | select(.name == "LOCAL")',
    ];
    const env = (local: string, other: string) => [
      { name: 'LOCAL', value: local },
      { name: 'OTHER', value: other },
    ];
    await createWork(
      world,
      work('w', [deployment({ env: env('1', '1') })], ignoring('OnSpokePresent', { jqPathExpressions })),
    );
    await applied();
    await write('somebody', { env: [{ name: 'LOCAL', value: 'theirs' }] });
    await update({ env: env('2', '2') });
    await applied();
    const values = (await podSpec()).containers[0]?.env;
    expect(values).to.have.deep.members([
      { name: 'LOCAL', value: 'theirs' },
      { name: 'OTHER', value: '2' },
    ]);
  });

  it('a work within a work is applied once and then left alone', async () => {
    const kind = expectDefined(kinds.find(({ plural }) => plural === 'manifestworks'));
    await world.managed.create(wellKnown.customResourceDefinitions, toCrd(kind));
    await settle(world, 2000);
    const inner = work('inner', [configMap('deep')]);
    const nested = {
      ...inner,
      metadata: { name: 'inner', namespace: 'default', creationTimestamp: null },
    } as unknown as KubeObject; // as Go writes it
    const spec = configured('manifestworks.work.open-cluster-management.io', 'inner', {
      type: 'ServerSideApply',
      serverSideApply: { force: true },
    });
    await createWork(world, work('outer', [nested], spec));
    await applied('True', 'outer');
    await settle(world, 600_000);
    const works: ResourceRef = wellKnown.manifestWorks;
    const live = await find(world.managed, works, { namespace: 'default', name: 'inner' });
    expect(live?.metadata.generation).to.equal(1);
  });

  it('after a change from Update to ServerSideApply new values come, and what the manifest drops goes', async () => {
    const env = [{ name: 'A', value: '1' }];
    await createWork(world, work('w', [deployment({ replicas: 2, minReadySeconds: 7, env })]));
    await applied();
    const spec = { ...apply(), workload: { manifests: [deployment({ replicas: 3, env })] } };
    await patchWork(world, 'w', { spec });
    await applied();
    expect([await replicas(), await minReadySeconds()]).to.deep.equal([3, undefined]);
    await update({ replicas: 3 });
    await applied();
    expect((await podSpec()).containers[0]?.env).to.equal(undefined);
  });

  it('after a change from ServerSideApply to Update and back what the manifest drops goes, too', async () => {
    const env = [{ name: 'A', value: '1' }];
    const first = deployment({ replicas: 2, minReadySeconds: 7, env });
    await createWork(world, work('w', [first], apply()));
    await applied();
    const second = { manifestConfigs: null, workload: { manifests: [deployment({ replicas: 4, env })] } };
    await patchWork(world, 'w', { spec: second });
    await applied();
    expect([await replicas(), await minReadySeconds()]).to.deep.equal([4, undefined]);
    await patchWork(world, 'w', {
      spec: { ...apply(), workload: { manifests: [deployment({ replicas: 5 })] } },
    });
    await applied();
    expect([await replicas(), (await podSpec()).containers[0]?.env]).to.deep.equal([5, undefined]);
  });
});
