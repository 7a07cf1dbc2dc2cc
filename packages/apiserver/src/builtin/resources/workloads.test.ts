import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { at } from '../access.js';
import { create, definitionOf, fieldsOf, testContext, update } from '../test-kit.js';

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } };
const selector = { matchLabels: { a: 'b' } };

function cells(kind: string, object: KubeObject, options: { wide?: boolean } = {}): readonly unknown[] {
  return definitionOf(kind)
    .columns.filter(({ priority }) => options.wide || priority === undefined)
    .map(({ value }) => (typeof value === 'string' ? value : value(object, testContext.nowMs)));
}

describe('workload defaults', () => {
  it('fill in a Deployment', async () => {
    const { object, errors } = await create(definitionOf('Deployment'), { spec: { selector, template } });
    expect(errors).to.deep.equal([]);
    expect(object['spec']).to.deep.include({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    });
    expect(at(object, 'spec', 'template', 'spec')).to.deep.equal({
      containers: [
        {
          name: 'c',
          image: 'nginx',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    });
  });

  it('leave no rolling update to a Deployment that recreates', async () => {
    const { object } = await create(definitionOf('Deployment'), {
      spec: { selector, template, strategy: { type: 'Recreate' } },
    });
    expect(at(object, 'spec', 'strategy')).to.deep.equal({ type: 'Recreate' });
  });

  const policies: readonly (readonly [string, string])[] = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['localhost:5000/nginx', 'Always'],
    ['localhost:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:00', 'IfNotPresent'],
  ];
  for (const [image, policy] of policies) {
    it(`pull ${image} ${policy}`, async () => {
      const { object } = await create(definitionOf('Pod'), { spec: { containers: [{ name: 'c', image }] } });
      expect(at(object, 'spec', 'containers')).to.have.nested.property('[0].imagePullPolicy', policy);
    });
  }
});

describe('workload rules', () => {
  it('want a selector that matches the template and does not change', async () => {
    const definition = definitionOf('Deployment');
    const missing = await create(definition, { spec: { template } });
    expect(fieldsOf(missing)).to.include('spec.selector');
    const other = { matchLabels: { a: 'c' } };
    expect(fieldsOf(await create(definition, { spec: { selector: other, template } }))).to.deep.equal([
      'spec.template.metadata.labels',
    ]);
    const { object: old } = await create(definition, { spec: { selector, template } });
    const labels = { a: 'c' };
    const changed = await update(definition, old, {
      spec: { selector: other, template: { ...template, metadata: { labels } } },
    });
    expect(fieldsOf(changed)).to.deep.equal(['spec.selector']);
  });

  it('refuse pods without containers, with doubled names, or with mounts of nothing', async () => {
    const pod = definitionOf('Pod');
    expect(fieldsOf(await create(pod, { spec: {} }))).to.deep.equal(['spec.containers']);
    const container = { name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/x' }] };
    expect(
      fieldsOf(await create(pod, { spec: { containers: [container, { name: 'c', image: 'i' }] } })),
    ).to.include.members(['spec.containers[0].volumeMounts[0].name', 'spec.containers[1].name']);
  });

  it('let a pod change its image and little else', async () => {
    const pod = definitionOf('Pod');
    const { object: old } = await create(pod, { spec: template.spec });
    const spec = old['spec'] as { containers: object[] };
    const image = { ...spec, containers: [{ ...spec.containers[0], image: 'other' }] };
    expect((await update(pod, old, { spec: image })).errors).to.deep.equal([]);
    expect(fieldsOf(await update(pod, old, { spec: { ...spec, hostNetwork: true } }))).to.deep.equal([
      'spec',
    ]);
  });

  it('give a Job its selector and keep it', async () => {
    const job = definitionOf('Job');
    const spec = { template: { spec: { ...template.spec, restartPolicy: 'Never' } } };
    const { object: old, errors } = await create(job, { spec });
    expect(errors).to.deep.equal([]);
    expect(at(old, 'spec', 'selector')).to.deep.equal({
      matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' },
    });
    expect(at(old, 'spec', 'template', 'metadata', 'labels')).to.include({ 'job-name': 'x' });
    expect(old['spec']).to.include({
      backoffLimit: 6,
      completions: 1,
      parallelism: 1,
      completionMode: 'NonIndexed',
    });
    const again = await update(job, old, { spec });
    expect(again.errors).to.deep.equal([]);
    expect(again.object).to.deep.equal(old);
    const container = { name: 'c', image: 'other' };
    const changed = { template: { spec: { containers: [container], restartPolicy: 'Never' } } };
    expect(fieldsOf(await update(job, old, { spec: changed }))).to.deep.equal(['spec.template']);
  });
});

describe('conversions between versions', () => {
  it('turn a v1beta1 Ingress into v1 and back', async () => {
    const old = definitionOf('Ingress', { minor: 20, group: 'extensions' });
    const { object, errors } = await create(old, {
      spec: {
        backend: { serviceName: 'd', servicePort: 80 },
        rules: [
          { host: 'h', http: { paths: [{ path: '/', backend: { serviceName: 's', servicePort: 'http' } }] } },
        ],
      },
    });
    expect(errors).to.deep.equal([]);
    const stored = old.convert?.toStorage(object) ?? object;
    expect(stored.apiVersion).to.equal('networking.k8s.io/v1');
    expect(stored['spec']).to.deep.equal({
      defaultBackend: { service: { name: 'd', port: { number: 80 } } },
      rules: [
        {
          host: 'h',
          http: {
            paths: [
              {
                path: '/',
                pathType: 'ImplementationSpecific',
                backend: { service: { name: 's', port: { name: 'http' } } },
              },
            ],
          },
        },
      ],
    });
    expect(old.convert?.fromStorage(stored)).to.deep.equal(object);
  });

  it('keep what autoscaling/v1 cannot say', async () => {
    const v2 = definitionOf('HorizontalPodAutoscaler', { version: 'v2' });
    const v1 = definitionOf('HorizontalPodAutoscaler', { version: 'v1' });
    const metric = (name: string, averageUtilization: number) => ({
      type: 'Resource',
      resource: { name, target: { type: 'Utilization', averageUtilization } },
    });
    const { object } = await create(v2, {
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'd' },
        maxReplicas: 3,
        metrics: [metric('cpu', 50), metric('memory', 60)],
      },
    });
    const seen = v1.convert?.fromStorage(object) ?? object;
    expect(seen['spec']).to.deep.include({ targetCPUUtilizationPercentage: 50, minReplicas: 1 });
    const back = v1.convert?.toStorage(seen) ?? seen;
    expect(back['spec']).to.deep.equal(object['spec']);
    expect(back.metadata).to.deep.equal(object.metadata);
  });

  it('move topology of endpoint slices into fields', () => {
    const old = definitionOf('EndpointSlice', { version: 'v1beta1', minor: 22 });
    const slice: KubeObject = {
      apiVersion: 'discovery.k8s.io/v1beta1',
      kind: 'EndpointSlice',
      metadata: { name: 'x' },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: ['10.0.0.1'],
          topology: { 'topology.kubernetes.io/zone': 'z', 'kubernetes.io/hostname': 'n' },
        },
      ],
    };
    const stored = old.convert?.toStorage(slice);
    expect(stored?.['endpoints']).to.deep.equal([{ addresses: ['10.0.0.1'], zone: 'z', nodeName: 'n' }]);
  });
});

describe('printer columns', () => {
  it('show a pod as kubectl users know it', () => {
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', creationTimestamp: '2024-12-31T23:00:00Z' },
      spec: { containers: [{}, {}] },
      status: {
        phase: 'Running',
        containerStatuses: [
          { ready: true, restartCount: 1, state: { running: {} } },
          { ready: false, restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
        ],
      },
    };
    expect(cells('Pod', pod)).to.deep.equal(['p', '1/2', 'CrashLoopBackOff', '3', '60m']);
    pod.metadata.deletionTimestamp = '2025-01-01T00:00:00Z';
    expect(cells('Pod', pod)[2]).to.equal('Terminating');
  });

  it('show a deployment, with selector and images when wide', async () => {
    const { object } = await create(definitionOf('Deployment'), { spec: { selector, template } });
    object['status'] = { readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    object.metadata.creationTimestamp = '2024-12-31T23:59:00Z';
    expect(cells('Deployment', object, { wide: true })).to.deep.equal([
      'x',
      '1/1',
      1,
      1,
      '60s',
      'c',
      'nginx',
      'a=b',
    ]);
  });

  it('never fail on an object without anything', () => {
    const bare: KubeObject = { apiVersion: 'v1', kind: 'X', metadata: {} };
    for (const kind of [
      'Pod',
      'Job',
      'CronJob',
      'Service',
      'Ingress',
      'Node',
      'Event',
      'HorizontalPodAutoscaler',
      'ResourceQuota',
    ]) {
      expect(() => cells(kind, bare, { wide: true }), kind).not.to.throw();
    }
  });
});
