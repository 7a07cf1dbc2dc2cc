/** Random texts against the readers of what users type: selectors, JSONPath, join strings, JSON, YAML, quantities, times. */
import fc, { type Arbitrary } from 'fast-check';
import { formatFieldSelector, matchesFields, parseFieldSelector } from '../field-selectors.js';
import { formatJoinString, parseJoinString } from '../join-string.js';
import { equal } from '../json.js';
import { parseLabelSelector } from '../label-selector-parser.js';
import { formatLabelSelector, labelSelectorFromObject, matchesLabels } from '../selectors.js';
import { StatusError } from '../status.js';
import { asJson, fuzz, mutated, mutatedBytes, mutatedText } from '../testing/index.js';
import { parseTime } from '../time.js';
import { JsonSyntaxError, parseJsonStrict } from './json.js';
import { compileJsonPath, evaluateJsonPath, JsonPathError } from './jsonpath.js';
import { formatQuantity, parseQuantity, QuantityError } from './quantity.js';
import { parseYaml, stringifyYaml, YamlError } from './yaml.js';

/** Runs what may throw only these. */
function guarded<T>(run: () => T, isAllowed: (error: unknown) => boolean): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!isAllowed(error) || /call stack|is not a function/.test(String(error))) throw error;
    return undefined;
  }
}

const isBadRequest = (error: unknown): boolean => error instanceof StatusError && error.status.code === 400;

/** As deep as a server takes it. */
let deep: unknown = 1;
for (let level = 0; level < 450; level++) deep = level % 2 === 0 ? { a: deep } : [deep, level];

const objects: readonly unknown[] = [
  deep,
  {
    metadata: { name: 'a', labels: { 'a.b/c': 'd', x: '' } },
    spec: {
      list: [
        { name: 'x', n: 1 },
        { name: 'y', n: 2, deep: { more: [1, [2, [3]]] } },
      ],
      text: 'v',
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }], 'odd key': null },
  },
  Array.from({ length: 30 }, (_, at) => ({ name: `n${at}`, items: [{ a: at }, { b: [at, at] }] })),
];

describe('fuzzed texts', () => {
  fuzz({
    name: 'label selectors',
    cases: fc.tuple(
      mutatedText(
        ['a=b,c!=d', 'x in (a,b),y notin (c)', '!gone,there', 'n>1,m<2', 'a.b/c==d', ''],
        ['=', '==', '!=', '!', ',', 'in', 'notin', '(', ')', '>', '<', ' ', 'a', 'a.b/c', '-', '_'],
      ),
      fc.dictionary(
        fc.constantFrom('a', 'c', 'x', 'n', 'a.b/c', '__proto__'),
        fc.constantFrom('b', '', '1', 'd'),
      ),
    ),
    check: ([text, labels]) => {
      const selector = guarded(() => parseLabelSelector(text), isBadRequest);
      if (selector === undefined) return;
      const again = parseLabelSelector(formatLabelSelector(selector));
      if (matchesLabels(selector, labels) !== matchesLabels(again, labels))
        throw new Error('the text says something else');
    },
  });

  fuzz({
    name: 'label selectors as objects',
    cases: fc.tuple(
      fc.record({
        key: fc.oneof(fc.string(), fc.constantFrom('a', 'a.b/c', '__proto__')),
        operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist', 'Other', ''),
        values: fc.array(fc.string(), { maxLength: 3 }),
      }),
      fc.dictionary(fc.constantFrom('a', 'a.b/c', '__proto__'), fc.string()),
    ),
    check: ([requirement, labels]) => {
      const selector = guarded(
        () => labelSelectorFromObject({ matchLabels: labels, matchExpressions: [requirement] } as never), // as a server lets it in
        (error) => error instanceof StatusError,
      );
      if (selector !== undefined) matchesLabels(selector, labels);
    },
  });

  fuzz({
    name: 'field selectors',
    cases: mutatedText(
      ['metadata.name=a', 'a=b,c!=d', 'a\\,b==c\\=d', ''],
      ['=', '==', '!=', ',', '\\', '\\\\', 'a', '.'],
    ),
    check: (text) => {
      const selector = guarded(() => parseFieldSelector(text), isBadRequest);
      if (selector === undefined) return;
      const read = (field: string): string => (field.length % 2 === 0 ? 'a' : 'b');
      const again = parseFieldSelector(formatFieldSelector(selector));
      const sorted = (list: typeof again): string[] => list.map((each) => JSON.stringify(each)).sort();
      const isSame = equal(sorted(selector), sorted(again)); // in any order
      if (matchesFields(selector, read) !== matchesFields(again, read) || !isSame) {
        throw new Error('the text says something else');
      }
    },
  });

  fuzz({
    name: 'JSONPath',
    cases: fc.tuple(
      mutatedText(
        [
          '.spec.list[?(@.n>1)].name',
          '{.metadata.labels.a\\.b/c}',
          "$..['name','n']",
          '.spec.list[-1:0:2]',
          '{..deep..*}',
        ],
        [
          '.',
          '..',
          '*',
          '[',
          ']',
          '[*]',
          '[?(@',
          '@',
          '$',
          ')',
          '==',
          '<',
          '"',
          "'",
          ':',
          ',',
          '-1',
          '0',
          '{',
          '}',
          '\\',
          'name',
          '..*',
          '[*,*]',
          '[..,..]',
        ],
        6,
      ),
      mutated(objects, 2),
    ) as Arbitrary<readonly [string, unknown]>,
    past: [
      ['..*..*..*..*..*..*', deep],
      [`[${'*,'.repeat(40)}*]${'[*,*]'.repeat(20)}`, deep],
      ['..[?(@..*==1)]..[?(@..*==1)]..[?(@..a)]', deep],
    ],
    check: ([text, object]) => {
      const path = guarded(
        () => compileJsonPath(text),
        (error) => error instanceof JsonPathError,
      );
      if (path !== undefined)
        guarded(
          () => evaluateJsonPath(path, object),
          (error) => error instanceof JsonPathError,
        );
    },
  });

  fuzz({
    name: 'join strings',
    cases: mutatedText(
      [
        formatJoinString({
          server: 'https://hub.example:6443',
          token: 'abcdef.0123456789abcdef',
          caHash: `sha256:${'0a'.repeat(32)}`,
          cluster: 'c',
        }),
        `https://[::1]:6443/?token=abcdef.0123456789abcdef&ca=sha256:${'0'.repeat(64)}&also=https://b:1`,
      ],
      [
        'https://',
        '?',
        '&',
        '=',
        '#',
        '%',
        '%00',
        '[',
        ']',
        ':',
        '@',
        '/',
        'token=',
        'ca=',
        'also=',
        'cluster=',
        'sha256:',
      ],
    ),
    check: (text) => {
      const join = guarded(
        () => parseJoinString(text),
        (error) => error instanceof Error && error.constructor === Error,
      );
      if (join !== undefined && !equal(parseJoinString(formatJoinString(join)), join))
        throw new Error('it reads otherwise than it was written');
    },
  });

  fuzz({
    name: 'JSON texts',
    cases: fc.oneof(
      mutatedText(
        ['{"a":[1,2.5e3,"x\\u00e9",null,true],"b":{"c":{}}}', '[[[[]]]]'],
        ['{', '}', '[', ']', '"', ':', ',', '1e999', '-0', '\\ud800', '"a":'],
      ),
      fc.json(),
      fc.nat(60).map((nth) => '['.repeat([500, 20_000, 200_000][nth] ?? nth)),
    ),
    check: (text: string) => {
      const parsed = guarded(
        () => parseJsonStrict(text),
        (error) => error instanceof JsonSyntaxError,
      );
      if (parsed !== undefined && !equal(asJson(parsed.value), JSON.parse(text) as unknown))
        throw new Error('it is read otherwise than JSON.parse does');
    },
  });

  fuzz({
    name: 'YAML texts',
    cases: fc.oneof(
      mutatedText(
        ['a: 1\nb:\n- c: "d"\n- |\n  text\n', '---\nx: &a [1]\ny: *a\n...\n', '? k\n: v\n'],
        [
          '\n',
          '- ',
          ': ',
          '  ',
          '&a ',
          '*a',
          '!!binary ',
          '"',
          "'",
          '|',
          '>',
          '{',
          '}',
          '[',
          ']',
          '#',
          '---\n',
          '<<: *a\n',
          '\t',
        ],
      ),
      fc.nat(60).map((nth) => `${'- '.repeat([90, 600, 3000][nth] ?? nth)}x`),
    ),
    check: (text) => {
      const value = guarded(
        () => parseYaml(text),
        (error) => error instanceof YamlError,
      );
      if (value !== undefined)
        guarded(
          () => stringifyYaml(value as never),
          (error) => error instanceof YamlError,
        );
    },
  });

  fuzz({
    name: 'quantities and times',
    cases: mutatedText(
      ['100m', '1.5Gi', '-3e6', '0', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05.123456+02:00'],
      ['1', '0', '.', '-', '+', 'e', 'E', 'Ki', 'm', 'n', '9'.repeat(40), 'T', ':', 'Z', '999999999'],
    ),
    check: (text) => {
      const quantity = guarded(
        () => parseQuantity(text),
        (error) => error instanceof QuantityError,
      );
      if (quantity !== undefined) parseQuantity(formatQuantity(quantity));
      guarded(
        () => parseTime(text),
        (error) => error instanceof Error,
      );
    },
  });

  fuzz({
    name: 'bytes as JSON and YAML',
    cases: mutatedBytes([Buffer.from('{"apiVersion":"v1","kind":"X"}'), Buffer.from('a: é\nb: [1, 2]\n')]),
    check: (bytes) => {
      const text = Buffer.from(bytes).toString();
      guarded(
        () => parseJsonStrict(text),
        (error) => error instanceof JsonSyntaxError,
      );
      guarded(
        () => parseYaml(text),
        (error) => error instanceof YamlError,
      );
    },
  });
});
