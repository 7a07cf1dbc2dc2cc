/** The real source of chance: cryptographically strong bytes and UUIDs. Called by `createNodeEnv`. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../env/env.js';

export function createNodeRandom(): Random {
  return { next: () => Math.random(), bytes: (size) => randomBytes(size), uuid: () => randomUUID() };
}
