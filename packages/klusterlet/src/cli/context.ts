/** What commands are given. */
import type { Env } from '@flotilla/kube';

export interface CommandContext {
  readonly env: Env;
  readonly print: (text: string) => void;
  /** For what is no part of the answer: standard error. */
  readonly note: (text: string) => void;
  /** Aborted by SIGINT and SIGTERM from the first call on; before, they end the process at once. */
  readonly stopSignal: () => AbortSignal;
}
