/** A table in docs/ that names tests for each case of another suite; the check that each of them exists. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from './processes.js';

/** Declares the test. `document`: a file of docs/; its tables have the columns `case` (or `point`) and `tests`. */
export function itNamesTestsThatExist(document: string): void {
  it('names tests that exist, for every case', () => {
    const lines = readLines(document);
    const heads = lines.filter((line) => /^\| (case|point|---) \|/.test(line)).length;
    const rows = readParityRows(document);
    expect(rows.length).to.equal(lines.filter((line) => line.startsWith('|')).length - heads);
    for (const [what, tests] of rows) {
      for (const entry of tests.split('<br>')) requireTest(what, entry);
    }
  });
}

/** The text of the file that `file`: title names. @throws AssertionError when there is no such test. */
export function requireTest(what: string, entry: string): string {
  const [, file, title] = /^`(.+?)`: (.+)$/.exec(entry) ?? [];
  if (file === undefined || title === undefined) throw new Error(`${what}: names no test: ${entry}`);
  const path = join(root, 'test-e2e', 'src', `${file}.test.ts`);
  expect(existsSync(path), `${what}: ${file}`).to.equal(true);
  const text = readFileSync(path, 'utf8');
  const titles = [...text.matchAll(/\bit\(\s*(['"`])(.+)\1/g)].map(([, , words]) => words ?? '');
  expect(
    titles.some((each) => each.includes(title)),
    `${what}: ${file}: ${title}`,
  ).to.equal(true);
  return text;
}

/** Rows without headings: a case and the tests that assert it. */
export function readParityRows(document: string): [what: string, tests: string][] {
  return readLines(document).flatMap((line): [string, string][] => {
    const [, what, tests] = /^\| (.+?) \| (`.+) \|$/.exec(line) ?? [];
    return what === undefined || tests === undefined ? [] : [[what, tests]];
  });
}

function readLines(document: string): readonly string[] {
  return readFileSync(join(root, 'docs', document), 'utf8').split('\n');
}
