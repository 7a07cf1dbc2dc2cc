/**
 * Random works, some at a time, against whole work agents: see `works-world.ts`.
 * FUZZ_RUNS=n tries more, FUZZ_SEED=n the same again.
 */
import { fuzz } from '@flotilla/api/testing';
import fc from 'fast-check';
import { fuzzWork } from './random-works.js';
import { WorksWorld } from './works-world.js';

/** Works that are in the cluster together. */
const together = 25;

describe('fuzzed works', () => {
  let world: WorksWorld | undefined;
  let worlds = 0;
  const renew = async (): Promise<WorksWorld> => {
    await world?.close();
    world = await WorksWorld.create(++worlds);
    return world;
  };
  after(() => world?.close());

  fuzz({
    name: 'works',
    cases: fc.array(fuzzWork, { minLength: 1, maxLength: together, size: 'max' }),
    casesPerValue: (1 + together) / 2, // on average
    limitMs: 120_000,
    check: async (works) => {
      const current = world === undefined || world.isSpoiled ? await renew() : world;
      const problem = await current.problemOf(works);
      if (problem !== undefined) throw new Error(problem);
    },
  });
});
