/** docs/work-parity.md names a test for each of OCM's cases, and for each point beyond them; this holds it to that. */
import { expect } from 'chai';
import { itNamesTestsThatExist, readParityRows } from '../support/parity-table.js';

describe("the table of OCM's cases of works", () => {
  itNamesTestsThatExist('work-parity.md');

  it('has each of the twelve points, shown by real processes', () => {
    const points = readParityRows('work-parity.md').filter(([what]) => /^\d+\. /.test(what));
    const numbers = new Set(points.map(([what]) => Number.parseInt(what, 10)));
    expect([...numbers]).to.deep.equal(Array.from({ length: 12 }, (_, index) => index + 1));
    // Those two folders run agents and hubs on a virtual clock.
    for (const [what, tests] of points) expect(tests, what).not.to.match(/`(work-agent|hub)\//);
  });
});
