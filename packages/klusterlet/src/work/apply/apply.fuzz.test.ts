/** Random manifests, live objects and ignored fields against what decides how an object is written. */
import { applyMergePatch, clone, equal, type IgnoreField, type KubeObject } from '@flotilla/api';
import { applyChanges, asJson, change, fuzz, mutated, mutatedText } from '@flotilla/api/testing';
import fc from 'fast-check';
import { planPatch } from './desired-state.js';
import { IgnoreFieldError, keepLiveFields, removeIgnoredFields } from './ignore-fields.js';
import { JqPathError, locateJqPaths } from './jq/jq-path.js';
import { normalizeManifest } from './normalize.js';
import { planOwners } from './owner-references.js';

const objects: readonly KubeObject[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'n', labels: { a: 'b', 'gone-': '' }, annotations: { c: 'd' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'a' } },
      template: {
        metadata: { creationTimestamp: null, labels: { app: 'a' } },
        spec: {
          containers: [
            { name: 'c', image: 'i', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] },
            { name: 'd', image: 'j', args: ['x', 'y'] },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'n' },
    data: { a: 'eA==' },
    stringData: { b: 'c' },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'n' }, data: { k: 'v', l: 'w' } },
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } },
];
/** As `readManifest` gives them: what is not an object there never comes here. */
const manifest = fc
  .tuple(fc.constantFrom(...objects), fc.array(change, { maxLength: 4 }))
  .map(([object, changes]) => {
    const value = asJson(applyChanges(object, changes)) as KubeObject | null;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    const metadata = isMap && typeof value.metadata === 'object' ? value.metadata : {};
    return { ...(isMap && value), apiVersion: 'v1', kind: object.kind, metadata: { ...metadata, name: 'x' } };
  }) as fc.Arbitrary<KubeObject>; // as far as our code may count on it

const pathTokens = [
  '.',
  '..',
  '[',
  ']',
  '*',
  '?(',
  '@',
  '==',
  "'a'",
  '0',
  '-1',
  ':',
  ',',
  '$',
  '{',
  '}',
  'spec',
];
const path = mutatedText(
  [
    '.spec.template.spec.containers[*].image',
    '..name',
    ".data['k']",
    '[?(@.name=="c")].env[0:2]',
    '{.a}{.b}',
  ],
  pathTokens,
);
const pointer = mutatedText(
  ['/data/k', '/spec/template/spec/containers/0', '/a~1b/~0'],
  ['/', '~', '0', '-'],
);
const jq = mutatedText(
  [
    '.spec.template.spec.containers[] | select(.name == "c") | .image',
    '.. | objects | .name?',
    'if .a then .b else .c end',
    '.data | to_entries',
    'recurse(.[]?; . != null) // empty',
    '[.. | strings] | first',
    'last(.spec[]), any(.[]; . > 1)',
    '.metadata.labels | keys | .[0]',
  ],
  [
    '..',
    '|',
    '.',
    '[]',
    '(',
    ')',
    'recurse',
    ',',
    '//',
    'and',
    'or',
    'if',
    'then',
    'end',
    '"',
    'test("(a*)*b")',
    '?',
  ],
);
const ignored = fc.array(
  fc.record({
    condition: fc.constantFrom('OnSpokePresent' as const, 'OnSpokeChange' as const),
    jsonPaths: fc.array(path, { maxLength: 2 }),
    jsonPointers: fc.array(pointer, { maxLength: 2 }),
    jqPathExpressions: fc.array(jq, { maxLength: 2 }),
  }),
  { maxLength: 2 },
);

describe('fuzzed objects', () => {
  fuzz({
    name: 'merge of manifest and live object',
    cases: fc.tuple(manifest, manifest, fc.array(manifest, { maxLength: 2 })),
    check: ([want, live, previous]) => {
      const manifest = normalizeManifest(want, 'n');
      const options = { previous: previous.map((each) => normalizeManifest(each, 'n')) };
      const before = JSON.stringify([want, live, previous]);
      const patch = planPatch(live, manifest, options);
      const written = applyMergePatch(live, asJson(patch)) as KubeObject; // an object stays one
      const again = planPatch(written, manifest, options);
      if (Object.keys(again).length > 0) throw new Error(`it never comes to rest: ${JSON.stringify(again)}`);
      for (const field of [
        'name',
        'namespace',
        'uid',
        'resourceVersion',
        'ownerReferences',
        'finalizers',
      ] as const) {
        if (!equal(written.metadata[field], live.metadata[field])) throw new Error(`${field} is changed`);
      }
      if (!equal(written['status'], live['status'])) throw new Error('the status is changed');
      if (JSON.stringify([want, live, previous]) !== before) throw new Error('the input is changed');
      if (Object.hasOwn(Object.prototype, 'k')) throw new Error('the prototype is changed');
    },
  });

  fuzz({
    name: 'ignored fields',
    cases: fc.tuple(manifest, manifest, ignored),
    check: ([object, live, fields]) => {
      const before = JSON.stringify([object, live]);
      try {
        const rest = removeIgnoredFields(object, fields as readonly IgnoreField[]);
        if (JSON.stringify(rest).length > JSON.stringify(object).length)
          throw new Error('something was added');
        keepLiveFields(object, live, fields as readonly IgnoreField[]);
      } catch (error) {
        if (!(error instanceof IgnoreFieldError)) throw error;
      }
      if (JSON.stringify([object, live]) !== before) throw new Error('the input is changed');
    },
  });

  fuzz({
    name: 'jq paths',
    cases: fc.tuple(jq, fc.oneof(manifest, mutated(objects, 6))),
    check: ([expression, object]) => {
      try {
        locateJqPaths(expression, object);
      } catch (error) {
        if (!(error instanceof JqPathError)) throw error;
        if (/call stack|is not a function|undefined/.test(error.message)) throw error;
      }
    },
  });

  fuzz({
    name: 'owner references',
    cases: fc.tuple(
      fc.array(fc.constantFrom('us', 'u1', 'u2', 'u3')),
      fc.boolean(),
      mutated([[{ uid: 'u1' }], []]),
    ),
    check: ([uids, owned, wanted]) => {
      const reference = (uid: string) => ({ apiVersion: 'v1', kind: 'K', name: uid, uid });
      const now = [...new Set(uids)].map(reference);
      const next = planOwners(now, { owner: reference('us'), owned, wanted: wanted as never }) ?? now; // anything
      const lost = now.filter(({ uid }) => uid !== 'us' && !next.some((each) => each.uid === uid));
      if (lost.length > 0) throw new Error(`references of others are lost: ${JSON.stringify(lost)}`);
      if (next.some(({ uid }) => uid === 'us') !== owned)
        throw new Error('our own reference is not as it should be');
      clone(next);
    },
  });
});
