import { expect } from 'chai';
import fc from 'fast-check';
import { parseLabelSelector } from './label-selector-parser.js';
import { formatLabelSelector, matchesLabels } from './selectors.js';
import { StatusError } from './status.js';

const qualified =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

describe('label selector parser', () => {
  for (const [text, labels, matches] of [
    ['', {}, true],
    ['a=b', { a: 'b' }, true],
    ['a=b', { a: 'c' }, false],
    ['a=b', {}, false],
    ['a==b', { a: 'b' }, true],
    ['a!=b', { a: 'c' }, true],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a=', { a: '' }, true],
    ['a=,b', { a: '', b: 'x' }, true],
    ['a', { a: 'x' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['! a', { a: 'x' }, false],
    ['a in (x,y)', { a: 'y' }, true],
    ['a in ( x , y )', { a: 'y' }, true],
    ['a in(x)', { a: 'x' }, true],
    ['a in (x,y)', { a: 'z' }, false],
    ['a in ()', { a: '' }, true],
    ['a in (,x)', { a: '' }, true],
    ['a in (x,)', { a: '' }, true],
    ['a in (x,,y)', { a: '' }, true],
    ['a notin (x)', { a: 'y' }, true],
    ['a notin (x)', {}, true],
    ['a notin (x)', { a: 'x' }, false],
    ['a>1', { a: '2' }, true],
    ['a > 1', { a: '1' }, false],
    ['a<9223372036854775807', { a: '9223372036854775806' }, true],
    ['a>1', { a: 'x' }, false],
    ['a>1', {}, false],
    ['a=b,!c,d in (e)', { a: 'b', d: 'e' }, true],
    ['a=b,!c,d in (e)', { a: 'b', c: '', d: 'e' }, false],
    ['in=notin', { in: 'notin' }, true],
    ['in in (in)', { in: 'in' }, true],
    ['example.com/role=x', { 'example.com/role': 'x' }, true],
    ['\t a = b \n', { a: 'b' }, true],
    ['constructor', {}, false],
  ] as const) {
    it(`${JSON.stringify(text)} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(labels)}`, () => {
      expect(matchesLabels(parseLabelSelector(text), labels)).to.equal(matches);
    });
  }

  for (const [text, message] of [
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['a in', "unable to parse requirement: found '' expected: '('"],
    ['a in x', "unable to parse requirement: found 'x' expected: '('"],
    ['a in (', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['a in (x', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (x y)', "unable to parse requirement: found 'y', expected: ',' or ')'"],
    ['a in (x,=)', "unable to parse requirement: found '=', expected: ',', or identifier"],
    ['a=(', "unable to parse requirement: found '(', expected: identifier"],
    [
      'a>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['-a=b', `unable to parse requirement: <nil>: Invalid value: "-a": ${qualified}`],
    [
      'a=-b',
      "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseLabelSelector(text))
        .to.throw(StatusError)
        .that.deep.includes({ message, code: 400, reason: 'BadRequest' });
    });
  }

  it('reads back what was written, and never fails in another way', () => {
    const chars = fc.constantFrom('a', 'b', 'in', 'notin', '=', '!', '<', '>', '(', ')', ',', ' ', '1');
    fc.assert(
      fc.property(fc.array(chars, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        try {
          const selector = parseLabelSelector(text);
          expect(parseLabelSelector(formatLabelSelector(selector))).to.deep.equal(selector);
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
