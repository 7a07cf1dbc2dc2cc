/** `hub backup` and `hub restore`: the API server's, with the hub's way to find a running one. */
import { addBackupCommands } from '@flotilla/apiserver/cli';
import type { Command } from 'commander';
import { connect, defaultDataDir } from './connect.js';
import type { CommandContext } from './context.js';

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
