/** A whole simulated `Env`, reproducible from its seed. */

import type { Env } from '../env/env.js';
import { createMemoryFiles, type MemoryFiles } from './memory-files.js';
import { createSeededRandom } from './seeded-random.js';
import { createTestLogger, type TestLogger } from './test-logger.js';
import { createVirtualClock, type VirtualClock } from './virtual-clock.js';

export interface TestEnv extends Env {
  readonly clock: VirtualClock;
  readonly files: MemoryFiles;
  readonly log: TestLogger;
}

export interface TestEnvOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Shared by the parts of one simulation. */
  readonly clock?: VirtualClock;
}

export function createTestEnv(options: TestEnvOptions = {}): TestEnv {
  const clock = options.clock ?? createVirtualClock();
  const seed = options.seed ?? 1;
  return {
    clock,
    random: createSeededRandom(seed),
    files: createMemoryFiles({ random: createSeededRandom(seed + 1) }),
    log: createTestLogger(),
  };
}
