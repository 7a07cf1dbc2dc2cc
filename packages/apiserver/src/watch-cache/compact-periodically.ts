/**
 * Keeps a store's history to a span of time: what was superseded longer ago than `keepMs` is forgotten. Clients whose
 * resourceVersion is older get 410 and list again. Runs until aborted; a failed compaction is tried again next time.
 */
import { type Clock, type Logger, sleep } from '@flotilla/kube';
import type { Revision, Store } from '../storage/store.js';

export interface CompactionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log?: Logger;
  /** History kept; 5 minutes is what clients of a kube-apiserver know. */
  readonly keepMs?: number;
  /** How often; history thus reaches back at most keepMs + intervalMs. */
  readonly intervalMs?: number;
}

export const defaultCompactionOptions = Object.freeze({ keepMs: 5 * 60_000, intervalMs: 60_000 });

/** Resolves when the signal is aborted. */
export async function compactPeriodically(options: CompactionOptions): Promise<void> {
  const { store, clock, signal, log, keepMs, intervalMs } = { ...defaultCompactionOptions, ...options };
  /** The newest revision at past looks, oldest first. */
  const looks: { readonly timeMs: number; readonly revision: Revision }[] = [];
  while (!signal.aborted) {
    try {
      looks.push({ timeMs: clock.monotonicMs(), revision: await store.revision() });
      const deadline = clock.monotonicMs() - keepMs;
      const due = looks.findLastIndex(({ timeMs }) => timeMs <= deadline);
      const look = looks[due];
      if (look !== undefined) {
        await store.compact(look.revision);
        looks.splice(0, due + 1);
      }
    } catch (error) {
      if (!signal.aborted) log?.warn('compaction failed', { error });
    }
    await pause(clock, intervalMs, signal);
  }
}

async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, delayMs, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
