/**
 * Requests of every shape against the API server in process, on a virtual clock: none may fail for a reason of the
 * server's own, and none may leave anything behind in memory.
 * FUZZ_RUNS=n sends more, FUZZ_SEED=n the same again.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { fuzzRequests } from './fuzz-requests.js';
import { FuzzServer, heapBytes } from './fuzz-server.js';
import { pastDefects } from './past-defects.js';

const runs = Number(process.env['FUZZ_RUNS'] ?? 3000);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

describe('fuzzed requests in process', () => {
  it(`never fail, and leave no memory behind (${runs} requests, seed ${seed})`, async function () {
    this.timeout(60_000 + runs * 20);
    const server = await FuzzServer.start();
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const send = (numRuns: number, withSeed: number) =>
        fc.assert(
          fc.asyncProperty(fuzzRequests(), async (request) => {
            const problem = await server.problemOf(request);
            if (unhandled.length > 0) throw new Error('unhandled rejection', { cause: unhandled.shift() });
            if (problem !== undefined) throw new Error(problem);
          }),
          { numRuns, seed: withSeed, examples: pastDefects.map((request) => [request]) },
        );
      await send(Math.ceil(runs / 2), seed);
      await server.empty();
      const before = heapBytes();
      await send(Math.floor(runs / 2), seed + 1);
      await server.empty();
      expect(heapBytes(), 'bytes in use').to.be.below(before * 1.5 + 32 * 1024 * 1024);
      expect(await server.isHealthy()).to.equal(true);
    } finally {
      process.off('unhandledRejection', note);
      await server.close();
    }
  });
});
