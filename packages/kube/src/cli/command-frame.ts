/** The frame of each command and sub-command: help, hints, exit codes, examples. */
import type { Command } from 'commander';

/** A mistake in the use of the command is followed by where to look. */
export function withHint(command: Command, path: string): Command {
  return command.showHelpAfterError(`(see "${path} --help")`);
}

export interface CommandText {
  readonly description: string;
  /** Each begins with the words of the command. */
  readonly examples: readonly string[];
  /** Codes of its own, and what they say; those of all commands need not be named. */
  readonly exitCodes?: Readonly<Record<number, string>>;
}

/** A sub-command in the same frame. */
export function addCommand(parent: Command, usage: string, options: CommandText): Command {
  const command = parent
    .command(usage)
    .description(options.description)
    .helpOption('-h, --help', 'show this help');
  return withFooter(withHint(command.exitOverride(), pathOf(command)), options);
}

/** `hub token create`: the words that lead to a command. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

const commonExitCodes: Readonly<Record<number, string>> = { 0: 'done', 1: 'failed', 2: 'used wrongly' };

/** Exit codes and examples under the help. */
export function withFooter(
  command: Command,
  { examples, exitCodes }: Pick<CommandText, 'examples' | 'exitCodes'>,
): Command {
  const codes = Object.entries({ ...commonExitCodes, ...exitCodes }).map(([code, what]) => `${code} ${what}`);
  const shown = examples.length === 0 ? [] : ['', 'Examples:', ...examples.map((example) => `  ${example}`)];
  return command.addHelpText('after', [`\nExit codes: ${codes.join(', ')}`, ...shown].join('\n'));
}
