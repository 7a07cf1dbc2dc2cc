/** `hub doctor`: prints what `examineHub` finds. */
import {
  addCommand,
  type ObjectFormat,
  objectOutputOption,
  parseDuration,
  reportChecks,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { kubeconfigOption } from './connect.js';
import type { CommandContext } from './context.js';

interface DoctorFlags {
  readonly dataDir?: string;
  readonly kubeconfig?: string;
  readonly output: ObjectFormat;
  readonly stuckAfter: number;
}

export function addDoctorCommand(program: Command, { env, print }: CommandContext): void {
  addCommand(program, 'doctor', {
    description: 'check a hub and its fleet, and say what is wrong and how to mend it; changes nothing',
    examples: ['hub doctor', 'hub doctor --kubeconfig ./hub.kubeconfig -o json'],
    exitCodes: { 1: 'something failed' },
  })
    .option(
      '--data-dir <dir>',
      'the data directory of the hub; default: the one of hub serve, when it is on this machine',
    )
    .addOption(
      new Option('--stuck-after <duration>', 'a deletion is stuck when it takes longer')
        .argParser(parseDuration)
        .default(300_000, '5m'),
    )
    .addOption(objectOutputOption())
    .addOption(kubeconfigOption())
    .action(async ({ stuckAfter, output, ...options }: DoctorFlags) => {
      // Loaded when it is needed: other commands start without it.
      const { examineHub } = await import('./hub-doctor.js');
      const list = await examineHub(env, { ...options, stuckAfterMs: stuckAfter });
      reportChecks(list, { format: output, print });
    });
}
