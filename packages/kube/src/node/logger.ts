/**
 * The real log: JSON lines by pino for machines, one short readable line for people. Lines go out at once, so that
 * a crash loses none. pino is loaded only when JSON is asked for. Called by `createNodeEnv`.
 */
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LogFields, Logger } from '../env/env.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** `stdout`, `stderr` or the path of a file to append to. */
  readonly destination: string;
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

export function createNodeLogger(options: LoggerOptions): Logger {
  return options.format === 'json' ? createJsonLogger(options) : createTextLogger(options);
}

function createJsonLogger({ level, destination }: LoggerOptions): Logger {
  // A synchronous import that costs nothing until it is wanted; `import()` would make every `main` wait for it.
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
  const root = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => (error instanceof Error ? describeError(error) : error) },
    },
    pino.destination({ dest: openDestination(destination), sync: true }),
  );
  return wrapPino(root);
}

function wrapPino(target: import('pino').Logger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields) => wrapPino(target.child(fields)),
  };
}

function describeError(error: Error): Record<string, unknown> {
  return { name: error.name, message: error.message, stack: error.stack };
}

function openDestination(destination: string): number {
  if (destination === 'stdout') return 1;
  if (destination === 'stderr') return 2;
  return openSync(destination, 'a', 0o600);
}

function createTextLogger({ level, destination }: LoggerOptions): Logger {
  const file = openDestination(destination);
  const stream = file === 1 ? process.stdout : process.stderr;
  const color = file <= 2 && stream.isTTY === true && process.env['NO_COLOR'] === undefined;
  const write = (line: string): void => writeLine(file, `${line}\n`);
  return textLogger({ level, color, write, bound: {} });
}

/** A pipe that is full (EAGAIN) or closed (EPIPE) costs the line, never the process: there is no place to report it. */
function writeLine(file: number, line: string): void {
  try {
    writeSync(file, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAGAIN' && code !== 'EPIPE') throw error;
  }
}

interface TextOptions {
  readonly level: LogLevel;
  readonly color: boolean;
  readonly write: (line: string) => void;
  readonly bound: LogFields;
}

const paint: Readonly<Record<string, string>> = {
  debug: '\x1b[2m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};

function textLogger(options: TextOptions): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (rank[level] < rank[options.level]) return;
    const time = new Date().toTimeString().slice(0, 8);
    const label = level.toUpperCase().padEnd(5);
    const head = options.color ? `${paint[level]}${label}\x1b[0m` : label;
    options.write(`${time} ${head} ${message}${formatFields({ ...options.bound, ...fields })}`);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => textLogger({ ...options, bound: { ...options.bound, ...fields } }),
  };
}

function formatFields(fields: LogFields): string {
  let text = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${key}=${formatValue(value)}`;
  }
  return text;
}

function formatValue(value: unknown): string {
  const plain = value instanceof Error ? value.message : value;
  if (typeof plain !== 'string') return JSON.stringify(plain) ?? String(plain);
  return /^[\w./:@%+-]+$/.test(plain) ? plain : JSON.stringify(plain);
}
