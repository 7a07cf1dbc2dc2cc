import type { JsonObject, KubeObject } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { at, numberAt, objectAt, objectsAt, textAt } from '../builtin/access.js';
import { ref, startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { deployments, pods, nodes, leases } = wellKnown;
const replicaSets = ref('apps', 'v1', 'replicasets');
const statefulSets = ref('apps', 'v1', 'statefulsets');
const daemonSets = ref('apps', 'v1', 'daemonsets');
const revisions = ref('apps', 'v1', 'controllerrevisions');
const jobs = ref('batch', 'v1', 'jobs');
const services = ref('', 'v1', 'services');
const slices = ref('discovery.k8s.io', 'v1', 'endpointslices');
const claims = ref('', 'v1', 'persistentvolumeclaims');
const volumes: ResourceRef = { group: '', version: 'v1', resource: 'persistentvolumes', namespaced: false };
const budgets = ref('policy', 'v1', 'poddisruptionbudgets');
const scalers = ref('autoscaling', 'v2', 'horizontalpodautoscalers');

const labels = { app: 'web' };
const web = { namespace: 'default', name: 'web' };

function template(image = 'web:1', spec: JsonObject = {}) {
  return { metadata: { labels }, spec: { containers: [{ name: 'c', image }], ...spec } };
}

function workload(spec: JsonObject = {}) {
  return { metadata: web, spec: { selector: { matchLabels: labels }, template: template(), ...spec } };
}

function condition(object: KubeObject | undefined, type: string): string {
  const found = objectsAt(object, 'status', 'conditions').find((one) => one['type'] === type);
  return `${textAt(found, 'status')} ${textAt(found, 'reason')}`;
}

describe('workload simulator', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'cluster' });
  });

  afterEach(async () => {
    const { log } = cluster.env;
    expect([...log.find('reconcile failed'), ...log.find('informer handler failed')]).to.deep.equal([]);
    await cluster.close();
  });

  function get(at: ResourceRef, name = 'web'): Promise<KubeObject | undefined> {
    return cluster.find(at, name);
  }

  async function list(at: ResourceRef): Promise<KubeObject[]> {
    return (await cluster.client.list<KubeObject>(at)).items;
  }

  async function images(): Promise<string[]> {
    return (await list(pods)).map((pod) => textAt(objectsAt(pod, 'spec', 'containers')[0], 'image')).sort();
  }

  function change(at: ResourceRef, body: JsonObject): Promise<KubeObject> {
    return cluster.client.patch<KubeObject>(at, web, { type: 'merge', body });
  }

  it('has one node that is ready and renews its lease', async () => {
    const node = await get(nodes, 'stand-in');
    expect(condition(node, 'Ready')).to.equal('True StandInReady');
    expect(Number(textAt(node, 'status', 'allocatable', 'cpu'))).to.be.greaterThan(0);
    const renewed = async () => textAt(await get(leases, 'stand-in'), 'spec', 'renewTime');
    const first = await renewed();
    await cluster.pass(30_000);
    expect((await renewed()) > first).to.equal(true);
  });

  it('runs a bare pod and finishes its deletion', async () => {
    await cluster.make(pods, { metadata: web, spec: template().spec });
    await cluster.pass(100);
    const pod = await get(pods);
    expect(at(pod, 'spec', 'nodeName')).to.equal('stand-in');
    expect(at(pod, 'status', 'phase')).to.equal('Running');
    expect(condition(pod, 'Ready')).to.match(/^True/);
    expect(textAt(pod, 'status', 'podIP')).to.match(/^10\.244\./);
    expect(objectsAt(pod, 'status', 'containerStatuses')[0]).to.deep.include({
      name: 'c',
      image: 'web:1',
      ready: true,
    });
    await cluster.client.delete(pods, web);
    await cluster.pass(100);
    expect(await get(pods)).to.equal(undefined);
  });

  it('leaves a pod pending that no node takes, until one does', async () => {
    await cluster.make(pods, { metadata: web, spec: { ...template().spec, nodeSelector: { disk: 'fast' } } });
    await cluster.pass(100);
    expect(condition(await get(pods), 'PodScheduled')).to.equal('False Unschedulable');
    await cluster.make(nodes, { metadata: { name: 'fast', labels: { disk: 'fast' } } });
    await cluster.pass(100);
    expect(at(await get(pods), 'spec', 'nodeName')).to.equal('fast');
    expect(at(await get(pods), 'status', 'phase')).to.equal('Running');
  });

  it('makes a Deployment available a moment after it is applied', async () => {
    await cluster.make(deployments, workload({ replicas: 3 }));
    await cluster.pass(100);
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
    await cluster.make(deployments, workload({ replicas: 2 }));
    for (const replicas of [5, 1, 0, 2]) {
      await change(deployments, { spec: { replicas } });
      await cluster.pass(500);
      expect((await list(pods)).length).to.equal(replicas);
      expect(numberAt(await get(deployments), 'status', 'availableReplicas')).to.equal(replicas);
    }
  });

  it('replaces the pods of a Deployment when its template changes, and goes back', async () => {
    await cluster.make(deployments, workload({ replicas: 4 }));
    await cluster.pass(500);
    await change(deployments, { spec: { template: template('web:2') } });
    await cluster.eventually(async () => expect(await images()).to.deep.equal(Array(4).fill('web:2')));
    await cluster.pass(500);
    expect((await list(replicaSets)).map((set) => numberAt(set, 'spec', 'replicas')).sort()).to.deep.equal([
      0, 4,
    ]);
    expect((await get(deployments))?.metadata.annotations?.['deployment.kubernetes.io/revision']).to.equal(
      '2',
    );
    await change(deployments, { spec: { template: template('web:1') } });
    await cluster.pass(2000);
    expect(await images()).to.deep.equal(Array(4).fill('web:1'));
    expect((await list(replicaSets)).length).to.equal(2);
    expect((await get(deployments))?.metadata.annotations?.['deployment.kubernetes.io/revision']).to.equal(
      '3',
    );
  });

  it('never has fewer pods than a rolling update allows', async () => {
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    await cluster.make(
      deployments,
      workload({ replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    await cluster.pass(500);
    const counts: number[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      const seen = new Map<string, KubeObject>();
      const stream = cluster.client.watch<KubeObject>(pods, { sendInitialEvents: true, signal: stop.signal });
      for await (const { type, object } of stream) {
        if (type === 'BOOKMARK') continue;
        if (type === 'DELETED') seen.delete(object.metadata.uid ?? '');
        else seen.set(object.metadata.uid ?? '', object);
        const ready = [...seen.values()].filter((pod) => condition(pod, 'Ready').startsWith('True'));
        counts.push(ready.length);
      }
    })().catch((error: unknown) => error);
    await cluster.pass(100);
    counts.splice(0);
    await change(deployments, { spec: { template: template('web:2') } });
    await cluster.eventually(async () => expect(await images()).to.deep.equal(Array(4).fill('web:2')));
    stop.abort();
    await watching;
    expect(counts.length).to.be.greaterThan(4);
    expect(Math.min(...counts)).to.be.at.least(4);
    expect(Math.max(...counts)).to.be.at.most(5);
  });

  it('stops all old pods first where the strategy is Recreate', async () => {
    await cluster.make(deployments, workload({ replicas: 2, strategy: { type: 'Recreate' } }));
    await cluster.pass(500);
    await change(deployments, { spec: { template: template('web:2') } });
    await cluster.eventually(async () => expect(await images()).to.deep.equal(['web:2', 'web:2']));
  });

  it('does not roll a paused Deployment out', async () => {
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(500);
    await change(deployments, { spec: { paused: true, replicas: 3, template: template('web:2') } });
    await cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:1']);
    expect(condition(await get(deployments), 'Progressing')).to.equal('Unknown DeploymentPaused');
    await change(deployments, { spec: { paused: false } });
    await cluster.eventually(async () => expect(await images()).to.deep.equal(['web:2', 'web:2', 'web:2']));
  });

  it('calls a rollout failed when its pods find no node in time', async () => {
    const stuck = template('web:1', { nodeSelector: { disk: 'fast' } });
    await cluster.make(deployments, workload({ template: stuck, progressDeadlineSeconds: 30 }));
    await cluster.pass(20_000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('True ReplicaSetUpdated');
    await cluster.pass(20_000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('False ProgressDeadlineExceeded');
    expect(condition(await get(deployments), 'Available')).to.equal('False MinimumReplicasUnavailable');
  });

  it('keeps no more history than the Deployment asks for', async () => {
    await cluster.make(deployments, workload({ revisionHistoryLimit: 1 }));
    for (const image of ['web:2', 'web:3', 'web:4']) {
      await cluster.pass(1000);
      await change(deployments, { spec: { template: template(image) } });
    }
    await cluster.pass(1000);
    expect((await list(replicaSets)).length).to.equal(2);
  });

  it('leaves nothing of a deleted Deployment, and adopts what an orphaning deletion left', async () => {
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(500);
    const before = await cluster.names(pods);
    await cluster.client.delete(deployments, web, { propagationPolicy: 'Orphan' });
    await cluster.pass(1000);
    expect(await cluster.names(pods)).to.deep.equal(before);
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(1000);
    expect(await cluster.names(pods)).to.deep.equal(before);
    await cluster.client.delete(deployments, web, { propagationPolicy: 'Foreground' });
    await cluster.pass(1000);
    expect([...(await list(pods)), ...(await list(replicaSets)), ...(await list(deployments))]).to.deep.equal(
      [],
    );
  });

  it('replaces a pod that was deleted or taken out of the selector', async () => {
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(500);
    const [first = '', second = ''] = await cluster.names(pods);
    await cluster.client.delete(pods, { namespace: 'default', name: first });
    const body = { metadata: { labels: { app: 'other' } } };
    await cluster.client.patch(pods, { namespace: 'default', name: second }, { type: 'merge', body });
    await cluster.pass(500);
    const names = await cluster.names(pods);
    expect(names.length).to.equal(3);
    expect(names).to.include(second);
    expect((await cluster.find(pods, second))?.metadata.ownerReferences).to.equal(undefined);
  });

  it('makes the pods of a StatefulSet in order, with their claims, and replaces them', async () => {
    const volumeClaimTemplates = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ];
    await cluster.make(statefulSets, workload({ replicas: 3, serviceName: 'web', volumeClaimTemplates }));
    await cluster.pass(1000);
    expect(await cluster.names(pods)).to.deep.equal(['web-0', 'web-1', 'web-2']);
    expect(await cluster.names(claims)).to.deep.equal(['data-web-0', 'data-web-1', 'data-web-2']);
    const set = await get(statefulSets);
    expect(objectAt(set, 'status')).to.deep.include({ replicas: 3, readyReplicas: 3, availableReplicas: 3 });
    await change(statefulSets, { spec: { template: template('web:2') } });
    await cluster.pass(2000);
    expect(await images()).to.deep.equal(Array(3).fill('web:2'));
    const updated = await get(statefulSets);
    expect(at(updated, 'status', 'currentRevision')).to.equal(at(updated, 'status', 'updateRevision'));
    expect((await list(revisions)).map((one) => numberAt(one, 'revision')).sort()).to.deep.equal([1, 2]);
    await change(statefulSets, { spec: { replicas: 1 } });
    await cluster.pass(1000);
    expect(await cluster.names(pods)).to.deep.equal(['web-0']);
    expect((await list(claims)).length).to.equal(3);
  });

  it('updates a StatefulSet down to its partition only', async () => {
    await cluster.make(statefulSets, workload({ replicas: 3, serviceName: 'web' }));
    await cluster.pass(1000);
    await change(statefulSets, {
      spec: { template: template('web:2'), updateStrategy: { rollingUpdate: { partition: 2 } } },
    });
    await cluster.pass(2000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:2']);
    await cluster.client.delete(pods, { namespace: 'default', name: 'web-0' });
    await cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:2']);
  });

  it('runs a DaemonSet on each node that it selects', async () => {
    await cluster.make(daemonSets, workload());
    await cluster.make(nodes, { metadata: { name: 'second' } });
    await cluster.pass(500);
    expect((await list(pods)).map((pod) => textAt(pod, 'spec', 'nodeName')).sort()).to.deep.equal([
      'second',
      'stand-in',
    ]);
    expect(objectAt(await get(daemonSets), 'status')).to.deep.include({
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberReady: 2,
      numberAvailable: 2,
      updatedNumberScheduled: 2,
      observedGeneration: 1,
    });
    await change(daemonSets, { spec: { template: template('web:2') } });
    await cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:2', 'web:2']);
    await cluster.client.delete(nodes, { name: 'second' });
    await cluster.pass(500);
    expect((await list(pods)).length).to.equal(1);
  });

  it('completes a Job, all of its completions, and removes it when its time is over', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await cluster.make(jobs, {
      metadata: web,
      spec: { completions: 5, parallelism: 2, ttlSecondsAfterFinished: 60, template: spec },
    });
    await cluster.pass(2000);
    const job = await get(jobs);
    expect(objectAt(job, 'status')).to.deep.include({ succeeded: 5 });
    expect(condition(job, 'Complete')).to.equal('True CompletionsReached');
    expect(at(job, 'status', 'completionTime')).to.be.a('string');
    expect((await list(pods)).map((pod) => at(pod, 'status', 'phase'))).to.deep.equal(
      Array(5).fill('Succeeded'),
    );
    await cluster.pass(61_000);
    expect([...(await list(jobs)), ...(await list(pods))]).to.deep.equal([]);
  });

  it('gives an indexed Job one pod for each index', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await cluster.make(jobs, {
      metadata: web,
      spec: { completions: 4, parallelism: 4, completionMode: 'Indexed', template: spec },
    });
    await cluster.pass(1000);
    expect(at(await get(jobs), 'status', 'completedIndexes')).to.equal('0-3');
  });

  it('does not start a suspended Job before it is resumed', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await cluster.make(jobs, { metadata: web, spec: { suspend: true, template: spec } });
    await cluster.pass(1000);
    expect(await list(pods)).to.deep.equal([]);
    expect(condition(await get(jobs), 'Suspended')).to.equal('True JobSuspended');
    await change(jobs, { spec: { suspend: false } });
    await cluster.pass(1000);
    expect(condition(await get(jobs), 'Complete')).to.equal('True CompletionsReached');
  });

  it('gives a load balancer an address and a Service its endpoints', async () => {
    const spec = { type: 'LoadBalancer', selector: labels, ports: [{ port: 80, targetPort: 8080 }] };
    await cluster.make(services, { metadata: web, spec });
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(500);
    expect(objectsAt(await get(services), 'status', 'loadBalancer', 'ingress').length).to.equal(1);
    const [slice] = await list(slices);
    expect(objectsAt(slice, 'endpoints').map((one) => at(one, 'conditions', 'ready'))).to.deep.equal([
      true,
      true,
    ]);
    expect(objectsAt(slice, 'ports')[0]?.['port']).to.equal(8080);
    await change(deployments, { spec: { replicas: 0 } });
    await cluster.pass(500);
    expect(objectsAt((await list(slices))[0], 'endpoints')).to.deep.equal([]);
    await cluster.client.delete(services, web);
    await cluster.pass(500);
    expect(await list(slices)).to.deep.equal([]);
  });

  it('binds a claim to a volume that goes with it', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } };
    await cluster.make(claims, { metadata: web, spec });
    await cluster.pass(500);
    const claim = await get(claims);
    expect(objectAt(claim, 'status')).to.deep.include({ phase: 'Bound', capacity: { storage: '2Gi' } });
    const [volume] = await list(volumes);
    expect(at(volume, 'status', 'phase')).to.equal('Bound');
    expect(volume?.metadata.name).to.equal(at(claim, 'spec', 'volumeName'));
    await cluster.client.delete(claims, web);
    await cluster.pass(500);
    expect(await list(volumes)).to.deep.equal([]);
  });

  it('counts for disruption budgets and autoscalers', async () => {
    await cluster.make(deployments, workload({ replicas: 3 }));
    await cluster.make(budgets, {
      metadata: web,
      spec: { minAvailable: '50%', selector: { matchLabels: labels } },
    });
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    await cluster.make(scalers, { metadata: web, spec: { maxReplicas: 5, scaleTargetRef } });
    await cluster.pass(500);
    expect(objectAt(await get(budgets), 'status')).to.deep.include({
      expectedPods: 3,
      currentHealthy: 3,
      desiredHealthy: 2,
      disruptionsAllowed: 1,
    });
    expect(objectAt(await get(scalers), 'status')).to.deep.include({
      currentReplicas: 3,
      desiredReplicas: 3,
    });
    expect(condition(await get(scalers), 'AbleToScale')).to.equal('True SucceededGetScale');
  });

  it('writes nothing when nothing happens, except its lease', async () => {
    await cluster.make(deployments, workload({ replicas: 2 }));
    await cluster.pass(5000);
    const before = await Promise.all([pods, replicaSets, deployments, nodes].map(list));
    await cluster.pass(600_000);
    const after = await Promise.all([pods, replicaSets, deployments, nodes].map(list));
    expect(after).to.deep.equal(before);
  });
});
