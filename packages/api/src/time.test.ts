import { expect } from 'chai';
import fc from 'fast-check';
import { formatAge, formatMicroTime, formatTime, parseTime } from './time.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('time', () => {
  it('formats whole seconds and microseconds in UTC', () => {
    const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    expect(formatTime(ms)).to.equal('2026-01-02T03:04:05Z');
    expect(formatMicroTime(ms)).to.equal('2026-01-02T03:04:05.678000Z');
    expect(formatMicroTime(ms + 0.25)).to.equal('2026-01-02T03:04:05.678250Z');
  });

  for (const [text, ms] of [
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T00:00:00.5Z', 500],
    ['1970-01-01T00:00:00.123456789Z', 123.456789],
    ['1970-01-01T01:00:00+01:00', 0],
    ['1969-12-31T23:30:00-00:30', 0],
    ['1970-01-01t00:00:01z', 1000],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['0001-01-01T00:00:00Z', -62135596800000],
  ] as const) {
    it(`parses ${text}`, () => expect(parseTime(text)).to.equal(ms));
  }

  for (const text of [
    '',
    'now',
    '2026-01-02',
    '2026-01-02T03:04:05',
    '2026-01-02 03:04:05Z',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00Z\n',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseTime(text)).to.throw(`cannot parse ${JSON.stringify(text)} as an RFC 3339 time`);
    });
  }

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 0, 1) }), (ms) => {
        expect(parseTime(formatTime(ms))).to.equal(ms - (ms % 1000));
        expect(parseTime(formatMicroTime(ms))).to.equal(ms);
      }),
    );
  });

  for (const [ms, age] of [
    [-3 * second, '<invalid>'],
    [-2 * second, '<invalid>'],
    [-1999, '0s'],
    [-1, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [120 * second, '2m'],
    [121 * second, '2m1s'],
    [10 * minute - 1, '9m59s'],
    [10 * minute, '10m'],
    [3 * hour - 1, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 5 * minute, '3h5m'],
    [8 * hour, '8h'],
    [2 * day - 1, '47h'],
    [2 * day, '2d'],
    [2 * day + 3 * hour, '2d3h'],
    [8 * day, '8d'],
    [730 * day - 1, '729d'],
    [730 * day, '2y'],
    [731 * day, '2y1d'],
    [8 * 365 * day - 1, '7y364d'],
    [9 * 365 * day + 5 * day, '9y'],
  ] as const) {
    it(`prints an age of ${ms} ms as ${age}`, () => expect(formatAge(ms)).to.equal(age));
  }
});
