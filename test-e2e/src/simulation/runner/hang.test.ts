import { expect } from 'chai';
import { cpuMsOf, createHangCheck } from './hang.js';

describe('a process that simulates', () => {
  const minuteMs = 60_000;
  const cases: readonly [string, (minute: number) => number | undefined, number | undefined][] = [
    ['waits for its turn on a busy machine', (minute) => minute * 1000, undefined],
    ['goes round for ever', (minute) => 7000 + minute * minuteMs, 5],
    ['waits for what never comes', (minute) => Math.min(minute, 10) * 1000, 14],
    ['is on a system that tells nothing', () => undefined, 16],
  ];
  for (const [what, cpuMs, hangsAt] of cases) {
    it(`${hangsAt === undefined ? 'goes on' : `hangs after ${hangsAt} minutes`} when it ${what}`, () => {
      let minute = 0;
      const hangs = createHangCheck(() => cpuMs(minute));
      const at = Array.from({ length: 120 }, (_, i) => i).find((i) => {
        minute = i;
        return hangs(i * minuteMs);
      });
      expect(at).to.equal(hangsAt);
    });
  }

  it('may use more when it also looks for a shorter scenario', () => {
    let used = 0;
    const hangs = createHangCheck(() => used, 100_000);
    for (const [cpuMs, isHanging] of [
      [330_000, false],
      [350_000, true],
    ] as const) {
      used = cpuMs;
      expect(hangs(0)).to.equal(isHanging);
    }
  });

  it('tells what it has used, where the system does', function () {
    if (process.platform !== 'linux') this.skip();
    expect(cpuMsOf(process.pid)).to.be.greaterThan(0);
    expect(cpuMsOf(undefined)).to.equal(undefined);
  });
});
