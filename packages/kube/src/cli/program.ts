/**
 * What the commands `hub`, `klusterlet` and `apiserver` share: one frame around commander, so that help, exit codes
 * and errors are the same everywhere. Exit codes: 0 done, 1 failed, 2 used wrongly.
 * An error reaches the user as one sentence; a stack trace only with FLOTILLA_DEBUG=1.
 */
import { StatusError } from '@flotilla/api';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { TransportError } from '../client/transport.js';
import type { LogLevel } from '../node/logger.js';
import { withFooter, withHint } from './command-frame.js';
import type { NameLookup } from './completion.js';
import { answerCompletion, isCompletionRequest } from './completion-scripts.js';

/** A mistake in how the command was called: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Thrown by a command that has said all there is to say, to end with a code of its own. */
export class ExitCode extends Error {
  override readonly name = 'ExitCode';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

export interface ProgramOptions {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  /** Shown under `--help`, one command each. */
  readonly examples: readonly string[];
}

export function createProgram(options: ProgramOptions): Command {
  const program = new Command(options.name)
    .description(options.description)
    .version(options.version, '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    // Else a command with commands of its own would take an option of theirs for its own.
    .enablePositionalOptions()
    .exitOverride();
  return withFooter(withHint(program, options.name), options);
}

/** Reads `90s`, `5m`, `1h`, `2d` or plain seconds into milliseconds; for commander's argument parser. */
export function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? 's'];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError('give a duration such as 90s, 5m, 1h or 2d.');
  }
  return Number(match[1]) * unit;
}

/** Reads `https://host:port` into its origin; for commander's argument parser. */
export function parseHttpsUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.pathname === '/') return url.origin;
  throw new InvalidArgumentError('give a URL such as https://hub.example:6443.');
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** Reads $FLOTILLA_LOG_LEVEL; `info` when it is not set. @throws UsageError naming the levels. */
export function parseLogLevel(text: string | undefined): LogLevel {
  if (text === undefined || text === '') return 'info';
  const level = logLevels.find((known) => known === text);
  if (level === undefined) throw new UsageError(`FLOTILLA_LOG_LEVEL must be one of ${logLevels.join(', ')}`);
  return level;
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST:PORT`, `[::1]:6443` or `:6443`; for commander's argument parser. */
export function parseListen(text: string): Listen {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new InvalidArgumentError('give HOST:PORT, for instance 127.0.0.1:6443.');
  }
  return { host: match[1] ?? (match[2] === '' || match[2] === undefined ? '0.0.0.0' : match[2]), port };
}

/** The one sentence that says what went wrong. */
export function describeError(error: unknown): string {
  if (error instanceof StatusError) {
    const causes = error.status.details?.causes ?? [];
    const detail =
      error.reason === 'Invalid' && causes.length > 1
        ? causes.map((cause) => `\n  * ${cause.field}: ${cause.message}`)
        : [];
    return `the API server refused (${error.reason ?? error.code}): ${error.message}${detail.join('')}`;
  }
  if (error instanceof TransportError || error instanceof Error) return error.message;
  return String(error);
}

export interface RunContext {
  readonly argv: readonly string[];
  readonly stderr: (text: string) => void;
  readonly debug: boolean;
  /** For the completion of names in the shell; absent: none is asked for. */
  readonly names?: () => NameLookup;
}

/** Builds the program, parses and runs; returns the exit code. What building throws is told like the rest. */
export async function runProgram(build: () => Command, context: RunContext): Promise<number> {
  // A reader that has seen enough (`| head`) ends the command, and is no failure of it.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  }
  try {
    if (isCompletionRequest(context.argv)) {
      const names = context.names?.() ?? (() => Promise.resolve([]));
      process.stdout.write(`${await answerCompletion(build(), context.argv, names)}\n`);
      return 0;
    }
    await build().parseAsync([...context.argv]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : 2; // commander has printed its own message
    }
    if (error instanceof ExitCode) return error.exitCode;
    context.stderr(`error: ${describeError(error)}\n`);
    if (context.debug && error instanceof Error) context.stderr(`${error.stack ?? ''}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}
