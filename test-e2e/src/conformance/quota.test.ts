/** Quotas, limits and priorities, as the users of a namespace meet them. */
import { expect } from 'chai';
import { at, list } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

describe('quotas and limits through kubectl', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  const apply = async (...objects: object[]): Promise<void> => {
    const { code, stderr } = await server.feed(objects, 'apply');
    if (code !== 0) throw new Error(stderr);
  };
  const used = async (namespace: string, name: string): Promise<unknown> =>
    at(await server.read(`/api/v1/namespaces/${namespace}/resourcequotas/${name}`), 'status.used');

  it('bound the numbers of objects, and say what is used', async () => {
    const namespace = await server.namespace();
    await server.k(
      'create',
      'quota',
      'numbers',
      '-n',
      namespace,
      '--hard=count/secrets=1,services=2,count/deployments.apps=1',
    );
    await server.k('create', 'secret', 'generic', 'one', '-n', namespace);
    expect(await server.refused('create', 'secret', 'generic', 'two', '-n', namespace)).to.equal(
      'error: failed to create secret secrets "two" is forbidden: exceeded quota: numbers, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1\n',
    );
    await server.k('create', 'deployment', 'web', '-n', namespace, '--image=web:1');
    expect(await server.refused('create', 'deployment', 'web2', '-n', namespace, '--image=web:1')).to.contain(
      'deployments.apps "web2" is forbidden: exceeded quota: numbers, requested: count/deployments.apps=1',
    );
    expect(await server.k('describe', 'quota', 'numbers', '-n', namespace)).to.match(
      /count\/deployments\.apps +1 +1\ncount\/secrets +1 +1\nservices +0 +2/,
    );
    await server.k('delete', 'secret', 'one', '-n', namespace);
    await eventually('there is room again', async () => {
      const { code } = await server.kubectl('create', 'secret', 'generic', 'two', '-n', namespace);
      return code === 0;
    });
  });

  it('bound what pods take; a Deployment says why it does not grow, and grows when it may', async () => {
    const namespace = await server.namespace();
    await apply(
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'compute', namespace },
        spec: { hard: { pods: '2', 'requests.cpu': '500m', 'limits.memory': '1Gi' } },
      },
      {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { name: 'defaults', namespace },
        spec: {
          limits: [
            {
              type: 'Container',
              defaultRequest: { cpu: '100m' },
              default: { cpu: '200m', memory: '128Mi' },
              max: { cpu: '400m' },
            },
          ],
        },
      },
    );
    expect(await server.k('describe', 'limits', 'defaults', '-n', namespace)).to.match(
      /Container +cpu +- +400m +100m +200m/,
    );
    await server.k('create', 'deployment', 'web', '-n', namespace, '--image=web:1', '--replicas=3');
    const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    const condition = await eventually('the Deployment says what is wrong', async () => {
      const stored = await server.read(deployment);
      return list(stored, 'status.conditions').find((one) => at(one, 'type') === 'ReplicaFailure');
    });
    expect(at(condition, 'reason')).to.equal('FailedCreate');
    expect(at(condition, 'message')).to.match(
      /^pods "web-[^"]+" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2$/,
    );
    await eventually(
      'it has what it may',
      async () => at(await server.read(deployment), 'status.readyReplicas') === 2,
    );
    expect(await used(namespace, 'compute')).to.deep.equal({
      pods: '2',
      'requests.cpu': '200m',
      'limits.memory': '256Mi',
    });
    const pods = await server.read(`/api/v1/namespaces/${namespace}/pods`);
    expect(at(list(pods, 'items')[0], 'spec.containers.0.resources')).to.deep.equal({
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { cpu: '200m', memory: '128Mi' },
    });
    await server.k(
      'patch',
      'quota',
      'compute',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"spec":{"hard":{"pods":"5"}}}',
    );
    await server.k('wait', '--for=condition=Available', 'deployment/web', '-n', namespace, '--timeout=30s');
    await eventually(
      'it is complete',
      async () => at(await server.read(deployment), 'status.readyReplicas') === 3,
    );
    await eventually('it complains no more', async () => {
      const conditions = list(await server.read(deployment), 'status.conditions');
      return conditions.every((one) => at(one, 'type') !== 'ReplicaFailure');
    });
    const overrides = JSON.stringify({
      spec: { containers: [{ name: 'big', image: 'big:1', resources: { limits: { cpu: '500m' } } }] },
    });
    expect(
      await server.refused('run', 'big', '-n', namespace, '--image=big:1', `--overrides=${overrides}`),
    ).to.equal(
      'Error from server (Forbidden): pods "big" is forbidden: maximum cpu usage per Container is 400m, but limit is 500m\n',
    );
    await server.k('delete', 'deployment', 'web', '-n', namespace);
    await eventually(
      'nothing is used any more',
      async () => at(await used(namespace, 'compute'), 'pods') === '0',
    );
  });

  it('count custom resources, too', async () => {
    const namespace = await server.namespace();
    await apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'boats.demo.io' },
      spec: {
        group: 'demo.io',
        names: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
        scope: 'Namespaced',
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        ],
      },
    });
    await server.k('wait', '--for=condition=Established', 'crd/boats.demo.io', '--timeout=20s');
    await server.k('create', 'quota', 'boats', '-n', namespace, '--hard=count/boats.demo.io=1');
    const boat = (name: string) => ({
      apiVersion: 'demo.io/v1',
      kind: 'Boat',
      metadata: { name, namespace },
    });
    await apply(boat('one'));
    const second = await server.feed(boat('two'), 'create');
    expect(second.stderr).to.contain(
      'boats.demo.io "two" is forbidden: exceeded quota: boats, requested: count/boats.demo.io=1, used: count/boats.demo.io=1, limited: count/boats.demo.io=1',
    );
    await server.k('delete', 'boat', 'one', '-n', namespace);
    await eventually(
      'there is room again',
      async () => (await server.feed(boat('two'), 'create')).code === 0,
    );
  });

  it('resolve priorities, and refuse pods of what does not exist', async () => {
    const namespace = await server.namespace();
    await server.k('create', 'priorityclass', 'urgent', '--value=1000');
    const spec = (more: object) => `--overrides=${JSON.stringify({ spec: more })}`;
    await server.k('run', 'a', '-n', namespace, '--image=web:1', spec({ priorityClassName: 'urgent' }));
    expect(await server.k('get', 'pod', 'a', '-n', namespace, '-o', 'jsonpath={.spec.priority}')).to.equal(
      '1000',
    );
    expect(
      await server.refused('run', 'b', '-n', namespace, '--image=web:1', spec({ priorityClassName: 'none' })),
    ).to.equal(
      'Error from server (Forbidden): pods "b" is forbidden: no PriorityClass with name none was found\n',
    );
    expect(
      await server.refused(
        'run',
        'b',
        '-n',
        namespace,
        '--image=web:1',
        spec({ serviceAccountName: 'robot' }),
      ),
    ).to.equal(
      `Error from server (Forbidden): pods "b" is forbidden: error looking up service account ${namespace}/robot: serviceaccount "robot" not found\n`,
    );
  });

  it('are true again after a crash', async () => {
    const namespace = await server.namespace();
    await server.k('create', 'quota', 'maps', '-n', namespace, '--hard=count/configmaps=3');
    await server.k('create', 'configmap', 'one', '-n', namespace);
    await server.restart('SIGKILL');
    // One is the server's own: kube-root-ca.crt.
    await eventually(
      'it is measured',
      async () => at(await used(namespace, 'maps'), 'count/configmaps') === '2',
    );
    await server.k('create', 'configmap', 'two', '-n', namespace);
    expect(await server.refused('create', 'configmap', 'three', '-n', namespace)).to.contain(
      'exceeded quota: maps',
    );
  });
});
