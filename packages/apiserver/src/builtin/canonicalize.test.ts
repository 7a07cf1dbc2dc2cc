import { type KubeObject, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import { create, definitionOf } from './test-kit.js';

const podSpec = { containers: [{ name: 'c', image: 'nginx' }] };

describe('canonical form', () => {
  it('drops nulls and empty optional values, and keeps zeros that mean something', async () => {
    const { object } = await create(definitionOf('Deployment'), {
      spec: {
        replicas: 0,
        minReadySeconds: 0,
        paused: false,
        selector: { matchLabels: { a: 'b' }, matchExpressions: [] },
        template: {
          metadata: { labels: { a: 'b' }, annotations: {}, creationTimestamp: null },
          spec: podSpec,
        },
      },
    });
    const spec = object['spec'] as Record<string, unknown>;
    expect(spec['replicas']).to.equal(0);
    expect(spec).not.to.have.any.keys('minReadySeconds', 'paused');
    expect(spec['selector']).to.deep.equal({ matchLabels: { a: 'b' } });
    expect((spec['template'] as KubeObject).metadata).to.deep.equal({ labels: { a: 'b' } });
  });

  it('writes what Go writes for a list that may not be left out', async () => {
    const { object, errors } = await create(definitionOf('ClusterRole'), {});
    expect(object['rules']).to.equal(null);
    expect(errors).to.deep.equal([]);
  });

  it('writes times and quantities that were not given, where Go has no pointer to leave out', async () => {
    const containers = [
      {
        ...podSpec.containers[0],
        env: [{ name: 'E', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }],
      },
    ];
    const pod = await create(definitionOf('Pod'), { spec: { containers } });
    const spec = pod.object['spec'] as { containers: [{ env: [{ valueFrom: unknown }] }] };
    expect(spec.containers[0].env[0].valueFrom).to.deep.equal({
      resourceFieldRef: { resource: 'limits.cpu', divisor: '0' },
    });
    const event = await create(definitionOf('Event'), {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      firstTimestamp: '2025-01-02T03:04:05Z',
    });
    expect(event.object).to.deep.include({
      eventTime: null,
      firstTimestamp: '2025-01-02T03:04:05Z',
      lastTimestamp: null,
    });
    const lease = await create(definitionOf('Lease'), { spec: { acquireTime: null } });
    expect(lease.object['spec']).to.deep.equal({});
  });

  it('gives quantities and times their one spelling', async () => {
    const quota = await create(definitionOf('ResourceQuota'), {
      spec: { hard: { cpu: '1000m', memory: '1024Mi', pods: 5 } },
    });
    expect(quota.object['spec']).to.deep.equal({ hard: { cpu: '1', memory: '1Gi', pods: '5' } });
    const lease = await create(definitionOf('Lease'), { spec: { renewTime: '2025-01-02T04:04:05.5+01:00' } });
    expect(lease.object['spec']).to.deep.equal({ renewTime: '2025-01-02T03:04:05.500000Z' });
  });

  it('refuses a text that is no quantity with 400', async () => {
    const failed = await create(definitionOf('ResourceQuota'), { spec: { hard: { cpu: 'lots' } } }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).to.be.instanceOf(StatusError);
    expect((failed as StatusError).code).to.equal(400);
  });

  it('is the same when applied again', async () => {
    const definition = definitionOf('Pod');
    const first = await create(definition, {
      spec: {
        ...podSpec,
        initContainers: [{ name: 'i', image: 'busybox:1', resources: { limits: { cpu: 0.5 } } }],
        volumes: [
          { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
          { name: 'w' },
        ],
      },
    });
    const second = await create(definition, first.object);
    expect(second.object).to.deep.equal(first.object);
    expect(second.errors).to.deep.equal([]);
  });

  it('names required texts that are empty', async () => {
    const pod = await create(definitionOf('Pod'), {
      spec: { containers: [{ image: 'nginx', env: [{ value: 'x' }] }], hostAliases: [{ hostnames: ['a'] }] },
    });
    expect(pod.errors.map(({ field }) => field)).to.include.members([
      'spec.containers[0].name',
      'spec.containers[0].env[0].name',
      'spec.hostAliases[0].ip',
    ]);
    const fields = pod.errors.map(({ field }) => field);
    expect(fields).to.deep.equal([...new Set(fields)]);
  });
});
