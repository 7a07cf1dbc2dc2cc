import { type KubeObject, simulationAnnotations as simulate } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { at, listAt, numberAt, objectAt, objectsAt, textAt } from '../builtin/access.js';
import { condition, template, useStandInCluster, web, workload } from './testing/stand-in.js';
import { ref } from './testing/test-cluster.js';

const { deployments, pods, nodes, leases, events } = wellKnown;
const jobs = ref('batch', 'v1', 'jobs');
const services = ref('', 'v1', 'services');
const claims = ref('', 'v1', 'persistentvolumeclaims');

describe('workloads that are told to fail', () => {
  const standIn = useStandInCluster();
  const { get, list } = standIn;

  function faulty(annotations: Record<string, string>, spec = {}) {
    const plain = template('web:1', spec);
    return { ...plain, metadata: { ...plain.metadata, annotations } };
  }

  async function makePod(annotations: Record<string, string>, spec = {}): Promise<void> {
    const { metadata, spec: podSpec } = faulty(annotations, spec);
    await standIn.cluster.make(pods, { metadata: { ...metadata, ...web }, spec: podSpec });
    await standIn.cluster.pass(100);
  }

  /** `reason` of each event about the object, and how often it was seen. */
  async function eventsOf(name: string): Promise<Record<string, number>> {
    const found = (await list(events)).filter((event) => textAt(event, 'involvedObject', 'name') === name);
    return Object.fromEntries(found.map((event) => [textAt(event, 'reason'), numberAt(event, 'count')]));
  }

  function containerOf(pod: KubeObject | undefined) {
    return objectsAt(pod, 'status', 'containerStatuses')[0] ?? {};
  }

  it('leaves a pod unscheduled, with the words that it gave', async () => {
    await makePod({ [simulate.unschedulable]: 'Insufficient cpu.' });
    const pod = await get(pods);
    expect(condition(pod, 'PodScheduled')).to.equal('False Unschedulable');
    expect(textAt(objectsAt(pod, 'status', 'conditions')[0], 'message')).to.equal(
      '0/1 nodes are available: Insufficient cpu.',
    );
    expect(await eventsOf('web')).to.deep.equal({ FailedScheduling: 1 });
  });

  it('starts a pod late', async () => {
    await makePod({ [simulate.startDelaySeconds]: '20' });
    const early = await get(pods);
    expect(textAt(early, 'status', 'phase')).to.equal('Pending');
    expect(at(containerOf(early), 'state', 'waiting', 'reason')).to.equal('ContainerCreating');
    expect(condition(early, 'Ready')).to.equal('False ContainersNotReady');
    await standIn.cluster.pass(21_000);
    expect(condition(await get(pods), 'Ready')).to.match(/^True/);
  });

  it('pulls an image that is not there again and again', async () => {
    await makePod({ [simulate.imagePullFailures]: 'always' });
    expect(at(containerOf(await get(pods)), 'state', 'waiting', 'reason')).to.equal('ErrImagePull');
    await standIn.cluster.pass(5000);
    expect(at(containerOf(await get(pods)), 'state', 'waiting', 'reason')).to.equal('ImagePullBackOff');
    expect(await eventsOf('web')).to.include({ BackOff: 1 });
    await standIn.cluster.pass(120_000);
    expect(textAt(await get(pods), 'status', 'phase')).to.equal('Pending');
    expect((await eventsOf('web'))['BackOff']).to.be.greaterThan(2);
  });

  it('crashes again and again, counting, with its last words', async () => {
    await makePod({ [simulate.exitCode]: '3', [simulate.exitMessage]: 'no database' });
    await standIn.cluster.pass(5000);
    const container = containerOf(await get(pods));
    expect(at(container, 'state', 'waiting', 'reason')).to.equal('CrashLoopBackOff');
    expect(container).to.include({ restartCount: 1, ready: false });
    expect(objectAt(container, 'lastState', 'terminated')).to.include({
      exitCode: 3,
      reason: 'Error',
      message: 'no database',
    });
    expect(await eventsOf('web')).to.deep.equal({ BackOff: 1 });
    await standIn.cluster.pass(60_000);
    expect(numberAt(containerOf(await get(pods)), 'restartCount')).to.equal(3);
  });

  it('recovers after the crashes that were asked for', async () => {
    await makePod({ [simulate.exitCode]: '1', [simulate.exitTimes]: '2' });
    await standIn.cluster.pass(20_000);
    const pod = await get(pods);
    expect(numberAt(containerOf(pod), 'restartCount')).to.equal(2);
    expect(condition(pod, 'Ready')).to.match(/^True/);
  });

  it('is killed for want of memory, and fails for good when it is not restarted', async () => {
    await makePod({ [simulate.oomKilled]: 'true' }, { restartPolicy: 'Never' });
    await standIn.cluster.pass(3000);
    const pod = await get(pods);
    expect(textAt(pod, 'status', 'phase')).to.equal('Failed');
    expect(objectAt(containerOf(pod), 'state', 'terminated')).to.include({
      exitCode: 137,
      reason: 'OOMKilled',
    });
  });

  it('completes when its container ends well', async () => {
    await makePod({ [simulate.exitCode]: '0' }, { restartPolicy: 'OnFailure' });
    await standIn.cluster.pass(3000);
    expect(textAt(await get(pods), 'status', 'phase')).to.equal('Succeeded');
  });

  it('concerns only the container that is named', async () => {
    const containers = [
      { name: 'c', image: 'web:1' },
      { name: 'bad', image: 'bad:1' },
    ];
    await makePod({ [simulate.container]: 'bad', [simulate.neverReady]: 'true' }, { containers });
    const pod = await get(pods);
    const ready = objectsAt(pod, 'status', 'containerStatuses').map((one) => [one['name'], one['ready']]);
    expect(ready).to.deep.equal([
      ['c', true],
      ['bad', false],
    ]);
    expect(condition(pod, 'ContainersReady')).to.equal('False ContainersNotReady');
    expect(await eventsOf('web')).to.deep.equal({ Unhealthy: 1 });
  });

  it('takes its time to go', async () => {
    await makePod({ [simulate.deleteDelaySeconds]: '60' });
    await standIn.cluster.client.delete(pods, web);
    await standIn.cluster.pass(55_000);
    expect((await get(pods))?.metadata.deletionTimestamp).to.be.a('string');
    await standIn.cluster.pass(10_000);
    expect(await get(pods)).to.equal(undefined);
  });

  it('makes a Deployment exceed its progress deadline', async () => {
    const made = workload({
      replicas: 2,
      progressDeadlineSeconds: 30,
      template: faulty({ [simulate.neverReady]: 'true' }),
    });
    await standIn.cluster.make(deployments, made);
    await standIn.cluster.pass(5000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('True ReplicaSetUpdated');
    expect(condition(await get(deployments), 'Available')).to.equal('False MinimumReplicasUnavailable');
    await standIn.cluster.pass(40_000);
    expect(condition(await get(deployments), 'Progressing')).to.equal('False ProgressDeadlineExceeded');
    expect(objectAt(await get(deployments), 'status')).to.deep.include({
      replicas: 2,
      unavailableReplicas: 2,
    });
  });

  it('keeps the old pods of a Deployment while the new ones crash', async () => {
    await standIn.cluster.make(deployments, workload({ replicas: 2 }));
    await standIn.cluster.pass(1000);
    await standIn.change(deployments, {
      spec: {
        template: {
          metadata: { annotations: { [simulate.exitCode]: '1', [simulate.exitAfterSeconds]: '0' } },
        },
      },
    });
    await standIn.cluster.pass(20_000);
    const deployment = await get(deployments);
    expect(condition(deployment, 'Available')).to.equal('True MinimumReplicasAvailable');
    expect(numberAt(deployment, 'status', 'updatedReplicas')).to.equal(1);
    const restarts = (await list(pods)).map((pod) => numberAt(containerOf(pod), 'restartCount'));
    expect(Math.max(...restarts)).to.be.greaterThan(0);
  });

  function job(spec = {}, annotations = {}) {
    const pod = template('job:1', { restartPolicy: 'Never' });
    return { metadata: { ...web, annotations }, spec: { template: pod, ...spec } };
  }

  it('fails the first pods of a Job, which tries again later and later', async () => {
    await standIn.cluster.make(jobs, job({}, { [simulate.failPods]: '2' }));
    await standIn.cluster.pass(5000);
    expect(objectAt(await get(jobs), 'status')).to.include({ failed: 1 });
    expect(at(await get(jobs), 'status', 'succeeded')).to.equal(undefined);
    await standIn.cluster.pass(45_000);
    expect(objectAt(await get(jobs), 'status')).to.include({ failed: 2, succeeded: 1 });
    expect(condition(await get(jobs), 'Complete')).to.equal('True CompletionsReached');
  });

  it('fails a Job past its back-off limit', async () => {
    await standIn.cluster.make(jobs, job({ backoffLimit: 1 }, { [simulate.failPods]: '9' }));
    await standIn.cluster.pass(30_000);
    expect(condition(await get(jobs), 'Failed')).to.equal('True BackoffLimitExceeded');
    expect(objectAt(await get(jobs), 'status')).to.include({ failed: 2 });
    expect(await eventsOf('web')).to.include({ BackoffLimitExceeded: 1 });
    expect((await list(pods)).every((pod) => textAt(pod, 'status', 'phase') === 'Failed')).to.equal(true);
  });

  it('ends a Job that hangs at its deadline', async () => {
    const hanging = faulty({ [simulate.neverReady]: 'true' }, { restartPolicy: 'Never' });
    await standIn.cluster.make(jobs, {
      metadata: web,
      spec: { template: hanging, activeDeadlineSeconds: 30 },
    });
    await standIn.cluster.pass(20_000);
    expect(numberAt(await get(jobs), 'status', 'active')).to.equal(1);
    await standIn.cluster.pass(20_000);
    expect(condition(await get(jobs), 'Failed')).to.equal('True DeadlineExceeded');
    expect(await list(pods)).to.deep.equal([]);
  });

  it('makes a node fail and come back, and its pods with it', async () => {
    await makePod({});
    const change = (value: string | null) =>
      standIn.cluster.client.patch(
        nodes,
        { name: 'stand-in' },
        {
          type: 'merge',
          body: { metadata: { annotations: { [simulate.nodeNotReady]: value } } },
        },
      );
    await change('unknown');
    await standIn.cluster.pass(1000);
    const node = await get(nodes, 'stand-in');
    expect(condition(node, 'Ready')).to.equal('Unknown NodeStatusUnknown');
    expect(listAt(node, 'spec', 'taints')).to.have.length(2);
    expect(condition(await get(pods), 'Ready')).to.match(/^False/);
    expect(await eventsOf('stand-in')).to.deep.equal({ NodeNotReady: 1 });
    const renewed = async () => textAt(await get(leases, 'stand-in'), 'spec', 'renewTime');
    const last = await renewed();
    await standIn.cluster.make(pods, { metadata: { ...web, name: 'late' }, spec: template().spec });
    await standIn.cluster.pass(60_000);
    expect(await renewed()).to.equal(last);
    expect(condition(await get(pods, 'late'), 'PodScheduled')).to.equal('False Unschedulable');
    await change(null);
    await standIn.cluster.pass(1000);
    expect(condition(await get(nodes, 'stand-in'), 'Ready')).to.equal('True StandInReady');
    expect(listAt(await get(nodes, 'stand-in'), 'spec', 'taints')).to.deep.equal([]);
    for (const name of ['web', 'late']) expect(condition(await get(pods, name), 'Ready')).to.match(/^True/);
  });

  it('gives a load balancer no address until it may have one', async () => {
    const metadata = { ...web, annotations: { [simulate.loadBalancerPending]: 'quota exceeded' } };
    await standIn.cluster.make(services, { metadata, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
    await standIn.cluster.pass(1000);
    expect(listAt(await get(services), 'status', 'loadBalancer', 'ingress')).to.deep.equal([]);
    expect(await eventsOf('web')).to.include({ SyncLoadBalancerFailed: 1 });
    await standIn.change(services, { metadata: { annotations: { [simulate.loadBalancerPending]: null } } });
    await standIn.cluster.pass(1000);
    expect(listAt(await get(services), 'status', 'loadBalancer', 'ingress')).to.have.length(1);
  });

  it('leaves a claim pending, and the pods that need it, until it may be bound', async () => {
    const annotations = { [simulate.claimPending]: 'no space' };
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await standIn.cluster.make(claims, { metadata: { ...web, name: 'data', annotations }, spec });
    await makePod({}, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
    await standIn.cluster.pass(1000);
    expect(textAt(await get(claims, 'data'), 'status', 'phase')).to.equal('Pending');
    expect(await eventsOf('data')).to.include.keys('ProvisioningFailed');
    expect(condition(await get(pods), 'PodScheduled')).to.equal('False Unschedulable');
    await standIn.cluster.client.patch(
      claims as ResourceRef,
      { ...web, name: 'data' },
      {
        type: 'merge',
        body: { metadata: { annotations: { [simulate.claimPending]: null } } },
      },
    );
    await standIn.cluster.pass(1000);
    expect(textAt(await get(claims, 'data'), 'status', 'phase')).to.equal('Bound');
    expect(textAt(await get(pods), 'status', 'phase')).to.equal('Running');
  });
});
