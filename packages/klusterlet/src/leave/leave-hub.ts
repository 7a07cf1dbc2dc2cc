/**
 * Leaving a hub. First the managed cluster is cleaned: what was applied is deleted, or disowned when it is to stay
 * (P3, P6); then the hub is told; then what the klusterlet itself brought along goes, its credentials and saved works
 * last. Nothing is forgotten before the managed cluster is clean: a leave that failed can be run again.
 */
import type { Env, KubeClient } from '@flotilla/kube';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';
import { releaseWorks } from './release-works.js';
import { removeTraces } from './remove-traces.js';
import { tellHub } from './tell-hub.js';

export interface LeaveOptions {
  readonly env: Env;
  readonly managed: KubeClient;
  /** Undefined: there are no credentials with which the hub could be told. */
  readonly hub: KubeClient | undefined;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  /** What works applied stays, without a trace of whose it was in its owner references. */
  readonly keepWorkloads: boolean;
  /** How long deleted objects may take to be gone. */
  readonly waitMs: number;
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

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
