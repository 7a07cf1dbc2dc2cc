/** docs/work-parity.md names a test for each of OCM's cases; this holds it to that. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../support/processes.js';

/** Rows without headings: a case and the tests that assert it. */
function readRows(): [what: string, tests: string][] {
  const lines = readFileSync(join(root, 'docs', 'work-parity.md'), 'utf8').split('\n');
  return lines.flatMap((line): [string, string][] => {
    const [, what, tests] = /^\| (.+?) \| (`.+) \|$/.exec(line) ?? [];
    return what === undefined || tests === undefined ? [] : [[what, tests]];
  });
}

describe("the table of OCM's cases of works", () => {
  it('names tests that exist, for every case', () => {
    const lines = readFileSync(join(root, 'docs', 'work-parity.md'), 'utf8').split('\n');
    const heads = lines.filter((line) => /^\| (case|---) \|/.test(line)).length;
    const rows = readRows();
    expect(rows.length).to.equal(lines.filter((line) => line.startsWith('|')).length - heads);
    for (const [what, tests] of rows) {
      for (const entry of tests.split('<br>')) {
        const [, file, title] = /^`(.+?)`: (.+)$/.exec(entry) ?? [];
        if (file === undefined || title === undefined) throw new Error(`${what}: names no test: ${entry}`);
        const path = join(root, 'test-e2e', 'src', `${file}.test.ts`);
        expect(existsSync(path), `${what}: ${file}`).to.equal(true);
        const calls = readFileSync(path, 'utf8').matchAll(/\bit\(\s*(['"`])(.+)\1/g);
        const titles = [...calls].map(([, , text]) => text ?? '');
        expect(
          titles.some((each) => each.includes(title)),
          `${what}: ${file}: ${title}`,
        ).to.equal(true);
      }
    }
  });
});
