import { expect } from 'chai';
import fc from 'fast-check';
import { compilePattern, patternProblem } from './pattern.js';

const matching: readonly (readonly [string, string, boolean])[] = [
  ['', 'anything', true],
  ['^$', '', true],
  ['^$', 'a', false],
  ['b', 'abc', true],
  ['^a{2,3}$', 'aaaa', false],
  ['^a{2,}$', 'aaaa', true],
  ['^(a|bc)+$', 'abcbca', true],
  ['^[^a-c]+$', 'xyz', true],
  ['^[^a-c]+$', 'xbz', false],
  ['^\\d+\\.\\d+$', '12.5', true],
  ['^[\\w.-]+$', 'a_b.c-d', true],
  ['^[]a]+$', ']a', true],
  ['^[a\\-z]+$', 'a-z', true],
  ['^a{,2}$', 'a{,2}', true],
  ['(?i)^straße$', 'STRAßE', true],
  ['(?i:A)b', 'ab', true],
  ['(?i:A)b', 'aB', false],
  ['(?s)^a.b$', 'a\nb', true],
  ['^a.b$', 'a\nb', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['\\Aab\\z', 'ab', true],
  ['\\bfoo\\b', 'a foo.', true],
  ['\\bfoo\\b', 'afoo', false],
  ['o\\B', 'of', true],
  ['^[[:alpha:]]+$', 'abC', true],
  ['^[[:^alpha:]]+$', '12', true],
  ['^\\pL+$', '日本é', true],
  ['^\\p{Greek}+$', 'αβγ', true],
  ['^\\PL+$', '123', true],
  ['^.$', '😀', true],
  ['^\\x{1F600}$', '😀', true],
  ['^\\x41\\101$', 'AA', true],
  ['^\\Qa.b\\E$', 'a.b', true],
  ['^\\Qa.b\\E$', 'axb', false],
  ['^(?P<name>a)(?:b)$', 'ab', true],
  ['^a*?b+?$', 'aabb', true],
  ['^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])$', 'a-b.c', true],
];

const broken: readonly (readonly [string, string])[] = [
  ['(a', 'missing closing ): `(a`'],
  ['a)', 'unexpected ): `a)`'],
  ['[a', 'missing closing ]: `[a`'],
  ['*a', 'missing argument to repetition operator: `*`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['a{3,2}', 'invalid repeat count: `{3,2}`'],
  ['[b-a]', 'invalid character class range: `b-a`'],
  ['a(?=b)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(a)\\1x\\k', 'invalid escape sequence: `\\1`'],
  ['\\pX', 'invalid character class range: `\\pX`'],
  ['a\\', 'trailing backslash at end of expression: ``'],
  ['((a{100}){100}){100}', 'expression too large: `((a{100}){100}){100}`'],
];

describe('compilePattern', () => {
  for (const [pattern, text, expected] of matching) {
    it(`${pattern} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
      expect(compilePattern(pattern).test(text)).to.equal(expected);
    });
  }

  for (const [pattern, problem] of broken) {
    it(`refuses ${pattern}`, () => {
      expect(patternProblem(pattern)).to.equal(`error parsing regexp: ${problem}`);
    });
  }

  it('reads long texts in a time that does not explode', () => {
    const text = `${'a'.repeat(20_000)}!`;
    expect(compilePattern('^(a+)+$').test(text)).to.equal(false);
    expect(compilePattern('^(a|aa)+$').test(text)).to.equal(false);
    expect(compilePattern('(.*)(.*)(.*)(.*)x').test(text)).to.equal(false);
  });

  it('answers like the native engine where both speak the same syntax', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\b', '^', '$', '1', ' ');
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie('pattern'), tie('pattern')).map(([x, y]) => x + y),
        fc.tuple(tie('pattern'), tie('pattern')).map(([x, y]) => `(?:${x}|${y})`),
        fc
          .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '*?', '{2}', '{1,2}', '{0,1}', '{2,}'))
          .map(([x, count]) => `(?:${x})${count}`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', ' ', '\n', 'é'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 5 }), (source, texts) => {
        const ours = compilePattern(source);
        const native = new RegExp(source);
        for (const each of texts)
          expect(ours.test(each), `${source} on ${JSON.stringify(each)}`).to.equal(native.test(each));
      }),
      { numRuns: 500 },
    );
  });
});

describe('findAll', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['[0-9]+', 'a12b3', ['12', '3']],
    ['a|ab', 'ab', ['a']],
    ['ab|a', 'ab', ['ab']],
    ['a*?b', 'aab', ['aab']],
    ['a+?', 'aa', ['a', 'a']],
    ['x*', 'ab', ['', '', '']],
    ['\\bfoo\\b', 'foo food foo', ['foo', 'foo']],
    ['(a+)+$', `${'a'.repeat(60)}b`, []],
  ];
  for (const [pattern, text, expected] of cases) {
    it(`${pattern} in ${JSON.stringify(text)}`, () => {
      expect(compilePattern(pattern).findAll(text, 10)).to.deep.equal(expected);
    });
  }

  it('stops at the limit', () => {
    expect(compilePattern('a').findAll('aaaa', 2)).to.deep.equal(['a', 'a']);
  });
});
