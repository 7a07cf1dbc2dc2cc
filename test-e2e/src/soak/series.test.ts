import { expect } from 'chai';
import { historySeconds } from './history.js';
import { describeSoak } from './report.js';
import { judge, type Measure, moments, type Point, type Series, type Verdict } from './series.js';

const minuteMs = 60_000;
const series = (measure: Measure, value: (minute: number) => number, minutes = 30): Series => ({
  process: 'hub',
  measure,
  startsAgain: false,
  points: Array.from({ length: minutes }, (_, i): Point => ({ atMs: i * minuteMs, value: value(i) })),
});

describe('what a soak calls flat', () => {
  const cases: readonly [string, Series, Verdict][] = [
    ['a level', series('memory', () => 100), 'flat'],
    ['noise about a level', series('memory', (i) => 100 + (i % 2) * 7), 'flat'],
    ['growth that ends with the warm-up', series('memory', (i) => 60 + 5 * Math.min(i, 10)), 'flat'],
    ['one high peak', series('handles', (i) => (i === 25 ? 500 : 40)), 'flat'],
    ['what shrinks', series('memory', (i) => 200 - 3 * i), 'flat'],
    ['a leak of 1 MiB a minute', series('memory', (i) => 80 + i), 'grows'],
    ['a handle lost every other minute', series('handles', (i) => 30 + Math.floor(i / 2)), 'grows'],
    ['a store that grows by a fifth', series('disk', (i) => 100 + i), 'grows'],
    ['too few points to tell', series('memory', (i) => 100 * i, 12), 'too short'],
    [
      'a leak in what starts again',
      { ...series('memory', (i) => 80 + i), startsAgain: true },
      'starts again',
    ],
    ['what starts again and leaves files', { ...series('disk', (i) => 80 + i), startsAgain: true }, 'grows'],
  ];
  for (const [what, measured, verdict] of cases) {
    it(`${verdict}: ${what}`, () => {
      expect(judge(measured, { fromMs: 10 * minuteMs, momentsMs: [] }).verdict).to.equal(verdict);
    });
  }
});

describe('the table of a soak', () => {
  it('shows the course from the beginning to the end', () => {
    const measured = series('memory', (minute) => 100 + minute, 31);
    const momentsMs = moments(30 * minuteMs + 1000, 4);
    const judgement = judge(measured, { fromMs: 10 * minuteMs, momentsMs });
    expect(judgement.course).to.deep.equal([100, 110, 120, 130]);
    const text = describeSoak([judgement], { title: 'A soak', warmUpMs: 0, momentsMs, isFlat: false });
    expect(text).to.match(/\| 0\.0 min \| 10\.0 min \| 20\.0 min \| 30\.0 min \| median/);
    expect(text).to.match(/own memory, MiB \| hub .*100\.0 .*110\.0 .*120\.0 .*130\.0 .*grows/);
  });
});

describe('the history of the servers in a soak', () => {
  it('is full before the warm-up is over, and never longer than theirs is without a soak', () => {
    for (const minutes of [1, 7, 30, 60, 600]) {
      const warmUpSeconds = minutes * 60 * 0.4;
      const seconds = historySeconds(warmUpSeconds);
      expect(3 * seconds, `${minutes} min`).to.be.below(warmUpSeconds);
      expect(seconds).to.be.within(1, 300);
    }
    expect(historySeconds(0)).to.equal(1);
  });
});
