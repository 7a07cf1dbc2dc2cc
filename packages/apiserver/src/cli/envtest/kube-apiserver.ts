/**
 * This server under a kube-apiserver's flags, as a test environment starts one: objects in memory, no controllers
 * unless they are asked for, keys and certificates as the flags say.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '@flotilla/kube';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ControllerSelection, noControllers } from '../../controllers/controller-selection.js';
import { runServer } from '../../node/run-server.js';
import { hubKubernetesVersion, type KubernetesVersion } from '../../server/kubernetes-version.js';
import { createMemoryStore } from '../../storage/memory-store.js';
import { addServerOptions, type ServerFlags } from '../server-options.js';
import { addComponent, unknownFlags } from './component-command.js';

/** What the flags say. */
export interface KubeApiserverFlags extends ServerFlags {
  readonly bindAddress: string;
  readonly securePort: number;
  readonly advertiseAddress?: string;
  readonly serviceClusterIpRange: string;
  readonly disableAdmissionPlugins?: readonly string[];
  readonly kubernetesVersion?: KubernetesVersion;
  readonly controllers?: ControllerSelection;
  /** Of klog: 4 and more is debug. */
  readonly v?: number;
}

export interface KubeApiserverOptions {
  /** Options of ours besides those of kube-apiserver. */
  readonly ours: readonly Option[];
  /** Runs until it is told to stop; `ignored` names the flags that were set aside. */
  readonly start: (flags: KubeApiserverFlags, ignored: readonly string[]) => Promise<void>;
}

/** Adds the sub-command. */
export function addKubeApiserverCommand(program: Command, { ours, start }: KubeApiserverOptions): void {
  const command = addComponent(program, {
    name: 'kube-apiserver',
    description: 'This server under the flags of a kube-apiserver. Objects are kept in memory.',
  })
    .option('--bind-address <address>', 'where it listens', '0.0.0.0')
    .addOption(new Option('--secure-port <port>', 'port of HTTPS').argParser(parsePort).default(6443))
    .option('--advertise-address <address>', 'its address as clients reach it; default: the bind address')
    .addOption(
      new Option('--service-cluster-ip-range <cidr>', 'addresses of Services; IPv4')
        .argParser(parseRanges)
        .default('10.0.0.0/24'),
    )
    .addOption(
      new Option(
        '--disable-admission-plugins <list>',
        'admission plugins that do not run, separated by commas',
      ).argParser(collectList),
    )
    .option('--enable-admission-plugins <list>', 'accepted: those that it has are on')
    .option('--etcd-servers <urls>', 'accepted: objects are kept in memory and end with the process')
    .option('--allow-privileged [boolean]', 'accepted: no pod runs')
    .addOption(new Option('-v, --v <level>', 'how much it logs; 4 and more is debug').argParser(parseLevel));
  for (const option of ours) command.addOption(option);
  addServerOptions(command).action((flags: KubeApiserverFlags) => start(flags, unknownFlags(command.args)));
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('give a port from 0 to 65535.');
}

/** Of a dual-stack server the range that Services here have addresses of. */
function parseRanges(text: string): string {
  const range = text.split(',').find((part) => !part.includes(':'));
  if (range !== undefined) return range.trim();
  throw new InvalidArgumentError('give an IPv4 range such as 10.0.0.0/24.');
}

function collectList(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...(earlier ?? []), ...items.filter((item) => item !== '')];
}

/** `-v=4` reaches us as `=4`: Go's flags take a value so after one dash, too. */
function parseLevel(text: string): number {
  const level = Number(text.replace(/^=/, ''));
  if (Number.isInteger(level)) return level;
  throw new InvalidArgumentError('give a number.');
}

/** Longer than requests take; idle HTTP/1.1 connections are kept open so long, too. */
const shutdownGraceMs = 1000;

/** Resolves when the signal has aborted and all is closed. @throws Error in one sentence when it cannot start. */
export async function runKubeApiserver(
  flags: KubeApiserverFlags,
  { env, signal }: { readonly env: Env; readonly signal: AbortSignal },
): Promise<void> {
  const { bindAddress: host, securePort: port, advertiseAddress } = flags;
  const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-kube-apiserver-'));
  try {
    const running = await runServer({
      env,
      profile: 'cluster',
      kubernetesVersion: flags.kubernetesVersion ?? hubKubernetesVersion,
      dataDir,
      store: createMemoryStore({ clock: env.clock }),
      listen: { host, port },
      kubeconfig: join(dataDir, 'admin.kubeconfig'),
      serving: flags,
      authentication: flags,
      authorization: flags,
      controllers: flags.controllers ?? noControllers,
      serviceCidr: flags.serviceClusterIpRange,
      disabledAdmission: flags.disableAdmissionPlugins ?? [],
      shutdownGraceMs,
      ...(advertiseAddress !== undefined && { advertiseUrl: urlOf(advertiseAddress, port) }),
    });
    env.log.info('api server ready', { url: running.url });
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await running.close();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function urlOf(address: string, port: number): string {
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
