import { expect } from 'chai';
import fc from 'fast-check';
import { unifiedDiff } from './line-diff.js';

const labels = { from: 'old', to: 'new' };
const diff = (from: readonly string[], to: readonly string[]): string =>
  unifiedDiff(from.join('\n'), to.join('\n'), labels);

/** What patch(1) does with a unified diff. */
function applyDiff(from: readonly string[], text: string): string[] {
  const out: string[] = [];
  let at = 0;
  for (const line of text.split('\n').slice(2)) {
    const header = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@$/.exec(line);
    if (header) {
      const start = header[2] === '0' ? Number(header[1]) : Number(header[1]) - 1;
      while (at < start) out.push(from[at++] ?? '');
      continue;
    }
    const text = line.slice(1);
    if (line.startsWith('+')) out.push(text);
    else {
      expect(from[at]).to.equal(text);
      if (line.startsWith(' ')) out.push(text);
      at++;
    }
  }
  return [...out, ...from.slice(at)];
}

describe('a unified diff', () => {
  it('shows what changed with three lines around it', () => {
    const from = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    expect(diff(from, from.with(4, 'X'))).to.equal(
      ['--- old', '+++ new', '@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+X', ' f', ' g', ' h'].join('\n'),
    );
  });

  it('has a part for each change that is far from the others', () => {
    const from = Array.from({ length: 30 }, (_, at) => `line ${at}`);
    const text = diff(from, from.with(2, 'x').with(25, 'y'));
    expect(text.match(/^@@ .*$/gm)).to.deep.equal(['@@ -1,6 +1,6 @@', '@@ -23,7 +23,7 @@']);
  });

  it('is of added and removed texts, and empty for the same', () => {
    expect(unifiedDiff('', 'a\nb\n', labels)).to.equal('--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b');
    expect(unifiedDiff('a\n', '', labels)).to.equal('--- old\n+++ new\n@@ -1 +0,0 @@\n-a');
    expect(unifiedDiff('a\nb\n', 'a\nb\n', labels)).to.equal('');
  });

  it('leads from one text to the other, in no more lines than needed', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(lines, lines, (from, to) => {
        const text = diff(from, to);
        if (text === '') {
          expect(from).to.deep.equal(to);
          return;
        }
        expect(applyDiff(from, text)).to.deep.equal(to);
        const changed = text
          .split('\n')
          .slice(2)
          .filter((line) => /^[-+]/.test(line)).length;
        expect(changed).to.equal(from.length + to.length - 2 * longestCommon(from, to));
      }),
    );
  });

  it('of texts that have little in common is one after the other', () => {
    const from = Array.from({ length: 3000 }, (_, at) => `old ${at}`);
    const to = Array.from({ length: 3000 }, (_, at) => `new ${at}`);
    expect(applyDiff(from, diff(from, to))).to.deep.equal(to);
  });
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  const rows = [new Array<number>(b.length + 1).fill(0)];
  for (const left of a) {
    const above = rows.at(-1) ?? [];
    const row = [0];
    for (const [at, right] of b.entries()) {
      row.push(left === right ? (above[at] ?? 0) + 1 : Math.max(above[at + 1] ?? 0, row[at] ?? 0));
    }
    rows.push(row);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}
