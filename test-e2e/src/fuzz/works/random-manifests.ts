/**
 * Manifests for fuzzed works: objects of the core kinds and custom ones as users write them, under names that are a
 * work's own, shared between works, or somebody else's; and each of them damaged in some way. Pure: what it makes
 * depends on fast-check's seed only.
 */
import { applyChanges, change, oddKeys, oddValues } from '@flotilla/api/testing';
import fc, { type Arbitrary } from 'fast-check';
import { widgetCrd } from '../../support/objects.js';

/** Stands in names for the number of the work, so that most objects are of one work only. */
export const ownMark = 'qqq';

export const fuzzedNamespaces = ['default', 'team', `made-${ownMark}`] as const;
export const foreignNamespace = 'prod';

/** A manifest before its names are its work's: any JSON at all. */
export type FuzzManifest = unknown;

const pod = {
  metadata: { labels: { app: 'a' }, creationTimestamp: null },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i:1',
        ports: [{ containerPort: 80 }],
        env: [
          { name: 'A', value: 'b' },
          { name: 'B', value: '' },
        ],
        resources: { limits: { cpu: '100m', memory: '1Gi' } },
      },
    ],
    volumes: [{ name: 'v', emptyDir: {} }],
  },
};
const selector = { matchLabels: { app: 'a' } };

/** Without metadata. */
const bodies: readonly object[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'v', long: 'x'.repeat(500) } },
  { apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'w' }, immutable: true },
  { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1', b: '2' }, binaryData: { c: 'AA==' } },
  { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', stringData: { password: 'hunter2' } },
  { apiVersion: 'v1', kind: 'Secret', data: { token: 'c2VjcmV0' } },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  {
    apiVersion: 'v1',
    kind: 'Service',
    spec: { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 1, selector, template: pod } },
  { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 0, selector, template: pod } },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    spec: { replicas: 0, serviceName: 's', selector, template: pod },
  },
  { apiVersion: 'v1', kind: 'Pod', spec: pod.spec },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: { template: { spec: { ...pod.spec, restartPolicy: 'Never' } } },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: { template: { spec: { ...pod.spec, restartPolicy: 'Never' } } } },
    },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { minAvailable: '50%', selector } },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
  },
  {
    apiVersion: 'demo.flotilla.dev/v1',
    kind: 'Widget',
    spec: { size: 1, parts: [{ name: 'x', count: 1 }], tags: ['t'], free: { any: { thing: [1, 'a'] } } },
    status: { phase: 'Ready', conditions: [{ type: 'Ready', status: 'True' }] },
  },
  { apiVersion: 'demo.flotilla.dev/v9', kind: 'Widget', spec: {} },
  { apiVersion: 'nobody.example/v1', kind: 'Unknown', spec: { a: 1 } },
  { apiVersion: 'v1', kind: 'List', items: [] },
];
const clusterWide: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace' },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }],
  },
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 100 },
  { apiVersion: 'v1', kind: 'PersistentVolume', spec: { capacity: { storage: '1Gi' } } },
];

const names = fc.oneof(
  { weight: 12, arbitrary: fc.nat(3).map((n) => `${ownMark}-${n}`) },
  { weight: 3, arbitrary: fc.constantFrom('shared-a', 'shared-b') },
  { weight: 1, arbitrary: fc.constantFrom('foreign-named', 'kube-root-ca.crt', 'default') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['', 'UPPER', 'a..b', '.', '..', 'a/b', 'a%2fb', 'x'.repeat(254), '\u{1F600}'],
    ),
  },
);
const namespaces = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...fuzzedNamespaces) },
  { weight: 1, arbitrary: fc.constantFrom('', 'absent', 'a/b', 'UPPER', 'x'.repeat(64), `terminating`) },
);

const labels = fc.constantFrom<unknown>(
  ...[{ a: 'b' }, { 'a-': '' }, { 'bad key': 'x' }, { a: 1 }, { a: null }, [], 'x', null],
  ...[{ constructor: 'x' }, { ['__proto__']: 'x' }, { a: 'x'.repeat(64) }, {}],
);
/** What a user may put in the metadata besides names, most of it wrong. */
const metadataParts = fc.record(
  {
    labels,
    annotations: fc.oneof(labels, fc.constant({ note: 'x'.repeat(2000) }), fc.constant({ 'note-': '' })),
    finalizers: fc.constantFrom<unknown>(
      ...[['example.com/hold'], ['foregroundDeletion'], [], null, ['bad finalizer'], [1], 'x', ['orphan']],
    ),
    ownerReferences: fc.constantFrom<unknown>(
      ...[[], null, 'x', [null], [{}]],
      [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'foreign-a', uid: 'not-its-uid' }],
      [{ apiVersion: 'v1', kind: 'ConfigMap', name: `${ownMark}-0`, uid: 'u1', blockOwnerDeletion: true }],
      [
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u1', controller: true },
        { apiVersion: 'v1', kind: 'Secret', name: 'a', uid: 'u1', controller: true },
      ],
      [
        {
          apiVersion: 'work.open-cluster-management.io/v1',
          kind: 'AppliedManifestWork',
          name: 'x',
          uid: 'someone-else',
        },
      ],
    ),
    uid: fc.constantFrom<unknown>('00000000-0000-0000-0000-000000000000', 1, ''),
    resourceVersion: fc.constantFrom<unknown>('1', 'x', 5),
    generateName: fc.constantFrom('g-', ''),
    deletionTimestamp: fc.constantFrom<unknown>('2020-01-01T00:00:00Z', 'x', null),
    creationTimestamp: fc.constantFrom<unknown>(null, '2020-01-01T00:00:00Z', 5),
    managedFields: fc.constantFrom<unknown>([{}], [{ manager: 'm', operation: 'Apply' }], 'x'),
    generation: fc.constantFrom<unknown>(-1, 1.5, 'x'),
    selfLink: fc.constant('/x'),
  },
  { requiredKeys: [] },
);

/** An object as a user would have it. */
const plain: Arbitrary<object> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.constantFrom(...bodies), names, namespaces)
      .map(([body, name, namespace]) => ({ ...body, metadata: { name, namespace } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...clusterWide),
        fc.nat(2).map((n) => `made-${ownMark}${n === 0 ? '' : `-${n}`}`),
        fc.constantFrom('', '', 'default'),
      )
      .map(([body, name, namespace]) => ({
        ...body,
        metadata: { name, ...(namespace !== '' && { namespace }) },
      })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      widgetCrd(`own${ownMark}s`),
      {
        apiVersion: 'demo.flotilla.dev/v1',
        kind: `Own${ownMark}`,
        metadata: { name: 'o', namespace: 'team' },
      },
      {
        apiVersion: 'work.open-cluster-management.io/v1',
        kind: 'AppliedManifestWork',
        metadata: {
          name: `forged-${ownMark}`,
          annotations: {
            'flotilla.dev/intent':
              '[{"group":"","version":"v1","resource":"configmaps","name":"foreign-a","namespace":"prod"}]',
          },
        },
        spec: { hubHash: 'x', agentID: 'agent-1', manifestWorkName: `work-${ownMark}` },
      },
    ),
  },
);

/** A few thousand values deep, wide or long. */
const giant: Arbitrary<unknown> = fc.constantFrom<unknown>(
  nested(90),
  nested(450),
  'x'.repeat(60_000),
  Array.from({ length: 2000 }, (_, at) => ({ name: `n${at}`, value: at })),
  Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`k${at}`, 'v'])),
);

function nested(depth: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

function withKeys(object: unknown, keys: object): unknown {
  return typeof object === 'object' && object !== null ? { ...object, ...keys } : object;
}

/** Seven in ten are sound, the others have something in them that a user, a template or an attacker put there. */
export const fuzzManifest: Arbitrary<FuzzManifest> = fc.oneof(
  { weight: 14, arbitrary: plain },
  {
    weight: 2,
    arbitrary: fc
      .tuple(plain, metadataParts)
      .map(([object, parts]) =>
        withKeys(object, { metadata: { ...(object as { metadata: object }).metadata, ...parts } }),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(plain, fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([object, changes]) => applyChanges(object, changes)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(plain, fc.constantFrom('spec', 'data', 'free', 'status'), giant)
      .map(([object, key, value]) => withKeys(object, { [key]: value })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(plain, oddKeys, oddValues)
      .map(([object, key, value]) => Object.fromEntries([...Object.entries(object), [key, value]])),
  },
);
