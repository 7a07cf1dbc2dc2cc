/** The `apiserver` command: the stand-in cluster, or a bare API server, as a process of its own. */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  addCommand,
  createProgram,
  type Listen,
  parseHttpsUrl,
  parseListen,
  parseLogLevel,
  runProgram,
  UsageError,
} from '@flotilla/kube/cli';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { writeEnvtestAssets } from './cli/envtest/assets.js';
import { addEtcdCommand, serveHealth } from './cli/envtest/etcd.js';
import { addKubeApiserverCommand, runKubeApiserver } from './cli/envtest/kube-apiserver.js';
import {
  addBackupCommands,
  addServerOptions,
  addStorageOptions,
  type ServerFlags,
  type StorageFlags,
} from './cli/index.js';
import {
  type ControllerSelection,
  controllerNames,
  parseControllers,
} from './controllers/controller-selection.js';
import { runServer } from './node/run-server.js';
import {
  hubKubernetesVersion,
  type KubernetesVersion,
  parseKubernetesVersion,
} from './server/kubernetes-version.js';
import { createMemoryStore } from './storage/memory-store.js';

interface Options extends ServerFlags, StorageFlags {
  readonly profile: 'hub' | 'cluster';
  readonly kubernetesVersion: KubernetesVersion;
  readonly dataDir: string;
  readonly listen: Listen;
  readonly advertise?: string;
  readonly kubeconfig?: string;
  readonly storage: 'lmdb' | 'memory';
  readonly controllers?: ControllerSelection;
}

const defaultDataDir = join(homedir(), '.flotilla', 'apiserver');

function buildProgram(): Command {
  const program = addStorageOptions(addServerOptions(ownOptions())).enablePositionalOptions().action(serve);
  addEnvtestCommands(program);
  addOwnBackupCommands(program);
  return program;
}

function addOwnBackupCommands(program: Command): void {
  const env = createNodeEnv({ logLevel: parseLogLevel(process.env['FLOTILLA_LOG_LEVEL']) });
  addBackupCommands(program, {
    name: 'apiserver',
    server: 'API server',
    env,
    defaultDataDir,
    print: (text) => void process.stdout.write(`${text}\n`),
    connect: async (file = join(defaultDataDir, 'admin.kubeconfig')) =>
      (await transportFromKubeconfig({ file }, { env })).transport,
  });
}

/** The folder for test suites, and what its launchers start. */
function addEnvtestCommands(program: Command): void {
  addCommand(program, 'envtest-assets', {
    description:
      "Write a folder with kube-apiserver, etcd and kubectl for test suites that start Kubernetes' own programs (KUBEBUILDER_ASSETS), and print its path. Objects are kept in memory and no controllers run, as such suites expect.",
    examples: [
      'KUBEBUILDER_ASSETS=$(apiserver envtest-assets) go test ./...',
      'apiserver envtest-assets --dir bin/envtest --controllers namespace-controller,garbage-collector-controller',
    ],
  })
    .option('--dir <dir>', 'the folder', join(homedir(), '.flotilla', 'envtest'))
    .addOption(versionOption())
    .addOption(controllersOption('none'))
    .action(writeAssets);
  addKubeApiserverCommand(program, {
    ours: [versionOption(), controllersOption('none')],
    start: async (flags, ignored) => {
      const level = flags.v === undefined ? undefined : flags.v >= 4 ? 'debug' : 'info';
      const env = createNodeEnv({ logLevel: level ?? parseLogLevel(process.env['FLOTILLA_LOG_LEVEL']) });
      for (const flag of ignored) env.log.debug('flag set aside', { flag });
      await runKubeApiserver(flags, { env, signal: stopSignal() });
    },
  });
  addEtcdCommand(program, (addresses) => serveHealth(addresses, stopSignal()));
}

async function writeAssets(options: {
  dir: string;
  kubernetesVersion?: KubernetesVersion;
  controllers?: ControllerSelection;
}): Promise<void> {
  const { kubernetesVersion: version, controllers } = options;
  const { directory, kubectl } = await writeEnvtestAssets({
    directory: options.dir,
    node: process.execPath,
    script: realpathSync(process.argv[1] ?? ''),
    path: process.env['PATH'],
    flags: [
      ...(version === undefined ? [] : [`--kubernetes-version=1.${version.minor}.${version.patch}`]),
      ...(controllers === undefined
        ? []
        : [`--controllers=${controllerNames.filter(controllers).join(',')}`]),
    ],
  });
  if (kubectl === undefined)
    process.stderr.write('there is no kubectl on the PATH: suites that call it need one in the folder\n');
  process.stdout.write(`${directory}\n`);
}

const ownOptions = () =>
  createProgram({
    name: 'apiserver',
    description:
      'A Kubernetes API server in one process. With --profile cluster it stands in for a managed cluster: workloads become ready a moment after they are applied, and nothing runs. For tests and demos.',
    version: '0.1.0',
    examples: [
      'apiserver --profile cluster --data-dir ./cluster1 --kubeconfig ./cluster1.kubeconfig',
      'apiserver --profile cluster --kubernetes-version 1.21 --listen 127.0.0.1:7441',
      'apiserver backup --to apiserver.backup --kubeconfig ./cluster1.kubeconfig',
    ],
  })
    .addOption(
      new Option('--profile <name>', 'what it serves').choices(['cluster', 'hub']).default('cluster'),
    )
    .addOption(versionOption().default(hubKubernetesVersion, `1.${hubKubernetesVersion.minor}`))
    .option('--data-dir <dir>', 'where it keeps its objects and keys', defaultDataDir)
    .addOption(
      new Option('--listen <host:port>', 'where it listens')
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 7443 }, '127.0.0.1:7443'),
    )
    .option('--advertise <url>', 'its URL as clients reach it; default: the listen address', parseHttpsUrl)
    .option(
      '--kubeconfig <file>',
      'where it writes the admin kubeconfig; default: admin.kubeconfig in the data directory',
    )
    .addOption(
      new Option('--storage <name>', 'where objects are kept; memory: they end with the process, for tests')
        .choices(['lmdb', 'memory'])
        .default('lmdb'),
    )
    .addOption(controllersOption('all of the profile'));

function versionOption(): Option {
  return new Option(
    '--kubernetes-version <version>',
    'the API versions it serves and what /version says',
  ).argParser(readVersion);
}

function controllersOption(byDefault: string): Option {
  return new Option(
    '--controllers <list>',
    `which controllers run, as kube-controller-manager takes it: "*", "*,-namespace-controller", "-*" for none; default: ${byDefault}. There are ${controllerNames.join(', ')}`,
  ).argParser(readControllers);
}

function readControllers(text: string): ControllerSelection {
  try {
    return parseControllers(text);
  } catch (cause) {
    throw new InvalidArgumentError(cause instanceof Error ? cause.message : String(cause));
  }
}

function readVersion(text: string): KubernetesVersion {
  try {
    return parseKubernetesVersion(text);
  } catch (cause) {
    throw new InvalidArgumentError(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Aborts when the process is told to stop. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

async function serve(options: Options): Promise<void> {
  const stop = stopSignal();
  const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
  if (options.storage === 'memory' && options.etcdServers !== undefined) {
    throw new UsageError('--storage memory and --etcd-servers exclude each other');
  }
  const env = createNodeEnv({ logLevel: parseLogLevel(process.env['FLOTILLA_LOG_LEVEL']) });
  const kubeconfig = options.kubeconfig ?? join(options.dataDir, 'admin.kubeconfig');
  const running = await runServer({
    env,
    profile: options.profile,
    kubernetesVersion: options.kubernetesVersion,
    dataDir: options.dataDir,
    listen: options.listen,
    kubeconfig,
    serving: options,
    authentication: options,
    authorization: options,
    certificates: options,
    etcd: options,
    audit: options,
    ...(options.storage === 'memory' && { store: createMemoryStore({ clock: env.clock }) }),
    ...(options.controllers && { controllers: options.controllers }),
    ...(options.advertise !== undefined && { advertiseUrl: options.advertise }),
  });
  env.log.info('api server ready', { url: running.url, kubeconfig });
  await stopped;
  await running.close();
}

process.exitCode = await runProgram(buildProgram, {
  argv: process.argv,
  stderr: (text) => void process.stderr.write(text),
  debug: process.env['FLOTILLA_DEBUG'] === '1',
});
