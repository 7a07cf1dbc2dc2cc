import { expect } from 'chai';
import fc from 'fast-check';
import { parseYaml, stringifyYaml, YamlError } from './yaml.js';

const readings: readonly (readonly [string, unknown])[] = [
  ['a: yes', { a: true }],
  ['a: off', { a: false }],
  ['a: 017', { a: 15 }],
  ['a: 1_000', { a: 1000 }],
  ['a: 0x1F', { a: 31 }],
  ['a: 2026-01-01', { a: '2026-01-01' }],
  ['a: 2026-01-01T00:00:00Z', { a: '2026-01-01T00:00:00Z' }],
  ['a: 22:22', { a: '22:22' }],
  ['a: "yes"', { a: 'yes' }],
  ['a: ~', { a: null }],
  ['a:', { a: null }],
  ['a: 1.5', { a: 1.5 }],
  ['1: x', { '1': 'x' }],
  ['y: x', { true: 'x' }],
  ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
  ['a: &x {b: 1}\nc: *x', { a: { b: 1 }, c: { b: 1 } }],
  ['a: &x {b: 1}\nc:\n  <<: *x\n  d: 2', { a: { b: 1 }, c: { b: 1, d: 2 } }],
  ['- a\n- b: c', ['a', { b: 'c' }]],
  ['{"a": [1, 2]}', { a: [1, 2] }],
  ['{a: 1}', { a: 1 }],
  ['a: # comment\n  b: 1', { a: { b: 1 } }],
];

const broken: readonly (readonly [string, RegExp])[] = [
  ['a: 1\na: 2', /^yaml: line 2, column 1: Map keys must be unique/],
  ['a: [1', /^yaml: line 1, column 6: /],
  ['a: b: c', /^yaml: line 1, column \d+: /],
  ['\ta: 1', /^yaml: line 1, column \d+: /],
  ['a: .inf', /^yaml: a is Infinity, which JSON cannot express$/],
  ['a: *gone', /gone/],
  ['{"a": 1, "a": 2}', /^yaml: key "a" is already set in map$/],
];

describe('parseYaml', () => {
  for (const [text, expected] of readings) {
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(parseYaml(text)).to.deep.equal([expected]);
    });
  }

  for (const [text, message] of broken) {
    it(`refuses ${JSON.stringify(text)} in one line`, () => {
      expect(() => parseYaml(text))
        .to.throw(YamlError)
        .with.property('message')
        .that.matches(message)
        .and.does.not.include('\n');
    });
  }

  it('reads several documents and skips empty ones', () => {
    expect(parseYaml('---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n')).to.deep.equal([{ a: 1 }, { b: 2 }]);
    expect(parseYaml('')).to.deep.equal([]);
  });

  it('gives the line of a mistake in a later document', () => {
    expect(() => parseYaml('a: 1\n---\nb: [')).to.throw(YamlError, /line 3/);
  });

  it('does not let aliases share an object', () => {
    const [value] = parseYaml('a: &x {b: 1}\nc: *x') as [{ a: { b: number }; c: { b: number } }];
    value.a.b = 5;
    expect(value.c.b).to.equal(1);
  });

  it('refuses aliases that multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 10; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`);
    expect(() => parseYaml(lines.join('\n'))).to.throw(YamlError, /alias/i);
  });

  it('refuses what nests too deep, whichever way, before the stack ends', () => {
    const deep = 20_000;
    for (const text of [
      `a: ${'['.repeat(deep)}`,
      `{"a":${'[{"a":'.repeat(deep)}1`,
      `${'- '.repeat(deep)}x`,
      '? '.repeat(deep),
      Array.from({ length: 700 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'),
    ]) {
      expect(() => parseYaml(text), text.slice(0, 20)).to.throw(YamlError, 'exceeded max depth of 500');
    }
    expect(parseYaml(`${'- '.repeat(400)}x`)).to.have.length(1);
  });

  it('tells which integers it cannot keep', () => {
    const paths: string[] = [];
    const text =
      'a: 9007199254740993\nb: [1, 9007199254740992, -9223372036854775807]\nc: 0x7fffffffffffffff\n';
    const [value] = parseYaml(text, { onInexact: (path) => paths.push(path) });
    expect(value).to.deep.equal({ a: 2 ** 53, b: [1, 2 ** 53, -(2 ** 63)], c: 2 ** 63 });
    expect(paths).to.deep.equal(['a', 'b[2]', 'c']);
    expect(() => parseYaml(`a: 1${'0'.repeat(400)}`)).to.throw(YamlError, 'cannot express');
  });

  it('keeps __proto__ an ordinary key', () => {
    const [value] = parseYaml('__proto__: {x: 1}');
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect(Object.keys(value as object)).to.deep.equal(['__proto__']);
  });
});

describe('stringifyYaml', () => {
  it('writes what nests too deep for a layout as JSON', () => {
    let value: unknown = 1;
    for (let level = 0; level < 1000; level++) value = level % 2 === 0 ? [value] : { a: value };
    expect(JSON.parse(stringifyYaml(value))).to.deep.equal(value);
  });

  it('lays a document out like kubectl', () => {
    const object = {
      apiVersion: 'v1',
      metadata: { annotations: { on: 'yes' }, creationTimestamp: '2026-01-01T00:00:00Z' },
      data: { script: 'a\nb\n', port: '8080', empty: '' },
      list: [{ a: 1, b: [] }, 'x'],
    };
    expect(stringifyYaml(object)).to.equal(`apiVersion: v1
metadata:
  annotations:
    "on": "yes"
  creationTimestamp: "2026-01-01T00:00:00Z"
data:
  script: |
    a
    b
  port: "8080"
  empty: ""
list:
- a: 1
  b: []
- x
`);
  });

  it('is read back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (drawn) => {
        const value: unknown = JSON.parse(JSON.stringify(drawn));
        fc.pre(value !== null);
        expect(parseYaml(stringifyYaml(value))).to.deep.equal([value]);
      }),
      { numRuns: 500 },
    );
  });

  it('is read back as it was, for texts that YAML could take for something else', () => {
    const tricky = fc.constantFrom(
      'yes',
      'n',
      'y',
      'NO',
      '017',
      '0o17',
      '0x1',
      '1_0',
      '1e3',
      '1e+21',
      '.5',
      '+1',
      '-',
      '~',
      'null',
      '2026-01-01',
      '22:22',
      '<<',
      '=',
      '---',
      '...',
      '# a',
      'a: b',
      '- a',
      '? a',
      '&a',
      '*a',
      '!a',
      '|',
      '>',
      '%',
      '@',
      '`',
      ' a',
      'a ',
      '\ta',
      'a\n',
      '\n',
      '\r',
      '\u2028',
      '\u0000',
      '\ufeff',
      '"',
      "'",
      '{',
      '[1]',
      'a,b',
      '.inf',
      '.NaN',
      '1:2:3',
      '0b1',
      '__proto__',
    );
    const text = fc.array(tricky, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.dictionary(
          text,
          fc.oneof(text, fc.array(text), fc.double({ noNaN: true, noDefaultInfinity: true })),
        ),
        (drawn) => {
          const value: unknown = JSON.parse(JSON.stringify(drawn));
          expect(parseYaml(stringifyYaml(value))).to.deep.equal([value]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
