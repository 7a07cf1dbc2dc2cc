/**
 * What could stand next on a command line, read off commander's own tree of commands, options and choices. Names of
 * things that exist are asked of a `NameLookup`. The shells' scripts (`completion-scripts.ts`) call the hidden command
 * `__complete`, so that they never fall behind the program.
 */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Completions {
  readonly candidates: readonly Candidate[];
  /** The shell is to offer files. */
  readonly files: boolean;
}

/** A place for the name of something. */
export interface NamePlace {
  /** `clusters remove`. */
  readonly command: string;
  /** The argument's name, or the long name of the option: `cluster`. */
  readonly name: string;
  /** Values of the options before it, by long name: `kubeconfig`. */
  readonly options: ReadonlyMap<string, string>;
  /** Arguments before it. */
  readonly given: readonly string[];
}

export type NameLookup = (place: NamePlace) => Promise<readonly string[]>;

interface Position {
  readonly command: Command;
  readonly path: readonly string[];
  readonly given: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  /** The word is this option's value. */
  readonly pendingOption: Option | undefined;
  readonly onlyArguments: boolean;
}

/** `words`: those after the program's name; the last one, maybe empty, is being typed. */
export async function complete(
  program: Command,
  words: readonly string[],
  lookup: NameLookup,
): Promise<Completions> {
  const typed = words.at(-1) ?? '';
  const position = walk(program, words.slice(0, -1));
  const assigned = /^(--[a-z-]+)=(.*)$/.exec(typed);
  const option =
    position.pendingOption ?? (assigned?.[1] === undefined ? undefined : find(position.command, assigned[1]));
  if (option !== undefined) {
    const prefix = assigned === null || position.pendingOption !== undefined ? '' : `${assigned[1]}=`;
    return withPrefix(await valuesOf(option, position, lookup), { prefix, typed });
  }
  if (typed.startsWith('-') && !position.onlyArguments) {
    return { files: false, candidates: optionsOf(position.command).filter(startsWith(typed)) };
  }
  return withPrefix(await wordsFor(position, lookup), { prefix: '', typed });
}

function walk(program: Command, words: readonly string[]): Position {
  let command = program;
  const path: string[] = [];
  const given: string[] = [];
  const options = new Map<string, string>();
  let pendingOption: Option | undefined;
  let onlyArguments = false;
  for (const word of words) {
    if (pendingOption !== undefined) {
      options.set(pendingOption.name(), word);
      pendingOption = undefined;
    } else if (word === '--') onlyArguments = true;
    else if (word.startsWith('-') && !onlyArguments) {
      const [flag = '', value] = word.split(/=(.*)/s);
      const option = find(command, flag);
      if (option === undefined || !(option.required || option.optional)) continue;
      if (value === undefined) pendingOption = option;
      else options.set(option.name(), value);
    } else {
      const next = given.length > 0 ? undefined : commandsOf(command).find((each) => each.name() === word);
      if (next === undefined) given.push(word);
      else {
        command = next;
        path.push(word);
      }
    }
  }
  return { command, path, given, options, pendingOption, onlyArguments };
}

function find(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => flag === long || flag === short);
}

function commandsOf(command: Command): readonly Command[] {
  return command.commands.filter((each) => !each.name().startsWith('_'));
}

function optionsOf(command: Command): Candidate[] {
  const own = command.options
    .filter(({ hidden }) => !hidden)
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', description }));
  return [...own, { value: '--help', description: 'show this help' }];
}

async function valuesOf(option: Option, position: Position, lookup: NameLookup): Promise<Completions> {
  if (option.argChoices !== undefined) return fixed(option.argChoices);
  if (/<(file|dir)>/.test(option.flags)) return { candidates: [], files: true };
  return named(option.name(), position, lookup);
}

async function wordsFor(position: Position, lookup: NameLookup): Promise<Completions> {
  const { command, given } = position;
  const commands = given.length > 0 ? [] : commandsOf(command);
  const candidates = commands.map((each) => ({ value: each.name(), description: each.description() }));
  const argument = argumentAt(command, given.length);
  if (argument === undefined) return { candidates, files: false };
  if (argument.argChoices !== undefined) return fixed(argument.argChoices);
  const names = await named(argument.name(), position, lookup);
  return { files: names.files, candidates: [...candidates, ...names.candidates] };
}

function argumentAt({ registeredArguments }: Command, at: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[at] ?? (last?.variadic ? last : undefined);
}

async function named(name: string, position: Position, lookup: NameLookup): Promise<Completions> {
  const { path, options, given } = position;
  const names = await lookup({ command: path.join(' '), name, options, given });
  return fixed(names.filter((each) => !given.includes(each)));
}

function fixed(values: readonly string[]): Completions {
  return { candidates: values.map((value) => ({ value, description: '' })), files: false };
}

function withPrefix(
  { candidates, files }: Completions,
  { prefix, typed }: { prefix: string; typed: string },
): Completions {
  const whole = candidates.map(({ value, description }) => ({ value: `${prefix}${value}`, description }));
  return { files, candidates: whole.filter(startsWith(typed)) };
}

function startsWith(typed: string): (candidate: Candidate) => boolean {
  return ({ value }) => value.startsWith(typed);
}

/** The words of a command line as a shell has it, the one being typed last. Unfinished quotes are ended. */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + (line[at] ?? '');
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  return [...words, word ?? ''];
}
