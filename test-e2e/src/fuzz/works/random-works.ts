/**
 * Fuzzed works: some manifests, and settings about them that fit, contradict each other, make no sense or cost much.
 * Each may change once. Pure: what it makes depends on fast-check's seed only.
 */
import { applyChanges, asJson, change } from '@flotilla/api/testing';
import fc, { type Arbitrary } from 'fast-check';
import { type FuzzManifest, fuzzManifest, ownMark } from './random-manifests.js';

/** What a user writes, once or twice, and what he does besides. Names hold `ownMark`. */
export interface FuzzWork {
  readonly name: string;
  readonly metadata: object;
  readonly spec: unknown;
  /** Undefined: the spec does not change. */
  readonly next: unknown;
  /** Whether somebody in the cluster changes, or deletes, what was applied. */
  readonly drift: 'none' | 'change' | 'delete';
}

const resources = fc.constantFrom(
  ...[
    'configmaps',
    'configmaps',
    'secrets',
    'deployments',
    'jobs',
    'pods',
    'services',
    'widgets',
    'namespaces',
  ],
  ...['serviceaccounts', '', '*', 'ConfigMap', '__proto__'],
);
const groupOf: Readonly<Record<string, string>> = {
  deployments: 'apps',
  jobs: 'batch',
  widgets: 'demo.flotilla.dev',
};
const names = fc.constantFrom(
  ...['*', '*', '*', `${ownMark}-0`, `${ownMark}-*`, 'shared-a', '**', '*-*-*', '', `*${'a*'.repeat(50)}`],
);
const identifier = fc
  .tuple(resources, names, fc.constantFrom('default', 'team', '*', '', '*e*'))
  .map(([resource, name, namespace]) => ({
    group: Object.hasOwn(groupOf, resource) ? groupOf[resource] : '',
    resource,
    name,
    namespace,
  }));

const jsonPaths = [
  ...[
    '.data.k',
    '.data',
    '.status.replicas',
    '.status',
    '.metadata.uid',
    '.spec.template.spec.containers[*].image',
  ],
  ...[
    '.status.conditions[?(@.type=="Ready")].status',
    '..name',
    '..',
    '{..*}',
    '$',
    '.',
    '',
    '{',
    '[',
    '.a[',
    "['",
  ],
  ...[
    '..*..*',
    '..*..*..*..*..*..*',
    '.[*][*][*]',
    '.spec..name..name',
    `.${'a.'.repeat(2000)}b`,
    '.data[0:0:0]',
  ],
  ...[
    '.data[-1]',
    '.data[99999999999]',
    '[?(@.a==@.b)]',
    '[?(@..*==1)]..[?(@..*==1)]',
    '.metadata.labels.a\\.b',
  ],
  ...[
    '.__proto__',
    '.constructor.name',
    '.metadata.annotations',
    '.spec[::-1]',
    'x'.repeat(40_000),
    '.data["k"]',
  ],
  ...['[*,*,*,*][*,*,*,*][*,*,*,*]', `${'..'.repeat(30)}a`, '.status.readyReplicas', '.metadata.generation'],
];
const pointers = [
  ...[
    '/data/k',
    '/data',
    '',
    '/',
    '/metadata/name',
    '/metadata',
    '/spec/replicas',
    '/spec/template',
    'no-slash',
  ],
  ...['/spec/containers/0/image', '/spec/ports/-', '/~0~1', '/~2', '/__proto__', '/a'.repeat(3000), '/kind'],
];
const jqs = [
  ...[
    '.data.k',
    '.data[]',
    '.spec.template.spec.containers[].image',
    '.',
    '..',
    '.. | .. | ..',
    'recurse(..)',
  ],
  ...[
    '.metadata.labels | keys',
    '.spec.containers[] | select(.name == "c")',
    '[',
    '.a.b.c?',
    'empty',
    'error("x")',
  ],
  ...[
    'recurse(.)',
    'last(recurse(recurse))',
    '"a" | test("(a+)+$")',
    `${'('.repeat(100)}.${')'.repeat(100)}`,
  ],
  ...[
    '.data | .. | .. | .. | ..',
    'if . then .a else .b end',
    '.[0]',
    '.metadata.name',
    '[..] | first',
    '.. // ..',
  ],
  ...['.. | select([..] | length > 3)', '.data.__proto__', '"\\(1)"', '$__loc__', 'any(..; any(..; true))'],
];
const cels = [
  ...[
    'object.status.replicas == object.spec.replicas',
    'true',
    'false',
    '1',
    '"a"',
    '',
    ' ',
    'object',
    'object.gone',
  ],
  ...[
    'object.data.all(k, object.data.all(l, k != ""))',
    'has(object.status)',
    'object.metadata.name == "x"',
    '(',
  ],
  ...['[1,2,3].all(a, [1,2,3].all(b, [1,2,3].all(c, [1,2,3].all(d, a+b+c+d > 0))))', 'object.status.x > 1'],
  ...[
    '"x".matches("(a+)+$")',
    '1/0 == 1',
    'object[object]',
    `${'('.repeat(200)}true${')'.repeat(200)}`,
    '9'.repeat(400),
  ],
  ...[
    'object.data.k + object.data.k == ""',
    'duration("x") == duration("1s")',
    'object.__proto__ == null',
    '\u0000',
  ],
  ...[
    'object.metadata.annotations.map(k, object.metadata.annotations.map(l, k + l)).size() > 0',
    'dyn(1) == "1"',
  ],
  `[${Array.from({ length: 40 }, (_, at) => at)}].all(a, [${Array.from({ length: 40 }, (_, at) => at)}].all(b, a != b || true))`,
  ...[
    'object.data.k.replace("", "x").replace("", "y").size() > 0',
    'timestamp("2020-01-01T00:00:00Z") < now',
  ],
];
const some = (texts: readonly string[]): Arbitrary<string[]> =>
  fc.array(fc.constantFrom(...texts), { maxLength: 3 });

const strategy = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>({ type: 'Update' }, { type: 'ReadOnly' }, { type: 'CreateOnly' }),
  },
  { weight: 1, arbitrary: fc.constantFrom<unknown>({ type: 'Nothing' }, {}, { type: 'ServerSideApply' }) },
  {
    weight: 3,
    arbitrary: fc
      .record(
        {
          force: fc.boolean(),
          fieldManager: fc.constantFrom(
            'work-agent',
            'work-agent-x',
            'other',
            '',
            `work-agent${'x'.repeat(200)}`,
          ),
          ignoreFields: fc.array(
            fc.record(
              {
                condition: fc.constantFrom('OnSpokePresent', 'OnSpokeChange', 'Never'),
                jsonPaths: some(jsonPaths),
                jsonPointers: some(pointers),
                jqPathExpressions: some(jqs),
              },
              { requiredKeys: ['condition'] },
            ),
            { maxLength: 2 },
          ),
        },
        { requiredKeys: [] },
      )
      .map((serverSideApply) => ({ type: 'ServerSideApply', serverSideApply })),
  },
);
const feedbackRules = fc.array(
  fc.oneof(
    fc.constant<unknown>({ type: 'WellKnownStatus' }),
    fc
      .array(
        fc.record(
          {
            name: fc.constantFrom('a', 'b', 'c', '', '__proto__', 'x'.repeat(3000)),
            version: fc.constantFrom('v1', '', 'v9'),
            path: fc.constantFrom(...jsonPaths),
          },
          { requiredKeys: ['name', 'path'] },
        ),
        { maxLength: 4 },
      )
      .map((paths) => ({ type: 'JSONPaths', jsonPaths: paths })),
  ),
  { maxLength: 3 },
);
const conditionRules = fc.array(
  fc.record(
    {
      condition: fc.constantFrom(
        ...[
          'Complete',
          'Fine',
          'Progressing',
          'Degraded',
          'Healthy',
          'Applied',
          'Available',
          '',
          'no good',
          'A/B',
        ],
        ...['x'.repeat(400), 'constructor'],
      ),
      type: fc.constantFrom('CEL', 'CEL', 'WellKnownConditions', 'Other'),
      celExpressions: some(cels),
      message: fc.constantFrom('', 'm', 'x'.repeat(40_000)),
      messageExpression: fc.constantFrom('', ...cels, 'string(object.metadata)', 'object.data.k'),
    },
    { requiredKeys: ['condition', 'type'] },
  ),
  { maxLength: 3 },
);
const config = fc.record(
  {
    resourceIdentifier: identifier,
    updateStrategy: strategy,
    feedbackRules,
    conditionRules,
    feedbackScrapeType: fc.constantFrom('Poll', 'Watch', 'Guess'),
  },
  { requiredKeys: ['resourceIdentifier'] },
);
const deleteOption = fc.oneof(
  fc.constantFrom<unknown>({ propagationPolicy: 'Foreground' }, { propagationPolicy: 'Orphan' }, {}),
  fc.constantFrom<unknown>({ propagationPolicy: 'SelectivelyOrphan' }, { propagationPolicy: 'Background' }),
  fc.nat(1_000_000).map((ttlSecondsAfterFinished) => ({ ttlSecondsAfterFinished })),
  fc.array(identifier, { maxLength: 3 }).map((orphaningRules) => ({
    propagationPolicy: 'SelectivelyOrphan',
    selectivelyOrphans: { orphaningRules },
  })),
);
const account = (name: string) => ({
  subject: { type: 'ServiceAccount', serviceAccount: { namespace: 'default', name } },
});
const executor = fc.constantFrom<unknown>(
  account('mighty'),
  account('default'),
  account('nobody'),
  {},
  account('A B'),
);

const manifests: Arbitrary<FuzzManifest[]> = fc.oneof(
  { weight: 12, arbitrary: fc.array(fuzzManifest, { minLength: 1, maxLength: 4 }) },
  // The same twice, and the same in several versions.
  {
    weight: 1,
    arbitrary: fc.array(fuzzManifest, { minLength: 1, maxLength: 2 }).map((each) => [...each, ...each]),
  },
  { weight: 1, arbitrary: fc.array(fuzzManifest, { maxLength: 12 }) },
);

const spec = fc
  .record(
    {
      manifests,
      manifestConfigs: fc.array(config, { maxLength: 3 }),
      deleteOption,
      executor: fc.option(executor, { freq: 3 }),
    },
    { requiredKeys: ['manifests'] },
  )
  .map(({ manifests: list, executor: account, ...rest }) => ({
    workload: { manifests: list },
    ...rest,
    ...(account !== undefined && account !== null && { executor: account }),
  }));

/** Now and then with anything in the place of anything. */
const damagedSpec = fc.oneof(
  { weight: 9, arbitrary: spec },
  {
    weight: 1,
    arbitrary: fc
      .tuple(spec, fc.array(change, { minLength: 1, maxLength: 2 }))
      .map(([value, changes]) => applyChanges(value, changes)),
  },
);

/** The first of the second's manifests are the first's, so that there is something to keep and something to prune. */
const twice = fc
  .tuple(damagedSpec, fc.option(fc.tuple(spec, fc.nat(3)), { freq: 2 }))
  .map(([first, change]) => {
    if (change === null) return { spec: first, next: undefined };
    const [second, kept] = change;
    const before = (first as { workload?: { manifests?: unknown } } | null)?.workload?.manifests;
    const list = [...(Array.isArray(before) ? before.slice(0, kept) : []), ...second.workload.manifests];
    return { spec: first, next: { ...second, workload: { manifests: list } } };
  });

export const fuzzWork: Arbitrary<FuzzWork> = fc
  .record({
    name: fc.oneof(
      { weight: 60, arbitrary: fc.constant(`work-${ownMark}`) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(`${'x'.repeat(180)}-${ownMark}`, `${'y'.repeat(240)}-${ownMark}`),
      },
    ),
    metadata: fc.oneof(
      { weight: 8, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          { labels: { a: 'b', constructor: 'x' } },
          { annotations: { 'flotilla.dev/intent': '[]', 'flotilla.dev/executor': 'default/mighty' } },
          { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{' } },
          { finalizers: ['example.com/user'] },
        ),
      },
    ),
    both: twice,
    drift: fc.constantFrom('none' as const, 'none' as const, 'change' as const, 'delete' as const),
  })
  .map(({ both, ...rest }) => ({ ...rest, spec: asJson(both.spec), next: both.next && asJson(both.next) }));

/** The work under the names of its number. */
export function numbered<T>(value: T, number: number): T {
  return JSON.parse(JSON.stringify(value).replaceAll(ownMark, `q${number}q`)) as T; // the shape stays
}
