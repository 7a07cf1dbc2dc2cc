import { type KubeObject, StatusError } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../../authentication/testing/api-server.js';
import { at } from '../../builtin/access.js';
import { ref } from '../../controllers/testing/test-cluster.js';

const claims = ref('', 'v1', 'persistentvolumeclaims');
const limitRanges = ref('', 'v1', 'limitranges');
const priorityClasses: ResourceRef = {
  ...ref('scheduling.k8s.io', 'v1', 'priorityclasses'),
  namespaced: false,
};
const storageClasses: ResourceRef = { ...ref('storage.k8s.io', 'v1', 'storageclasses'), namespaced: false };

describe('admission of workloads', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
    await api.root.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ns' },
    });
  });
  afterEach(() => api.close());

  const pod = (resources: object[], spec: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns' },
    spec: {
      ...spec,
      containers: resources.map((one, i) => ({ name: `c${i}`, image: 'web:1', resources: one })),
    },
  });
  const create = async (object: KubeObject, at_ = wellKnown.pods): Promise<KubeObject | string> => {
    try {
      return await api.root.create(at_, object);
    } catch (error) {
      if (error instanceof StatusError) return error.message;
      throw error;
    }
  };
  const limits = (...items: object[]) =>
    api.root.create(limitRanges, {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'l', namespace: 'ns' },
      spec: { limits: items },
    });

  describe('LimitRanger', () => {
    it('gives containers what they lack, and says so', async () => {
      await limits({
        type: 'Container',
        default: { cpu: '500m', memory: '1Gi' },
        defaultRequest: { cpu: '100m' },
      });
      const made = await create(pod([{}, { limits: { cpu: '2' } }]));
      expect(at(made, 'spec', 'containers')).to.deep.include.members([]);
      const resources = (at(made, 'spec', 'containers') as { resources: unknown }[]).map(
        (one) => one.resources,
      );
      expect(resources[0]).to.deep.equal({
        limits: { cpu: '500m', memory: '1Gi' },
        requests: { cpu: '100m', memory: '1Gi' },
      });
      // A limit of its own is its request: the default does not come between.
      expect(resources[1]).to.deep.equal({
        limits: { cpu: '2', memory: '1Gi' },
        requests: { cpu: '2', memory: '1Gi' },
      });
      expect(at(made, 'metadata', 'annotations')).to.deep.equal({
        'kubernetes.io/limit-ranger':
          'LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0; memory request for container c1; memory limit for container c1',
      });
    });

    const cases: readonly [string, object, object[], string][] = [
      [
        'a request below the minimum',
        { type: 'Container', min: { cpu: '200m' } },
        [{ requests: { cpu: '100m' } }],
        'minimum cpu usage per Container is 200m, but request is 100m',
      ],
      [
        'a limit above the maximum',
        { type: 'Container', max: { cpu: '1' } },
        [{ limits: { cpu: '2' } }],
        'maximum cpu usage per Container is 1, but limit is 2',
      ],
      [
        'several faults at once',
        { type: 'Container', max: { cpu: '1', memory: '1Gi' } },
        [{ limits: { cpu: '2', memory: '2Gi' } }],
        '[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
      ],
      [
        'a pod that is too large as a whole',
        { type: 'Pod', max: { cpu: '1' } },
        [{ limits: { cpu: '700m' } }, { limits: { cpu: '700m' } }],
        'maximum cpu usage per Pod is 1, but limit is 1400m',
      ],
      [
        'a pod that does not say how large it is',
        { type: 'Pod', max: { cpu: '1' } },
        [{}],
        'maximum cpu usage per Pod is 1. No limit is specified',
      ],
      [
        'a limit far from its request',
        { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
        [{ limits: { cpu: '3' }, requests: { cpu: '1' } }],
        'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
      ],
    ];
    for (const [what, limit, resources, expected] of cases) {
      it(`refuses ${what}`, async () => {
        await limits(limit);
        expect(await create(pod(resources))).to.equal(`pods "p" is forbidden: ${expected}`);
      });
    }

    it('bounds claims', async () => {
      await limits({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
      const claim = (storage: string): KubeObject => ({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'c', namespace: 'ns' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
      });
      expect(await create(claim('3Gi'), claims)).to.equal(
        'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
      );
      expect(await create(claim('500Mi'), claims)).to.contain(
        'minimum storage usage per PersistentVolumeClaim is 1Gi',
      );
      expect(await create(claim('1Gi'), claims)).to.be.an('object');
    });
  });

  describe('Priority', () => {
    const priorityClass = (name: string, value: number, more: object = {}): KubeObject => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      ...more,
    });

    it('resolves the class of a pod', async () => {
      await create(priorityClass('high', 1000, { preemptionPolicy: 'Never' }), priorityClasses);
      const made = await create(pod([{}], { priorityClassName: 'high' }));
      expect(at(made, 'spec')).to.deep.include({ priority: 1000, preemptionPolicy: 'Never' });
      expect(await create(pod([{}], { priorityClassName: 'none' }))).to.equal(
        'pods "p" is forbidden: no PriorityClass with name none was found',
      );
      expect(await create(pod([{}], { priorityClassName: 'high', priority: 1 }))).to.contain(
        'the integer value of priority (1) must not be provided in pod spec',
      );
    });

    it('takes the default class where none is named, and there is one only', async () => {
      expect(at(await create(pod([{}])), 'spec', 'priority')).to.equal(0);
      await create(priorityClass('usual', 10, { globalDefault: true }), priorityClasses);
      const other = { ...pod([{}]), metadata: { name: 'q', namespace: 'ns' } };
      expect(at(await create(other), 'spec')).to.deep.include({ priority: 10, priorityClassName: 'usual' });
      expect(await create(priorityClass('other', 20, { globalDefault: true }), priorityClasses)).to.equal(
        'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
      );
    });
  });

  it('wants the service account that is named, and hands on its pull secrets', async () => {
    expect(await create(pod([{}], { serviceAccountName: 'robot' }))).to.equal(
      'pods "p" is forbidden: error looking up service account ns/robot: serviceaccount "robot" not found',
    );
    await create(
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'robot', namespace: 'ns' },
        imagePullSecrets: [{ name: 'key' }],
      },
      wellKnown.serviceAccounts,
    );
    const made = await create(pod([{}], { serviceAccountName: 'robot' }));
    expect(at(made, 'spec')).to.deep.include({
      serviceAccount: 'robot',
      imagePullSecrets: [{ name: 'key' }],
    });
  });

  it('gives claims the default storage class, unless they want none', async () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const storageClass = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'standard', annotations },
      provisioner: 'x',
    };
    await create(storageClass, storageClasses);
    const claim = (name: string, spec: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'ns' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    });
    expect(at(await create(claim('a', {}), claims), 'spec', 'storageClassName')).to.equal('standard');
    expect(
      at(await create(claim('b', { storageClassName: 'own' }), claims), 'spec', 'storageClassName'),
    ).to.equal('own');
    expect(
      at(await create(claim('c', { storageClassName: '' }), claims), 'spec', 'storageClassName'),
    ).to.equal('');
  });
});
