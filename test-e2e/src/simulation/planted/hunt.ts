/**
 * What `npm run sim -- --planted` does: plants one bug at a time and simulates seed after seed until the bug is found.
 * A bug that is not found within the limit means that the simulation does not look closely enough.
 */
import { fileURLToPath } from 'node:url';
import { runCampaign } from '../runner/campaign.js';
import { plantedBugs } from './bugs.js';
import type { PlantedBug } from './substitute.js';

export interface HuntOptions {
  /** Names of bugs; none: all. */
  readonly only: readonly string[];
  /** Seeds for each bug, from 1 on. */
  readonly maxSeeds: number;
  readonly jobs: number;
  readonly say: (text: string) => void;
}

export interface Found {
  readonly bug: PlantedBug;
  /** Undefined: not found. */
  readonly seed: number | undefined;
  readonly promise: string;
  readonly breach: string;
}

const register = fileURLToPath(new URL('./register.js', import.meta.url));

/** @throws Error when there is no bug of a name, or its text does not fit. */
export async function hunt({ only, maxSeeds, jobs, say }: HuntOptions): Promise<readonly Found[]> {
  const unknown = only.find((name) => plantedBugs.every((bug) => bug.name !== name));
  if (unknown !== undefined) throw new Error(`there is no planted bug ${JSON.stringify(unknown)}`);
  const found: Found[] = [];
  for (const bug of plantedBugs.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const one = await find(bug, { maxSeeds, jobs });
    found.push(one);
    const where =
      one.seed === undefined ? `NOT FOUND in ${maxSeeds} seeds` : `seed ${one.seed}, ${one.promise}`;
    say(`${bug.name}: ${where}${one.breach && ` (${one.breach.slice(0, 120)})`}`);
  }
  say(`${found.filter(({ seed }) => seed !== undefined).length} of ${found.length} planted bugs found`);
  return found;
}

async function find(
  bug: PlantedBug,
  { maxSeeds, jobs }: Pick<HuntOptions, 'maxSeeds' | 'jobs'>,
): Promise<Found> {
  const { failures } = await runCampaign({
    corpus: [],
    baseSeed: 1,
    runs: maxSeeds,
    workers: jobs,
    shrinkForMs: 0,
    maxFailures: 1,
    nodeOptions: ['--import', register],
    env: { SIM_PLANTED_BUG: bug.name, NODE_NO_WARNINGS: '1' },
  });
  const first = [...failures].sort((a, b) => a.outcome.seed - b.outcome.seed)[0]?.outcome;
  const breach = first?.breaches[0];
  if (breach?.what.startsWith('the process of the run ended')) throw new Error(`${bug.name}: ${breach.what}`);
  return { bug, seed: first?.seed, promise: breach?.promise ?? '', breach: breach?.what ?? '' };
}

/** The table of docs/reliability.md. */
export function toMarkdown(found: readonly Found[]): string {
  const rows = found.map(
    ({ bug, seed, promise }) => `| ${bug.name} | ${bug.what} | ${seed ?? 'not found'} | ${promise} |`,
  );
  return ['| bug | what is wrong | found by seed | promise |', '|---|---|---|---|', ...rows].join('\n');
}
