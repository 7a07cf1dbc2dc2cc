/** Our commands as a user has them: on the PATH, by the names under which npm installs them. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './processes.js';

const programs = {
  hub: 'hub/bin/hub.js',
  'kubectl-hub': 'hub/bin/kubectl-hub.js',
  'kubectl_complete-hub': 'hub/bin/kubectl_complete-hub.js',
  klusterlet: 'klusterlet/bin/klusterlet.js',
} as const;

/** Fills the folder; the value of PATH that has it, node, and the system's own folders. */
export function commandsOnPath(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of Object.entries(programs))
    symlinkSync(join(root, 'packages', file), join(folder, name));
  // Under npm the same commands are on the path a second time.
  const others = (process.env['PATH'] ?? '').split(':').filter((each) => !each.includes('node_modules'));
  return [folder, dirname(process.execPath), ...others].join(':');
}
