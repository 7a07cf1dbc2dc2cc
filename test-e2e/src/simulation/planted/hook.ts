/**
 * A module loader's hook: whoever imports the built file of a planted bug gets the file's source with the bug in it.
 * Runs in the loader's thread; registered by register.ts. Nothing in production code knows.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { root } from '../../support/processes.js';
import { type PlantedBug, sourceWith } from './substitute.js';

interface Loaded {
  readonly format: string;
  readonly source?: string;
  readonly shortCircuit?: boolean;
}

let bug: PlantedBug | undefined;
let url: string | undefined;

export function initialize(planted: PlantedBug): void {
  bug = planted;
  const built = planted.file.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
  url = pathToFileURL(join(root, built)).href;
}

export async function load(
  asked: string,
  context: unknown,
  nextLoad: (asked: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> {
  if (bug === undefined || asked !== url) return nextLoad(asked, context);
  const { code } = await transform(sourceWith(bug), { loader: 'ts', target: 'es2022', format: 'esm' });
  return { format: 'module', source: code, shortCircuit: true };
}
