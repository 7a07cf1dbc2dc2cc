/** Objects as clients really send them, of each shape that the server treats in its own way: what fuzzing starts from. */
import { configMap, deployment, role, roleBinding, widget, widgetCrd } from '../support/objects.js';

const podSpec = {
  containers: [
    {
      name: 'c',
      image: 'i',
      ports: [{ containerPort: 80 }],
      env: [{ name: 'A', value: 'b' }],
      resources: { limits: { cpu: '100m', memory: '1Gi' } },
      livenessProbe: { httpGet: { path: '/', port: 'http' } },
    },
  ],
  volumes: [{ name: 'v', emptyDir: {} }],
};

const crdWithRules = widgetCrd('ruled', {
  version: {
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            'x-kubernetes-validations': [{ rule: 'self.a <= self.b', message: 'a above b' }],
            properties: {
              a: { type: 'integer', default: 1 },
              b: { type: 'integer', default: 2, maximum: 10 },
              c: { type: 'array', maxItems: 5, items: { type: 'string', pattern: '^a+$', format: 'ipv4' } },
            },
          },
        },
      },
    },
    additionalPrinterColumns: [{ name: 'A', type: 'integer', jsonPath: '.spec.a' }],
    selectableFields: [{ jsonPath: '.spec.a' }],
  },
});

/** What clients really send, one of each shape that the server treats in its own way. */
export const realObjects: readonly object[] = [
  configMap('a', { k: 'v' }, { labels: { a: 'b' }, annotations: { c: 'd' }, finalizers: ['x.dev/f'] }),
  configMap('b', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u' }] }),
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { generateName: 's-' },
    type: 'Opaque',
    stringData: { a: 'b' },
  },
  deployment('d', { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } } }),
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: podSpec },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }], selector: { a: 'b' } },
  },
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'fuzz-made' },
    spec: { finalizers: ['kubernetes'] },
  },
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j' },
    spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } },
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b' },
    spec: {
      minAvailable: '50%',
      selector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] },
    },
  },
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l' },
    spec: { holderIdentity: 'h', renewTime: '2026-01-01T00:00:00.000000Z', leaseDurationSeconds: 60 },
  },
  {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'fuzz' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
  },
  role([{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]),
  roleBinding('somebody'),
  {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c' },
    spec: { request: 'YQ==', signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
    status: { conditions: [{ type: 'Approved', status: 'True', reason: 'r' }] },
  },
  widget('Widget', 'w', {
    size: 1,
    parts: [{ name: 'x', count: 1 }],
    tags: ['t'],
    free: { any: { thing: 1 } },
  }),
  widgetCrd('fuzzes'),
  crdWithRules,
  {
    apiVersion: 'demo.flotilla.dev/v1',
    kind: 'Ruled',
    metadata: { name: 'r' },
    spec: { a: 1, c: ['10.0.0.1'] },
  },
  { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground', preconditions: { uid: 'u' } },
  { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: 'p', namespace: 'fuzz' } },
  {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'w', namespace: 'fuzz' },
    spec: { replicas: 2 },
  },
  { kind: 'Binding', apiVersion: 'v1', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } },
  {
    spec: {
      audiences: ['a'],
      expirationSeconds: 600,
      boundObjectRef: { kind: 'Pod', name: 'p', apiVersion: 'v1' },
    },
  },
  {
    spec: {
      user: 'u',
      groups: ['g'],
      resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'fuzz' },
    },
  },
  { spec: { nonResourceAttributes: { path: '/x', verb: 'get' }, extra: { a: ['b'] } } },
  { spec: { token: 'x.y.z', audiences: ['a'] } },
];
