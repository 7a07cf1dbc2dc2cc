/** What leaving is given: shared by its steps. */
import type { Env, KubeClient } from '@flotilla/kube';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';

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
