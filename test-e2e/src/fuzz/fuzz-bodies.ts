/**
 * Bodies for fuzzed requests: real objects and patches with something put in, taken out, repeated or cut off, in JSON,
 * YAML and protobuf, and plain noise. Pure: what it makes depends on fast-check's seed only.
 */
import { stringifyYaml } from '@flotilla/api';
import fc, { type Arbitrary } from 'fast-check';
import { configMap, deployment, role, roleBinding, widget, widgetCrd } from '../support/objects.js';
import { envelope } from '../support/protobuf.js';

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

const realPatches: readonly object[] = [
  [{ op: 'add', path: '/metadata/labels', value: {} }],
  [
    { op: 'test', path: '/metadata/name', value: 'a' },
    { op: 'remove', path: '/data/k' },
  ],
  [
    { op: 'move', from: '/data', path: '/metadata/annotations' },
    { op: 'copy', from: '', path: '/data' },
  ],
  [
    { op: 'replace', path: '', value: {} },
    { op: 'add', path: '/spec/-', value: 1 },
  ],
  { metadata: { labels: { a: null }, resourceVersion: '1' }, data: { k: null, n: 'x' } },
  {
    spec: {
      template: {
        spec: {
          $patch: 'replace',
          '$setElementOrder/containers': [{ name: 'c' }],
          containers: [
            { name: 'c', $patch: 'delete' },
            { name: 'd', image: 'i' },
          ],
          '$deleteFromPrimitiveList/finalizers': ['x'],
          $retainKeys: ['containers'],
        },
      },
    },
  },
  { metadata: { managedFields: [{}], finalizers: null, ownerReferences: [] }, status: { phase: 'x' } },
];

/** Keys and values on which careless code stumbles. */
const oddKeys = fc.constantFrom(
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '',
    '.',
    'a/b~c',
    '$patch',
    'metadata',
    'apiVersion',
  ],
  ...[
    'name',
    'namespace',
    'x-kubernetes-list-type',
    'items',
    'spec',
    'status',
    'kind',
    '\u{1F600}',
    'f:x',
    'length',
  ],
);
const oddValues: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, 0, -0, -1, 1.5, 1e308, 2 ** 53, '', ' ', '0', 'true', '\u0000', '\ud800', '%', '../..'],
    ...[
      '1Gi',
      '-1',
      '2026-13-45T99:99:99Z',
      '2026-01-01T00:00:00Z',
      '$HOME',
      'a'.repeat(300),
      '(',
      '^(a+)+$',
      'x',
    ],
    ...[[], {}, [null], [[]], [{}], { '': '' }, { name: 'x' }, { $ref: '#' }, 'kubernetes.io/tls', 'Delete'],
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

export type Change =
  | { readonly kind: 'put'; readonly route: readonly number[]; readonly value: unknown }
  | { readonly kind: 'key'; readonly route: readonly number[]; readonly key: string; readonly value: unknown }
  | { readonly kind: 'drop'; readonly route: readonly number[] };

const route = fc.array(fc.nat(60), { minLength: 1, maxLength: 7 });
export const change: Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), route, value: oddValues }),
  fc.record({ kind: fc.constant('key' as const), route, key: oddKeys, value: oddValues }),
  fc.record({ kind: fc.constant('drop' as const), route }),
);

/** The value with one change somewhere along the route; what is not on the route is shared. */
function changed(target: unknown, steps: readonly number[], { kind, ...what }: Change): unknown {
  const isEnd = steps.length === 0 || typeof target !== 'object' || target === null;
  if (isEnd)
    return kind === 'key' && 'key' in what ? withKey(target, what) : 'value' in what ? what.value : null;
  const keys = Object.keys(target);
  const key = keys[(steps[0] ?? 0) % Math.max(keys.length, 1)];
  if (key === undefined) return changed(target, [], { kind, ...what } as Change); // the same change
  const child = (target as Record<string, unknown>)[key]; // an own key
  const isDropped = kind === 'drop' && steps.length === 1;
  const next = isDropped ? undefined : changed(child, steps.slice(1), { kind, ...what } as Change);
  if (Array.isArray(target)) {
    return target.flatMap((item, index) => (String(index) !== key ? [item] : isDropped ? [] : [next]));
  }
  return Object.fromEntries(
    Object.entries(target).flatMap(([name, value]) =>
      name !== key ? [[name, value]] : isDropped ? [] : [[name, next]],
    ),
  );
}

function withKey(
  target: unknown,
  { key, value }: { readonly key: string; readonly value: unknown },
): unknown {
  const entries = typeof target === 'object' && target !== null ? Object.entries(target) : [];
  return Object.fromEntries([...entries, [key, value]]);
}

export function applyChanges(value: unknown, changes: readonly Change[]): unknown {
  return changes.reduce<unknown>((current, one) => changed(current, one.route, one), value);
}

/** A real object with up to four changes. */
const mutatedObject: Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...realObjects), fc.array(change, { maxLength: 4 }))
  .map(([object, changes]) => applyChanges(object, changes));

const mutatedPatch: Arbitrary<unknown> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...realPatches), fc.array(change, { maxLength: 3 }))
    .map(([patch, changes]) => applyChanges(patch, changes)),
  mutatedObject,
);

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

/** JSON text, now and then with a repeated key, cut off, or with something in the middle. */
export function jsonText(value: Arbitrary<unknown>): Arbitrary<Uint8Array> {
  return fc
    .tuple(
      value,
      fc.constantFrom(...Array<string>(16).fill('whole'), 'cut', 'twice', 'noise', 'deep'),
      fc.nat(),
    )
    .map(([object, damage, position]) => {
      const whole = text(object);
      const at = position % Math.max(whole.length, 1);
      if (damage === 'cut') return whole.slice(0, at);
      if (damage === 'twice') return whole.replace('{', '{"metadata":{"name":"twice"},"metadata":{},');
      if (damage === 'noise') return `${whole.slice(0, at)}\u0000\ud83d"}{[${whole.slice(at)}`;
      if (damage === 'deep') return `{"spec":${'[{"a":'.repeat((position % 3000) + 1)}1`;
      return whole;
    })
    .map((content) => Buffer.from(content));
}

export function yamlText(value: Arbitrary<unknown>): Arbitrary<Uint8Array> {
  return fc
    .tuple(
      value,
      fc.constantFrom(
        '',
        '',
        '---\n',
        '\t',
        '&a [*a]\n',
        '? x\n',
        '!!binary YQ==\n',
        'a: *missing\n',
        '- -\n',
      ),
    )
    .map(([object, before]) => Buffer.from(before + stringifyYaml(JSON.parse(text(object)))));
}

interface WireField {
  readonly number: number;
  readonly content: Uint8Array | number | readonly WireField[];
}

/** Messages that look like those of Kubernetes: small field numbers, texts, numbers, messages in messages. */
const wireMessage: Arbitrary<readonly WireField[]> = fc.letrec<{ message: readonly WireField[] }>((tie) => ({
  message: fc.array(
    fc.record({
      number: fc.integer({ min: 1, max: 42 }),
      content: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.string({ maxLength: 12 }).map((content) => Buffer.from(content)),
        fc.uint8Array({ maxLength: 12 }),
        fc.integer({ min: 0, max: 2_147_483_647 }),
        tie('message'),
      ),
    }),
    { maxLength: 6 },
  ),
})).message;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function wireBytes(fields: readonly WireField[]): Buffer {
  return Buffer.concat(
    fields.map(({ number, content }) => {
      if (typeof content === 'number') return Buffer.from([...varint(number << 3), ...varint(content)]);
      const bytes =
        content instanceof Uint8Array ? Buffer.from(content) : wireBytes(content as readonly WireField[]);
      return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

const messageKinds: readonly (readonly [string, string])[] = [
  ...(['ConfigMap', 'Secret', 'Pod', 'Namespace', 'Service', 'Node', 'Event', 'ServiceAccount'] as const).map(
    (kind) => ['v1', kind] as const,
  ),
  ['apps/v1', 'Deployment'],
  ['batch/v1', 'Job'],
  ['rbac.authorization.k8s.io/v1', 'Role'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['certificates.k8s.io/v1', 'CertificateSigningRequest'],
  ['authorization.k8s.io/v1', 'SubjectAccessReview'],
  ['authentication.k8s.io/v1', 'TokenRequest'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['v1', 'DeleteOptions'],
  ['policy/v1', 'Eviction'],
  ['autoscaling/v1', 'Scale'],
  ['demo.flotilla.dev/v1', 'Widget'],
];

/** Envelopes around random messages, and recorded bodies with a few bytes changed. */
function protobufBody(recorded: readonly Uint8Array[]): Arbitrary<Uint8Array> {
  const enveloped = fc
    .tuple(fc.constantFrom(...messageKinds), wireMessage)
    .map(([[apiVersion, kind], message]) => envelope(apiVersion, kind, wireBytes(message)));
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from('k8s\0'), bytes]));
  if (recorded.length === 0) return fc.oneof(enveloped, noise);
  const damaged = fc
    .tuple(
      fc.constantFrom(...recorded),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.option(fc.nat(), { freq: 4 }),
    )
    .map(([body, changes, cut]) => {
      const bytes = Buffer.from(body);
      for (const [position, value] of changes) bytes[position % bytes.length] = value;
      return cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
    });
  return fc.oneof(damaged, enveloped, noise);
}

export interface BodyKinds {
  readonly json: Arbitrary<Uint8Array>;
  readonly patch: Arbitrary<Uint8Array>;
  readonly yaml: Arbitrary<Uint8Array>;
  readonly protobuf: Arbitrary<Uint8Array>;
  readonly noise: Arbitrary<Uint8Array>;
}

/** @param recorded bodies of Go clients, to be damaged */
export function fuzzBodies(recorded: readonly Uint8Array[]): BodyKinds {
  return {
    json: jsonText(mutatedObject),
    patch: jsonText(mutatedPatch),
    yaml: yamlText(fc.oneof(mutatedObject, mutatedPatch)),
    protobuf: protobufBody(recorded),
    noise: fc.oneof(
      fc.json().map((content) => Buffer.from(content)),
      fc.string().map((content) => Buffer.from(content)),
      fc.uint8Array({ maxLength: 80 }),
      fc.constant(new Uint8Array()),
    ),
  };
}
