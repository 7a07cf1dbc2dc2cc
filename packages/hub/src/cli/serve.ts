/** `hub serve`: runs the hub until it is told to stop. */
import { resolve } from 'node:path';
import {
  addServerOptions,
  addStorageOptions,
  type ServerFlags,
  type StorageFlags,
} from '@flotilla/apiserver/cli';
import type { Env } from '@flotilla/kube';
import { addCommand, type Listen, parseHttpsUrl, parseListen } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { adminKubeconfigPath, defaultDataDir } from './connect.js';
import { addPolicyOptions, type PolicyFlags, policiesOf } from './policy-options.js';

export interface ServeContext {
  readonly env: Env;
  /** Resolves at SIGINT or SIGTERM, which end other commands at once. */
  readonly stopped: () => Promise<void>;
}

interface ServeOptions extends ServerFlags, StorageFlags, PolicyFlags {
  readonly dataDir: string;
  readonly listen: Listen;
  readonly advertise?: readonly string[];
  readonly kubeconfig?: string;
}

export function addServeCommand(program: Command, context: ServeContext): void {
  const command = addCommand(program, 'serve', {
    description: 'run the hub: API server, controllers and store in one process',
    examples: [
      'hub serve',
      'hub serve --listen 127.0.0.1:6443 --data-dir ./hub --kubeconfig ./hub.kubeconfig',
      'hub serve --advertise https://hub.example:6443',
      'hub serve --advertise https://hub.example:6443 --advertise https://new-hub.example:6443',
      'hub serve --advertise https://hub.example:6443 --etcd-servers http://etcd1:2379,http://etcd2:2379',
    ],
  })
    .option('--data-dir <dir>', 'where the hub keeps its objects and keys', defaultDataDir())
    .addOption(
      new Option('--listen <host:port>', 'where it listens')
        .argParser(parseListen)
        .default({ host: '0.0.0.0', port: 6443 }, '0.0.0.0:6443'),
    )
    .option(
      '--advertise <url>',
      "the hub's URL as clusters and users reach it, given again for each further one, also one of later: joined clusters are told all, and go on with the next when one is gone; the first goes into kubeconfigs and join strings; default: the listen address",
      (text: string, urls: readonly string[] = []) => [...new Set([...urls, parseHttpsUrl(text)])],
    )
    .option(
      '--kubeconfig <file>',
      'where it writes the admin kubeconfig; default: admin.kubeconfig in the data directory',
    );
  addStorageOptions(addServerOptions(addPolicyOptions(command))).action(async (options: ServeOptions) => {
    const { env } = context;
    const stopped = context.stopped();
    const kubeconfig = resolve(options.kubeconfig ?? adminKubeconfigPath(options.dataDir));
    // Loaded here: commands that only ask something start without the server.
    const { startEmbeddedHub } = await import('../embedded.js');
    const [advertiseUrl, ...alsoAdvertised] = options.advertise ?? [];
    const hub = await startEmbeddedHub({
      env,
      dataDir: options.dataDir,
      listen: options.listen,
      kubeconfig,
      serving: options,
      authentication: options,
      authorization: options,
      certificates: options,
      etcd: options,
      audit: options,
      policies: { ...policiesOf(options), addresses: options.advertise ?? [] },
      ...(advertiseUrl !== undefined && { advertiseUrl, alsoAdvertised }),
    });
    env.log.info('hub ready', { url: hub.url, kubeconfig });
    await stopped;
    env.log.info('hub stops');
    await hub.close();
  });
}
