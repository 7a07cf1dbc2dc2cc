/** A log that keeps what it is told, for tests to look into. */
import type { LogFields, Logger } from '../env/env.js';

export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

export interface TestLogger extends Logger {
  /** In order, those of children included; the oldest are dropped beyond 10,000. */
  readonly entries: readonly LogEntry[];
  /** Entries with this message. */
  find(message: string): readonly LogEntry[];
  clear(): void;
}

const maxEntries = 10_000;

export function createTestLogger(): TestLogger {
  const entries: LogEntry[] = [];
  const loggerWith = (bound: LogFields): Logger => {
    const at = (level: LogEntry['level']) => (message: string, fields?: LogFields) => {
      entries.push({ level, message, fields: { ...bound, ...fields } });
      if (entries.length > maxEntries) entries.splice(0, maxEntries / 10);
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return {
    ...loggerWith({}),
    entries,
    find: (message) => entries.filter((entry) => entry.message === message),
    clear: () => void entries.splice(0),
  };
}
