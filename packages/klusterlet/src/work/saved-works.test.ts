import type { KubeObject, ManifestWork } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createSavedWorks } from './saved-works.js';

const configMap = (name: string, value: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'd' },
  data: { value },
});

const former = (manifest: KubeObject) => ({ manifest, configs: [] });

function work(manifests: readonly KubeObject[], generation = 1, uid = 'u'): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'web', namespace: 'c', uid, generation, resourceVersion: '7' },
    spec: { workload: { manifests: manifests as never } },
    status: { conditions: [] },
  };
}

describe('saved works', () => {
  it('come back after a restart, without what changes all the time', async () => {
    const env = createTestEnv();
    await createSavedWorks({ env, directory: '/works' }).save(work([configMap('a', '1')]));
    const [loaded] = await createSavedWorks({ env, directory: '/works' }).load();
    expect(loaded?.spec).to.deep.equal(work([configMap('a', '1')]).spec);
    expect(loaded?.metadata).to.deep.equal({ name: 'web', namespace: 'c', uid: 'u', generation: 1 });
    expect(loaded?.status).to.equal(undefined);
  });

  it('keep manifests that may still be in effect until the work is settled', async () => {
    const env = createTestEnv();
    const saved = createSavedWorks({ env, directory: '/works' });
    await saved.save(work([configMap('a', '1'), configMap('b', '1'), configMap('gone', '1')]));
    await saved.save(work([configMap('a', '2'), configMap('b', '1')], 2));
    const again = createSavedWorks({ env, directory: '/works' });
    await again.load();
    const { previous } = await again.save(work([configMap('a', '3'), configMap('b', '1')], 3));
    expect(previous).to.deep.equal([
      former(configMap('a', '1')),
      former(configMap('gone', '1')),
      former(configMap('a', '2')),
    ]);
    await again.settle('web');
    const settled = await again.save(work([configMap('a', '4'), configMap('b', '1')], 4));
    expect(settled.previous).to.deep.equal([former(configMap('a', '3'))]);
  });

  it('know nothing of an earlier work of the same name that was deleted', async () => {
    const saved = createSavedWorks({ env: createTestEnv(), directory: '/works' });
    const first = work([configMap('a', '1')]);
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    await saved.save({ ...first, metadata: { ...first.metadata, deletionTimestamp } });
    expect((await saved.save(work([configMap('a', '2')], 1, 'another'))).previous).to.deep.equal([]);
  });

  it('keep for a work what another one of its name applied that the hub has lost', async () => {
    const saved = createSavedWorks({ env: createTestEnv(), directory: '/works' });
    await saved.save(work([configMap('a', '1')]));
    const { previous } = await saved.save(work([configMap('a', '2')], 1, 'another'));
    expect(previous).to.deep.equal([former(configMap('a', '1'))]);
  });

  it('keep with an earlier manifest how it was to be applied', async () => {
    const saved = createSavedWorks({ env: createTestEnv(), directory: '/works' });
    const strategy = (name: string, type: 'ServerSideApply' | 'CreateOnly') => ({
      resourceIdentifier: { resource: 'configmaps', name, namespace: 'd' },
      updateStrategy: { type },
    });
    const first = work([configMap('a', '1'), configMap('b', '1')]);
    const manifestConfigs = [strategy('a', 'ServerSideApply'), strategy('b', 'CreateOnly')];
    await saved.save({ ...first, spec: { ...first.spec, manifestConfigs } });
    const { previous } = await saved.save(work([configMap('b', '1')], 2));
    expect(previous).to.deep.equal([
      { manifest: configMap('a', '1'), configs: [strategy('a', 'ServerSideApply')] },
    ]);
  });

  it('keep a retired work for the release of its objects only, and for a work that follows it', async () => {
    const env = createTestEnv();
    const saved = createSavedWorks({ env, directory: '/works' });
    await saved.save(work([configMap('a', '1')]));
    await saved.retire('web');
    const again = createSavedWorks({ env, directory: '/works' });
    expect(await again.load()).to.deep.equal([]);
    expect(again.names()).to.deep.equal(['web']);
    expect(again.get('web')?.work.spec).to.deep.equal(work([configMap('a', '1')]).spec);
    const { previous } = await again.save(work([configMap('a', '2')], 1, 'another'));
    expect(previous).to.deep.equal([former(configMap('a', '1'))]);
    expect(again.get('web')?.retired).to.equal(undefined);
  });

  it('write nothing when nothing changed', async () => {
    const env = createTestEnv();
    const saved = createSavedWorks({ env, directory: '/works' });
    await saved.save(work([configMap('a', '1')]));
    await env.files.remove('/works');
    await saved.save({ ...work([configMap('a', '1')]), status: {} });
    expect(env.files.paths()).to.deep.equal([]);
  });
});
