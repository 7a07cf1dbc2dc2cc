/** @kubernetes/client-node against the server: typed clients, generic objects, apply, watches, informers, leases. */
import {
  ApiException,
  ApiextensionsV1Api,
  AppsV1Api,
  BatchV1Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ConfigMap,
  type V1CustomResourceDefinition,
  type V1Lease,
  V1MicroTime,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { expect } from 'chai';
import { at } from '../support/json.js';
import {
  deployment,
  configMap as looseConfigMap,
  widget,
  widgetCrd,
  widgetGroup,
} from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const configMap = (
  name: string,
  data: Record<string, string> = { k: 'v' },
  metadata: object = {},
): V1ConfigMap => ({
  ...looseConfigMap(name, data, metadata),
  data,
});

describe('client-node', () => {
  const server = new TestServer();
  const config = new KubeConfig();
  before(async () => {
    await server.start();
    config.loadFromFile(server.kubeconfig);
  });
  after(() => server.stop());

  const codeOf = async (call: Promise<unknown>): Promise<number> => {
    try {
      await call;
    } catch (error) {
      if (error instanceof ApiException) return error.code;
      throw error;
    }
    return 200;
  };
  const web = (name: string) => deployment(name) as never; // typed for the server, not for this library

  it('creates, reads, lists, replaces, patches and deletes by its typed clients', async () => {
    const namespace = await server.namespace();
    const core = config.makeApiClient(CoreV1Api);
    const apps = config.makeApiClient(AppsV1Api);
    const batch = config.makeApiClient(BatchV1Api);
    const rbac = config.makeApiClient(RbacAuthorizationV1Api);
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).to.match(/^v1\./);
    const made = await core.createNamespacedConfigMap({ namespace, body: configMap('a') });
    expect(made.metadata?.creationTimestamp).to.be.instanceOf(Date);
    const replaced = await core.replaceNamespacedConfigMap({
      name: 'a',
      namespace,
      body: { ...made, data: { k: '2' } },
    });
    expect(replaced.data).to.deep.equal({ k: '2' });
    expect(await codeOf(core.replaceNamespacedConfigMap({ name: 'a', namespace, body: made }))).to.equal(409);
    const patched = await core.patchNamespacedConfigMap(
      { name: 'a', namespace, body: [{ op: 'replace', path: '/data/k', value: '3' }] },
      setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
    );
    expect(patched.data).to.deep.equal({ k: '3' });
    const secret = await core.createNamespacedSecret({
      namespace,
      body: { metadata: { name: 's' }, stringData: { a: 'b' } },
    });
    expect(secret.data).to.deep.equal({ a: 'Yg==' });
    const listed = await core.listNamespacedConfigMap({ namespace, limit: 1 });
    expect(listed.items).to.have.length(1);
    expect(listed.metadata?._continue).to.be.a('string');
    await apps.createNamespacedDeployment({ namespace, body: web('web') });
    const scale = await apps.readNamespacedDeploymentScale({ name: 'web', namespace });
    expect(scale.spec?.replicas).to.equal(1);
    const scaled = await apps.patchNamespacedDeployment(
      { name: 'web', namespace, body: { spec: { replicas: 2 } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    expect(scaled.spec?.replicas).to.equal(2);
    const job = await batch.createNamespacedJob({
      namespace,
      body: {
        metadata: { name: 'j' },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
      },
    });
    expect(job.spec?.completions).to.equal(1);
    await rbac.createNamespacedRole({
      namespace,
      body: { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    });
    await rbac.createNamespacedRoleBinding({
      namespace,
      body: {
        metadata: { name: 'r' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
        subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }],
      },
    });
    const gone = await core.deleteNamespacedConfigMap({ name: 'a', namespace });
    expect(gone.status).to.equal('Success');
    expect(await codeOf(core.readNamespacedConfigMap({ name: 'a', namespace }))).to.equal(404);
    await apps.deleteNamespacedDeployment({ name: 'web', namespace, propagationPolicy: 'Foreground' });
    await eventually(
      'the deployment goes',
      async () => (await codeOf(apps.readNamespacedDeployment({ name: 'web', namespace }))) === 404,
    );
  });

  it('installs a definition, and reads, scales and patches objects of it', async () => {
    const namespace = await server.namespace();
    const definitions = config.makeApiClient(ApiextensionsV1Api);
    const objects = config.makeApiClient(CustomObjectsApi);
    const body = widgetCrd('nodes') as unknown as V1CustomResourceDefinition; // loosely typed for the other tests
    const crd = await definitions.createCustomResourceDefinition({ body });
    expect(crd.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).to.include(
      'Established=True',
    );
    const all = { group: widgetGroup, version: 'v1', namespace, plural: 'nodes' };
    await objects.createNamespacedCustomObject({ ...all, body: widget('Node', 'w', { replicas: 2 }) });
    const one = { ...all, name: 'w' };
    // As an autoscaler does: read the scale, write it back with another number.
    const scale: unknown = await objects.getNamespacedCustomObjectScale(one);
    expect(at(scale, 'kind')).to.equal('Scale');
    await objects.replaceNamespacedCustomObjectScale({
      ...one,
      body: { ...(scale as object), spec: { replicas: 4 } },
    });
    expect(at(await objects.getNamespacedCustomObject(one), 'spec.replicas')).to.equal(4);
    const stale = objects.replaceNamespacedCustomObjectScale({
      ...one,
      body: { ...(scale as object), spec: { replicas: 9 } },
    });
    expect(await codeOf(stale)).to.equal(409);
    await objects.patchNamespacedCustomObjectScale(
      { ...one, body: { spec: { replicas: 5 } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    await objects.patchNamespacedCustomObjectStatus(
      { ...one, body: { status: { replicas: 5, selector: 'app=w' } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    expect(at(await objects.getNamespacedCustomObjectScale(one), 'status')).to.deep.equal({
      replicas: 5,
      selector: 'app=w',
    });
    expect(at(await objects.listNamespacedCustomObject(all), 'items.0.spec.replicas')).to.equal(5);
    await definitions.deleteCustomResourceDefinition({ name: `nodes.${widgetGroup}` });
    await eventually(
      'the definition goes',
      async () => (await codeOf(objects.listNamespacedCustomObject(all))) === 404,
    );
  });

  it('applies objects of any kind on the server, with conflicts and by force', async () => {
    const namespace = await server.namespace();
    const objects = KubernetesObjectApi.makeApiClient(config);
    const apply = (k: string, manager: string, force = false) =>
      objects.patch<V1ConfigMap>(
        configMap('a', { k }, { namespace }),
        undefined,
        undefined,
        manager,
        force,
        PatchStrategy.ServerSideApply,
      );
    expect((await apply('1', 'one')).data).to.deep.equal({ k: '1' });
    expect(await codeOf(apply('2', 'two'))).to.equal(409);
    const forced = await apply('2', 'two', true);
    expect(
      forced.metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`),
    ).to.deep.equal(['two Apply']);
    const header = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace } };
    const found = await objects.read<V1ConfigMap>(header);
    expect(found.data).to.deep.equal({ k: '2' });
    const listed = await objects.list<V1ConfigMap>('v1', 'ConfigMap', namespace);
    expect(listed.items.map(({ metadata }) => metadata?.name)).to.include('a');
    const created = await objects.create(deployment('web', {}, { namespace }) as KubernetesObject);
    expect(at(created, 'spec.replicas')).to.equal(1);
    await objects.delete(header);
    expect(await codeOf(objects.read(header))).to.equal(404);
  });

  it('watches, and tells of an end that the server sets', async () => {
    const namespace = await server.namespace();
    const core = config.makeApiClient(CoreV1Api);
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const seen: string[] = [];
    let ended: (error: unknown) => void = () => undefined;
    const end = new Promise<unknown>((resolve) => {
      ended = resolve;
    });
    await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { resourceVersion: metadata?.resourceVersion, timeoutSeconds: 3, allowWatchBookmarks: true },
      (phase, object: V1ConfigMap) => seen.push(`${phase} ${object.metadata?.name ?? ''}`),
      (error) => ended(error),
    );
    await core.createNamespacedConfigMap({ namespace, body: configMap('a') });
    await core.deleteNamespacedConfigMap({ name: 'a', namespace });
    expect(await end).to.equal(null);
    expect(seen.filter((line) => !line.includes('kube-root-ca'))).to.deep.equal([
      'ADDED a',
      'DELETED a',
      'BOOKMARK ',
    ]);
  });

  it('keeps its informers true when the server is killed and starts again', async () => {
    const namespace = await server.namespace();
    const core = config.makeApiClient(CoreV1Api);
    const revisions: number[] = [];
    const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
      core.listNamespacedConfigMap({ namespace }),
    );
    const note = ({ metadata }: V1ConfigMap) => void revisions.push(Number(metadata?.resourceVersion));
    informer.on('add', note);
    informer.on('update', note);
    // The library leaves the new start after an error to its user.
    informer.on('error', () => void setTimeout(() => void informer.start(), 100));
    await informer.start();
    const value = (name: string) => informer.get(name, namespace)?.data?.['k'];
    await core.createNamespacedConfigMap({ namespace, body: configMap('a', { k: '1' }) });
    await eventually('a is seen', () => value('a') === '1');
    await server.restart('SIGKILL');
    await server.patch(`/api/v1/namespaces/${namespace}/configmaps/a`, 'merge', { data: { k: '2' } });
    await server.create(`/api/v1/namespaces/${namespace}/configmaps`, configMap('b', { k: '3' }));
    await eventually('what was written after it is seen', () => value('a') === '2' && value('b') === '3');
    await server.send('DELETE', `/api/v1/namespaces/${namespace}/configmaps/b`);
    await eventually('the deletion is seen', () => value('b') === undefined);
    await informer.stop();
    // What was added before the kill may be added anew by the list after it, but nothing older than it.
    const settled = revisions.slice(revisions.indexOf(Math.max(...revisions)));
    expect(settled).to.have.length(1);
  });

  it('lets one of three candidates lead by a Lease, and another take over', async () => {
    const namespace = await server.namespace();
    const candidates = ['a', 'b', 'c'].map((identity) => new Candidate(config, { identity, namespace }));
    const leadersOf = async () => {
      const tries = await Promise.all(candidates.map((candidate) => candidate.tryToLead()));
      return candidates.filter((_, index) => tries[index]).map(({ identity }) => identity);
    };
    const [first, ...others] = await leadersOf();
    expect(others).to.deep.equal([]);
    expect(await leadersOf()).to.deep.equal([first]);
    const leader = candidates.find(({ identity }) => identity === first);
    await leader?.release();
    candidates.splice(candidates.indexOf(leader as Candidate), 1);
    const [second, ...more] = await leadersOf();
    expect(more).to.deep.equal([]);
    expect(second).to.be.oneOf(['a', 'b', 'c']).and.not.equal(first);
    const lease = await config
      .makeApiClient(CoordinationV1Api)
      .readNamespacedLease({ name: 'leader', namespace });
    expect(lease.spec?.leaseTransitions).to.equal(1);
    expect(String(lease.spec?.renewTime)).to.match(/^\d{4}-\S+\.\d{6}Z$/);
    expect(await server.k('get', 'lease', 'leader', '-n', namespace)).to.match(
      new RegExp(`^NAME +HOLDER +AGE\\nleader +${second} `),
    );
  });
});

/** Leader election as Go's does it, by hand: the library has none. */
class Candidate {
  readonly identity: string;
  readonly #namespace: string;
  readonly #api: CoordinationV1Api;

  constructor(config: KubeConfig, { identity, namespace }: { identity: string; namespace: string }) {
    this.identity = identity;
    this.#namespace = namespace;
    this.#api = config.makeApiClient(CoordinationV1Api);
  }

  /** Takes the lease when it is free, renews it when it is held; false when another was quicker. */
  async tryToLead(): Promise<boolean> {
    const namespace = this.#namespace;
    const now = new V1MicroTime();
    try {
      const lease = await this.#find();
      if (lease === undefined) {
        const spec = {
          holderIdentity: this.identity,
          acquireTime: now,
          renewTime: now,
          leaseDurationSeconds: 15,
        };
        await this.#api.createNamespacedLease({ namespace, body: { metadata: { name: 'leader' }, spec } });
        return true;
      }
      const holder = lease.spec?.holderIdentity ?? '';
      if (holder !== '' && holder !== this.identity) return false;
      const leaseTransitions = (lease.spec?.leaseTransitions ?? 0) + (holder === '' ? 1 : 0);
      const spec = { ...lease.spec, holderIdentity: this.identity, renewTime: now, leaseTransitions };
      await this.#api.replaceNamespacedLease({ name: 'leader', namespace, body: { ...lease, spec } });
      return true;
    } catch (error) {
      if (error instanceof ApiException && error.code === 409) return false;
      throw error;
    }
  }

  async release(): Promise<void> {
    const lease = await this.#find();
    if (lease === undefined) throw new Error('there is no lease');
    const body = { ...lease, spec: { ...lease.spec, holderIdentity: '' } };
    await this.#api.replaceNamespacedLease({ name: 'leader', namespace: this.#namespace, body });
  }

  async #find(): Promise<V1Lease | undefined> {
    try {
      return await this.#api.readNamespacedLease({ name: 'leader', namespace: this.#namespace });
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return undefined;
      throw error;
    }
  }
}
