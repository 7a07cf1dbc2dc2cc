/** `hub backup` and `hub restore`: the API server's, with the hub's way to find a running one. */
import { addBackupCommands } from '@flotilla/apiserver/cli';
import type { Command } from 'commander';
import type { CommandContext } from './commands.js';
import { connect, defaultDataDir } from './connect.js';

export function addHubBackupCommands(program: Command, { env, print }: CommandContext): void {
  addBackupCommands(program, {
    name: 'hub',
    server: 'hub',
    env,
    print,
    defaultDataDir: defaultDataDir(),
    connect: async (kubeconfig) => {
      const { client } = await connect(env, { ...(kubeconfig !== undefined && { kubeconfig }) });
      return client.transport;
    },
  });
}
