import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { at, numberAt, objectAt } from '../../builtin/access.js';
import { condition, template, useStandInCluster, web, workload } from '../testing/stand-in.js';
import { ref } from '../testing/test-cluster.js';

const { deployments, pods } = wellKnown;
const replicaSets = ref('apps', 'v1', 'replicasets');

describe('simulated Deployments', () => {
  const standIn = useStandInCluster();
  const { get, list, images, change } = standIn;

  it('makes a Deployment available a moment after it is applied', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 3 }));
    await standIn.cluster.pass(100);
    const deployment = await get(deployments);
    expect(objectAt(deployment, 'status')).to.deep.include({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    expect(condition(deployment, 'Available')).to.equal('True MinimumReplicasAvailable');
    expect(condition(deployment, 'Progressing')).to.equal('True NewReplicaSetAvailable');
    const [set] = await list(replicaSets);
    expect(set?.metadata.ownerReferences?.[0]).to.deep.include({
      kind: 'Deployment',
      name: 'web',
      controller: true,
    });
    expect(new Set((await list(pods)).map((pod) => at(pod, 'status', 'podIP'))).size).to.equal(3);
  });

  it('scales a Deployment up and down', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    for (const replicas of [5, 1, 0, 2]) {
      await change(deployments, { spec: { replicas } });
      await standIn.cluster.pass(500);
      expect((await list(pods)).length).to.equal(replicas);
      expect(numberAt(await get(deployments), 'status', 'availableReplicas')).to.equal(replicas);
    }
  });

  it('replaces the pods of a Deployment when its template changes, and goes back', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 4 }));
    await standIn.cluster.pass(500);
    await change(deployments, { spec: { template: template('web:2') } });
    await standIn.cluster.eventually(async () =>
      expect(await images()).to.deep.equal(Array(4).fill('web:2')),
    );
    await standIn.cluster.pass(500);
    expect((await list(replicaSets)).map((set) => numberAt(set, 'spec', 'replicas')).sort()).to.deep.equal([
      0, 4,
    ]);
    expect((await get(deployments))?.metadata.annotations?.['deployment.kubernetes.io/revision']).to.equal(
      '2',
    );
    await change(deployments, { spec: { template: template('web:1') } });
    await standIn.cluster.pass(2000);
    expect(await images()).to.deep.equal(Array(4).fill('web:1'));
    expect((await list(replicaSets)).length).to.equal(2);
    expect((await get(deployments))?.metadata.annotations?.['deployment.kubernetes.io/revision']).to.equal(
      '3',
    );
  });

  it('never has fewer pods than a rolling update allows', async () => {
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    await standIn.cluster.make(
      deployments,
      workload({ replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    await standIn.cluster.pass(500);
    const counts: number[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      const seen = new Map<string, KubeObject>();
      const stream = standIn.cluster.client.watch<KubeObject>(pods, {
        sendInitialEvents: true,
        signal: stop.signal,
      });
      for await (const { type, object } of stream) {
        if (type === 'BOOKMARK') continue;
        if (type === 'DELETED') seen.delete(object.metadata.uid ?? '');
        else seen.set(object.metadata.uid ?? '', object);
        const ready = [...seen.values()].filter(
          (pod) => pod.metadata.deletionTimestamp === undefined && condition(pod, 'Ready').startsWith('True'),
        );
        counts.push(ready.length);
      }
    })().catch((error: unknown) => error);
    await standIn.cluster.pass(100);
    counts.splice(0);
    await change(deployments, { spec: { template: template('web:2') } });
    await standIn.cluster.eventually(async () =>
      expect(await images()).to.deep.equal(Array(4).fill('web:2')),
    );
    stop.abort();
    await watching;
    expect(counts.length).to.be.greaterThan(4);
    expect(Math.min(...counts)).to.be.at.least(4);
    expect(Math.max(...counts)).to.be.at.most(5);
  });

  it('stops all old pods first where the strategy is Recreate', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2, strategy: { type: 'Recreate' } }));
    await standIn.cluster.pass(500);
    await change(deployments, { spec: { template: template('web:2') } });
    await standIn.cluster.eventually(async () => expect(await images()).to.deep.equal(['web:2', 'web:2']));
  });

  it('does not roll a paused Deployment out', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(500);
    await change(deployments, { spec: { paused: true, replicas: 3, template: template('web:2') } });
    await standIn.cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:1']);
    expect(condition(await get(deployments), 'Progressing')).to.equal('Unknown DeploymentPaused');
    await change(deployments, { spec: { paused: false } });
    await standIn.cluster.eventually(async () =>
      expect(await images()).to.deep.equal(['web:2', 'web:2', 'web:2']),
    );
  });

  it('calls a rollout failed when its pods find no node in time', async () => {
    const stuck = template('web:1', { nodeSelector: { disk: 'fast' } });
    await standIn.cluster.make(deployments, workload({ template: stuck, progressDeadlineSeconds: 30 }));
    await standIn.cluster.pass(20_000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('True ReplicaSetUpdated');
    await standIn.cluster.pass(20_000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('False ProgressDeadlineExceeded');
    expect(condition(await get(deployments), 'Available')).to.equal('False MinimumReplicasUnavailable');
  });

  it('keeps no more history than the Deployment asks for', async () => {
    await standIn.cluster.make(deployments, workload({ revisionHistoryLimit: 1 }));
    for (const image of ['web:2', 'web:3', 'web:4']) {
      await standIn.cluster.pass(1000);
      await change(deployments, { spec: { template: template(image) } });
    }
    await standIn.cluster.pass(1000);
    expect((await list(replicaSets)).length).to.equal(2);
  });

  it('leaves nothing of a deleted Deployment, and adopts what an orphaning deletion left', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(500);
    const before = await standIn.cluster.names(pods);
    await standIn.cluster.client.delete(deployments, web, { propagationPolicy: 'Orphan' });
    await standIn.cluster.pass(1000);
    expect(await standIn.cluster.names(pods)).to.deep.equal(before);
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(1000);
    expect(await standIn.cluster.names(pods)).to.deep.equal(before);
    await standIn.cluster.client.delete(deployments, web, { propagationPolicy: 'Foreground' });
    await standIn.cluster.pass(1000);
    expect([...(await list(pods)), ...(await list(replicaSets)), ...(await list(deployments))]).to.deep.equal(
      [],
    );
  });

  it('replaces a pod that was deleted or taken out of the selector', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(500);
    const [first = '', second = ''] = await standIn.cluster.names(pods);
    await standIn.cluster.client.delete(pods, { namespace: 'default', name: first });
    const body = { metadata: { labels: { app: 'other' } } };
    await standIn.cluster.client.patch(pods, { namespace: 'default', name: second }, { type: 'merge', body });
    await standIn.cluster.pass(500);
    const names = await standIn.cluster.names(pods);
    expect(names.length).to.equal(3);
    expect(names).to.include(second);
    expect((await standIn.cluster.find(pods, second))?.metadata.ownerReferences).to.equal(undefined);
  });
});
