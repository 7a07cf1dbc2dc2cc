import { expect } from 'chai';
import fc from 'fast-check';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
} from './quantity.js';

const canonical: readonly (readonly [string | number, string])[] = [
  ['0', '0'],
  ['0Gi', '0'],
  ['1', '1'],
  [2, '2'],
  [0.5, '500m'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['.5', '500m'],
  ['1.', '1'],
  ['+1', '1'],
  ['-1500m', '-1500m'],
  ['1500', '1500'],
  ['1000', '1k'],
  ['1000000', '1M'],
  ['0.001', '1m'],
  ['1u', '1u'],
  ['1n', '1n'],
  ['0.1n', '1n'],
  ['-0.1n', '-1n'],
  ['1.1', '1100m'],
  ['100m', '100m'],
  ['1E', '1E'],
  ['1000E', '1000E'],
  ['1Ki', '1Ki'],
  ['1024Ki', '1Mi'],
  ['1.5Gi', '1536Mi'],
  ['1000Ki', '1000Ki'],
  ['0.5Ki', '512'],
  ['0.5Mi', '512Ki'],
  ['1.0001Ki', '1025'],
  ['1e3', '1e3'],
  ['1E3', '1e3'],
  ['1e-3', '1e-3'],
  ['12e2', '1200'],
  ['100e6', '100e6'],
];

const broken = [
  '',
  ' 1',
  '1 ',
  'a',
  '1.2.3',
  '.',
  '1K',
  '1ki',
  '1kk',
  '--1',
  '1e',
  '0x1',
  '1Mi5',
  'Gi',
  '1e999',
];

describe('quantities', () => {
  for (const [text, expected] of canonical) {
    it(`prints ${text} as ${expected}`, () => {
      expect(formatQuantity(parseQuantity(text))).to.equal(expected);
    });
  }

  for (const text of broken) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseQuantity(text)).to.throw(QuantityError);
    });
  }

  const sums: readonly (readonly [string, string, string])[] = [
    ['500m', '0.5', '1'],
    ['1Gi', '1Mi', '1025Mi'],
    ['1Gi', '1k', '1073742824'],
    ['0', '1Gi', '1Gi'],
    ['1', '-1', '0'],
  ];
  for (const [a, b, expected] of sums) {
    it(`adds ${a} and ${b}`, () => {
      expect(formatQuantity(addQuantities(parseQuantity(a), parseQuantity(b)))).to.equal(expected);
    });
  }

  it('orders exactly, beyond what a double holds', () => {
    expect(compareQuantities(parseQuantity('9007199254740993'), parseQuantity('9007199254740992'))).to.equal(
      1,
    );
    expect(compareQuantities(parseQuantity('1k'), parseQuantity('1000'))).to.equal(0);
    expect(compareQuantities(parseQuantity('1k'), parseQuantity('1Ki'))).to.equal(-1);
  });

  it('prints what reads back as the same amount, and prints that the same', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-3');
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), suffix, (digits, unit) => {
        const quantity = parseQuantity(`${digits}${unit}`);
        const text = formatQuantity(quantity);
        expect(compareQuantities(parseQuantity(text), quantity)).to.equal(0);
        expect(formatQuantity(parseQuantity(text))).to.equal(text);
      }),
    );
  });
});
