import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import { createReservations } from './reservations.js';

describe('reservations in a shared store', () => {
  it('give a value to one server at a time, and again when it is surely not on its way any more', async () => {
    const store = createMemoryStore();
    const [a, b] = [createReservations(store, 'a'), createReservations(store, 'b')];
    const first = await Promise.all([a('10.96.0.1', 1_000), b('10.96.0.1', 1_000)]);
    expect(first.filter(Boolean)).to.have.length(1);
    const [winner, loser] = first[0] ? [a, b] : [b, a];
    expect(await loser('10.96.0.1', 10_999)).to.equal(false);
    expect(await winner('10.96.0.1', 2_999)).to.equal(false);
    expect(await winner('10.96.0.1', 3_000)).to.equal(true);
    expect(await loser('10.96.0.1', 12_999)).to.equal(false);
    expect(await loser('10.96.0.1', 13_000)).to.equal(true);
    expect(await a('10.96.0.2', 1_000)).to.equal(true);
  });
});
