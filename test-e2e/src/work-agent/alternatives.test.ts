import type { KubeObject, ManifestWork } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  conditionsOf,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

interface Served {
  readonly v1: boolean;
  readonly v2: boolean;
}

function widgetDefinition({ v1, v2 }: Served): KubeObject {
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.io' },
    spec: {
      group: 'example.io',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [
        { name: 'v1', served: v1, storage: true, schema },
        { name: 'v2', served: v2, storage: false, schema },
      ],
    },
  };
}

const widget = (version: string): KubeObject => ({
  apiVersion: `example.io/${version}`,
  kind: 'Widget',
  metadata: { name: 'w', namespace: 'default' },
  spec: { from: version },
});

const widgets = (version: string): ResourceRef => ({
  group: 'example.io',
  version,
  resource: 'widgets',
  namespaced: true,
});

const key = { namespace: 'default', name: 'w' };

const appliedMessages = (object: ManifestWork): (string | undefined)[] =>
  (object.status?.resourceStatus?.manifests ?? []).map(
    ({ conditions }) => conditions.find(({ type }) => type === 'Applied')?.message,
  );

describe('work agent with several versions of one resource', () => {
  let world: World;
  const serve = async (served: Served): Promise<void> => {
    const definition = widgetDefinition(served);
    const name = { name: 'widgets.example.io' };
    if ((await find(world.managed, wellKnown.customResourceDefinitions, name)) === undefined) {
      await world.managed.create(wellKnown.customResourceDefinitions, definition);
    } else {
      await world.managed.patch(wellKnown.customResourceDefinitions, name, {
        type: 'merge',
        body: { spec: definition['spec'] },
      });
    }
  };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('applies the first that is served and reports the others as covered', async () => {
    await serve({ v1: true, v2: true });
    await createWork(world, work('web', [widget('v2'), widget('v1')]));
    const done = await untilCondition(world, 'web', { type: 'Available' });
    expect((await find(world.managed, widgets('v2'), key))?.['spec']).to.deep.equal({ from: 'v2' });
    expect(appliedMessages(done)).to.deep.equal([
      'Apply manifest complete: example.io/v2 is the first of the offered versions that the cluster serves',
      'Covered by example.io/v2 Widget, the first of the offered versions that the cluster serves',
    ]);
    const metas = done.status?.resourceStatus?.manifests?.map(({ resourceMeta }) => resourceMeta);
    expect(metas?.map(({ version, resource }) => [version, resource])).to.deep.equal([
      ['v2', 'widgets'],
      ['v1', 'widgets'],
    ]);
    expect(conditionsOf(done)).to.include({ Applied: 'True', Available: 'True', Healthy: 'True' });
  });

  it('says what was offered and what is served when nothing fits, and applies when something does', async () => {
    await serve({ v1: true, v2: false });
    const v3 = { ...widget('v3') };
    await createWork(world, work('web', [v3, widget('v2')]));
    const failed = await untilCondition(world, 'web', { type: 'Applied', status: 'False' });
    for (const message of appliedMessages(failed)) {
      expect(message).to.equal(
        'Failed to apply manifest: none of the offered versions of Widget is served: offered example.io/v3, example.io/v2; the cluster serves example.io/v1',
      );
    }
    await serve({ v1: true, v2: true });
    await untilCondition(world, 'web', { type: 'Applied' });
    expect(await find(world.managed, widgets('v2'), key)).to.not.equal(undefined);
  });

  it('moves to the next version without deleting the object', async () => {
    await serve({ v1: true, v2: true });
    await createWork(world, work('web', [widget('v2'), widget('v1')]));
    await untilCondition(world, 'web', { type: 'Available' });
    const before = expectDefined(await find(world.managed, widgets('v1'), key));
    await serve({ v1: true, v2: false });
    await eventually(world, async () => {
      const now = expectDefined(await find(world.managed, widgets('v1'), key));
      expect(now.metadata.uid).to.equal(before.metadata.uid);
      return (now['spec'] as { from: string }).from === 'v1';
    });
    await settle(world, 5000);
    const done = await untilCondition(world, 'web', { type: 'Available' });
    expect(appliedMessages(done)[1]).to.contain('example.io/v1 is the first');
    expect((await find(world.managed, widgets('v1'), key))?.metadata.uid).to.equal(before.metadata.uid);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await eventually(world, async () => (await find(world.managed, widgets('v1'), key)) === undefined);
  });

  it('keeps the object while none of its versions is served', async () => {
    await serve({ v1: true, v2: true });
    await createWork(world, work('web', [widget('v2')]));
    await untilCondition(world, 'web', { type: 'Available' });
    const { uid } = expectDefined(await find(world.managed, widgets('v1'), key)).metadata;
    await serve({ v1: true, v2: false });
    await untilCondition(world, 'web', { type: 'Applied', status: 'False' });
    await settle(world, 10_000);
    expect((await find(world.managed, widgets('v1'), key))?.metadata.uid).to.equal(uid);
    // The inventory names a version that is not served now; the object goes all the same.
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await eventually(world, async () => (await find(world.managed, widgets('v1'), key)) === undefined);
  });

  it('applies a custom resource together with its definition', async () => {
    const definition = widgetDefinition({ v1: true, v2: false });
    await createWork(world, work('web', [widget('v1'), definition]));
    const done = await untilCondition(world, 'web', { type: 'Available' });
    expect(done.metadata.generation).to.equal(1);
    const failures = world.env.log.find('reconcile failed');
    expect(failures).to.deep.equal([]);
    await patchWork(world, 'web', { metadata: { labels: { a: 'b' } } });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await eventually(
      world,
      async () =>
        (await find(world.managed, wellKnown.customResourceDefinitions, { name: 'widgets.example.io' })) ===
        undefined,
    );
  });
});
