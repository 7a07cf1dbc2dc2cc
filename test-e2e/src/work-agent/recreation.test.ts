/** Objects whose content cannot be changed in place: deleted and made anew, as in OCM, and nothing else is. */
import type { KubeObject } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  manifestCondition,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const storageClasses: ResourceRef = {
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'storageclasses',
  namespaced: false,
};
const key = { namespace: 'default', name: 's' };

const secret = (type: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: key,
  type,
  stringData: data,
});

const storageClass = (parameters: Record<string, string>): KubeObject => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'fast' },
  provisioner: 'example.io/disk',
  parameters,
});

describe('work agent, what cannot be changed in place', () => {
  let world: World;
  const manifests = (...list: KubeObject[]) => ({ spec: { workload: { manifests: list } } });
  const getSecret = async (): Promise<KubeObject> =>
    expectDefined(await find(world.managed, wellKnown.secrets, key));
  const deletions = (): string[] => world.requests.filter((request) => request.startsWith('DELETE'));
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('a Secret of another type is made anew, with its labels and owners', async () => {
    await createWork(world, work('w', [secret('Opaque', { a: '1' })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world);
    const labels = { theirs: 'kept' };
    await world.managed.patch(wellKnown.secrets, key, { type: 'merge', body: { metadata: { labels } } });
    const before = await getSecret();
    await patchWork(world, 'w', manifests(secret('example.io/other', { b: '2' })));
    await untilCondition(world, 'w', { type: 'Applied' });
    const after = await getSecret();
    expect(after['type']).to.equal('example.io/other');
    expect(after['data']).to.deep.equal({ b: 'Mg==' });
    expect(after.metadata.uid).not.to.equal(before.metadata.uid);
    expect(after.metadata.labels).to.deep.equal(labels);
    expect(after.metadata.ownerReferences).to.deep.equal(before.metadata.ownerReferences);
    await settle(world);
    expect(deletions()).to.have.length(1);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'w' });
    await eventually(world, async () => (await find(world.managed, wellKnown.secrets, key)) === undefined);
  });

  it('a Secret that is immutable is made anew', async () => {
    const fixed = { ...secret('Opaque', { a: '1' }), immutable: true };
    await createWork(world, work('w', [fixed]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', manifests({ ...fixed, stringData: { a: '2' } }));
    await untilCondition(world, 'w', { type: 'Applied' });
    expect((await getSecret())['data']).to.deep.equal({ a: 'Mg==' });
  });

  it('a StorageClass with other parameters is made anew and stays the default', async () => {
    await createWork(world, work('w', [storageClass({ type: 'slow' })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const name = { name: 'fast' };
    await world.managed.patch(storageClasses, name, { type: 'merge', body: { metadata: { annotations } } });
    await patchWork(world, 'w', manifests(storageClass({ type: 'ssd' })));
    await untilCondition(world, 'w', { type: 'Applied' });
    const live = await find(world.managed, storageClasses, name);
    expect(live?.['parameters']).to.deep.equal({ type: 'ssd' });
    expect(live?.metadata.annotations).to.deep.equal(annotations);
  });

  it('an object that would be refused as a new one, too, is not deleted', async () => {
    await createWork(world, work('w', [secret('Opaque', { a: '1' })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const { uid } = (await getSecret()).metadata;
    await patchWork(world, 'w', manifests(secret('kubernetes.io/tls', { a: '2' })));
    const refused = await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    expect(manifestCondition(refused, 'Applied')?.message).to.contain('tls.crt');
    await settle(world, 5000);
    expect((await getSecret()).metadata.uid).to.equal(uid);
    expect(deletions()).to.deep.equal([]);
  });

  it('says that a finalizer holds the old object, and makes the new one when it is let go', async () => {
    const held = { ...secret('Opaque', { a: '1' }), metadata: { ...key, finalizers: ['example.io/hold'] } };
    await createWork(world, work('w', [held]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', manifests(secret('example.io/other', { a: '2' })));
    const refused = await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    expect(manifestCondition(refused, 'Applied')?.message).to.contain(
      'its finalizers hold it: example.io/hold',
    );
    const body = { metadata: { finalizers: null } };
    await world.managed.patch(wellKnown.secrets, key, { type: 'merge', body });
    await untilCondition(world, 'w', { type: 'Applied' });
    expect((await getSecret())['type']).to.equal('example.io/other');
  });
});
