/** Workloads that are told to fail, as kubectl shows them to somebody who looks for the reason. */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const simulate = 'simulate.flotilla.dev';

describe('workloads that are told to fail', () => {
  const server = new TestServer();
  let namespace = '';
  before(() => server.start());
  after(() => server.stop());
  beforeEach(async () => {
    namespace = await server.namespace('faults');
  });

  const k = (...args: string[]): Promise<string> => server.k('-n', namespace, ...args);

  async function deploy(annotations: Record<string, string>, spec: object = {}): Promise<void> {
    const labels = { app: 'web' };
    await server.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations },
          spec: { containers: [{ name: 'c', image: 'registry.example/web:2' }] },
        },
        ...spec,
      },
    });
  }

  function status(words: string): Promise<string> {
    return eventually(`a pod is ${words}`, async () => {
      const shown = await k('get', 'pods', '--no-headers');
      return shown.includes(words) ? shown : undefined;
    });
  }

  it('shows a crash loop: restarts, last state, event, the log of the run before', async () => {
    await deploy({ [`${simulate}/exit-code`]: '3', [`${simulate}/exit-message`]: 'no database' });
    expect(await status('CrashLoopBackOff')).to.match(/0\/1 +CrashLoopBackOff +1 \(\d+s ago\)/);
    const described = await k('describe', 'pods');
    expect(described).to.match(
      /Last State: +Terminated\s+Reason: +Error\s+Message: +no database\s+Exit Code: +3/,
    );
    expect(described).to.match(
      /Warning +BackOff .* kubelet +Back-off restarting failed container c in pod web-/,
    );
    expect(await k('logs', 'deployment/web', '--previous')).to.contain('no database\n');
    expect(await k('logs', 'deployment/web')).to.contain('no database\n');
  });

  it('shows an image that cannot be pulled', async () => {
    await deploy({ [`${simulate}/image-pull-failures`]: 'always' });
    expect(await status('ImagePullBackOff')).to.match(/0\/1 +ImagePullBackOff +0/);
    expect(await k('describe', 'pods')).to.match(
      /Warning +Failed .* Failed to pull image "registry.example\/web:2"/,
    );
    expect(await server.refused('-n', namespace, 'logs', 'deployment/web')).to.contain(
      'is waiting to start: trying and failing to pull image',
    );
  });

  it('shows a pod that no node takes', async () => {
    await deploy({ [`${simulate}/unschedulable`]: 'Insufficient memory.' });
    await status('Pending');
    expect(await k('describe', 'pods')).to.match(
      /Warning +FailedScheduling .* default-scheduler +0\/1 nodes are available: Insufficient memory\./,
    );
  });

  it('ends `rollout status` with the progress deadline', async () => {
    await deploy({ [`${simulate}/never-ready`]: 'true' }, { progressDeadlineSeconds: 2 });
    const refused = await server.refused(
      '-n',
      namespace,
      'rollout',
      'status',
      'deployment/web',
      '--timeout=30s',
    );
    expect(refused).to.contain('exceeded its progress deadline');
    expect(await k('get', 'deployment', 'web', '--no-headers')).to.match(/^web +0\/1 +1 +0 /);
  });

  it('lets `rollout status` wait for a slow start', async () => {
    await deploy({ [`${simulate}/start-delay-seconds`]: '1', [`${simulate}/ready-delay-seconds`]: '1' });
    expect(await k('get', 'pods', '--no-headers')).to.match(/ContainerCreating|Pending/);
    expect(await k('rollout', 'status', 'deployment/web', '--timeout=30s')).to.contain(
      'successfully rolled out',
    );
  });

  it('fails a Job, which `wait` and `describe` tell', async () => {
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    await server.create(path, {
      metadata: { name: 'once', annotations: { [`${simulate}/fail-pods`]: '1' } },
      spec: {
        backoffLimit: 0,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'job:1' }] } },
      },
    });
    await k('wait', '--for=condition=Failed', 'job/once', '--timeout=30s');
    expect(await k('describe', 'job', 'once')).to.match(
      /Warning +BackoffLimitExceeded .* Job has reached the specified backoff limit/,
    );
    expect(await status('Error')).to.match(/^once-\w+ +0\/1 +Error +0/);
  });

  it('keeps a load balancer and a claim pending, and a node not ready, with the reason', async () => {
    await server.create(`/api/v1/namespaces/${namespace}/services`, {
      metadata: { name: 'lb', annotations: { [`${simulate}/load-balancer-pending`]: 'quota exceeded' } },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
    await server.create(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`, {
      metadata: { name: 'data', annotations: { [`${simulate}/claim-pending`]: 'no space' } },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    await eventually('events tell why', async () => {
      const events = await k('events');
      return events.includes('quota exceeded') && events.includes('no space');
    });
    expect(await k('get', 'service', 'lb', '--no-headers')).to.match(/LoadBalancer +\S+ +<pending>/);
    expect(await k('get', 'pvc', '--no-headers')).to.match(/^data +Pending/);
    await k('annotate', 'node', 'stand-in', `${simulate}/not-ready=true`);
    await eventually('the node is not ready', async () => (await k('get', 'nodes')).includes('NotReady'));
    await k('annotate', 'node', 'stand-in', `${simulate}/not-ready-`);
    await eventually('the node is ready', async () => {
      const node = await server.read('/api/v1/nodes/stand-in');
      return at(node, 'spec.taints') === undefined && text(node, 'status.conditions.3.status') === 'True';
    });
  });
});
