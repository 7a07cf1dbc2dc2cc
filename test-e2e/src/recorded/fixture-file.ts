/**
 * The recorded requests on disk: one line of JSON for each command and way of asking, with the versions of kubectl that
 * ask so. Versions that ask the same share a line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/processes.js';
import { type Fixture, questionOf, type RecordedRequest, type RecordedSequence } from './normalize.js';

const path = join(root, 'test-e2e', 'fixtures', 'kubectl-requests.jsonl');

interface Line {
  /** Position among the commands: one may occur twice. */
  readonly step: string;
  readonly kubectl: readonly string[];
  readonly requests: readonly RecordedRequest[];
}

/** By version, oldest first. */
export function readFixtures(): Fixture[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line); // what writeFixtures wrote
  const versions = [...new Set(lines.flatMap(({ kubectl }) => kubectl))].sort(byMinor);
  return versions.map((kubectl) => ({
    kubectl,
    sequences: lines
      .filter((line) => line.kubectl.includes(kubectl))
      .map(({ step, requests }) => ({ command: step, requests })),
  }));
}

export function writeFixtures(fixtures: readonly Fixture[]): void {
  const steps: string[] = [];
  for (const { sequences } of [...fixtures].sort((a, b) => byMinor(b.kubectl, a.kubectl))) {
    for (const { command } of sequences) if (!steps.includes(command)) steps.push(command);
  }
  const lines = steps.flatMap((step) => {
    const ways = new Map<string, { kubectl: string[]; sequence: RecordedSequence }>();
    for (const { kubectl, sequences } of fixtures) {
      const sequence = sequences.find(({ command }) => command === step);
      if (sequence === undefined) continue;
      const key = questionsOf(sequence);
      const way = ways.get(key) ?? { kubectl: [], sequence };
      way.kubectl.push(kubectl);
      ways.set(key, way);
    }
    return [...ways.values()].map(({ kubectl, sequence }) =>
      JSON.stringify({ step, kubectl: kubectl.sort(byMinor), requests: sequence.requests } satisfies Line),
    );
  });
  writeFileSync(path, `${lines.join('\n')}\n`);
}

/** All that is compared of a sequence. */
export function questionsOf({ requests }: RecordedSequence): string {
  return requests.map(questionOf).join('\n');
}

function byMinor(a: string, b: string): number {
  return Number(a.split('.')[1]) - Number(b.split('.')[1]);
}
