/** `klusterlet doctor`: prints what `examineKlusterlet` finds. */
import { addCommand, type ObjectFormat, objectOutputOption, reportChecks } from '@flotilla/kube/cli';
import type { Command } from 'commander';
import { KlusterletState } from '../registration/state.js';
import type { CommandContext } from './context.js';
import { type DataDirOption, mustConfig, withDataDir } from './data-directory.js';

export function addDoctorCommand(program: Command, { env, print }: CommandContext): void {
  const command = addCommand(program, 'doctor', {
    description:
      'check a klusterlet and its way to the hub, and say what is wrong and how to mend it; changes nothing',
    examples: ['klusterlet doctor', 'klusterlet doctor -o json'],
    exitCodes: { 1: 'something failed' },
  }).addOption(objectOutputOption());
  withDataDir(command).action(async ({ dataDir, output }: DataDirOption & { output: ObjectFormat }) => {
    const state = new KlusterletState(env.files, dataDir);
    const config = await mustConfig(state);
    // Loaded when it is needed: other commands start without it.
    const { examineKlusterlet } = await import('./klusterlet-doctor.js');
    reportChecks(await examineKlusterlet({ env, state, config }), { format: output, print });
  });
}
