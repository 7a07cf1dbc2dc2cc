/** docs/identity-faults.md names what happens at each fault and the tests that show it; this holds it to that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { requireTest } from '../support/parity-table.js';
import { root } from '../support/processes.js';

const faults = [
  'expired certificate',
  'expired while the hub was down for 90 days',
  'lost data directory',
  'lost Secret',
  'CA rolled',
  'hub moved to another address',
  'clock ahead',
  'clock behind',
  'serving certificate expired',
  'key file truncated',
  'hub restored from an old backup',
  'name reused by a rebuilt cluster',
  'approval while the agent was down',
  'denied then accepted',
  'rotation interrupted at each step',
];

interface Row {
  readonly fault: string;
  readonly happens: string;
  readonly tests: readonly string[];
}

function readRows(): Row[] {
  const lines = readFileSync(join(root, 'docs', 'identity-faults.md'), 'utf8').split('\n');
  return lines.flatMap((line): Row[] => {
    const [, fault, happens, tests] = /^\| (.+?) \| (.+?) \| (`identity.+) \|$/.exec(line) ?? [];
    if (fault === undefined || happens === undefined || tests === undefined) return [];
    return [{ fault, happens, tests: tests.split('<br>') }];
  });
}

describe('the table of faults of identity', () => {
  it('has every fault, each with what happens', () => {
    expect(readRows().map(({ fault }) => fault)).to.deep.equal(faults);
    for (const { fault, happens } of readRows()) expect(happens.length, fault).to.be.greaterThan(8);
  });

  it('names tests that exist, at least one of them with real processes', () => {
    for (const { fault, tests } of readRows()) {
      const files = tests.map((entry) => requireTest(fault, entry));
      expect(
        files.some((text) => text.includes('new Fleet()')),
        `${fault}: real processes`,
      ).to.equal(true);
    }
  });
});
