/** The `klusterlet` commands: join and run keep running, status and leave ask and end. */

import {
  addCommand,
  ExitCode,
  type ObjectFormat,
  objectOutputOption,
  parseDuration,
  renderObject,
} from '@flotilla/kube/cli';
import { lockDirectory, returnIdleMemory } from '@flotilla/kube/node';
import { type Command, Option } from 'commander';
import { defaultAgentOptions } from '../registration/settings.js';
import { type KlusterletConfig, KlusterletState } from '../registration/state.js';
import { runAgentOfHubs } from '../several-hubs.js';
import { readStatus, statusHeaders } from '../status.js';
import { connectManaged, dialHub, limitedClient } from './connections.js';
import type { CommandContext } from './context.js';
import { type DataDirOption, mustConfig, withDataDir } from './data-directory.js';
import { addDoctorCommand } from './doctor-command.js';
import { parseProxyUrl } from './hub-proxy.js';
import { joinInBackground } from './join-in-background.js';
import { addLeaveCommand } from './leave-command.js';
import { type JoinOptions, prepareJoin, readJoinRequest, readJoinString } from './prepare-join.js';
import { restoreJoin } from './restore-join.js';
import type { RunOverrides } from './run-from-klusterlet.js';
import { addSettingOptions } from './setting-options.js';
import { addWorkFlags, type WorkFlags, workFlagsAsArguments, workOptionsOf } from './work-flags.js';

interface RunOptions extends DataDirOption, WorkFlags {
  readonly klusterlet?: string;
  readonly kubeconfig?: string;
}

export function addCommands(program: Command, context: CommandContext): void {
  addJoinCommand(program, context);
  addRunCommand(program, context);
  addStatusCommand(program, context);
  addLeaveCommand(program, context);
  addDoctorCommand(program, context);
}

function addJoinCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'join [join-string]', {
    description: 'join a hub and keep running as its agent; a second run goes on with what the first one got',
    examples: [
      "klusterlet join 'https://hub:6443/?token=abcdef.0123456789abcdef&ca=sha256:…' --name cluster1",
      "klusterlet join 'https://hub:6443/?token=…' --name edge7 --kubeconfig ~/.kube/edge7",
      'klusterlet join --bootstrap-kubeconfig ./bootstrap.kubeconfig --name edge7',
    ],
  })
    .option('--name <cluster>', "the cluster's name on the hub; default: the one in the join string")
    .option(
      '--kubeconfig <file>',
      'the managed cluster; default $KUBECONFIG, else in-cluster, else ~/.kube/config',
    )
    .option(
      '--bootstrap-kubeconfig <file>',
      'in place of a join string: the kubeconfig with a token that another OCM hub handed out; given again for each further hub, of which the klusterlet has one at a time',
      (file: string, files: readonly string[] = []) => [...files, file],
    )
    .option(
      '--join-file <file>',
      'the file that holds the join string; what has joined goes on without it when it is gone',
    )
    .option('--move', 'when the data directory belongs to another hub: leave that for this one')
    .addOption(
      new Option(
        '--proxy-url <url>',
        'proxy (http or https) through which the hub is reached, kept for the time after; default: proxy-url of the bootstrap kubeconfig, else $HTTPS_PROXY',
      ).argParser(parseProxyUrl),
    )
    .option(
      '--background',
      'leave the klusterlet running in the background and end, with exit code 0, once the hub says Available',
    )
    .addOption(
      new Option('--wait <duration>', 'with --background: how long to wait for that')
        .argParser(parseDuration)
        .default(600_000, '10m'),
    );
  addSettingOptions(addWorkFlags(withDataDir(command))).action(
    async (text: string | undefined, options: JoinOptions & BackgroundOptions & WorkFlags) => {
      const { env } = context;
      const state = new KlusterletState(env.files, options.dataDir);
      const joinString = await readJoinString(text, { options, state, env });
      const request =
        joinString === 'joined' ? undefined : await readJoinRequest(joinString, { options, env });
      const lock = await lockDirectory(options.dataDir);
      let config: KlusterletConfig;
      try {
        const { note } = context;
        config = request
          ? await prepareJoin(request, { options, state, env, note })
          : await mustConfig(state);
        if (options.background !== true)
          return await runUntilStopped(config, { state, context, flags: options });
      } finally {
        await lock.release();
      }
      const { print, note } = context;
      const flags = workFlagsAsArguments(options);
      await joinInBackground({ config, state, env, print, note, waitMs: options.wait, flags });
    },
  );
}

interface RunContext {
  /** By a Klusterlet object. */
  readonly by?: RunOverrides;
  readonly state: KlusterletState;
  readonly context: CommandContext;
  readonly flags: WorkFlags;
}

interface BackgroundOptions {
  readonly background?: boolean;
  readonly wait: number;
}

/** @throws ExitCode 1 when it is stopped before the hub said Available: whoever joined has not joined. */
async function runUntilStopped(
  config: KlusterletConfig,
  { state, context, flags }: RunContext,
): Promise<void> {
  const { isAvailable } = await run(config, { state, context, flags });
  if (isAvailable) return;
  context.note(`stopped before the hub called ${config.clusterName} available`);
  throw new ExitCode(1);
}

/** A join that the hub refused, or has not heard of yet when it is stopped, leaves the directory free for another. */
async function run(
  config: KlusterletConfig,
  { state, context, flags, by }: RunContext,
): Promise<{ isAvailable: boolean }> {
  const { env } = context;
  const signal = by?.signal ?? context.stopSignal();
  let isAvailable = false;
  const { client, server, ca } = await connectManaged(env, config.kubeconfig);
  const stopReturning = returnIdleMemory();
  try {
    const hubs = await state.readHubs();
    await runAgentOfHubs(
      {
        hubs,
        ...defaultAgentOptions,
        ...config.settings,
        ...by?.settings,
        env,
        state,
        config,
        managed: by === undefined ? client : limitedClient(client, { ...by.managedLimit, env }),
        clientConfigs:
          by !== undefined && by.clientConfigs.length > 0
            ? by.clientConfigs
            : [{ url: server, ...(ca !== undefined && { caBundle: Buffer.from(ca).toString('base64') }) }],
        dialHub: (address) => dialHub(env, address, by?.hubLimit),
        onProgress: context.print,
        work: { ...workOptionsOf(flags), ...by?.work },
        onAvailable: () => {
          isAvailable = true;
        },
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopReturning();
    await client.transport.close();
    if (!(await state.isBound())) await state.forgetHub();
  }
  return { isAvailable };
}

function addRunCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'run', {
    description:
      'run the agent of a data directory that has joined before; a directory that was lost is restored from the copy in the managed cluster',
    examples: [
      'klusterlet run',
      'klusterlet run --data-dir /var/lib/klusterlet',
      'klusterlet run --klusterlet klusterlet',
    ],
  });
  command.option(
    '--kubeconfig <file>',
    'the managed cluster of a directory that was lost; default $KUBECONFIG, else in-cluster, else ~/.kube/config',
  );
  command.option(
    '--klusterlet <name>',
    'join and run as the Klusterlet object of this name in the managed cluster says, and report in its status',
  );
  addWorkFlags(withDataDir(command)).action(async (options: RunOptions) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const lock = await lockDirectory(options.dataDir);
    try {
      if (options.klusterlet !== undefined) {
        const { runFromKlusterlet } = await import('./run-from-klusterlet.js');
        return await runFromKlusterlet({
          name: options.klusterlet,
          env: context.env,
          state,
          kubeconfig: options.kubeconfig,
          note: context.note,
          signal: context.stopSignal(),
          run: async (config, by) => {
            await run(config, { state, context, flags: options, by });
          },
        });
      }
      const config =
        (await state.readConfig()) ??
        (await restoreJoin(state, { env: context.env, kubeconfig: options.kubeconfig })) ??
        (await mustConfig(state));
      await run(config, { state, context, flags: options });
    } finally {
      await lock.release();
    }
  });
}

function addStatusCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'status', {
    description: 'show hub, certificate, connection and works of this klusterlet',
    examples: ['klusterlet status', 'klusterlet status -o json'],
  }).addOption(objectOutputOption());
  withDataDir(command).action(async (options: DataDirOption & { output: ObjectFormat }) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const config = await mustConfig(state);
    const status = await readStatus({
      env: context.env,
      state,
      config,
      dialHub: (address) => dialHub(context.env, address),
    });
    context.print(renderObject(options.output, status, statusHeaders));
  });
}
