/**
 * A sub-command that stands in for one of Kubernetes' own programs. It is started by launchers (`assets.ts`), never
 * typed: it takes that program's flags and sets aside those that it does not know, as another version may bring new
 * ones.
 */
import type { Command } from 'commander';

export interface ComponentOptions {
  /** The program's name. */
  readonly name: string;
  readonly description: string;
}

/** Adds the sub-command; the program must have positional options enabled. */
export function addComponent(program: Command, { name, description }: ComponentOptions): Command {
  return program
    .command(name, { hidden: true })
    .description(description)
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', `\nOther flags of ${name} are accepted and set aside.`);
}

/** Names of the flags among what no option has taken. */
export function unknownFlags(args: readonly string[]): readonly string[] {
  return args.flatMap((argument) => /^-{1,2}([^-=][^=]*)/.exec(argument)?.[1] ?? []);
}
