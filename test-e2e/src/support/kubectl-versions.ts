/**
 * Other versions of kubectl, where the machine has them beside the real one as `kubectl.1.NN`, or in a folder that
 * FLOTILLA_KUBECTLS names.
 */
import { readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { at } from './json.js';
import { run } from './processes.js';

export interface Kubectl {
  readonly minor: number;
  readonly path: string;
}

/** Oldest first; empty when there is none. */
export function otherKubectls(): Kubectl[] {
  const own = process.env['FLOTILLA_KUBECTLS'];
  const folders = new Set<string>(own === undefined ? [] : [own]);
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      folders.add(dirname(realpathSync(join(folder, 'kubectl'))));
    } catch {
      // no kubectl in this folder of the path
    }
  }
  return [...folders]
    .flatMap((folder) =>
      readdirSync(folder).flatMap((name) => {
        const minor = /^kubectl\.1\.(\d+)$/.exec(name)?.[1];
        return minor === undefined ? [] : [{ minor: Number(minor), path: join(folder, name) }];
      }),
    )
    .sort((a, b) => a.minor - b.minor);
}

/** `1.32` for the kubectl on the path. */
export async function clientVersion(): Promise<string> {
  const { stdout } = await run('kubectl', ['version', '--client', '-o', 'json']);
  const version: unknown = JSON.parse(stdout);
  const minor = String(at(version, 'clientVersion.minor'));
  return `${at(version, 'clientVersion.major')}.${minor.replace('+', '')}`;
}
