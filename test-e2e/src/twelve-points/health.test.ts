/**
 * Health without rules, and the real cause at the object that the user edited: workloads of a stand-in cluster that are
 * told to fail, and what the hub says about them, also when the managed cluster is gone.
 */
import { expect } from 'chai';
import { Fleet, must } from '../support/fleet.js';
import { gadget, gadgets, ManagedWorks, namespace } from '../support/managed.js';
import { eventually } from '../support/processes.js';

const fault = (name: string, value: string): object => ({ [`simulate.flotilla.dev/${name}`]: value });

/** A pod template with a fault. */
const template = (annotations: object, spec: object = {}) => ({
  metadata: { labels: { app: 'web' }, annotations },
  spec: { containers: [{ name: 'c', image: 'registry.example/x' }], ...spec },
});
const selector = { matchLabels: { app: 'web' } };

const object = (apiVersion: string, kind: string, spec: object, annotations: object = {}): object => ({
  apiVersion,
  kind,
  metadata: { name: 'sick', namespace: 'default', annotations },
  spec,
});

interface Case {
  readonly kind: string;
  readonly manifests: readonly object[];
  /** What makes it so, or what tells it, in the managed cluster. */
  readonly break?: () => Promise<unknown>;
  readonly reason: 'InProgress' | 'Failed' | 'Terminating';
  readonly says: RegExp;
  readonly cure: readonly object[] | (() => Promise<unknown>);
}

describe('the health of works', function () {
  this.timeout(120_000);
  const fleet = new Fleet();
  let works: ManagedWorks;
  before(async () => {
    await fleet.startHub();
    works = new ManagedWorks(fleet, await fleet.startCluster('edge'));
    await fleet.join(works.cluster);
    await works.send('kinds', [gadgets]);
  });
  after(() => fleet.close());

  /** As whoever is the kind's controller would. */
  const status = (resource: string, conditions: readonly object[], more: object = {}) =>
    works.merge([resource, 'sick'], { status: { conditions, ...more } }, '--subresource=status');
  const condition = (type: string, value: string, reason: string, message = ''): object => ({
    type,
    status: value,
    reason,
    message,
    lastTransitionTime: '2026-01-02T03:04:05Z',
  });
  const autoscaler = object('autoscaling/v2', 'HorizontalPodAutoscaler', {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'sick' },
    minReplicas: 1,
    maxReplicas: 3,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
      },
    ],
  });
  const apiService = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.sick.example.io' },
    spec: {
      group: 'sick.example.io',
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 15,
      service: { namespace: 'default', name: 'nobody' },
    },
  };
  const definition = (kind: string): object => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'sicks.example.io' },
    spec: {
      group: 'example.io',
      scope: 'Namespaced',
      names: { plural: 'sicks', singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  });
  const claimSpec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const serviceSpec = { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] };
  const failingImage = fault('image-pull-failures', 'always');
  const neverReady = fault('never-ready', 'true');
  const workload = (kind: string, annotations: object, spec: object = {}): object =>
    object('apps/v1', kind, { selector, template: template(annotations), ...spec });
  const cronJob = (schedule: string): object =>
    object('batch/v1', 'CronJob', {
      schedule,
      jobTemplate: { spec: { template: template({}, { restartPolicy: 'Never' }) } },
    });
  const pod = (annotations: object): object => {
    const { metadata, spec } = template(annotations);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'sick', namespace: 'default' },
      spec,
    };
  };
  const job = (annotations: object): object =>
    object('batch/v1', 'Job', {
      backoffLimit: 0,
      template: template(annotations, { restartPolicy: 'Never' }),
    });

  const cases: readonly Case[] = [
    {
      kind: 'Deployment',
      manifests: [workload('Deployment', failingImage)],
      reason: 'InProgress',
      says: /0 of 1 replicas are available.*ImagePullBackOff/s,
      cure: [workload('Deployment', {})],
    },
    {
      kind: 'Deployment past its deadline',
      manifests: [workload('Deployment', neverReady, { progressDeadlineSeconds: 2 })],
      reason: 'Failed',
      says: /progress/i,
      cure: [workload('Deployment', {}, { progressDeadlineSeconds: 2 })],
    },
    {
      kind: 'StatefulSet',
      manifests: [workload('StatefulSet', neverReady, { serviceName: 'sick' })],
      reason: 'InProgress',
      says: /0 of 1 replicas are ready/,
      cure: () =>
        works
          .send('health', [workload('StatefulSet', {}, { serviceName: 'sick' })])
          .then(() => works.k('delete', 'pod', 'sick-0')),
    },
    {
      kind: 'DaemonSet',
      manifests: [workload('DaemonSet', neverReady)],
      reason: 'InProgress',
      says: /pods are (available|ready)/,
      cure: [workload('DaemonSet', {})],
    },
    {
      kind: 'Job',
      manifests: [job(fault('exit-code', '3'))],
      reason: 'Failed',
      says: /The job failed \(succeeded: 0, active: 0, failed: 1\)/,
      cure: async () => {
        await works.apply('health', [job({})]);
        await works.k('delete', 'job', 'sick', '--wait=false');
      },
    },
    {
      kind: 'Pod',
      manifests: [pod(fault('exit-code', '1'))],
      reason: 'Failed',
      says: /The container c crashes again and again/,
      cure: async () => {
        await works.apply('health', [pod(fault('exit-code-', ''))]);
        await works.k('delete', 'pod', 'sick', '--wait=false');
      },
    },
    {
      kind: 'PersistentVolumeClaim',
      manifests: [
        object('v1', 'PersistentVolumeClaim', claimSpec, fault('claim-pending', 'no disk is left')),
      ],
      reason: 'InProgress',
      says: /The claim is not bound: Pending.*no disk is left/s,
      cure: [object('v1', 'PersistentVolumeClaim', claimSpec, fault('claim-pending-', ''))],
    },
    {
      kind: 'Service',
      manifests: [object('v1', 'Service', serviceSpec, fault('load-balancer-pending', 'no address is left'))],
      reason: 'InProgress',
      says: /The load balancer has no address yet.*no address is left/s,
      // A key that ends in `-` is taken away.
      cure: [object('v1', 'Service', serviceSpec, fault('load-balancer-pending-', ''))],
    },
    {
      kind: 'CustomResourceDefinition',
      manifests: [definition('Gadget')],
      reason: 'Failed',
      says: /already in use/,
      cure: [definition('Sick')],
    },
    {
      kind: 'APIService',
      manifests: [apiService],
      break: () =>
        works.merge(
          ['apiservice', 'v1.sick.example.io'],
          {
            status: {
              conditions: [
                condition('Available', 'False', 'ServiceNotFound', 'service/nobody is not present'),
              ],
            },
          },
          '--subresource=status',
        ),
      reason: 'InProgress',
      says: /service\/nobody is not present/,
      cure: () =>
        works.merge(
          ['apiservice', 'v1.sick.example.io'],
          { status: { conditions: [condition('Available', 'True', 'Passed')] } },
          '--subresource=status',
        ),
    },
    {
      kind: 'HorizontalPodAutoscaler',
      manifests: [autoscaler],
      reason: 'InProgress',
      says: /the target does not exist/,
      // Nothing is measured in a stand-in; a target that is scaled to nothing is well all the same.
      cure: [autoscaler, workload('Deployment', {}, { replicas: 0 })],
    },
    {
      kind: 'custom resource with a Ready condition',
      manifests: [gadget('sick')],
      break: () => status('gadget', [condition('Ready', 'False', 'Waiting', 'its backend is away')]),
      reason: 'InProgress',
      says: /its backend is away/,
      cure: () => status('gadget', [condition('Ready', 'True', 'Fine')]),
    },
    {
      kind: 'Namespace',
      manifests: [namespace('sick')],
      break: async () => {
        const held = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'held', namespace: 'sick', finalizers: ['example.io/hold'] },
        };
        await fleet.runOn(works.cluster, { input: JSON.stringify(held) }, 'apply', '-f', '-');
        await works.k('delete', 'namespace', 'sick', '--wait=false');
      },
      reason: 'Terminating',
      says: /being deleted/,
      cure: () => works.merge(['configmap', 'held', '-n', 'sick'], { metadata: { finalizers: null } }),
    },
  ];

  for (const { kind, manifests, break: harm, reason, says, cure } of cases) {
    it(`tells that a ${kind} is not well, and when it is`, async () => {
      await works.send('health', manifests);
      await harm?.();
      const name =
        kind === 'APIService'
          ? 'v1.sick.example.io'
          : kind.startsWith('CustomR')
            ? 'sicks.example.io'
            : 'sick';
      const found = await works.until('health', name, { type: 'Healthy', status: 'False', says });
      expect(found.reason).to.equal(`Health${reason}`);
      // The object exists: Available keeps OCM's meaning.
      await works.until('health', name, { type: 'Available', status: 'True' });
      const summary = (await works.read('health')).status?.conditions ?? [];
      const of = (type: string) => summary.find((each) => each.type === type)?.status;
      expect([of('Healthy'), of('Progressing'), of('Degraded')]).to.deep.equal(
        reason === 'Failed' ? ['False', 'False', 'True'] : ['False', 'True', 'False'],
      );
      if (typeof cure === 'function') await cure();
      else await works.send('health', cure);
      // As a rollout waits for it.
      const wait = ['--for=condition=Healthy', 'manifestwork/health', '-n', 'edge', '--timeout=40s'];
      must(await fleet.kubectl('wait', ...wait));
      must(await fleet.kubectl('wait', '--for=condition=Degraded=false', ...wait.slice(1)));
      await works.delete('health');
      await works.untilDeleted('health');
    });
  }

  it('calls a CronJob healthy that is scheduled', async () => {
    await works.send('cron', [cronJob('*/5 * * * *')]);
    await works.until('cron', 'sick', { type: 'Healthy', status: 'True', says: /scheduled/ });
    await works.delete('cron');
    await works.untilDeleted('cron');
  });

  it('lets rules decide in place of its own judgement', async () => {
    const resourceIdentifier = {
      group: 'example.io',
      resource: 'gadgets',
      namespace: 'default',
      name: 'ruled',
    };
    const rule = {
      type: 'CEL',
      condition: 'Healthy',
      celExpressions: ["has(object.status) && object.status.mood == 'good'"],
      message: 'asked for its mood',
    };
    const more = { manifestConfigs: [{ resourceIdentifier, conditionRules: [rule] }] };
    await works.send('ruled', [gadget('ruled')], more);
    // By itself a custom resource that exists is healthy.
    await works.until('ruled', 'ruled', { type: 'Healthy', status: 'False', says: /asked for its mood/ });
    await works.merge(['gadget', 'ruled'], { status: { mood: 'good' } }, '--subresource=status');
    await works.until('ruled', 'ruled', { type: 'Healthy', status: 'True', says: /asked for its mood/ });
    await works.delete('ruled');
    await works.untilDeleted('ruled');
  });

  describe('hub why', () => {
    it("says the API server's message, the field, and what to do", async () => {
      await works.apply('wrong', [
        object('apps/v1', 'Deployment', { replicas: -1, selector, template: template({}) }),
      ]);
      const why = await eventually('it says the field', async () => {
        const text = await works.why('wrong');
        return text.includes('spec.replicas') && text;
      });
      expect(why).to.match(
        /deployments\.apps default\/sick: Applied=False: .*spec\.replicas: Invalid value: -1/,
      );
      expect(why).to.contain('-> correct the field in the manifest');
      await works.delete('wrong');
      await works.untilDeleted('wrong');
    });

    it('prints the chain to the waiting reason and the newest event, without the managed cluster', async () => {
      await works.send('chain', [workload('Deployment', failingImage, { replicas: 2 })]);
      await works.until('chain', 'sick', { type: 'Healthy', status: 'False', says: /waits: .*warning/s });
      // Nobody can ask the managed cluster any more.
      await works.cluster.klusterlet.stop('SIGKILL');
      await works.cluster.server.stop('SIGKILL');
      const why = await works.why('chain');
      const [first, ...rest] = why.split('\n').map((line) => line.trim());
      expect(first).to.equal('edge/chain is not healthy');
      const line = rest.find((each) => each.startsWith('deployments.apps default/sick')) ?? '';
      expect(line).to.match(/Healthy=False: 0 of 2 replicas are available/);
      expect(line).to.match(/pod sick-\S+ and 1 more: container c waits: (ImagePullBackOff|ErrImagePull)/);
      expect(line).to.match(/warning (Failed|BackOff) of Pod sick-/);
      expect(rest[rest.indexOf(line) + 1]).to.match(/^-> check the image's name and tag/);
    });
  });
});
