/** What a command inside a simulated container sees of its world. */
import type { Reader, Writer } from '../byte-io.js';
import type { FileSystem } from '../file-system.js';

export interface Process {
  readonly pid: number;
  readonly variables: Map<string, string>;
  readonly stdin: Reader;
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Those of the container's own process, `/proc/1/fd/1` and `2`: they end up in its log. */
  readonly mainOutput: { readonly stdout: Writer; readonly stderr: Writer };
  readonly files: FileSystem;
  readonly hostname: string;
  /** Shared by the commands of one shell. */
  readonly state: { folder: string };
  readonly terminal: { readonly isTerminal: boolean; columns: number; rows: number };
  /** Milliseconds since the epoch. */
  now(): number;
  /** Rejects when the signal is aborted. */
  sleep(ms: number): Promise<void>;
  /** Lets others go on: for loops that never wait. Takes the longer, the longer they go on. */
  pause(): Promise<void>;
  /** Called when it meets something that is not simulated, so that its end means nothing. */
  tellUnknown?(): void;
  readonly signal: AbortSignal;
}

/** Runs with its own name as the first word; answers its exit code. */
export type CommandFunction = (words: readonly string[], process: Process) => Promise<number>;
