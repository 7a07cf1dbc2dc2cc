/**
 * Leaving a hub. First the managed cluster is cleaned: what was applied is deleted, or disowned when it is to stay
 * (P3, P6); then the hub is told; then what the klusterlet itself brought along goes, its credentials and saved works
 * last. Nothing is forgotten before the managed cluster is clean: a leave that failed can be run again.
 */
import type { LeaveOptions } from './leave-options.js';
import { releaseWorks } from './release-works.js';
import { removeTraces } from './remove-traces.js';
import { tellHub } from './tell-hub.js';

export interface LeaveResult {
  readonly works: number;
  /** Why the hub does not know; undefined: it does. */
  readonly untold: string | undefined;
  /** What of ours stays since others use it, one sentence each. */
  readonly kept: readonly string[];
}

/** @throws Error that names what is not gone in time, or what the managed cluster refuses. */
export async function leaveHub(options: LeaveOptions): Promise<LeaveResult> {
  const works = await releaseWorks(options);
  const untold = await tellHub(options);
  const kept = await removeTraces(options);
  await options.state.forgetHub();
  await options.state.forgetWorks();
  return { works, untold, kept };
}
