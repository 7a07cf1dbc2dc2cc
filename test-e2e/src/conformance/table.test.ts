/** docs/conformance.md names a test for each of its cases; this holds it to that. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';

const cases = 102;

/** The cells of each case. */
function readTable(): Map<number, string> {
  const rows = new Map<number, string>();
  for (const line of readFileSync(join(root, 'docs', 'conformance.md'), 'utf8').split('\n')) {
    const [, number, what, tests] = /^\| +(\d+) +\| +(.+?) +\| +(.+?) +\|$/.exec(line) ?? [];
    if (number === undefined || what === undefined || tests === undefined) continue;
    expect(rows.has(Number(number)), `case ${number} comes twice`).to.equal(false);
    rows.set(Number(number), tests);
  }
  return rows;
}

describe('the table of conformance cases', () => {
  it('has every case, each with tests that exist', () => {
    const table = readTable();
    expect([...table.keys()]).to.deep.equal(Array.from({ length: cases }, (_, index) => index + 1));
    for (const [number, tests] of table) {
      for (const entry of tests.split('<br>')) {
        const [, file, title] = /^`(.+?)`: (.+)$/.exec(entry) ?? [];
        if (file === undefined || title === undefined)
          throw new Error(`case ${number} names no test: ${entry}`);
        const path = join(root, 'test-e2e', 'src', `${file}.test.ts`);
        expect(existsSync(path), `case ${number}: ${file}`).to.equal(true);
        const source = readFileSync(path, 'utf8');
        const isThere = ["'", '"', '`'].some(
          (quote) => source.includes(`(${quote}${title}`) || source.includes(`\n      ${quote}${title}`),
        );
        expect(isThere, `case ${number}: ${file}: ${title}`).to.equal(true);
      }
    }
  });
});
