/** `klusterlet leave`. */
import { createClient } from '@flotilla/kube';
import { addCommand, confirm, ExitCode, parseDuration } from '@flotilla/kube/cli';
import { lockDirectory } from '@flotilla/kube/node';
import { type Command, Option } from 'commander';
import { hubAt } from '../hub-address.js';
import { type LeaveResult, leaveHub } from '../leave/leave-hub.js';
import { type KlusterletConfig, KlusterletState } from '../registration/state.js';
import { connectManaged, dialHub } from './connections.js';
import type { CommandContext } from './context.js';
import { type DataDirOption, mustConfig, withDataDir } from './data-directory.js';

interface LeaveFlags extends DataDirOption {
  readonly keepWorkloads?: boolean;
  readonly wait: number;
  readonly yes?: boolean;
}

export function addLeaveCommand(program: Command, context: CommandContext): void {
  const command = addCommand(program, 'leave', {
    description:
      'leave the hub: delete what its works applied, and all that the klusterlet brought into the cluster, and tell the hub',
    examples: ['klusterlet leave', 'klusterlet leave --keep-workloads'],
  })
    .option('--keep-workloads', 'what works applied stays, and belongs to nobody any more')
    .addOption(
      new Option('--wait <duration>', 'how long what is deleted may take to be gone')
        .argParser(parseDuration)
        .default(120_000, '2m'),
    )
    .option('-y, --yes', 'do not ask; without a terminal nobody is asked');
  withDataDir(command).action(async (options: LeaveFlags) => {
    const state = new KlusterletState(context.env.files, options.dataDir);
    const config = await mustConfig(state);
    const lock = await lockDirectory(options.dataDir);
    try {
      const question = `leave ${config.hubServer}, and delete in this cluster what its works applied?`;
      const mustAsk = options.yes !== true && options.keepWorkloads !== true;
      if (mustAsk && !(await confirm(question))) throw new ExitCode(1);
      const result = await leave({ options, state, config, context });
      context.print(describeLeave(config, options, result));
    } finally {
      await lock.release();
    }
  });
}

async function leave(given: {
  readonly options: LeaveFlags;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly context: CommandContext;
}): Promise<LeaveResult> {
  const { options, state, config, context } = given;
  const { env } = context;
  const { client: managed } = await connectManaged(env, config.kubeconfig);
  const credentials = await state.readCredentials();
  const transport = credentials && dialHub(env, { ...hubAt(config), credentials: () => credentials });
  try {
    return await leaveHub({
      env,
      managed,
      hub: transport && createClient(transport, { userAgent: 'klusterlet' }),
      state,
      config,
      keepWorkloads: options.keepWorkloads === true,
      waitMs: options.wait,
      onProgress: context.note,
      signal: context.stopSignal(),
    });
  } finally {
    await transport?.close();
    await managed.transport.close();
  }
}

function describeLeave(
  { hubServer, clusterName }: KlusterletConfig,
  { keepWorkloads }: LeaveFlags,
  { works, untold, kept }: LeaveResult,
): string {
  const what = `${works} ${works === 1 ? 'work' : 'works'} ${keepWorkloads === true ? 'disowned' : 'deleted'}`;
  const forget = `hub clusters remove ${clusterName}`;
  const told =
    untold === undefined
      ? `the hub was told; to forget the cluster there too: ${forget}`
      : `the hub could not be told (${untold}); there: ${forget} --force`;
  return [`left ${hubServer}: ${what}; ${told}`, ...kept].join('\n');
}
