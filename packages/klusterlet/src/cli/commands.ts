/** The `klusterlet` commands: join and run keep running, status and leave ask and end. */

import { homedir } from 'node:os';
import { join as joinPath, resolve } from 'node:path';
import { parseJoinString, validateObjectName } from '@flotilla/api';
import { createClient, type Env, type KubeClient, writeKubeconfig } from '@flotilla/kube';
import { addCommand, type OutputFormat, outputOption, renderList, UsageError } from '@flotilla/kube/cli';
import {
  createHttpsTransport,
  lockDirectory,
  probeTls,
  transportFromKubeconfig,
  transportInCluster,
} from '@flotilla/kube/node';
import type { Command } from 'commander';
import { defaultAgentOptions, type HubAddress, runAgent } from '../agent.js';
import { leaveHub } from '../leave.js';
import { fetchPinnedCa } from '../registration/pinned-ca.js';
import { type KlusterletConfig, KlusterletState } from '../registration/state.js';
import { readStatus, statusHeaders } from '../status.js';

export interface CommandContext {
  readonly env: Env;
  readonly print: (text: string) => void;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

interface DataDirOption {
  readonly dataDir: string;
}

function defaultDataDir(): string {
  return process.env['FLOTILLA_KLUSTERLET_DIR'] ?? joinPath(homedir(), '.flotilla', 'klusterlet');
}

function withDataDir(command: Command): Command {
  return command.option(
    '--data-dir <dir>',
    'where the klusterlet keeps its credentials and saved works',
    defaultDataDir(),
  );
}

export function addCommands(program: Command, context: CommandContext): void {
  addJoinCommand(program, context);
  addRunCommand(program, context);
  addStatusCommand(program, context);
  addLeaveCommand(program, context);
}

interface JoinOptions extends DataDirOption {
  readonly name?: string;
  readonly kubeconfig?: string;
}

function addJoinCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'join <join-string>', {
    description: 'join a hub and keep running as its agent; a second run goes on with what the first one got',
    examples: [
      "klusterlet join 'https://hub:6443/?token=abcdef.0123456789abcdef&ca=sha256:…' --name cluster1",
      "klusterlet join 'https://hub:6443/?token=…' --name edge7 --kubeconfig ~/.kube/edge7",
    ],
  })
    .option('--name <cluster>', "the cluster's name on the hub; default: the one in the join string")
    .option(
      '--kubeconfig <file>',
      'the managed cluster; default $KUBECONFIG, else in-cluster, else ~/.kube/config',
    );
  withDataDir(command).action(async (text: string, options: JoinOptions) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const lock = await lockDirectory(options.dataDir);
    try {
      const config = await prepareJoin(text, { options, state, context });
      await run(config, { state, context });
    } finally {
      await lock.release();
    }
  });
}

/** Checks everything that can be checked before anything is changed, here or on the hub. */
async function prepareJoin(
  text: string,
  { options, state, context }: { options: JoinOptions; state: KlusterletState; context: CommandContext },
): Promise<KlusterletConfig> {
  const { env } = context;
  const join = parse(text);
  const clusterName = options.name ?? join.cluster;
  if (clusterName === undefined) throw new UsageError('--name is missing: the join string names no cluster');
  const [error] = validateObjectName(clusterName, 'label');
  if (error !== undefined) throw new UsageError(`--name is refused: ${error.message}`);
  if (join.cluster !== undefined && join.cluster !== clusterName) {
    throw new UsageError(`the join string is for the cluster ${join.cluster}, not for ${clusterName}`);
  }
  const known = await state.readConfig();
  if (known !== undefined && (known.clusterName !== clusterName || known.hubServer !== join.server)) {
    throw new UsageError(
      `${options.dataDir} belongs to ${known.clusterName} on ${known.hubServer}: leave that hub first ("klusterlet leave"), or give another --data-dir`,
    );
  }
  if (known !== undefined && (await state.readCredentials()) !== undefined) return known;
  const kubeconfig = await managedKubeconfig(options);
  await checkManaged(env, kubeconfig);
  const hubCa = await fetchPinnedCa(join, {
    probe: async (address) => (await probeTls({ ...address, clock: env.clock, label: 'hub' })).certificates,
    nowMs: env.clock.now(),
  });
  const config: KlusterletConfig = {
    formatVersion: 1,
    clusterName,
    agentId: known?.agentId ?? env.random.uuid().slice(0, 8),
    hubServer: join.server,
    hubCa,
    ...(kubeconfig !== undefined && { kubeconfig }),
  };
  await state.writeConfig(config);
  await state.writeBootstrapKubeconfig(
    writeKubeconfig({
      server: join.server,
      ca: hubCa,
      clusterName: 'hub',
      credential: { token: join.token },
    }),
  );
  return config;
}

function parse(text: string): ReturnType<typeof parseJoinString> {
  try {
    return parseJoinString(text);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Undefined: in-cluster. */
async function managedKubeconfig({ kubeconfig }: JoinOptions): Promise<string | undefined> {
  const named = kubeconfig ?? process.env['KUBECONFIG'];
  if (named !== undefined) return resolve(named);
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined
    ? joinPath(homedir(), '.kube', 'config')
    : undefined;
}

interface ManagedConnection {
  readonly client: KubeClient;
  readonly server: string;
  readonly ca: string | undefined;
}

async function connectManaged(env: Env, kubeconfig: string | undefined): Promise<ManagedConnection> {
  const label = 'managed cluster';
  if (kubeconfig === undefined) {
    const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
    const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
    const { transport } = await transportInCluster({ env, host, port, label });
    const client = createClient(transport, { userAgent: 'work-agent' });
    return { client, server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, ca: undefined };
  }
  const { transport, kubeconfig: loaded } = await transportFromKubeconfig(
    { file: kubeconfig },
    { env, label },
  );
  const client = createClient(transport, { userAgent: 'work-agent' });
  return { client, server: loaded.cluster.server, ca: loaded.cluster.caData };
}

async function checkManaged(env: Env, kubeconfig: string | undefined): Promise<void> {
  const { client } = await connectManaged(env, kubeconfig);
  try {
    await client.getText('/version', { timeoutMs: 10_000 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the managed cluster of ${kubeconfig ?? 'this pod'} cannot be reached: ${why}`, {
      cause,
    });
  } finally {
    await client.transport.close();
  }
}

async function run(
  config: KlusterletConfig,
  { state, context }: { state: KlusterletState; context: CommandContext },
): Promise<void> {
  const { env, signal } = context;
  const { client, server, ca } = await connectManaged(env, config.kubeconfig);
  try {
    await runAgent(
      {
        ...defaultAgentOptions,
        env,
        state,
        config,
        managed: client,
        clientConfigs: [
          { url: server, ...(ca !== undefined && { caBundle: Buffer.from(ca).toString('base64') }) },
        ],
        dialHub: (address) => dialHub(env, address),
        onProgress: context.print,
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await client.transport.close();
  }
}

function dialHub(env: Env, { server, ca, credentials, token }: HubAddress) {
  return createHttpsTransport({
    server,
    ca,
    label: 'hub',
    clock: env.clock,
    ...(credentials && {
      clientCertificate: () => {
        const { certificatePem, privateKeyPem } = credentials();
        return { cert: certificatePem, key: privateKeyPem };
      },
    }),
    ...(token !== undefined && { bearerToken: () => token }),
  });
}

function addRunCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'run', {
    description: 'run the agent of a data directory that has joined before',
    examples: ['klusterlet run', 'klusterlet run --data-dir /var/lib/klusterlet'],
  });
  withDataDir(command).action(async (options: DataDirOption) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const config = await mustConfig(state);
    const lock = await lockDirectory(options.dataDir);
    try {
      await run(config, { state, context });
    } finally {
      await lock.release();
    }
  });
}

async function mustConfig(state: KlusterletState): Promise<KlusterletConfig> {
  const config = await state.readConfig();
  if (config !== undefined) return config;
  throw new UsageError(
    `no klusterlet has joined from ${state.dataDir}: run "klusterlet join" first, or give --data-dir`,
  );
}

function addStatusCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'status', {
    description: 'show hub, certificate, connection and works of this klusterlet',
    examples: ['klusterlet status', 'klusterlet status -o json'],
  }).addOption(outputOption());
  withDataDir(command).action(async (options: DataDirOption & { output: OutputFormat }) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const config = await mustConfig(state);
    const status = await readStatus({
      env: context.env,
      state,
      config,
      dialHub: (address) => dialHub(context.env, address),
    });
    const rows = Object.entries(status).map(([name, value]) => [name, String(value)]);
    context.print(renderList(options.output, { headers: statusHeaders, rows, objects: [status], empty: '' }));
  });
}

function addLeaveCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'leave', {
    description:
      'leave the hub: disown what was applied, forget the credentials; the workloads stay unless told otherwise',
    examples: ['klusterlet leave', 'klusterlet leave --delete-workloads'],
  }).option('--delete-workloads', 'also delete what the hub had applied to this cluster');
  withDataDir(command).action(async (options: DataDirOption & { deleteWorkloads?: boolean }) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const config = await mustConfig(state);
    const lock = await lockDirectory(options.dataDir);
    try {
      const { client } = await connectManaged(context.env, config.kubeconfig);
      const result = await leaveHub({
        client,
        state,
        config,
        deleteWorkloads: options.deleteWorkloads === true,
      });
      await client.transport.close();
      context.print(
        `left ${config.hubServer}: ${result.works} works ${options.deleteWorkloads === true ? 'deleted' : 'disowned'}; to forget the cluster there too: kubectl delete managedcluster ${config.clusterName}`,
      );
    } finally {
      await lock.release();
    }
  });
}
