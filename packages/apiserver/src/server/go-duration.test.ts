import { expect } from 'chai';
import { parseGoDuration } from './go-duration.js';

describe('parseGoDuration', () => {
  for (const [text, milliseconds] of [
    ['0', 0],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1m0s', 60_000],
    ['500us', 0.5],
  ] as const) {
    it(`reads ${text}`, () => expect(parseGoDuration(text)).to.equal(milliseconds));
  }
  for (const text of ['', '10', 'h', '1d', '-1h', '1h ', '1h30']) {
    it(`refuses ${JSON.stringify(text)}`, () => expect(() => parseGoDuration(text)).to.throw(/such as 90s/));
  }
});
