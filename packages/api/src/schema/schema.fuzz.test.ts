/** Random schemas, objects and CEL rules against pruning, defaulting, validation and the checks of definitions. */
import fc from 'fast-check';
import { clone, equal, type JsonObject } from '../json.js';
import { manifestWorkKind } from '../kinds/manifest-work.js';
import { applyMergePatch, createMergePatch } from '../merge-patch.js';
import { StatusError } from '../status.js';
import { asJson, fuzz, mutated, mutatedText } from '../testing/index.js';
import { validateManifestWork } from '../validation/manifest-work.js';
import { CelBudgetError, CelCompileError, compileCel, defaultBudgetOptions } from './cel-environment.js';
import { toCelValue } from './cel-values.js';
import { applyDefaults } from './default.js';
import { compilePattern, patternProblem } from './pattern.js';
import { pruneUnknown } from './prune.js';
import type { Schema } from './schema.js';
import { validateStructuralSchema } from './structural.js';
import { validateObject } from './validate.js';

const schema: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10, default: 3 },
        mode: { type: 'string', enum: ['a', 'b'], default: 'a' },
        name: { type: 'string', pattern: '^[a-z]+$', maxLength: 5, format: 'ipv4' },
        port: { 'x-kubernetes-int-or-string': true },
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        map: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, n: { type: 'integer' } },
          },
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        inner: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        any: { type: 'object', additionalProperties: { type: 'string', nullable: true } },
        one: { type: 'integer', oneOf: [{ minimum: 3 }, { maximum: 1 }], not: { enum: [5] } },
      },
      'x-kubernetes-validations': [
        { rule: 'self.size <= 10', message: 'too big' },
        {
          rule: '!has(self.map) || self.map.all(x, self.map.exists_one(y, x.name == y.name))',
          message: 'names twice',
        },
      ],
    },
  },
};
const object: JsonObject = {
  apiVersion: 'x.dev/v1',
  kind: 'X',
  metadata: { name: 'x', labels: { a: 'b' } },
  spec: {
    size: 1,
    mode: 'b',
    name: 'abc',
    port: 80,
    set: ['a', 'b'],
    map: [{ name: 'x', n: 1 }],
    free: { any: [1, { thing: null }] },
    inner: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'i' } },
    any: { k: 'v', l: null },
    one: 4,
  },
};
const work = {
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name: 'w', namespace: 'c' },
  spec: {
    workload: {
      manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'd' } }],
    },
    manifestConfigs: [
      {
        resourceIdentifier: { group: '', resource: 'configmaps', name: 'a', namespace: 'd' },
        feedbackRules: [{ type: 'JSONPaths', jsonPaths: [{ name: 'x', path: '.data.k' }] }],
        conditionRules: [
          {
            type: 'CEL',
            condition: 'Fine',
            celExpressions: ['object.data.k == "v"'],
            messageExpression: '"m"',
          },
        ],
        updateStrategy: {
          type: 'ServerSideApply',
          serverSideApply: {
            ignoreFields: [{ condition: 'OnSpokeChange', jsonPaths: ['.data'], jqPathExpressions: ['.a'] }],
          },
        },
      },
    ],
    executor: { subject: { type: 'ServiceAccount', serviceAccount: { namespace: 'a', name: 'b' } } },
  },
};
const asMap = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
const cel = mutatedText(
  [
    'self.a == self.b && has(self.c)',
    'self.list.all(x, self.list.exists(y, x == y))',
    '[1,2,3].map(x, [1,2,3].map(y, x * y))[0][1] > 2 ? "a" : "b"',
    'self.text.matches("^(a+)+$") || self.text.split(",").size() > 3',
    'quantity("1Gi").isGreaterThan(quantity("1Mi")) && ip("1.2.3.4").family() == 4',
    'url("https://x/y").getHost() == "x" && semver("1.2.3").major() == 1',
    '"%s %d".format(["a", 1]) == self.text.lowerAscii().replace("a", "bb")',
    'self.a.?b.orValue(1) == 1 && cel.bind(x, 3, x + x) == 6',
    'duration("1h").getSeconds() > 3 && timestamp("2026-01-01T00:00:00Z").getFullYear() > 1',
  ],
  [
    'self',
    '.',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '?',
    ':',
    '&&',
    '||',
    '!',
    '"',
    "'",
    '+',
    '*',
    '-',
    '/',
    '%',
    'in',
    '9223372036854775807',
    '1u',
    '1.5',
    'b"x"',
    '.all(x,',
    '.map(y,',
    'has(',
    'size(',
    'null',
    '.repeat',
    '??',
    '"\\',
  ],
);

describe('fuzzed schemas', () => {
  fuzz({
    name: 'pruning, defaulting and validation of objects',
    cases: mutated([object], 5),
    check: (value) => {
      const sent = asMap(value);
      const pruned = clone(sent);
      pruneUnknown(pruned, schema);
      const again = clone(pruned);
      if (pruneUnknown(again, schema).length > 0 || !equal(again, pruned))
        throw new Error('pruning twice drops more');
      applyDefaults(pruned, schema);
      const defaulted = clone(pruned);
      applyDefaults(defaulted, schema);
      if (!equal(defaulted, pruned)) throw new Error('defaulting twice sets more');
      for (const { field } of validateObject(pruned, schema))
        if (typeof field !== 'string') throw new Error('a fault without a field');
    },
  });

  fuzz({
    name: 'structural schemas',
    cases: fc.tuple(mutated([schema], 4), mutated([object], 2)),
    past: [[{ type: 'array', 'x-kubernetes-list-type': 'set', items: null }, {}]],
    check: ([candidate, value]) => {
      const problems = validateStructuralSchema(candidate as Schema, { path: 'schema' } as never);
      if (problems.length > 0) return;
      const pruned = clone(asMap(value));
      pruneUnknown(pruned, candidate as Schema);
      applyDefaults(pruned, candidate as Schema);
      validateObject(pruned, candidate as Schema);
    },
  });

  fuzz({
    name: 'works at admission',
    cases: mutated([work], 4),
    past: [{ ...work, metadata: { name: { length: { toString: null } } } }],
    check: (value) => {
      const candidate = asMap(value);
      const { schema: workSchema } = manifestWorkKind as unknown as { schema: Schema };
      if (workSchema !== undefined && validateObject(candidate, workSchema).length > 0) return; // it would come no further
      try {
        validateManifestWork(candidate as never);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
      }
    },
  });

  fuzz({
    name: 'CEL',
    cases: fc.tuple(
      cel,
      mutated([{ a: 1, b: 1, c: { d: 'x' }, list: [1, 2, 3], text: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!' }], 2),
    ),
    check: ([expression, self]) => {
      let program: ReturnType<typeof compileCel>;
      try {
        program = compileCel(expression, { type: [] });
      } catch (error) {
        if (error instanceof CelCompileError && !/call stack|is not a function/.test(error.message)) return;
        throw error;
      }
      try {
        program.evaluate(
          { self: toCelValue(self, undefined) },
          { steps: defaultBudgetOptions.stepsPerObject },
        );
      } catch (error) {
        if (error instanceof CelBudgetError) return;
        if (error instanceof TypeError || error instanceof RangeError) throw error;
      }
    },
  });

  fuzz({
    name: 'patterns',
    cases: fc.tuple(
      mutatedText(
        ['^(a+)+$', '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', '(x|y){1,30}z', '\\p{L}+\\d{2,}'],
        [
          '(',
          ')',
          '[',
          ']',
          '{',
          '}',
          '*',
          '+',
          '?',
          '|',
          '^',
          '$',
          '\\',
          '\\d',
          '\\b',
          '.',
          '(?i)',
          '{1000}',
          'a',
          '-',
          '(?=',
        ],
      ),
      fc.oneof(
        fc.string({ maxLength: 50 }),
        fc.nat(2000).map((count) => `${'a'.repeat(count)}!`),
      ),
    ),
    check: ([pattern, text]) => {
      if (patternProblem(pattern) === undefined) compilePattern(pattern).test(text);
    },
  });

  fuzz({
    name: 'merge patches',
    cases: fc.tuple(mutated([object], 3), mutated([object, { spec: null }, [], 'x'], 3)),
    check: ([target, patch]) => {
      const before = JSON.stringify([target, patch]);
      const patched = applyMergePatch(target, patch);
      if (!equal(applyMergePatch(patched, patch), patched))
        throw new Error('applied twice it does something else');
      const [from, to] = [asMap(target), asMap(patched)];
      const made = createMergePatch(from, to);
      if (!JSON.stringify(to).includes('null') && !equal(applyMergePatch(from, asJson(made)), to))
        throw new Error('the made patch does not lead there');
      if (JSON.stringify([target, patch]) !== before) throw new Error('the input is changed');
    },
  });
});
