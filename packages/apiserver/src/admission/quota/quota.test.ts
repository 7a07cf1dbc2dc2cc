import { type KubeObject, StatusError } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { ref, startTestCluster, type TestCluster } from '../../controllers/testing/test-cluster.js';
import { showAmounts } from './amounts.js';
import { unnamedNeeds } from './pod-usage.js';
import { usageOf } from './usage.js';

const quotas = ref('', 'v1', 'resourcequotas');
const services = ref('', 'v1', 'services');
const claims = ref('', 'v1', 'persistentvolumeclaims');

function pod(name: string, spec: object = {}, containers: object[] = [{}]): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { ...spec, containers: containers.map((one, i) => ({ name: `c${i}`, image: 'web:1', ...one })) },
  };
}

function needs(requests: object, limits: object = {}): object {
  return { resources: { requests, limits } };
}

describe('usage of quotas', () => {
  const show = (resource: string, object: object): string =>
    showAmounts(usageOf(object as KubeObject, { group: '', resource }));

  it('adds up containers, and counts an init container that needs more', () => {
    const object = pod('a', { initContainers: [needs({ cpu: '300m' })] }, [
      needs({ cpu: '100m', memory: '1Gi' }, { cpu: '1' }),
      needs({ cpu: '100m' }, { cpu: '500m' }),
    ]);
    expect(show('pods', object)).to.equal(
      'count/pods=1,cpu=300m,limits.cpu=1500m,memory=1Gi,pods=1,requests.cpu=300m,requests.memory=1Gi',
    );
  });

  it('counts sidecars beside what they serve', () => {
    const sidecar = { restartPolicy: 'Always', ...needs({ cpu: '100m' }) };
    const object = pod('a', { initContainers: [sidecar, needs({ cpu: '350m' })] }, [needs({ cpu: '200m' })]);
    expect(show('pods', object)).to.contain('cpu=450m');
  });

  it('does not count what a pod had when it has ended', () => {
    const ended = { ...pod('a', {}, [needs({ cpu: '1' })]), status: { phase: 'Succeeded' } };
    expect(show('pods', ended)).to.equal('count/pods=1');
  });

  it('knows devices and huge pages', () => {
    const object = pod('a', {}, [needs({ 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' })]);
    expect(show('pods', object)).to.equal(
      'count/pods=1,hugepages-2Mi=4Mi,pods=1,requests.example.com/gpu=2,requests.hugepages-2Mi=4Mi',
    );
  });

  it('counts ports and balancers of services, storage of claims, numbers of others', () => {
    expect(show('services', { spec: { type: 'LoadBalancer', ports: [{}, {}] } })).to.equal(
      'count/services=1,services=1,services.loadbalancers=1,services.nodeports=2',
    );
    const claim = {
      metadata: {},
      spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } },
    };
    expect(show('persistentvolumeclaims', claim)).to.equal(
      'count/persistentvolumeclaims=1,fast.storageclass.storage.k8s.io/persistentvolumeclaims=1,fast.storageclass.storage.k8s.io/requests.storage=5Gi,persistentvolumeclaims=1,requests.storage=5Gi',
    );
    expect(show('configmaps', {})).to.equal('configmaps=1,count/configmaps=1');
    expect(showAmounts(usageOf({} as KubeObject, { group: 'demo.io', resource: 'widgets' }))).to.equal(
      'count/widgets.demo.io=1',
    );
  });

  it('wants every container to name what is counted', () => {
    const object = pod('a', {}, [needs({ cpu: '1' }), {}]);
    expect(unnamedNeeds(object, ['requests.cpu', 'pods'])).to.equal('must specify requests.cpu for: c1');
    expect(unnamedNeeds(object, ['pods', 'limits.memory', 'cpu'])).to.equal(
      'must specify cpu for: c1; limits.memory for: c0,c1',
    );
    expect(unnamedNeeds(object, ['pods', 'requests.ephemeral-storage'])).to.equal(undefined);
  });
});

describe('ResourceQuota', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await startTestCluster({
      profile: 'cluster',
      controllers: (name) => name === 'resourcequota-controller',
    });
  });
  afterEach(() => cluster.close());

  const quota = (hard: object, spec: object = {}, name = 'q') =>
    cluster.make(quotas, {
      kind: 'ResourceQuota',
      metadata: { name, namespace: 'default' },
      spec: { hard, ...spec },
    });
  const used = async (name = 'q'): Promise<unknown> => {
    const found = await cluster.find(quotas, name, 'default');
    return (found?.['status'] as { used?: unknown } | undefined)?.used;
  };
  const refusal = async (at: ResourceRef, object: KubeObject): Promise<string> => {
    try {
      await cluster.client.create(at, object);
      return '';
    } catch (error) {
      if (error instanceof StatusError) return `${error.code} ${error.message}`;
      throw error;
    }
  };

  it('refuses what exceeds it, in the words of the reference, from its creation on', async () => {
    await quota({ pods: '2', 'requests.cpu': '1' });
    expect(await refusal(wellKnown.pods, pod('a', {}, [needs({ cpu: '600m' })]))).to.equal('');
    expect(await used()).to.deep.equal({ pods: '1', 'requests.cpu': '600m' });
    expect(await refusal(wellKnown.pods, pod('b', {}, [needs({ cpu: '500m' })]))).to.equal(
      '403 pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
    );
    expect(await refusal(wellKnown.pods, pod('b'))).to.equal(
      '403 pods "b" is forbidden: failed quota: q: must specify requests.cpu for: c0',
    );
    expect(await refusal(wellKnown.pods, pod('b', {}, [needs({ cpu: '400m' })]))).to.equal('');
    expect(await refusal(wellKnown.pods, pod('c', {}, [needs({ cpu: '0' })]))).to.equal(
      '403 pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    );
  });

  it('counts what was there before it, and forgets what goes', async () => {
    await refusal(wellKnown.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x', namespace: 'default' },
    });
    await quota({ 'count/configmaps': '2', configmaps: '5' });
    await cluster.eventually(async () =>
      expect(await used()).to.deep.equal({ 'count/configmaps': '1', configmaps: '1' }),
    );
    await cluster.client.delete(wellKnown.configMaps, { namespace: 'default', name: 'x' });
    await cluster.eventually(async () =>
      expect(await used()).to.deep.equal({ 'count/configmaps': '0', configmaps: '0' }),
    );
  });

  it('has room again as soon as something goes, however short its life was', async () => {
    await quota({ 'count/configmaps': '1' });
    const map = (name: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default' },
    });
    for (const name of ['a', 'b', 'c']) {
      expect(await refusal(wellKnown.configMaps, map(name))).to.equal('');
      await cluster.client.delete(wellKnown.configMaps, { namespace: 'default', name });
      await cluster.pass(100);
      expect(await used()).to.deep.equal({ 'count/configmaps': '0' });
    }
  });

  it('lets exactly as many through as there is room for, however many come at once', async () => {
    await quota({ 'count/configmaps': '5' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        refusal(wellKnown.configMaps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `m${i}`, namespace: 'default' },
        }),
      ),
    );
    expect(answers.filter((answer) => answer === '')).to.have.length(5);
    expect(await cluster.names(wellKnown.configMaps, 'default')).to.have.length(5);
    expect(await used()).to.deep.equal({ 'count/configmaps': '5' });
  });

  it('puts right what was noted for an object that was not stored after all', async () => {
    await quota({ 'count/configmaps': '5' });
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'default' } };
    await refusal(wellKnown.configMaps, map);
    expect(await refusal(wellKnown.configMaps, map)).to.contain('already exists');
    await cluster.eventually(async () => expect(await used()).to.deep.equal({ 'count/configmaps': '1' }));
  });

  it('notes nothing of a dry run', async () => {
    await quota({ 'count/configmaps': '1' });
    await cluster.client.create(
      wellKnown.configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'default' } },
      { dryRun: true },
    );
    await cluster.pass(1000);
    expect(await used()).to.deep.equal({ 'count/configmaps': '0' });
  });

  it('is about the pods of its scopes', async () => {
    await quota({ pods: '1' }, { scopes: ['BestEffort'] }, 'best-effort');
    await quota(
      { pods: '1' },
      {
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] },
          ],
        },
      },
      'critical',
    );
    expect(await refusal(wellKnown.pods, pod('a'))).to.equal('');
    expect(await refusal(wellKnown.pods, pod('b'))).to.contain('exceeded quota: best-effort');
    const critical = { priorityClassName: 'system-node-critical' };
    expect(await refusal(wellKnown.pods, pod('c', critical, [needs({ cpu: '1' })]))).to.equal('');
    expect(await refusal(wellKnown.pods, pod('d', critical, [needs({ cpu: '1' })]))).to.contain(
      'exceeded quota: critical',
    );
    expect(await refusal(wellKnown.pods, pod('e', {}, [needs({ cpu: '1' })]))).to.equal('');
  });

  it('holds for services that grow and claims', async () => {
    await quota({ 'services.nodeports': '1', 'requests.storage': '10Gi' });
    const service = (type: string) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', namespace: 'default' },
      spec: {
        type,
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 2 },
        ],
      },
    });
    expect(await refusal(services, service('ClusterIP'))).to.equal('');
    const failure = await cluster.client
      .patch(
        services,
        { namespace: 'default', name: 's' },
        { type: 'merge', body: { spec: { type: 'NodePort' } } },
      )
      .catch((error: Error) => error.message);
    expect(failure).to.contain(
      'exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
    );
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'c', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '11Gi' } } },
    };
    expect(await refusal(claims, claim)).to.contain(
      'exceeded quota: q, requested: requests.storage=11Gi, used: requests.storage=0, limited: requests.storage=10Gi',
    );
  });
});
