import { expect } from 'chai';
import {
  everythingSelector,
  formatLabelSelector,
  labelSelectorFromObject,
  matchesLabels,
  nothingSelector,
} from './selectors.js';
import { StatusError } from './status.js';

describe('label selectors', () => {
  it('selects nothing when absent and everything when empty', () => {
    expect(labelSelectorFromObject(undefined)).to.equal(nothingSelector);
    expect(labelSelectorFromObject(null)).to.equal(nothingSelector);
    expect(labelSelectorFromObject({})).to.equal(everythingSelector);
    expect(labelSelectorFromObject({ matchLabels: {}, matchExpressions: [] })).to.equal(everythingSelector);
    expect(matchesLabels(nothingSelector, { a: 'b' })).to.equal(false);
    expect(matchesLabels(everythingSelector, undefined)).to.equal(true);
  });

  it('joins labels and expressions', () => {
    const selector = labelSelectorFromObject({
      matchLabels: { b: '2' },
      matchExpressions: [
        { key: 'a', operator: 'In', values: ['y', 'x'] },
        { key: 'c', operator: 'NotIn', values: ['z'] },
        { key: 'd', operator: 'Exists' },
        { key: 'e', operator: 'DoesNotExist', values: [] },
      ],
    });
    expect(formatLabelSelector(selector)).to.equal('a in (x,y),b=2,c notin (z),d,!e');
    expect(matchesLabels(selector, { a: 'x', b: '2', d: '' })).to.equal(true);
    expect(matchesLabels(selector, { a: 'x', b: '2', d: '', e: '' })).to.equal(false);
    expect(matchesLabels(selector, { a: 'x', b: '2', c: 'z', d: '' })).to.equal(false);
  });

  for (const [expression, message] of [
    [{ key: 'a', operator: 'Near' }, '"Near" is not a valid label selector operator'],
    [
      { key: 'a', operator: 'In' },
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      { key: 'a', operator: 'Exists', values: ['x'] },
      'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
    ],
  ] as const) {
    it(`refuses ${JSON.stringify(expression)}`, () => {
      const { key, operator } = expression;
      const values = 'values' in expression ? [...expression.values] : undefined;
      expect(() =>
        labelSelectorFromObject({ matchExpressions: [{ key, operator, ...(values && { values }) }] }),
      )
        .to.throw(StatusError)
        .that.deep.includes({ message, code: 400 });
    });
  }

  it('has no text for the selector that matches nothing', () => {
    expect(() => formatLabelSelector(nothingSelector)).to.throw('has no text form');
  });
});
