/**
 * What each identity of registration may do on the hub: every verb on every kind of object, its own, another cluster's
 * and the hub's, through the real API server's authorization, guard and admission. The table says what is allowed;
 * everything else has to be refused.
 */
import {
  agentGroups,
  agentUserName,
  clusterNameLabel,
  equal,
  type KubeObject,
  kubeClientSigner,
} from '@flotilla/api';
import {
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type UserInfo,
} from '@flotilla/apiserver';
import {
  bootstrapTokenSecret,
  createReadGuard,
  hubAdmission,
  installHubApi,
  startHubControllers,
} from '@flotilla/hub';
import {
  createCertificateRequest,
  createClient,
  createStopController,
  generateKeyPair,
  type KubeClient,
  type ResourceRef,
  wellKnown,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';

const clusters = ['own', 'other', 'denied', 'removed'];
const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
const agentOf = (cluster: string): UserInfo => ({
  username: agentUserName(cluster, 'a1'),
  groups: [...agentGroups(cluster), 'system:authenticated'],
});
const knownKey = `sha256:${'ab'.repeat(32)}`;

/** Everybody who is not trusted with the hub; `home` is the cluster that they belong to. */
const identities: Readonly<Record<string, { readonly user: UserInfo; readonly home: string }>> = {
  bootstrap: {
    user: {
      username: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:managedcluster', 'system:authenticated'],
    },
    home: 'own',
  },
  agent: { user: agentOf('own'), home: 'own' },
  denied: { user: agentOf('denied'), home: 'denied' },
  removed: { user: agentOf('removed'), home: 'removed' },
  expired: {
    user: {
      username: 'flotilla:expired-agent:own:a1',
      groups: ['flotilla:expired-agents', 'system:unauthenticated'],
      extra: { 'flotilla.dev/agent-key': [knownKey] },
    },
    home: 'own',
  },
  anonymous: { user: { username: 'system:anonymous', groups: ['system:unauthenticated'] }, home: 'own' },
};

/** resource/scope -> verbs. Scopes: the home cluster, another one, the hub. */
const allowed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bootstrap: {
    'managedclusters/home': 'get list watch create',
    'certificatesigningrequests/home': 'get list watch create',
  },
  agent: {
    'managedclusters/home': 'get list watch update',
    'managedclusters.status/home': 'update patch',
    'certificatesigningrequests/home': 'get list watch create',
    'leases/home': 'get list watch update',
    'manifestworks/home': 'get list watch update patch',
    'manifestworks.status/home': 'update patch',
    'managedclusteraddons/home': 'get list watch',
    'managedclusteraddons.status/home': 'update patch',
    'events/home': 'create update patch',
    'manifestworkplans/home': 'get list watch',
    'manifestworkplans.status/home': 'update patch',
    // The deletions that its user has confirmed stand there.
    'namespaces/home': 'get',
  },
  denied: { 'managedclusters/home': 'get list watch' },
  removed: {},
  expired: { 'certificatesigningrequests/home': 'get list watch create' },
  anonymous: {},
};

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const;
type Verb = (typeof verbs)[number];

interface Kind {
  readonly ref: ResourceRef;
  readonly subresource?: string;
  /** Name and namespace of the object that stands for a cluster, or for the hub. */
  readonly key: (scope: string) => { readonly name: string; readonly namespace?: string };
  /** What is there, and what is created. */
  readonly object: (key: { name: string; namespace?: string }, cluster: string) => KubeObject;
  readonly scopes: readonly ('home' | 'foreign' | 'hub')[];
  readonly select?: (cluster: string) => string;
}

const perCluster = ['home', 'foreign'] as const;
const own = (name: string) => (cluster: string) => ({ name, namespace: cluster });
const plain =
  (apiVersion: string, kind: string, rest: object = {}) =>
  (metadata: { name: string; namespace?: string }): KubeObject => ({ apiVersion, kind, metadata, ...rest });
const cluster = plain('cluster.open-cluster-management.io/v1', 'ManagedCluster', { spec: {} });
const work = plain('work.open-cluster-management.io/v1', 'ManifestWork', {
  spec: {
    workload: {
      manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' } }],
    },
  },
});
const addon = plain('addon.open-cluster-management.io/v1beta1', 'ManagedClusterAddOn', { spec: {} });
const role = plain('rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: [] });

function csr(metadata: { name: string }, of: string): KubeObject {
  const pem = createCertificateRequest({
    privateKeyPem: generateKeyPair().privateKeyPem,
    commonName: agentUserName(of, 'a1'),
    organizations: agentGroups(of),
  });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { ...metadata, labels: { [clusterNameLabel]: of } },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: kubeClientSigner,
      usages: ['digital signature', 'key encipherment', 'client auth'],
    },
  };
}

const byName = (name: string): string => `fieldSelector=metadata.name%3D${name}`;
const byLabel = (of: string): string => `labelSelector=${encodeURIComponent(`${clusterNameLabel}=${of}`)}`;
const csrKind: Kind = {
  ref: wellKnown.certificateSigningRequests,
  key: (of) => ({ name: `${of}-csr` }),
  object: csr,
  scopes: perCluster,
  select: byLabel,
};
const clusterKind: Kind = {
  ref: wellKnown.managedClusters,
  key: (of) => ({ name: of }),
  object: cluster,
  scopes: perCluster,
  select: byName,
};
const workKind: Kind = { ref: wellKnown.manifestWorks, key: own('w'), object: work, scopes: perCluster };
const addonKind: Kind = {
  ref: wellKnown.managedClusterAddOns,
  key: own('addon'),
  object: addon,
  scopes: perCluster,
};
const planKind: Kind = {
  ref: { group: 'flotilla.dev', version: 'v1alpha1', resource: 'manifestworkplans', namespaced: true },
  key: own('p'),
  object: plain('flotilla.dev/v1alpha1', 'ManifestWorkPlan', {
    spec: { workName: 'w', workSpec: work({ name: 'w' })['spec'] },
  }),
  scopes: perCluster,
};
const hubKey = (namespace?: string) => () => ({
  name: 'matrix',
  ...(namespace !== undefined && { namespace }),
});

const kinds: readonly Kind[] = [
  clusterKind,
  { ...clusterKind, subresource: 'status' },
  csrKind,
  { ...csrKind, subresource: 'approval' },
  { ...csrKind, subresource: 'status' },
  workKind,
  { ...workKind, subresource: 'status' },
  addonKind,
  { ...addonKind, subresource: 'status' },
  planKind,
  { ...planKind, subresource: 'status' },
  {
    ref: wellKnown.leases,
    key: own('managed-cluster-lease'),
    object: plain('coordination.k8s.io/v1', 'Lease', { spec: {} }),
    scopes: perCluster,
  },
  {
    ref: wellKnown.events,
    key: own('e'),
    object: (metadata) => ({
      ...plain('v1', 'Event')(metadata),
      involvedObject: { kind: 'Namespace', name: metadata.namespace, namespace: metadata.namespace },
      reason: 'Tested',
      type: 'Normal',
    }),
    scopes: perCluster,
  },
  { ref: wellKnown.secrets, key: own('s'), object: plain('v1', 'Secret'), scopes: perCluster },
  { ref: wellKnown.configMaps, key: own('c'), object: plain('v1', 'ConfigMap'), scopes: perCluster },
  {
    ref: wellKnown.namespaces,
    key: (of) => ({ name: of }),
    object: plain('v1', 'Namespace'),
    scopes: perCluster,
    select: byName,
  },
  {
    ref: wellKnown.roleBindings,
    key: own('b'),
    object: plain('rbac.authorization.k8s.io/v1', 'RoleBinding', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    }),
    scopes: perCluster,
  },
  { ref: wellKnown.secrets, key: hubKey('kube-system'), object: plain('v1', 'Secret'), scopes: ['hub'] },
  {
    ref: wellKnown.configMaps,
    key: hubKey('kube-system'),
    object: plain('v1', 'ConfigMap'),
    scopes: ['hub'],
  },
  { ref: wellKnown.clusterRoles, key: hubKey(), object: role, scopes: ['hub'] },
  {
    ref: {
      group: 'cluster.open-cluster-management.io',
      version: 'v1beta2',
      resource: 'managedclustersets',
      namespaced: false,
    },
    key: hubKey(),
    object: plain('cluster.open-cluster-management.io/v1beta2', 'ManagedClusterSet', { spec: {} }),
    scopes: ['hub'],
  },
  // Without a selector: the requests and clusters of everybody.
  { ...csrKind, key: () => ({ name: 'other-csr' }), scopes: ['hub'], select: () => '' },
  { ...clusterKind, key: () => ({ name: 'other' }), scopes: ['hub'], select: () => '' },
];

describe('the access matrix of registration', () => {
  let env: TestEnv;
  let server: ApiServer;
  let hub: KubeClient;
  let close: () => Promise<void>;
  const as = (user: UserInfo): KubeClient => createClient(server.transport(user));

  before(async () => {
    env = createTestEnv();
    server = createApiServer({
      store: createMemoryStore(),
      env,
      profile: 'hub',
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: 'https://hub.example:6443',
      clientCa: () => '',
      serviceAccountKey: generateKeyPair().privateKeyPem,
      admission: hubAdmission(() => createClient(server.transport()), env.clock),
      guard: createReadGuard(() => createClient(server.transport())),
    });
    await server.start();
    hub = as(admin);
    const client = createClient(server.transport(), { userAgent: 'hub' });
    const { signal } = createStopController();
    const started = installHubApi(client, env, signal).then(() =>
      startHubControllers(client, env, { signal }),
    );
    for (let i = 0; i < 40; i++) await env.clock.advance(50);
    const running = await started;
    close = () => running.close();
    await hub.create(wellKnown.namespaces, plain('v1', 'Namespace')({ name: 'kube-system' }));
    const expiresAtMs = env.clock.now() + 3_600_000;
    const token = { id: 'abcdef', secret: '0123456789abcdef' };
    await hub.create(wellKnown.secrets, bootstrapTokenSecret(token, { expiresAtMs, cluster: 'own' }));
    for (const name of clusters) {
      const annotations = { 'flotilla.dev/agent-keys': `${knownKey}@2026-01-01T00:00:00Z` };
      const accepted = { ...cluster({ name }), spec: { hubAcceptsClient: true } };
      await hub.create(wellKnown.managedClusters, { ...accepted, metadata: { name, annotations } });
    }
    await env.clock.advance(3000);
    for (const kind of kinds) {
      if (kind.subresource !== undefined) continue;
      for (const scope of kind.scopes) {
        for (const of of scope === 'hub' ? ['hub'] : clusters) await ensure(kind, of);
      }
    }
    const body = { spec: { hubAcceptsClient: false } };
    await hub.patch(wellKnown.managedClusters, { name: 'denied' }, { type: 'merge', body });
    await hub.delete(wellKnown.managedClusters, { name: 'removed' });
    for (const namespace of ['denied', 'removed']) {
      for (const kind of [workKind, addonKind]) await removeIfThere(kind, namespace);
    }
    await env.clock.advance(12_000);
  });
  after(async () => {
    await close();
    server.close();
  });

  async function removeIfThere({ ref, key }: Kind, of: string): Promise<void> {
    const { status } = await ask(admin, { method: 'DELETE', path: pathOf(ref, key(of)) });
    expect(status).to.be.oneOf([200, 404]);
  }

  async function ensure({ ref, key, object }: Kind, of: string): Promise<void> {
    const at = key(of);
    const { status } = await ask(admin, { method: 'GET', path: pathOf(ref, at) });
    if (status === 404) await hub.create(ref, object(at, of));
  }

  interface Asked {
    readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    readonly path: string;
    readonly body?: object;
    readonly contentType?: string;
  }

  /** A stream is given up once its head is there. */
  async function ask(
    user: UserInfo,
    { method, path, body, contentType = 'application/json' }: Asked,
  ): Promise<{ status: number; text: string }> {
    const transport = server.transport(user);
    const response = await transport.request({
      method,
      path,
      headers: { 'content-type': contentType, accept: 'application/json' },
      ...(body && { body: Buffer.from(JSON.stringify(body)) }),
    });
    const isStream = path.includes('watch=true') && response.status === 200;
    const text = isStream ? '' : Buffer.from(await response.bytes()).toString();
    await transport.close();
    return { status: response.status, text };
  }

  function pathOf(ref: ResourceRef, at: { name?: string; namespace?: string }): string {
    const base = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
    const inside = at.namespace === undefined ? '' : `/namespaces/${at.namespace}`;
    return `${base}${inside}/${ref.resource}${at.name === undefined ? '' : `/${at.name}`}`;
  }

  async function attempt(user: UserInfo, verb: Verb, kind: Kind, of: string): Promise<number> {
    const { ref, key, object, subresource, select } = kind;
    const at = key(of);
    const one = `${pathOf(ref, at)}${subresource === undefined ? '' : `/${subresource}`}`;
    const many = pathOf(ref, at.namespace === undefined ? {} : { namespace: at.namespace });
    const selector = select?.(of) ?? '';
    const dry = 'dryRun=All';
    const live = async (): Promise<object> =>
      JSON.parse((await ask(admin, { method: 'GET', path: pathOf(ref, at) })).text) as object;
    switch (verb) {
      case 'get':
        return (await ask(user, { method: 'GET', path: one })).status;
      case 'list':
        return (await ask(user, { method: 'GET', path: `${many}?${selector}` })).status;
      case 'watch':
        return (await ask(user, { method: 'GET', path: `${many}?watch=true&${selector}` })).status;
      case 'create':
        return (await ask(user, { method: 'POST', path: `${many}?${dry}`, body: object(at, of) })).status;
      case 'update':
        return (await ask(user, { method: 'PUT', path: `${one}?${dry}`, body: await live() })).status;
      case 'patch':
        return (
          await ask(user, {
            method: 'PATCH',
            path: `${one}?${dry}`,
            body: {},
            contentType: 'application/merge-patch+json',
          })
        ).status;
      case 'delete':
        return (await ask(user, { method: 'DELETE', path: `${one}?${dry}` })).status;
      case 'deletecollection':
        return (await ask(user, { method: 'DELETE', path: `${many}?${dry}&${selector}` })).status;
    }
  }

  for (const [identity, { user, home }] of Object.entries(identities)) {
    for (const kind of kinds) {
      const what = kind.ref.resource + (kind.subresource === undefined ? '' : `.${kind.subresource}`);
      for (const scope of kind.scopes) {
        const granted = (allowed[identity]?.[`${what}/${scope}`] ?? '')
          .split(' ')
          .filter((verb) => verb !== '');
        it(`${identity}: ${what} of ${scope}: ${granted.join(' ') || 'nothing'}`, async () => {
          const of = scope === 'home' ? home : scope === 'foreign' ? 'other' : 'hub';
          const asked = verbs.filter(
            (verb) => kind.subresource === undefined || ['get', 'update', 'patch'].includes(verb),
          );
          const done: string[] = [];
          for (const verb of asked) {
            const status = await attempt(user, verb, kind, of);
            // 409: it is there already, which only somebody is told who may make it.
            expect(status, `${verb}`).to.be.oneOf([200, 201, 403, 409]);
            if (status !== 403) done.push(verb);
          }
          expect(done).to.have.members(granted);
        });
      }
    }
  }

  describe('what an agent may change of its own', () => {
    interface Change {
      readonly what: string;
      readonly kind: Kind;
      readonly change: (object: KubeObject) => KubeObject;
      readonly isAllowed: boolean;
    }
    const spec = (part: object) => (object: KubeObject) => ({
      ...object,
      spec: { ...(object['spec'] as object), ...part },
    });
    const meta = (part: object) => (object: KubeObject) => ({
      ...object,
      metadata: { ...object.metadata, ...part },
    });
    const condition = (type: string) => (object: KubeObject) => {
      const status = (object['status'] ?? {}) as { conditions?: readonly { type: string }[] }; // metav1.Conditions
      const added = {
        type,
        status: 'False',
        reason: 'Forged',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const others = (status.conditions ?? []).filter((one) => one.type !== type);
      return { ...object, status: { ...status, conditions: [...others, added] } };
    };
    const clusterStatus: Kind = { ...clusterKind, subresource: 'status' };
    const leaseKind = kinds.find(({ ref }) => ref === wellKnown.leases) ?? clusterKind;
    const taint = { key: 'k', effect: 'NoSelect' };
    const changes: readonly Change[] = [
      {
        what: 'how its cluster is reached',
        kind: clusterKind,
        change: spec({ managedClusterClientConfigs: [{ url: 'https://c.example' }] }),
        isAllowed: true,
      },
      {
        what: 'its own annotations',
        kind: clusterKind,
        change: meta({
          annotations: {
            'agent.open-cluster-management.io/x': 'y',
            'flotilla.dev/agent-keys': `${knownKey}@2026-01-01T00:00:00Z`,
          },
        }),
        isAllowed: true,
      },
      {
        what: 'the annotation of its keys',
        kind: clusterKind,
        change: meta({ annotations: {} }),
        isAllowed: false,
      },
      {
        what: 'its acceptance',
        kind: clusterKind,
        change: spec({ hubAcceptsClient: false }),
        isAllowed: false,
      },
      { what: 'its taints', kind: clusterKind, change: spec({ taints: [taint] }), isAllowed: false },
      {
        what: 'its lease time',
        kind: clusterKind,
        change: spec({ leaseDurationSeconds: 9999 }),
        isAllowed: false,
      },
      { what: 'its labels', kind: clusterKind, change: meta({ labels: { env: 'prod' } }), isAllowed: false },
      { what: 'its finalizers', kind: clusterKind, change: meta({ finalizers: [] }), isAllowed: false },
      {
        what: 'its availability',
        kind: clusterStatus,
        change: condition('ManagedClusterConditionAvailable'),
        isAllowed: true,
      },
      {
        what: 'the word of the hub about it',
        kind: clusterStatus,
        change: condition('HubAcceptedManagedCluster'),
        isAllowed: false,
      },
      {
        what: 'the clock of the hub',
        kind: clusterStatus,
        change: condition('ManagedClusterConditionClockSynced'),
        isAllowed: false,
      },
      {
        what: 'the finalizer of a work',
        kind: workKind,
        change: meta({ finalizers: ['cluster.open-cluster-management.io/manifest-work-cleanup'] }),
        isAllowed: true,
      },
      {
        what: 'another finalizer',
        kind: workKind,
        change: meta({ finalizers: ['x.example/y'] }),
        isAllowed: false,
      },
      {
        what: 'a work',
        kind: workKind,
        change: spec({ deleteOption: { propagationPolicy: 'Orphan' } }),
        isAllowed: false,
      },
      {
        what: 'the labels of a work',
        kind: workKind,
        change: meta({ labels: { a: 'b' } }),
        isAllowed: false,
      },
      {
        what: 'its heartbeat',
        kind: leaseKind,
        change: spec({ renewTime: '2026-01-01T00:00:00.000000Z' }),
        isAllowed: true,
      },
      {
        what: 'whose heartbeat it is',
        kind: leaseKind,
        change: spec({ holderIdentity: 'x' }),
        isAllowed: false,
      },
    ];
    for (const { what, kind, change, isAllowed } of changes) {
      it(`${isAllowed ? 'may' : 'may not'}: ${what}`, async () => {
        const path = pathOf(kind.ref, kind.key('own'));
        const live = JSON.parse((await ask(admin, { method: 'GET', path })).text) as KubeObject;
        const changed = change(live);
        expect(equal(changed, live)).to.equal(false);
        const at = `${path}${kind.subresource === undefined ? '' : `/${kind.subresource}`}?dryRun=All`;
        const { status, text } = await ask(agentOf('own'), { method: 'PUT', path: at, body: changed });
        expect(status, text).to.equal(isAllowed ? 200 : 403);
        if (!isAllowed) expect(text).to.contain('the agent of a managed cluster may not change');
      });
    }

    const asked: readonly [string, (object: KubeObject) => KubeObject, boolean][] = [
      ['its own certificate', (object) => object, true],
      ['one with the label of another cluster', meta({ labels: { [clusterNameLabel]: 'other' } }), false],
      ['one without a label', meta({ labels: {} }), false],
      [
        'one of another cluster with its own label',
        (object) => ({ ...csr({ name: 'x' }, 'other'), metadata: object.metadata }),
        false,
      ],
      [
        "one of another cluster as an add-on's",
        (object) => ({
          ...csr({ name: 'x' }, 'other'),
          metadata: {
            ...object.metadata,
            labels: { [clusterNameLabel]: 'own', 'open-cluster-management.io/addon-name': 'a' },
          },
        }),
        false,
      ],
    ];
    for (const [what, change, isAllowed] of asked) {
      it(`${isAllowed ? 'may' : 'may not'} ask for ${what}`, async () => {
        const path = `${pathOf(wellKnown.certificateSigningRequests, {})}?dryRun=All`;
        const body = change(csr({ name: 'own-asked' }, 'own'));
        const { status, text } = await ask(agentOf('own'), { method: 'POST', path, body });
        expect(status, text).to.equal(isAllowed ? 201 : 403);
      });
    }
  });
});
