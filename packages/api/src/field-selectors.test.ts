import { expect } from 'chai';
import fc from 'fast-check';
import {
  exactFieldValue,
  formatFieldSelector,
  matchesFields,
  type ParsedFieldSelector,
  parseFieldSelector,
} from './field-selectors.js';
import { StatusError } from './status.js';

describe('field selectors', () => {
  for (const [text, expected] of [
    ['', []],
    [',', []],
    ['metadata.name=a', [{ field: 'metadata.name', operator: '=', value: 'a' }]],
    ['metadata.name==a', [{ field: 'metadata.name', operator: '=', value: 'a' }]],
    ['status.phase!=Failed', [{ field: 'status.phase', operator: '!=', value: 'Failed' }]],
    ['a=', [{ field: 'a', operator: '=', value: '' }]],
    [
      'b=2,a=1',
      [
        { field: 'a', operator: '=', value: '1' },
        { field: 'b', operator: '=', value: '2' },
      ],
    ],
    ['a=x\\,y\\=z\\\\', [{ field: 'a', operator: '=', value: 'x,y=z\\' }]],
  ] as const) {
    it(`parses ${JSON.stringify(text)}`, () => expect(parseFieldSelector(text)).to.deep.equal(expected));
  }

  for (const [text, message] of [
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=1,b', "invalid selector: 'a=1,b'; can't understand 'b'"],
    ['a>1', "invalid selector: 'a>1'; can't understand 'a>1'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=b\\c', 'invalid field selector: invalid escape sequence: \\c'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseFieldSelector(text))
        .to.throw(StatusError)
        .that.deep.includes({ message, code: 400 });
    });
  }

  it('matches when all requirements hold', () => {
    const read = (field: string): string =>
      ({ 'metadata.name': 'a', 'status.phase': 'Running' })[field] ?? '';
    const matches = (text: string): boolean => matchesFields(parseFieldSelector(text), read);
    expect(matches('')).to.equal(true);
    expect(matches('metadata.name=a,status.phase!=Failed')).to.equal(true);
    expect(matches('metadata.name=a,status.phase=Failed')).to.equal(false);
    expect(matches('missing=')).to.equal(true);
  });

  it('finds the value that is demanded of a field', () => {
    const selector = parseFieldSelector('metadata.name=a,spec.x!=b');
    expect(exactFieldValue(selector, 'metadata.name')).to.equal('a');
    expect(exactFieldValue(selector, 'spec.x')).to.equal(undefined);
  });

  it('reads back what it wrote', () => {
    const selectors = fc.record({
      field: fc.stringMatching(/^[a-z.]+$/),
      operator: fc.constantFrom('=' as const, '!=' as const),
      value: fc.string({ unit: fc.constantFrom('a', ',', '=', '\\', '!') }),
    });
    fc.assert(
      fc.property(selectors, (requirement) => {
        const selector: ParsedFieldSelector = [requirement];
        // `a=` followed by `=b` cannot arise: an equals sign in a value is escaped
        expect(parseFieldSelector(formatFieldSelector(selector))).to.deep.equal(selector);
      }),
    );
  });
});
