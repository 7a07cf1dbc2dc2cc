/** One of several `apiserver` processes on one etcd: its own port, data directory and admin kubeconfig. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type KubeClient, type Transport } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { freePort } from '../support/network.js';
import { type CommandName, Daemon, eventually, type Result, run } from '../support/processes.js';

export class Replica {
  readonly name: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'flotilla-replica-'));
  readonly kubeconfig = join(this.directory, 'kubeconfig');
  readonly env = createNodeEnv({ logLevel: 'error' });
  daemon = new Daemon('', 'apiserver', []);
  port = 0;
  #client: KubeClient | undefined;
  #transport: Transport | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get client(): KubeClient {
    if (this.#client === undefined) throw new Error(`${this.name} has not started`);
    return this.#client;
  }

  async start(command: CommandName, etcd: readonly string[]): Promise<void> {
    this.port = await freePort();
    this.daemon = new Daemon(this.name, command, [
      ...(command === 'hub' ? ['serve'] : ['--profile', 'cluster']),
      ...['--data-dir', join(this.directory, 'data'), '--kubeconfig', this.kubeconfig],
      ...['--listen', `127.0.0.1:${this.port}`, '--etcd-servers', etcd.join(',')],
    ]);
    await this.launch();
  }

  /** Starts the process, also again. */
  async launch(): Promise<void> {
    this.daemon.start();
    await eventually(`${this.name} is ready`, async () => {
      if (!this.daemon.isRunning) throw new Error(`${this.name} ended: ${this.daemon.output}`);
      return (await this.kubectl('get', '--raw', '/readyz')).stdout === 'ok';
    });
    if (this.#client !== undefined) return;
    const { transport } = await transportFromKubeconfig({ file: this.kubeconfig }, { env: this.env });
    this.#transport = transport;
    this.#client = createClient(transport);
  }

  kubectl(...args: string[]): Promise<Result> {
    const cache = ['--cache-dir', join(this.directory, 'kube-cache')];
    return run('kubectl', ['--kubeconfig', this.kubeconfig, ...cache, ...args]);
  }

  /** True when this process is the one that a Lease names. */
  async holds(lease: string): Promise<boolean> {
    const answer = await this.kubectl(
      '-n',
      'kube-system',
      'get',
      'lease',
      lease,
      '-o',
      'jsonpath={.spec.holderIdentity}',
    );
    return answer.stdout !== '' && this.daemon.output.includes(answer.stdout);
  }

  async stop(): Promise<void> {
    await this.#transport?.close();
    await this.daemon.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
