import { expect } from 'chai';
import { AttemptLimit } from './attempt-limit.js';

describe('the limit of wrong attempts', () => {
  const limits = { windowMs: 1000, perAddress: 2, total: 4, maxAddresses: 3 };
  let nowMs = 0;
  const create = (): AttemptLimit => new AttemptLimit({ monotonicMs: () => nowMs }, limits);
  beforeEach(() => {
    nowMs = 5000;
  });

  it('makes an address wait for the next window, and no other', () => {
    const limit = create();
    limit.count('a');
    expect(limit.waitMs('a')).to.equal(0);
    limit.count('a');
    nowMs += 300;
    expect(limit.waitMs('a')).to.equal(700);
    expect(limit.waitMs('b')).to.equal(0);
    nowMs += 700;
    expect(limit.waitMs('a')).to.equal(0);
  });

  it('makes all wait when all together were wrong too often', () => {
    const limit = create();
    for (const address of ['a', 'b', 'c', 'd']) limit.count(address);
    expect(limit.waitMs('e')).to.equal(1000);
    nowMs += 1000;
    expect(limit.waitMs('e')).to.equal(0);
  });
});
