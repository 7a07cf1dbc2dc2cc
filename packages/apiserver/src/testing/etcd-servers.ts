/**
 * Real etcd servers for tests: one or several members on loopback ports, with a data directory of their own, to be
 * killed, frozen and started again. Needs the program `etcd` on PATH. Not for production.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

export interface EtcdTestMember {
  readonly name: string;
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Sends a signal; SIGKILL and SIGTERM also wait for the end. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** Starts it again after its end; resolves when it runs, which is before the cluster may have a leader. */
  start(): Promise<void>;
}

export interface EtcdTestCluster {
  readonly members: readonly EtcdTestMember[];
  readonly urls: readonly string[];
  /** Resolves when a member answers that the cluster has a leader. */
  healthy(): Promise<void>;
  /** The member that leads now. */
  leader(): Promise<EtcdTestMember>;
  /** Ends all members and removes their data. */
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;

/** True when `etcd` can be started on this machine. */
export function hasEtcd(): boolean {
  return spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;
}

export interface EtcdTestOptions {
  /** Default 1. */
  readonly size?: number;
  /** PEM; clients must then show a certificate of the authority. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly key: string };
}

/** Starts a new cluster. @throws Error when it does not come up in half a minute. */
export async function startEtcdCluster({ size = 1, tls }: EtcdTestOptions = {}): Promise<EtcdTestCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-etcd-'));
  const ports = await freePorts(size * 3);
  const addresses = Array.from({ length: size }, (_, i) => ({
    name: `m${i}`,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${ports[3 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[3 * i + 1]}`,
    healthUrl: `http://127.0.0.1:${ports[3 * i + 2]}`,
  }));
  const cluster = addresses.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  for (const [name, pem] of Object.entries(tls ?? {})) await writeFile(join(directory, `${name}.pem`), pem);
  const members = addresses.map(
    (address) => new Member({ ...address, cluster, directory, isSecure: tls !== undefined }),
  );
  await Promise.all(members.map((member) => member.start()));
  const healthy = async (): Promise<void> => {
    const deadline = Date.now() + startTimeoutMs;
    for (;;) {
      for (const { healthUrl } of addresses) {
        if ((await fetchText(`${healthUrl}/health`))?.includes('"true"')) return;
      }
      if (Date.now() > deadline) throw new Error('the etcd cluster does not become healthy');
      await pause(20);
    }
  };
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.signal('SIGKILL')));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await healthy();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    members,
    urls: members.map(({ url }) => url),
    healthy,
    leader: async () => {
      for (const [i, member] of members.entries()) {
        const metrics = await fetchText(`${addresses[i]?.healthUrl}/metrics`);
        if (metrics !== undefined && /^etcd_server_is_leader 1$/m.test(metrics)) return member;
      }
      throw new Error('no member leads');
    },
    stop,
  };
}

interface MemberOptions {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  /** Without TLS in any case. */
  readonly healthUrl: string;
  readonly isSecure: boolean;
  readonly cluster: string;
  readonly directory: string;
}

class Member implements EtcdTestMember {
  readonly name: string;
  readonly url: string;
  readonly #options: MemberOptions;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.url = options.url;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { name, url, peerUrl, healthUrl, isSecure, cluster, directory } = this.#options;
    const pem = (file: string): string => join(directory, `${file}.pem`);
    const args = [
      ['--name', name],
      ['--data-dir', join(directory, name)],
      ['--listen-client-urls', url],
      ['--advertise-client-urls', url],
      ['--listen-metrics-urls', healthUrl],
      ...(isSecure
        ? [
            ['--cert-file', pem('certificate'), '--key-file', pem('key')],
            ['--client-cert-auth', '--trusted-ca-file', pem('ca')],
          ]
        : []),
      ['--listen-peer-urls', peerUrl],
      ['--initial-advertise-peer-urls', peerUrl],
      ['--initial-cluster', cluster],
      // The contract asks for values of three mebibytes; etcd's own limit is half of that.
      ['--max-request-bytes', String(8 * 1024 * 1024)],
      ['--log-level', 'error'],
      ['--logger', 'zap'],
    ].flat();
    const child = spawn('etcd', args, { stdio: 'ignore' });
    this.#process = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(name);
    if (name === 'SIGKILL' || name === 'SIGTERM') await this.#ended;
  }
}

/** Undefined when nobody answers. */
function fetchText(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: 1_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
