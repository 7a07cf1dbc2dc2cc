/**
 * JSON on which careless code stumbles, and small changes that make any JSON so: what fuzz targets mutate real objects
 * with. Pure: what it makes depends on fast-check's seed only. For tests only.
 */
import fc, { type Arbitrary } from 'fast-check';

export const oddKeys = fc.constantFrom(
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
export const oddValues: Arbitrary<unknown> = fc.oneof(
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

/** One of the values with up to so many changes, as JSON text would carry it: without undefined, with own keys only. */
export function mutated(values: readonly unknown[], maxChanges = 4): Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { maxLength: maxChanges }))
    .map(([value, changes]) => asJson(applyChanges(value, changes)));
}

/** What a parser would have made of it. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? 'null');
}
