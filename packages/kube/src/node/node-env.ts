/**
 * The real `Env`: the one place where clock, chance, files and log are made. Called by `main` and `cli` files only.
 */
import type { Env } from '../env/env.js';
import { createNodeClock } from './clock.js';
import { createNodeFiles } from './files.js';
import { createNodeLogger, type LogLevel } from './logger.js';
import { createNodeRandom } from './random.js';

export interface NodeEnvOptions {
  /** Default `info`. */
  readonly logLevel?: LogLevel;
  /** Default `text`. */
  readonly logFormat?: 'json' | 'text';
  /** `stdout`, `stderr` or a file's path; default `stderr`, which leaves stdout to a command's answer. */
  readonly logDestination?: string;
}

/** Throws when the log file cannot be opened. */
export function createNodeEnv(options: NodeEnvOptions = {}): Env {
  return {
    clock: createNodeClock(),
    random: createNodeRandom(),
    files: createNodeFiles(),
    log: createNodeLogger({
      level: options.logLevel ?? 'info',
      format: options.logFormat ?? 'text',
      destination: options.logDestination ?? 'stderr',
    }),
  };
}
