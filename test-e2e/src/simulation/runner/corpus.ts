/**
 * The corpus: scenarios that once broke a promise, kept as data so that they stay what they were when the generator of
 * scenarios changes. One JSON file each, run before any fresh seed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../support/processes.js';
import type { Scenario } from '../scenario.js';

export interface CorpusEntry {
  /** What was wrong, in words. */
  readonly what: string;
  readonly promise: string;
  readonly scenario: Scenario;
}

const directory = join(root, 'test-e2e', 'corpus', 'simulation');

/** Sorted by name. */
export function readCorpus(): readonly (CorpusEntry & { readonly name: string })[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.json'.length),
      ...readEntry(join(directory, file)),
    }));
}

/** @throws Error in one sentence when the file is not of the form. */
export function readEntry(path: string): CorpusEntry {
  const entry = JSON.parse(readFileSync(path, 'utf8')) as Partial<CorpusEntry>; // checked below
  const { what, promise, scenario } = entry;
  if (typeof what !== 'string' || typeof promise !== 'string' || !Array.isArray(scenario?.steps)) {
    throw new Error(`${path} is no entry of the corpus: it needs what, promise and scenario.steps`);
  }
  return { what, promise, scenario };
}

/** Returns the path of the file. */
export function keep(name: string, entry: CorpusEntry): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.json`);
  const { scenario, ...about } = entry;
  const { steps, ...rest } = scenario;
  // One step a line: short to read, and a change of one step is a change of one line.
  const lines = steps.map((step) => `      ${JSON.stringify(step)}`).join(',\n');
  const head = JSON.stringify(about, null, 2).slice(0, -2);
  const body = JSON.stringify(rest).slice(1, -1);
  writeFileSync(path, `${head},\n  "scenario": {\n    ${body},\n    "steps": [\n${lines}\n    ]\n  }\n}\n`);
  return path;
}
