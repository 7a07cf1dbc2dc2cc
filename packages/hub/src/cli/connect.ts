/** How every asking command finds its hub: `--kubeconfig`, else $KUBECONFIG, else what `hub serve` wrote. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Env, type KubeClient, KubeconfigError, publicKeyHash } from '@flotilla/kube';
import { type ConfiguredTransport, transportFromKubeconfig } from '@flotilla/kube/node';
import { Option } from 'commander';

export interface Connection {
  readonly client: KubeClient;
  readonly env: Env;
  /** The hub's URL in the kubeconfig. */
  readonly server: string;
  /** Pin of the CA in the kubeconfig. @throws Error when the kubeconfig names none. */
  caHash(): string;
  /** That CA as PEM; undefined when the kubeconfig names none. */
  readonly ca: string | undefined;
  close(): Promise<void>;
}

export function defaultDataDir(): string {
  return process.env['FLOTILLA_HUB_DIR'] ?? join(homedir(), '.flotilla', 'hub');
}

/** Where `hub serve` writes the admin kubeconfig unless told otherwise. */
export function adminKubeconfigPath(dataDir: string): string {
  return join(dataDir, 'admin.kubeconfig');
}

export function kubeconfigOption(): Option {
  return new Option(
    '--kubeconfig <file>',
    "the hub's kubeconfig; default $KUBECONFIG, else the one that hub serve wrote to its data directory",
  );
}

/** @throws Error that names the file when there is none, or the hop that failed when the hub is not there. */
export async function connect(env: Env, options: { kubeconfig?: string }): Promise<Connection> {
  const path = options.kubeconfig ?? process.env['KUBECONFIG'] ?? adminKubeconfigPath(defaultDataDir());
  const { transport, kubeconfig } = await loadTransport(env, path);
  return {
    client: createClient(transport, { userAgent: 'hub' }),
    env,
    server: kubeconfig.cluster.server,
    caHash: () => {
      const { caData } = kubeconfig.cluster;
      if (caData !== undefined) return publicKeyHash(caData);
      throw new Error(
        `the kubeconfig ${path} holds no certificate-authority-data: a join string must pin the hub's CA`,
      );
    },
    ca: kubeconfig.cluster.caData,
    close: () => transport.close(),
  };
}

async function loadTransport(env: Env, path: string): Promise<ConfiguredTransport> {
  try {
    return await transportFromKubeconfig({ file: path }, { env, label: 'hub' });
  } catch (error) {
    if (!(error instanceof KubeconfigError) || (await env.files.read(path)) !== undefined) throw error;
    throw new KubeconfigError(`${error.message}; start the hub with "hub serve", or give its --kubeconfig`, {
      cause: error,
    });
  }
}
