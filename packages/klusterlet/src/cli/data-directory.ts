/** The data directory that every command of the klusterlet works on. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@flotilla/kube/cli';
import type { Command } from 'commander';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';

export interface DataDirOption {
  readonly dataDir: string;
}

export function withDataDir(command: Command): Command {
  return command.option(
    '--data-dir <dir>',
    'where the klusterlet keeps its credentials and saved works',
    process.env['FLOTILLA_KLUSTERLET_DIR'] ?? join(homedir(), '.flotilla', 'klusterlet'),
  );
}

/** @throws UsageError when nothing has joined from there. */
export async function mustConfig(state: KlusterletState): Promise<KlusterletConfig> {
  const config = await state.readConfig();
  if (config !== undefined) return config;
  throw new UsageError(
    `no klusterlet has joined from ${state.dataDir}: run "klusterlet join" first, or give --data-dir`,
  );
}
