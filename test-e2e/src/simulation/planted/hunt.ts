/**
 * What `npm run sim -- --planted` does: plants a bug alone and simulates seed after seed until a promise is broken that
 * holds with the same seed without the bug.
 * A bug that is not found within the limit means that the simulation does not look closely enough.
 */
import { fileURLToPath } from 'node:url';
import { type CampaignOptions, runCampaign } from '../runner/campaign.js';
import type { Outcome } from '../runner/messages.js';
import { plantedBug, plantedBugs } from './bugs.js';
import { type PlantedBug, sourceWith } from './substitute.js';

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

/** As many bugs at a time as there are jobs, for each one seed after the other. @throws Error when there is no bug of a name, or its text does not fit. */
export async function hunt({ only, maxSeeds, jobs, say }: HuntOptions): Promise<readonly Found[]> {
  const bugs = only.length === 0 ? plantedBugs : [...new Set(only)].map((name) => plantedBug(name));
  for (const bug of bugs) sourceWith(bug);
  const found = new Map<PlantedBug, Found>();
  const holds = seedsWithoutBug();
  const rest = [...bugs];
  const lane = async (): Promise<void> => {
    for (let bug = rest.shift(); bug !== undefined; bug = rest.shift()) {
      const one = await find(bug, { maxSeeds, say, holds });
      found.set(bug, one);
      const where =
        one.seed === undefined ? `NOT FOUND in ${maxSeeds} seeds` : `seed ${one.seed}, ${one.promise}`;
      say(`${bug.name}: ${where}${one.breach && ` (${one.breach.slice(0, 120)})`}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  const all = bugs.flatMap((bug) => found.get(bug) ?? []);
  say(`${all.filter(({ seed }) => seed !== undefined).length} of ${bugs.length} planted bugs found`);
  return all;
}

/** Whether all promises hold with a seed and no bug. */
type SeedCheck = (seed: number) => Promise<boolean>;

/** Each seed is run once, however many bugs it shows. */
function seedsWithoutBug(): SeedCheck {
  const known = new Map<number, Promise<boolean>>();
  return (seed) => {
    const answer =
      known.get(seed) ?? firstFailure({ baseSeed: seed, runs: 1 }).then((failure) => failure === undefined);
    known.set(seed, answer);
    return answer;
  };
}

/** A seed that breaks a promise without the bug, too, has not found it. */
async function find(
  bug: PlantedBug,
  { maxSeeds, say, holds }: Pick<HuntOptions, 'maxSeeds' | 'say'> & { readonly holds: SeedCheck },
): Promise<Found> {
  const planted = {
    nodeOptions: ['--import', register],
    env: { SIM_PLANTED_BUG: bug.name, NODE_NO_WARNINGS: '1' },
  };
  for (let baseSeed = 1; baseSeed <= maxSeeds; ) {
    const first = await firstFailure({ baseSeed, runs: maxSeeds - baseSeed + 1, ...planted });
    if (first === undefined) break;
    const { seed, breaches } = first;
    const { promise = '', what: breach = '' } = breaches[0] ?? {};
    if (breach.startsWith('the process of the run ended')) throw new Error(`${bug.name}: ${breach}`);
    if (await holds(seed)) return { bug, seed, promise, breach };
    say(`seed ${seed} breaks a promise without ${bug.name}, too: it does not count`);
    baseSeed = seed + 1;
  }
  return { bug, seed: undefined, promise: '', breach: '' };
}

async function firstFailure(
  options: Pick<CampaignOptions, 'baseSeed' | 'runs' | 'nodeOptions' | 'env'>,
): Promise<Outcome | undefined> {
  const { failures } = await runCampaign({
    corpus: [],
    workers: 1,
    shrinkForMs: 0,
    maxFailures: 1,
    ...options,
  });
  return failures[0]?.outcome;
}

/** The table of docs/reliability.md. */
export function toMarkdown(found: readonly Found[]): string {
  const rows = found.map(
    ({ bug, seed, promise }) => `| ${bug.name} | ${bug.what} | ${seed ?? 'not found'} | ${promise} |`,
  );
  return ['| bug | what is wrong | found by seed | promise |', '|---|---|---|---|', ...rows].join('\n');
}
