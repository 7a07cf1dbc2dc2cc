/**
 * Bodies for fuzzed requests: real objects and patches with something put in, taken out, repeated or cut off, in JSON,
 * YAML and protobuf, and plain noise. Pure: what it makes depends on fast-check's seed only.
 */
import { stringifyYaml } from '@flotilla/api';
import fc, { type Arbitrary } from 'fast-check';
import { protobufBody } from './fuzz-protobuf.js';
import { realObjects } from './real-objects.js';

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
