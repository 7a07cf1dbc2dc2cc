/**
 * Plays parsed shell text inside a simulated container. Commands are those of `commands.ts`; nothing of the host is ever
 * run or read. It stops at its next step when the signal is aborted.
 */
import { emptyReader, nullWriter, type Reader, type Writer } from '../byte-io.js';
import { FileError, resolvePath } from '../file-system.js';
import { BrokenPipe, createPipe } from '../pipe.js';
import type { CommandFunction, Process } from './process.js';
import { parseShell } from './syntax.js';
import {
  type Command,
  type List,
  type Pipeline,
  type Redirection,
  ShellSyntaxError,
  type Word,
} from './syntax-tree.js';

export interface ShellOptions {
  /** `$0`, then `$1` and so on. */
  readonly parameters: readonly string[];
  /** The program of that name or path; undefined when there is none. */
  readonly commandNamed: (name: string) => CommandFunction | undefined;
}

/** Thrown by `exit`. */
class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super('exit');
    this.code = code;
  }
}

/** 128 and the number of SIGPIPE. */
const brokenPipeCode = 141;
/** Loops that never wait must not hold up everything else. */
const stepsPerTurn = 200;

export class Shell {
  readonly #process: Process;
  readonly #parameters: readonly string[];
  readonly #commandNamed: ShellOptions['commandNamed'];
  #lastCode = 0;
  #steps = 0;

  constructor(process: Process, { parameters, commandNamed }: ShellOptions) {
    this.#process = process;
    this.#parameters = parameters;
    this.#commandNamed = commandNamed;
  }

  /** One text after another, as an interactive shell does; `exited` tells that it called `exit`. */
  async interpret(text: string): Promise<{ readonly code: number; readonly exited: boolean }> {
    try {
      return { code: await this.#list(parseShell(text), this.#process), exited: false };
    } catch (error) {
      if (error instanceof Exit) return { code: error.code, exited: true };
      if (!(error instanceof ShellSyntaxError)) throw error;
      this.#process.tellUnknown?.();
      await this.#process.stderr.write(`sh: ${error.message}\n`);
      this.#lastCode = 2;
      return { code: 2, exited: false };
    }
  }

  async run(text: string): Promise<number> {
    return (await this.interpret(text)).code;
  }

  async #list(list: List, process: Process): Promise<number> {
    let code = 0;
    for (const { first, rest } of list) {
      code = await this.#pipeline(first, process);
      for (const { operator, pipeline } of rest) {
        if ((operator === '&&') === (code === 0)) code = await this.#pipeline(pipeline, process);
      }
    }
    return code;
  }

  async #pipeline({ commands, isNegated }: Pipeline, process: Process): Promise<number> {
    let code = 0;
    const [only] = commands;
    if (commands.length === 1 && only !== undefined) code = await this.#command(only, process);
    else code = await this.#piped(commands, process);
    if (isNegated) code = code === 0 ? 1 : 0;
    this.#lastCode = code;
    return code;
  }

  /** Each command in a shell of its own, all at once. */
  async #piped(commands: readonly Command[], process: Process): Promise<number> {
    let stdin: Reader & { stop?(): void } = process.stdin;
    const runs: Promise<number>[] = [];
    for (const [index, command] of commands.entries()) {
      const isLast = index === commands.length - 1;
      const pipe = isLast ? undefined : createPipe();
      const own = {
        ...process,
        variables: new Map(process.variables),
        stdin,
        stdout: pipe?.writer ?? process.stdout,
      };
      const reading = stdin;
      runs.push(
        this.#inSubshell(() => this.#command(command, own)).finally(() => {
          pipe?.end();
          if (index > 0) reading.stop?.();
        }),
      );
      if (pipe !== undefined) stdin = pipe.reader;
    }
    const codes = await Promise.all(runs);
    return codes.at(-1) ?? 0;
  }

  async #inSubshell(run: () => Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof Exit) return error.code;
      if (error instanceof BrokenPipe) return brokenPipeCode;
      throw error;
    }
  }

  async #command(command: Command, process: Process): Promise<number> {
    await this.#step();
    switch (command.type) {
      case 'group':
        return this.#list(command.body, process);
      case 'subshell': {
        const own = { ...process, variables: new Map(process.variables), state: { ...process.state } };
        return this.#inSubshell(() => this.#list(command.body, own));
      }
      case 'redirected':
        return this.#withFiles(process, async () =>
          this.#command(command.command, await this.#redirect(command.redirections, process)),
        );
      case 'if':
        for (const { condition, body } of command.branches) {
          if ((await this.#list(condition, process)) === 0) return this.#list(body, process);
        }
        return this.#list(command.otherwise, process);
      case 'for': {
        let code = 0;
        for (const value of await this.#words(command.words, process)) {
          process.variables.set(command.name, value);
          code = await this.#list(command.body, process);
        }
        return code;
      }
      case 'loop': {
        let code = 0;
        while (((await this.#list(command.condition, process)) === 0) !== command.until) {
          code = await this.#list(command.body, process);
          await this.#step();
        }
        return code;
      }
      case 'simple':
        return this.#simple(command, process);
    }
  }

  async #simple(command: Extract<Command, { type: 'simple' }>, process: Process): Promise<number> {
    const words = await this.#words(command.words, process);
    const [name] = words;
    const env = name === undefined ? process.variables : new Map(process.variables);
    for (const { name: variable, value } of command.assignments) {
      env.set(variable, (await this.#words([value], process, { split: false })).join(' '));
    }
    return this.#withFiles(process, async () =>
      this.#run(words, await this.#redirect(command.redirections, process), env),
    );
  }

  /** What cannot be opened or written fails the command, not the shell. */
  async #withFiles(process: Process, run: () => Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.stderr.write(`sh: ${error.message}\n`);
      return 1;
    }
  }

  async #run(words: readonly string[], process: Process, variables: Map<string, string>): Promise<number> {
    const [name] = words;
    if (name === undefined) return 0;
    if (name === 'exit') throw new Exit(words[1] === undefined ? this.#lastCode : Number(words[1]) & 0xff);
    if (name === 'export') {
      for (const word of words.slice(1)) {
        const [variable = '', value] = splitOnce(word, '=');
        if (value !== undefined) process.variables.set(variable, value);
      }
      return 0;
    }
    if (name === 'cd') {
      const folder = resolvePath(process.state.folder, words[1] ?? '/');
      if (process.files.list(folder) === undefined) {
        await process.stderr.write(`sh: cd: can't cd to ${words[1]}: No such file or directory\n`);
        return 1;
      }
      process.state.folder = folder;
      return 0;
    }
    const run = this.#commandNamed(name);
    if (run === undefined) {
      process.tellUnknown?.();
      await process.stderr.write(`sh: ${name}: not found\n`);
      return 127;
    }
    return run(words, { ...process, variables });
  }

  /** @throws FileError. */
  async #redirect(redirections: readonly Redirection[], process: Process): Promise<Process> {
    let { stdin, stdout, stderr } = process;
    for (const { from, mode, target } of redirections) {
      const path = (await this.#words([target], process, { split: false })).join(' ');
      if (mode === 'duplicate') {
        if (from === 2) stderr = stdout;
        else stdout = stderr;
        continue;
      }
      const file = resolvePath(process.state.folder, path);
      if (mode === 'read') {
        stdin = file === '/dev/null' ? emptyReader : readerOf(this.#read(process, file, path));
        continue;
      }
      const writer = this.#opened(process, { file, path, append: mode === 'append' });
      if (from === 1 || from === 'both') stdout = writer;
      if (from === 2 || from === 'both') stderr = writer;
    }
    return { ...process, stdin, stdout, stderr };
  }

  #read(process: Process, file: string, path: string): Uint8Array {
    try {
      return process.files.read(file);
    } catch (error) {
      if (error instanceof FileError) throw new FileError(`can't open ${path}: ${error.message}`);
      throw error;
    }
  }

  #opened(process: Process, { file, path, append }: { file: string; path: string; append: boolean }): Writer {
    if (file === '/dev/null') return nullWriter;
    if (file === '/dev/stdout') return process.stdout;
    if (file === '/dev/stderr') return process.stderr;
    const isMain = /^\/proc\/1\/fd\/([12])$/.exec(file);
    if (isMain !== null) return isMain[1] === '1' ? process.mainOutput.stdout : process.mainOutput.stderr;
    const write = (bytes: Uint8Array, isAppended: boolean): void => {
      try {
        process.files.write(file, bytes, { append: isAppended });
      } catch (error) {
        if (error instanceof FileError) throw new FileError(`can't create ${path}: ${error.message}`);
        throw error;
      }
    };
    write(new Uint8Array(), append);
    return { write: async (bytes) => write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, true) };
  }

  async #words(
    words: readonly Word[],
    process: Process,
    { split }: { split: boolean } = { split: true },
  ): Promise<string[]> {
    const result: string[] = [];
    for (const word of words) {
      let current: string | undefined;
      for (const piece of word) {
        if (piece.type === 'text') {
          current = (current ?? '') + piece.text;
          continue;
        }
        const value =
          piece.type === 'variable'
            ? this.#variable(piece.name, process) || piece.fallback
            : await this.#output(piece.body, process);
        if (piece.isQuoted || !split) {
          current = (current ?? '') + value;
          continue;
        }
        const parts = value.split(/[ \t\n]+/);
        for (const [index, part] of parts.entries()) {
          if (index > 0 && current !== undefined) {
            result.push(current);
            current = undefined;
          }
          if (part !== '') current = (current ?? '') + part;
        }
      }
      if (current !== undefined) result.push(current);
      if ((current?.length ?? 0) > maxWordBytes) throw new Exit(outOfMemoryCode);
    }
    return result;
  }

  #variable(name: string, process: Process): string {
    if (name === '?') return String(this.#lastCode);
    if (name === '$') return String(process.pid);
    if (name === '#') return String(Math.max(this.#parameters.length - 1, 0));
    if (name === '@' || name === '*') return this.#parameters.slice(1).join(' ');
    if (/^\d$/.test(name)) return this.#parameters[Number(name)] ?? '';
    return process.variables.get(name) ?? '';
  }

  async #output(body: List, process: Process): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    const stdout: Writer = {
      write: async (bytes) => {
        const chunk = Buffer.from(bytes);
        size += chunk.length;
        if (size <= maxSubstitutionBytes) chunks.push(chunk);
      },
    };
    const own = { ...process, variables: new Map(process.variables), stdout };
    await this.#inSubshell(() => this.#list(body, own));
    return Buffer.concat(chunks).toString().replace(/\n+$/, '');
  }

  async #step(): Promise<void> {
    this.#process.signal.throwIfAborted();
    if (++this.#steps % stepsPerTurn === 0) await this.#process.pause();
  }
}

const maxSubstitutionBytes = 1024 * 1024;
/** A variable that only grows must not take the server's memory. */
const maxWordBytes = 4 * 1024 * 1024;
/** 128 and the number of SIGKILL, as for a process that takes too much memory. */
const outOfMemoryCode = 137;

function readerOf(bytes: Uint8Array): Reader {
  let rest: Uint8Array | undefined = bytes.length > 0 ? bytes : undefined;
  return {
    read: async () => {
      const chunk = rest;
      rest = undefined;
      return chunk;
    },
  };
}

export function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
