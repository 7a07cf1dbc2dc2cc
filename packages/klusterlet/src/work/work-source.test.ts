import type { ManifestWork, WatchEvent } from '@flotilla/api';
import { createStopController, type KubeClient } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createHubWorkSource } from './work-source.js';

function work(generation: number, resourceVersion: string): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'web', namespace: 'c', uid: 'u', generation, resourceVersion },
    spec: { workload: { manifests: [{ generation } as never] } },
  };
}

/** A source on a hub that shows what the test pushes. */
async function createSource() {
  const env = createTestEnv();
  const events: WatchEvent<ManifestWork>[] = [];
  const deleted: string[] = [];
  let wake = (): void => undefined;
  const hub = {
    list: async () => ({ metadata: { resourceVersion: '10' }, items: [work(1, '10')] }),
    watch: async function* () {
      for (;;) {
        const event = events.shift();
        if (event !== undefined) yield event;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  } as unknown as KubeClient;
  const source = createHubWorkSource({
    env,
    hub,
    clusterName: 'c',
    onChange: () => undefined,
    onDeleted: ({ metadata: { name = '' } }) => deleted.push(name),
    onComplete: () => undefined,
  });
  source.start(createStopController().signal);
  await env.clock.settle();
  const show = async (object: ManifestWork, type: 'MODIFIED' | 'DELETED' = 'MODIFIED'): Promise<void> => {
    events.push({ type, object });
    wake();
    await env.clock.settle();
  };
  return { source, show, deleted };
}

describe('work source', () => {
  it('acts on no spec that its watch has not shown, so that it never goes back to an older one', async () => {
    const { source, show } = await createSource();
    source.acknowledge(work(2, '12'), work(1, '10'));
    expect(source.get('web')?.metadata.generation).to.equal(1);
    expect(source.newest('web')?.metadata.resourceVersion).to.equal('12');
    await show(work(1, '11'));
    expect(source.get('web')?.metadata.resourceVersion).to.equal('11');
    expect(source.newest('web')?.metadata.resourceVersion).to.equal('12');
    await show(work(2, '12'));
    await show(work(2, '13'));
    expect(source.get('web')?.metadata.resourceVersion).to.equal('13');
    expect(source.newest('web')?.metadata.resourceVersion).to.equal('13');
  });

  it('takes an answer about the spec that it has at once', async () => {
    const { source } = await createSource();
    source.acknowledge(work(1, '11'), work(1, '10'));
    expect(source.get('web')?.metadata.resourceVersion).to.equal('11');
  });

  it('follows a hub that was restored from an older state', async () => {
    const { source, show } = await createSource();
    source.acknowledge(work(5, '50'), work(1, '10'));
    await show(work(2, '11'));
    source.acknowledge(work(2, '11'), work(5, '50'));
    expect(source.newest('web')?.metadata.resourceVersion).to.equal('11');
  });

  it('says which works the hub has deleted', async () => {
    const { source, show, deleted } = await createSource();
    await show(work(1, '11'));
    expect(deleted).to.deep.equal([]);
    await show(work(1, '12'), 'DELETED');
    expect(source.get('web')).to.equal(undefined);
    expect(deleted).to.deep.equal(['web']);
  });
});
