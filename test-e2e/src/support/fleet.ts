/** A hub, stand-in clusters and klusterlets as real processes in a temporary directory, for one test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Link } from './network.js';
import { Daemon, eventually, ours, type Result, type RunOptions, run } from './processes.js';

export interface Cluster {
  readonly name: string;
  readonly server: Daemon;
  readonly klusterlet: Daemon;
  readonly kubeconfig: string;
  readonly dataDir: string;
  /** Between the klusterlet and the hub. */
  readonly link: Link;
  readonly klusterletFlags: readonly string[];
}

/** Shapes that tests read; the wire holds more. */
export interface Conditioned {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
      readonly reason: string;
      readonly observedGeneration?: number;
    }[];
  };
}

export class Fleet {
  readonly directory = mkdtempSync(join(tmpdir(), 'flotilla-e2e-'));
  readonly hubKubeconfig = join(this.directory, 'hub.kubeconfig');
  readonly clusters: Cluster[] = [];
  hub = new Daemon('hub', 'hub', []);
  hubPort = 0;

  /**
   * `flags`: further ones, as on a command line; of the port at which it listens, where they depend on that.
   * `launcher`: what runs it in its place.
   */
  async startHub(
    flags: readonly string[] | ((port: number) => readonly string[]) = [],
    launcher: readonly string[] = [],
  ): Promise<void> {
    this.hubPort = await freePort();
    this.hub = new Daemon('hub', 'hub', [
      ...['serve', '--data-dir', join(this.directory, 'hub'), '--listen', `127.0.0.1:${this.hubPort}`],
      ...['--kubeconfig', this.hubKubeconfig],
      ...(typeof flags === 'function' ? flags(this.hubPort) : flags),
    ]);
    this.hub.launcher = launcher;
    this.hub.start();
    await this.hubReady();
  }

  /** The same hub on another port, which it advertises where it advertised the old one; links go on to the old one. */
  async moveHub(port: number): Promise<void> {
    await this.hub.stop();
    const old = new RegExp(`\\b127\\.0\\.0\\.1:${this.hubPort}$`);
    const moved = this.hub.args.map((arg) => arg.replace(old, `127.0.0.1:${port}`));
    this.hubPort = port;
    this.hub = new Daemon('hub', 'hub', moved);
    this.hub.start();
    await this.hubReady();
  }

  async hubReady(): Promise<void> {
    await eventually('the hub is ready', async () => {
      if (!this.hub.isRunning) throw new Error(`the hub ended: ${this.hub.output}`);
      return (await this.kubectl('get', '--raw', '/readyz')).stdout === 'ok';
    });
  }

  async startCluster(
    name: string,
    options: {
      readonly kubernetesVersion?: string;
      /** Further ones of the stand-in cluster and of the klusterlet, as on a command line. */
      readonly flags?: readonly string[];
      readonly klusterletFlags?: readonly string[];
      /** What runs both in their place. */
      readonly launcher?: readonly string[];
    } = {},
  ): Promise<Cluster> {
    const { flags = [], klusterletFlags = [], launcher = [] } = options;
    const port = await freePort();
    const kubeconfig = join(this.directory, `${name}.kubeconfig`);
    const server = new Daemon(name, 'apiserver', [
      ...['--profile', 'cluster', '--kubernetes-version', options.kubernetesVersion ?? '1.32'],
      ...[
        '--data-dir',
        join(this.directory, name),
        '--listen',
        `127.0.0.1:${port}`,
        '--kubeconfig',
        kubeconfig,
      ],
      ...flags,
    ]);
    server.launcher = launcher;
    server.start();
    const link = new Link(this.hubPort);
    await link.open();
    const dataDir = join(this.directory, `klusterlet-${name}`);
    const klusterlet = new Daemon(`klusterlet-${name}`, 'klusterlet', [
      ...['run', '--data-dir', dataDir],
      ...klusterletFlags,
    ]);
    klusterlet.launcher = launcher;
    const cluster: Cluster = { name, server, klusterlet, kubeconfig, dataDir, link, klusterletFlags };
    this.clusters.push(cluster);
    await eventually(`${name} is ready`, async () => {
      if (!server.isRunning) throw new Error(`${name} ended: ${server.output}`);
      return (await run('kubectl', ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz'])).stdout === 'ok';
    });
    return cluster;
  }

  /**
   * Joins through the cluster's link, so that the link can be cut, or through `server`, a URL.
   * `kubeconfig`: the klusterlet's, if not the admin's.
   */
  async join(
    cluster: Cluster,
    kubeconfig = cluster.kubeconfig,
    server = `https://127.0.0.1:${cluster.link.port}`,
  ): Promise<void> {
    const token = await this.hubCommand('token', 'create', '--cluster', cluster.name, '--server', server);
    cluster.klusterlet.start([
      ...['join', token.stdout.trim(), '--name', cluster.name, '--kubeconfig', kubeconfig],
      ...['--data-dir', cluster.dataDir],
      ...cluster.klusterletFlags,
    ]);
    await eventually(`${cluster.name} asks to join`, async () => {
      if (!cluster.klusterlet.isRunning)
        throw new Error(`the klusterlet ended: ${cluster.klusterlet.output}`);
      return (await this.hubCommand('approve', cluster.name)).code === 0;
    });
    await this.available(cluster);
  }

  async available(cluster: Cluster): Promise<void> {
    await eventually(`${cluster.name} is available`, async () => {
      const object = await this.hubGet<Conditioned>('managedcluster', cluster.name);
      return isTrue(object, 'ManagedClusterJoined') && isTrue(object, 'ManagedClusterConditionAvailable');
    });
  }

  hubCommand(...args: string[]): Promise<Result> {
    return ours('hub', [...args, '--kubeconfig', this.hubKubeconfig]);
  }

  /** kubectl against the hub. */
  kubectl(...args: string[]): Promise<Result> {
    return this.kubectlWith({}, ...args);
  }

  kubectlWith(options: RunOptions, ...args: string[]): Promise<Result> {
    // A cache of its own: another test's server may have had the same port.
    const cache = ['--cache-dir', join(this.directory, 'kube-cache')];
    return run('kubectl', ['--kubeconfig', this.hubKubeconfig, ...cache, ...args], options);
  }

  /** kubectl against a stand-in cluster. */
  on(cluster: Cluster, ...args: string[]): Promise<Result> {
    return this.kubectlOn(cluster, {}, ...args);
  }

  /** The same with something to read. @throws Error with kubectl's words when it fails. */
  async runOn(cluster: Cluster, options: RunOptions, ...args: string[]): Promise<string> {
    return must(await this.kubectlOn(cluster, options, ...args));
  }

  /** The same, whatever its exit code. */
  kubectlOn(cluster: Cluster, options: RunOptions, ...args: string[]): Promise<Result> {
    const cache = ['--cache-dir', join(this.directory, `kube-cache-${cluster.name}`)];
    return run('kubectl', ['--kubeconfig', cluster.kubeconfig, ...cache, ...args], options);
  }

  /** @throws Error with kubectl's words when it fails. */
  async hubGet<T>(...args: string[]): Promise<T> {
    return JSON.parse(must(await this.kubectl('get', ...args, '-o', 'json'))) as T;
  }

  /** @throws Error with kubectl's words when it fails. */
  async get<T>(cluster: Cluster, ...args: string[]): Promise<T> {
    return JSON.parse(must(await this.on(cluster, 'get', ...args, '-o', 'json'))) as T;
  }

  /** Applies manifests (objects) to the hub. @throws Error with kubectl's words when it fails. */
  async apply(...objects: object[]): Promise<string> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    return must(await this.kubectlWith({ input }, 'apply', '-f', '-'));
  }

  /** The work once it is Applied in its newest generation. */
  workApplied(cluster: Cluster, name: string): Promise<Work> {
    return eventually(`work ${name} is applied`, async () => {
      const work = await this.hubGet<Work>('manifestwork', name, '-n', cluster.name);
      const applied = work.status?.conditions?.find(({ type }) => type === 'Applied');
      const isNow = applied?.observedGeneration === work.metadata.generation;
      return applied?.status === 'True' && isNow && work;
    });
  }

  async close(): Promise<void> {
    for (const { klusterlet, server, link } of this.clusters) {
      await klusterlet.stop();
      await server.stop();
      await link.close();
    }
    await this.hub.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Work extends Conditioned {
  readonly status?: Conditioned['status'] & {
    readonly resourceStatus?: {
      readonly manifests?: readonly {
        readonly resourceMeta: {
          readonly kind: string;
          readonly version: string;
          readonly name: string;
          readonly group: string;
        };
        readonly conditions: readonly {
          readonly type: string;
          readonly status: string;
          readonly message: string;
          readonly reason: string;
        }[];
        readonly statusFeedback?: {
          readonly values?: readonly {
            readonly name: string;
            readonly fieldValue: { readonly integer?: number };
          }[];
        };
      }[];
    };
  };
}

export function isTrue(object: Conditioned, type: string): boolean {
  return (
    object.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ===
    true
  );
}

export function must(result: Result): string {
  if (result.code !== 0) throw new Error(result.stderr || result.stdout);
  return result.stdout;
}

/** A ManifestWork around manifests. */
export function work(
  cluster: Cluster,
  name: string,
  manifests: readonly object[],
  more: object = {},
): object {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, namespace: cluster.name },
    spec: { workload: { manifests }, ...more },
  };
}

export function configMap(name: string, data: Record<string, string>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}
