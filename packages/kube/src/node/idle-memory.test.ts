import { expect } from 'chai';
import { createHeapPort, defaultIdleMemoryOptions, IdleCollector } from './idle-memory.js';

const mib = 1024 * 1024;

/** A process whose heap is as small after a collection as the next of `floors` says, and has so much in it then. */
function setUp(totalMib: number, floors: readonly number[]) {
  const state = {
    cpuMs: 0,
    totalMib,
    usedMib: 10,
    aliveMib: undefined as number | undefined,
    collections: 0,
    nextMs: 0,
  };
  const collector = new IdleCollector({
    cpuMs: () => state.cpuMs,
    heap: () => ({ totalBytes: state.totalMib * mib, usedBytes: state.usedMib * mib }),
    collect: () => {
      state.totalMib = floors[Math.min(state.collections, floors.length - 1)] ?? 0;
      state.usedMib = state.aliveMib ?? state.usedMib;
      state.collections++;
      state.cpuMs += 500;
    },
  });
  const look = (busyMs = 0): number => {
    state.cpuMs += busyMs;
    state.nextMs = collector.look();
    return state.collections;
  };
  return { state, look };
}

describe('idle memory', () => {
  it('is given back when a burst is over, until a round is not worth it, and then left alone', () => {
    const { look } = setUp(150, [60, 40, 39]);
    expect([look(2000), look(2000), look(10), look(10), look(10), look(10), look(10)]).to.deep.equal([
      0, 0, 1, 2, 3, 3, 3,
    ]);
  });

  it('is given back in a few rounds at most, and again after the next burst', () => {
    const { state, look } = setUp(150, [120, 100, 80, 60, 50, 42, 34, 26]);
    for (let i = 0; i < 10; i++) look();
    expect(state.collections).to.equal(defaultIdleMemoryOptions.maxRounds);
    state.totalMib = 130;
    expect([look(2000), look(), look(), look(), look(), look()]).to.deep.equal([4, 5, 6, 7, 8, 8]);
  });

  it('goes on after a round that found much garbage and made the heap hardly smaller', () => {
    const { state, look } = setUp(176, [173, 123, 102, 90]);
    Object.assign(state, { usedMib: 147, aliveMib: 55 });
    expect([look(2000), look(), look(10), look(10), look(10), look(10)]).to.deep.equal([0, 1, 2, 3, 4, 4]);
    expect(state.totalMib).to.equal(90);
  });

  it('looks again sooner between its rounds, and by what is quiet in that time', () => {
    const { everyMs, nextRoundMs, quietShare } = defaultIdleMemoryOptions;
    const { state, look } = setUp(150, [100, 60, 59]);
    look(2000);
    expect(state.nextMs).to.equal(everyMs);
    look();
    expect([state.collections, state.nextMs]).to.deep.equal([1, nextRoundMs]);
    look(nextRoundMs * quietShare + 1);
    expect([state.collections, state.nextMs], 'busy again').to.deep.equal([1, everyMs]);
    look();
    look();
    expect([state.collections, state.nextMs], 'not worth another').to.deep.equal([3, everyMs]);
  });

  it('is left alone while the process is busy, when there is little to give back, and when it is very large', () => {
    const { state, look } = setUp(350, [20]);
    state.usedMib = 300;
    expect(look()).to.equal(0);
    state.usedMib = 10;
    expect([look(2000), look(), look()]).to.deep.equal([0, 1, 1]);
    expect([look(2000), look()]).to.deep.equal([1, 1]);
  });

  it('is not asked for again by bursts that the heap hardly grows in', () => {
    const { state, look } = setUp(150, [60, 40, 39, 38]);
    for (let i = 0; i < 5; i++) look();
    expect(state.collections).to.equal(3);
    state.usedMib = 35;
    for (const totalMib of [60, 74]) {
      state.totalMib = totalMib;
      expect([look(2000), look(), look()], `${totalMib} MiB`).to.deep.equal([3, 3, 3]);
    }
    state.totalMib = 80;
    expect([look(2000), look(), look()]).to.deep.equal([3, 4, 4]);
  });

  it('is given back also when it was collected at a time when much was alive', () => {
    const { state, look } = setUp(150, [148, 60]);
    state.usedMib = 140;
    look();
    state.usedMib = 60;
    expect([look(2000), look(), look()]).to.deep.equal([0, 1, 1]);
    expect([look(2000), look()]).to.deep.equal([1, 2]);
  });

  it('is really given back by this process', () => {
    const port = createHeapPort();
    let ballast: object[] | undefined = Array.from({ length: 400_000 }, (_, i) => ({ i, text: `${i}` }));
    const full = port.heap();
    expect(ballast.length).to.equal(400_000);
    ballast = undefined;
    port.collect();
    port.collect();
    expect(full.totalBytes - port.heap().totalBytes).to.be.greaterThan(10 * mib);
    expect(port.cpuMs()).to.be.greaterThan(0);
  });
});
