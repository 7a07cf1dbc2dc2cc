/** Random objects and patches against all that changes an object on the server: the patches, and who owns which field. */
import { clone, equal, type KubeObject, StatusError, validateObject } from '@flotilla/api';
import { asJson, fuzz, mutated } from '@flotilla/api/testing';
import fc from 'fast-check';
import { FieldsV1Error, parseFieldsV1, toFieldsV1, union } from '../field-manager/field-set.js';
import { updateManagedFields } from '../field-manager/managed-fields.js';
import { serverSideApply } from '../field-manager/server-side-apply.js';
import { widget, widgetSchema, widgetVersion } from '../field-manager/testing.js';
import { applyJsonPatch } from './json-patch.js';
import { applyStrategicMergePatch } from './strategic-merge-patch.js';

const live = {
  ...widget({ metadata: { labels: { a: 'b' }, finalizers: ['x.dev/f'] } }),
  spec: {
    replicas: 1,
    selector: { a: 'b' },
    limits: { cpu: 1, mem: '1Gi' },
    rules: [{ verb: 'a' }],
    tags: ['x', 'y'],
    containers: [
      {
        name: 'a',
        image: '1',
        args: ['x'],
        env: [{ name: 'E', value: '1' }],
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      },
      { name: 'b', image: '2' },
    ],
  },
};
const jsonPatches = [
  [
    { op: 'add', path: '/spec/tags/-', value: 'z' },
    { op: 'test', path: '/spec/replicas', value: 1 },
    { op: 'remove', path: '/spec/containers/0' },
  ],
  [
    { op: 'move', from: '/spec/limits', path: '/spec/selector' },
    { op: 'copy', from: '', path: '/spec/x' },
    { op: 'replace', path: '', value: {} },
  ],
];
const strategicPatches = [
  {
    spec: {
      $setElementOrder: ['a'],
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
      containers: [
        { name: 'a', $patch: 'delete' },
        { name: 'c', image: '3', env: [{ name: 'E', $patch: 'delete' }] },
      ],
      '$deleteFromPrimitiveList/tags': ['x'],
      limits: { $patch: 'replace', cpu: 2 },
      selector: { $retainKeys: ['a'], a: 'c' },
      replicas: null,
    },
  },
  { spec: { containers: [{ $patch: 'replace' }, { name: 'z' }], tags: null } },
];

const refused = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.code ?? 500) < 500 &&
  !/call stack|is not a function/.test(error.message);

/** Undefined when it is refused, as it may be; the input must stay as it was. */
function attempt<T>(input: unknown, run: () => T): T | undefined {
  const before = JSON.stringify(input);
  let result: T | undefined;
  try {
    result = run();
  } catch (error) {
    if (!refused(error)) throw error;
  }
  if (JSON.stringify(input) !== before) throw new Error('the input is changed');
  const isPolluted = ['polluted', 'a', 'name', 'spec'].some((key) => Object.hasOwn(Object.prototype, key));
  if (isPolluted) throw new Error('the prototype is changed');
  return result;
}

const object = mutated([live], 2).map((value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {},
);

function withFinalizers(...finalizers: unknown[]): object {
  return { ...live, metadata: { ...live.metadata, finalizers } };
}

describe('fuzzed patches', () => {
  fuzz({
    name: 'JSON patches',
    cases: fc.tuple(object, mutated(jsonPatches, 3)),
    past: [
      [{}, [{ op: 'add', path: '/__proto__/polluted', value: 1 }]],
      [{}, [{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }]],
    ],
    check: ([target, patch]) => {
      attempt([target, patch], () => applyJsonPatch(target, patch));
    },
  });

  fuzz({
    name: 'strategic merge patches',
    cases: fc.tuple(object, mutated([...strategicPatches, live], 3)),
    check: ([target, patch]) => {
      attempt([target, patch], () => applyStrategicMergePatch(target, patch, widgetSchema));
    },
  });

  fuzz({
    name: 'managed fields',
    cases: fc.tuple(
      mutated([live], 3),
      fc.array(
        fc.tuple(
          mutated([live], 3),
          fc.constantFrom('one', 'two', 'three'),
          fc.constantFrom('put', 'apply', 'force'),
        ),
        {
          maxLength: 4,
        },
      ),
    ),
    past: [
      [
        withFinalizers({ toString: null }),
        [
          [withFinalizers([]), 'one', 'apply'],
          [live, 'one', 'put'],
        ],
      ],
    ],
    check: ([first, writes]) => {
      let object: KubeObject | undefined;
      for (const [at, [value, manager, how]] of [[first, 'one', 'put'] as const, ...writes].entries()) {
        const sent = written(value);
        if (validateObject(sent, widgetSchema).length > 0) continue; // it would come no further
        const context = {
          schema: widgetSchema,
          manager,
          apiVersion: widgetVersion,
          nowMs: 1_767_225_600_000 + at * 1000,
        };
        const before = object;
        const next = attempt([before, sent], () => {
          if (how !== 'put')
            return serverSideApply({ ...context, live: before, applied: sent, force: how === 'force' })
              .object;
          const managedFields = updateManagedFields({ ...context, live: before, updated: sent });
          return { ...sent, metadata: { ...sent.metadata, managedFields } };
        });
        if (next === undefined) continue;
        for (const { fieldsV1 } of next.metadata.managedFields ?? []) {
          if (!equal(toFieldsV1(parseFieldsV1(fieldsV1)), fieldsV1))
            throw new Error('a set that does not read back');
        }
        object = asJson(next) as KubeObject;
        if (how === 'put') continue;
        // An empty list takes some: with its last item the list goes, too, and comes back with the next apply.
        let isAtRest = false;
        for (let times = 0; times < 5 && !isAtRest; times++) {
          const applied: KubeObject = object;
          const again = attempt([applied, sent], () =>
            serverSideApply({ ...context, live: applied, applied: sent, force: true }),
          );
          isAtRest = again?.changed !== true;
          if (again !== undefined) object = asJson(again.object) as KubeObject;
        }
        if (!isAtRest) throw new Error('applied again and again it always changes something');
      }
    },
  });

  fuzz({
    name: 'FieldsV1',
    cases: mutated(
      [
        {
          'f:spec': {
            '.': {},
            'f:list': { 'k:{"name":"a"}': { '.': {}, 'f:x': {} }, 'v:"s"': {}, 'i:0': {} },
          },
        },
        { 'f:metadata': { 'f:labels': { 'f:a': {} } } },
      ],
      4,
    ),
    check: (fields) => {
      try {
        const set = parseFieldsV1(fields);
        const text = toFieldsV1(set);
        if (!equal(toFieldsV1(parseFieldsV1(text)), text)) throw new Error('it does not read back');
        if (!equal(toFieldsV1(union(set, set)), text)) throw new Error('with itself it is another');
      } catch (error) {
        if (!(error instanceof FieldsV1Error)) throw error;
      }
    },
  });
});

/** As a client may send it: with a type, and a name. */
function written(value: unknown): KubeObject {
  const sent =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (clone(value) as KubeObject)
      : ({} as KubeObject);
  const metadata = typeof sent.metadata === 'object' && sent.metadata !== null ? sent.metadata : {};
  const { managedFields: _, ...rest } = metadata;
  return { ...sent, apiVersion: widgetVersion, kind: 'Widget', metadata: { ...rest, name: 'w' } };
}
