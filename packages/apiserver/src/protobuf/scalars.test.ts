import { expect } from 'chai';
import { formatDuration } from './scalars.js';

describe('formatDuration', () => {
  const cases: readonly (readonly [bigint, string])[] = [
    [0n, '0s'],
    [1n, '1ns'],
    [1_500n, '1.5µs'],
    [200_000_000n, '200ms'],
    [1_500_000_000n, '1.5s'],
    [60_000_000_000n, '1m0s'],
    [3_600_000_000_000n, '1h0m0s'],
    [-90_000_000_000n, '-1m30s'],
  ];
  for (const [nanos, text] of cases) {
    it(`writes ${nanos} ns as ${text}`, () => {
      expect(formatDuration(nanos)).to.equal(text);
    });
  }
});
