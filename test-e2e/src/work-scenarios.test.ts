/** OCM's end-to-end cases of works: real processes, real kubectl, and a stand-in cluster whose workloads run. */
import { expect } from 'chai';
import {
  type Cluster,
  type Conditioned,
  configMap,
  Fleet,
  isTrue,
  must,
  type Work,
  work,
} from './support/fleet.js';
import { eventually } from './support/processes.js';

interface Live extends Conditioned {
  readonly metadata: Conditioned['metadata'] & {
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly replicas?: number; readonly versions?: readonly { readonly name: string }[] };
}

const namespace = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const labels = { app: 'web' };
const container = { name: 'c', image: 'registry.example/x' };

const deployment = (replicas: number): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [container] } },
  },
});

/** Its pods take five seconds to end. */
const slowDeployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'slow', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'slow' } },
    template: {
      metadata: {
        labels: { app: 'slow' },
        annotations: { 'simulate.flotilla.dev/delete-delay-seconds': '5' },
      },
      spec: { containers: [container] },
    },
  },
};

const job = (name: string): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
});

const definition = (...versions: string[]): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'guestbooks.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Namespaced',
    names: { plural: 'guestbooks', singular: 'guestbook', kind: 'Guestbook', listKind: 'GuestbookList' },
    versions: versions.map((name, index) => ({
      name,
      served: true,
      storage: index === versions.length - 1,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })),
  },
});

const guestbook = (version: string): object => ({
  apiVersion: `example.io/${version}`,
  kind: 'Guestbook',
  metadata: { name: 'g', namespace: 'default' },
  spec: { from: version },
});

const aggregated = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: {
    name: 'guestbooks-for-works',
    labels: { 'open-cluster-management.io/aggregate-to-work': 'true' },
  },
  rules: [{ apiGroups: ['example.io'], resources: ['guestbooks'], verbs: ['*'] }],
};

describe('works in a real fleet', function () {
  this.timeout(100_000);
  const fleet = new Fleet();
  let cluster: Cluster;
  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('cluster1');
    await fleet.join(cluster);
  });
  after(() => fleet.close());

  const send = async (name: string, manifests: readonly object[], more: object = {}): Promise<void> => {
    await fleet.apply(work(cluster, name, manifests, more));
    await fleet.workApplied(cluster, name);
  };
  const remove = (name: string, ...args: string[]) =>
    fleet.kubectl('delete', 'manifestwork', name, '-n', cluster.name, ...args);
  const get = (...args: string[]): Promise<Live> => fleet.get<Live>(cluster, ...args);
  const untilGone = (...args: string[]) =>
    eventually(`${args.join(' ')} is gone`, async () => {
      const { code, stderr } = await fleet.on(cluster, 'get', ...args);
      return code !== 0 && stderr.includes('NotFound');
    });
  const configs = (resource: string, config: object, group = '') => ({
    manifestConfigs: [
      { resourceIdentifier: { group, resource, namespace: 'default', name: '*' }, ...config },
    ],
  });

  it('a work of four objects is made, changed and deleted, a namespace before what is in it, held by a finalizer', async () => {
    const held = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', namespace: 'default', finalizers: ['example.io/hold'] },
      data: { a: '1' },
    };
    const first = configMap('first', { a: '1' });
    await send('four', [configMap('inside', { a: '1' }, 'team'), namespace('team'), first, held]);
    expect((await get('configmap', 'inside', '-n', 'team')).data).to.deep.equal({ a: '1' });
    await send('four', [
      configMap('inside', { a: '2' }, 'team'),
      namespace('team'),
      configMap('second', {}),
      held,
    ]);
    expect((await get('configmap', 'inside', '-n', 'team')).data).to.deep.equal({ a: '2' });
    await untilGone('configmap', 'first');
    must(await remove('four', '--wait=false'));
    await untilGone('configmap', 'second');
    expect((await get('configmap', 'held')).metadata.deletionTimestamp).to.be.a('string');
    const waiting = await fleet.hubGet<Work>('manifestwork', 'four', '-n', cluster.name);
    expect(isTrue(waiting, 'Deleting')).to.equal(true);
    const patch = '{"metadata":{"finalizers":null}}';
    must(await fleet.on(cluster, 'patch', 'configmap', 'held', '--type=merge', '-p', patch));
    must(
      await fleet.kubectl('wait', '--for=delete', 'manifestwork/four', '-n', cluster.name, '--timeout=30s'),
    );
    await untilGone('configmap', 'held');
    await untilGone('namespace', 'team');
  });

  it('a deleted work waits for the pods of its Deployment, and says so', async () => {
    const pods = async (): Promise<string> =>
      must(await fleet.on(cluster, 'get', 'pods', '-l', 'app=slow', '-o', 'name'));
    await send('slow', [slowDeployment]);
    await eventually('the deployment has a pod', async () => (await pods()) !== '');
    must(await remove('slow', '--wait=false'));
    await eventually('the work says what it waits for', async () => {
      const { status } = await fleet.hubGet<Work>('manifestwork', 'slow', '-n', cluster.name);
      const deleting = (status?.conditions ?? []).find(({ type }) => type === 'Deleting');
      return deleting?.message.endsWith('deployments default/slow waits until what it owns is gone') === true;
    });
    expect(await pods()).to.not.equal('');
    must(await fleet.kubectl('wait', '--for=delete', 'manifestwork/slow', '-n', cluster.name));
    expect(await pods()).to.equal('');
  });

  it('a Job runs and leaves no pods when its work is deleted', async () => {
    await send('job', [job('hello')]);
    const pods = async (): Promise<string> =>
      must(await fleet.on(cluster, 'get', 'pods', '-l', 'job-name=hello', '-o', 'name'));
    await eventually('the job has a pod', async () => (await pods()) !== '');
    must(await remove('job'));
    await untilGone('job', 'hello');
    await eventually('the pods are gone', async () => (await pods()) === '');
  });

  it('a definition gets another version and keeps its identity and its custom resource', async () => {
    await send('crd', [aggregated, definition('v1'), guestbook('v1')]);
    const before = await get('crd', 'guestbooks.example.io');
    await send('crd', [aggregated, definition('v1', 'v2'), guestbook('v2')]);
    const after = await get('crd', 'guestbooks.example.io');
    expect(after.metadata.uid).to.equal(before.metadata.uid);
    expect(after.spec?.versions?.map(({ name }) => name)).to.deep.equal(['v1', 'v2']);
    const live = await fleet.get<{ spec: object }>(cluster, 'guestbooks.v2.example.io', 'g');
    expect(live.spec).to.deep.equal({ from: 'v2' });
    must(await remove('crd'));
    await untilGone('crd', 'guestbooks.example.io');
  });

  it('feedback of running pods comes, well-known and by path', async () => {
    const feedbackRules = [
      { type: 'WellKnownStatus' },
      {
        type: 'JSONPaths',
        jsonPaths: [{ name: 'available', path: '.status.conditions[?(@.type=="Available")].status' }],
      },
    ];
    await send('feedback', [deployment(2)], configs('deployments', { feedbackRules }, 'apps'));
    await eventually('all values are there', async () => {
      const got = await fleet.hubGet<Work>('manifestwork', 'feedback', '-n', cluster.name);
      const values = got.status?.resourceStatus?.manifests?.[0]?.statusFeedback?.values ?? [];
      const text = JSON.stringify(values.map(({ name, fieldValue }) => [name, fieldValue]));
      return (
        text.includes('["ReadyReplicas",{"integer":2,"type":"Integer"}]') &&
        text.includes('["available",{"string":"True","type":"String"}]')
      );
    });
    must(await remove('feedback'));
    await untilGone('deployment', 'web');
  });

  it('an object of two works stays when one is deleted', async () => {
    await send('one', [configMap('shared', { a: '1' })]);
    await send('two', [configMap('shared', { a: '1' })]);
    expect((await get('configmap', 'shared')).metadata.ownerReferences).to.have.length(2);
    must(await remove('one'));
    expect((await get('configmap', 'shared')).metadata.ownerReferences).to.have.length(1);
    must(await remove('two'));
    await untilGone('configmap', 'shared');
  });

  it('an object goes with its work though an object that is no work owns it, too', async () => {
    must(await fleet.on(cluster, 'create', 'configmap', 'owner'));
    const { uid } = (await get('configmap', 'owner')).metadata;
    await send('owned', [configMap('child', { a: '1' })]);
    const ours = (await get('configmap', 'child')).metadata.ownerReferences ?? [];
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid };
    const patch = JSON.stringify({ metadata: { ownerReferences: [...ours, theirs] } });
    must(await fleet.on(cluster, 'patch', 'configmap', 'child', '--type=merge', '-p', patch));
    must(await remove('owned'));
    await untilGone('configmap', 'child');
    await get('configmap', 'owner');
  });

  it('a work with a time to live goes when its Job is complete', async () => {
    const conditionRules = [{ type: 'WellKnownConditions', condition: 'Complete' }];
    await fleet.apply(
      work(cluster, 'timed', [job('short')], {
        ...configs('jobs', { conditionRules }, 'batch'),
        deleteOption: { propagationPolicy: 'Foreground', ttlSecondsAfterFinished: 1 },
      }),
    );
    must(
      await fleet.kubectl('wait', '--for=delete', 'manifestwork/timed', '-n', cluster.name, '--timeout=60s'),
    );
    await untilGone('job', 'short');
  });

  it('a field that server-side apply ignores is left to kubectl scale', async () => {
    const strategy = {
      type: 'ServerSideApply',
      serverSideApply: {
        force: true,
        ignoreFields: [{ condition: 'OnSpokePresent', jsonPaths: ['.spec.replicas'] }],
      },
    };
    const config = configs('deployments', { updateStrategy: strategy }, 'apps');
    await send('scaled', [deployment(1)], config);
    must(await fleet.on(cluster, 'scale', 'deployment', 'web', '--replicas=3'));
    await send('scaled', [deployment(2)], config);
    expect((await get('deployment', 'web')).spec?.replicas).to.equal(3);
    must(await remove('scaled'));
    await untilGone('deployment', 'web');
  });

  it('a work that is there is not changed into one that would be refused', async () => {
    await send('good', [configMap('good', { a: '1' })]);
    const nameless = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default' } };
    const halves = ['one', 'two'].map((name) => configMap(name, { a: 'x'.repeat(256_000) }));
    const cases: [manifests: object[], says: string][] = [
      [[], 'manifests should not be empty'],
      [[nameless], 'name must be set in manifest'],
      [[configMap('a', {}), configMap('a', {})], 'duplicate manifest for resource default/a'],
      [halves, 'exceeds the 512000 limit'],
    ];
    for (const [manifests, says] of cases) {
      const input = JSON.stringify(work(cluster, 'good', manifests));
      const result = await fleet.kubectlWith({ input }, 'replace', '-f', '-');
      expect(result.code).not.to.equal(0);
      expect(result.stderr).to.contain(says);
    }
    expect((await get('configmap', 'good')).data).to.deep.equal({ a: '1' });
    must(await remove('good'));
  });
});
