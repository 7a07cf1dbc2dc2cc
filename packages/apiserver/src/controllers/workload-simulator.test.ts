import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { at, numberAt, objectAt, objectsAt, textAt } from '../builtin/access.js';
import { condition, labels, template, useStandInCluster, web, workload } from './testing/stand-in.js';
import { ref } from './testing/test-cluster.js';

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

describe('workload simulator', () => {
  const standIn = useStandInCluster();
  const { get, list, images, change } = standIn;

  it('has one node that is ready and renews its lease', async () => {
    const node = await get(nodes, 'stand-in');
    expect(condition(node, 'Ready')).to.equal('True StandInReady');
    expect(Number(textAt(node, 'status', 'allocatable', 'cpu'))).to.be.greaterThan(0);
    const renewed = async () => textAt(await get(leases, 'stand-in'), 'spec', 'renewTime');
    const first = await renewed();
    await standIn.cluster.pass(30_000);
    expect((await renewed()) > first).to.equal(true);
  });

  it('asks for no write of the status of its node that changes nothing', async () => {
    const { server } = standIn.cluster;
    const handle = server.handle.bind(server);
    const writes: string[] = [];
    server.handle = (request) => {
      if (request.method !== 'GET') writes.push(request.path);
      return handle(request);
    };
    await standIn.cluster.pass(60_000);
    expect(writes.filter((target) => target.includes('/leases/'))).to.have.length.greaterThan(1);
    expect(writes.filter((target) => target.includes('/nodes/'))).to.deep.equal([]);
  });

  it('runs a bare pod and finishes its deletion', async () => {
    await standIn.cluster.make(pods, { metadata: web, spec: template().spec });
    await standIn.cluster.pass(100);
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
    await standIn.cluster.client.delete(pods, web);
    await standIn.cluster.pass(50);
    expect((await get(pods))?.metadata.deletionTimestamp, 'a container takes a moment to end').to.be.a(
      'string',
    );
    await standIn.cluster.pass(100);
    expect(await get(pods)).to.equal(undefined);
  });

  it('leaves a pod pending that no node takes, until one does', async () => {
    await standIn.cluster.make(pods, {
      metadata: web,
      spec: { ...template().spec, nodeSelector: { disk: 'fast' } },
    });
    await standIn.cluster.pass(100);
    expect(condition(await get(pods), 'PodScheduled')).to.equal('False Unschedulable');
    await standIn.cluster.make(nodes, { metadata: { name: 'fast', labels: { disk: 'fast' } } });
    await standIn.cluster.pass(100);
    expect(at(await get(pods), 'spec', 'nodeName')).to.equal('fast');
    expect(at(await get(pods), 'status', 'phase')).to.equal('Running');
  });

  it('makes the pods of a StatefulSet in order, with their claims, and replaces them', async () => {
    const volumeClaimTemplates = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ];
    await standIn.cluster.make(
      statefulSets,
      workload({ replicas: 3, serviceName: 'web', volumeClaimTemplates }),
    );
    await standIn.cluster.pass(1000);
    expect(await standIn.cluster.names(pods)).to.deep.equal(['web-0', 'web-1', 'web-2']);
    expect(await standIn.cluster.names(claims)).to.deep.equal(['data-web-0', 'data-web-1', 'data-web-2']);
    const set = await get(statefulSets);
    expect(objectAt(set, 'status')).to.deep.include({ replicas: 3, readyReplicas: 3, availableReplicas: 3 });
    await change(statefulSets, { spec: { template: template('web:2') } });
    await standIn.cluster.pass(2000);
    expect(await images()).to.deep.equal(Array(3).fill('web:2'));
    const updated = await get(statefulSets);
    expect(at(updated, 'status', 'currentRevision')).to.equal(at(updated, 'status', 'updateRevision'));
    expect((await list(revisions)).map((one) => numberAt(one, 'revision')).sort()).to.deep.equal([1, 2]);
    await change(statefulSets, { spec: { replicas: 1 } });
    await standIn.cluster.pass(1000);
    expect(await standIn.cluster.names(pods)).to.deep.equal(['web-0']);
    expect((await list(claims)).length).to.equal(3);
  });

  it('updates a StatefulSet down to its partition only', async () => {
    await standIn.cluster.make(statefulSets, workload({ replicas: 3, serviceName: 'web' }));
    await standIn.cluster.pass(1000);
    await change(statefulSets, {
      spec: { template: template('web:2'), updateStrategy: { rollingUpdate: { partition: 2 } } },
    });
    await standIn.cluster.pass(2000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:2']);
    await standIn.cluster.client.delete(pods, { namespace: 'default', name: 'web-0' });
    await standIn.cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:1', 'web:1', 'web:2']);
  });

  it('runs a DaemonSet on each node that it selects', async () => {
    await standIn.cluster.make(daemonSets, workload());
    await standIn.cluster.make(nodes, { metadata: { name: 'second' } });
    await standIn.cluster.pass(500);
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
    await standIn.cluster.pass(1000);
    expect(await images()).to.deep.equal(['web:2', 'web:2']);
    await standIn.cluster.client.delete(nodes, { name: 'second' });
    await standIn.cluster.pass(500);
    expect((await list(pods)).length).to.equal(1);
  });

  it('completes a Job, all of its completions, and removes it when its time is over', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await standIn.cluster.make(jobs, {
      metadata: web,
      spec: { completions: 5, parallelism: 2, ttlSecondsAfterFinished: 60, template: spec },
    });
    await standIn.cluster.pass(2000);
    const job = await get(jobs);
    expect(objectAt(job, 'status')).to.deep.include({ succeeded: 5 });
    expect(condition(job, 'Complete')).to.equal('True CompletionsReached');
    expect(at(job, 'status', 'completionTime')).to.be.a('string');
    expect((await list(pods)).map((pod) => at(pod, 'status', 'phase'))).to.deep.equal(
      Array(5).fill('Succeeded'),
    );
    await standIn.cluster.pass(61_000);
    expect([...(await list(jobs)), ...(await list(pods))]).to.deep.equal([]);
  });

  it('gives an indexed Job one pod for each index', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await standIn.cluster.make(jobs, {
      metadata: web,
      spec: { completions: 4, parallelism: 4, completionMode: 'Indexed', template: spec },
    });
    await standIn.cluster.pass(1000);
    expect(at(await get(jobs), 'status', 'completedIndexes')).to.equal('0-3');
  });

  it('does not start a suspended Job before it is resumed', async () => {
    const spec = template('job:1', { restartPolicy: 'Never' });
    await standIn.cluster.make(jobs, { metadata: web, spec: { suspend: true, template: spec } });
    await standIn.cluster.pass(1000);
    expect(await list(pods)).to.deep.equal([]);
    expect(condition(await get(jobs), 'Suspended')).to.equal('True JobSuspended');
    await change(jobs, { spec: { suspend: false } });
    await standIn.cluster.pass(1000);
    expect(condition(await get(jobs), 'Complete')).to.equal('True CompletionsReached');
  });

  it('gives a load balancer an address and a Service its endpoints', async () => {
    const spec = { type: 'LoadBalancer', selector: labels, ports: [{ port: 80, targetPort: 8080 }] };
    await standIn.cluster.make(services, { metadata: web, spec });
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(500);
    expect(objectsAt(await get(services), 'status', 'loadBalancer', 'ingress').length).to.equal(1);
    const [slice] = await list(slices);
    expect(objectsAt(slice, 'endpoints').map((one) => at(one, 'conditions', 'ready'))).to.deep.equal([
      true,
      true,
    ]);
    expect(objectsAt(slice, 'ports')[0]?.['port']).to.equal(8080);
    await change(deployments, { spec: { replicas: 0 } });
    await standIn.cluster.pass(500);
    expect(objectsAt((await list(slices))[0], 'endpoints')).to.deep.equal([]);
    await standIn.cluster.client.delete(services, web);
    await standIn.cluster.pass(500);
    expect(await list(slices)).to.deep.equal([]);
  });

  it('binds a claim to a volume that goes with it', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } };
    await standIn.cluster.make(claims, { metadata: web, spec });
    await standIn.cluster.pass(500);
    const claim = await get(claims);
    expect(objectAt(claim, 'status')).to.deep.include({ phase: 'Bound', capacity: { storage: '2Gi' } });
    const [volume] = await list(volumes);
    expect(at(volume, 'status', 'phase')).to.equal('Bound');
    expect(volume?.metadata.name).to.equal(at(claim, 'spec', 'volumeName'));
    await standIn.cluster.client.delete(claims, web);
    await standIn.cluster.pass(500);
    expect(await list(volumes)).to.deep.equal([]);
  });

  it('counts for disruption budgets and autoscalers', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 3 }));
    await standIn.cluster.make(budgets, {
      metadata: web,
      spec: { minAvailable: '50%', selector: { matchLabels: labels } },
    });
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    await standIn.cluster.make(scalers, { metadata: web, spec: { maxReplicas: 5, scaleTargetRef } });
    await standIn.cluster.pass(500);
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
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(5000);
    const before = await Promise.all([pods, replicaSets, deployments, nodes].map(list));
    await standIn.cluster.pass(600_000);
    const after = await Promise.all([pods, replicaSets, deployments, nodes].map(list));
    expect(after).to.deep.equal(before);
  });
});
