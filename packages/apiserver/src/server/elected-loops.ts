/**
 * Loops that must run once, however many servers share a store: started here and now by a server that is alone, else
 * by whichever server is elected, again and again as leaders come and go. Called for the control plane and for the hub's controllers.
 */
import { type Env, type KubeClient, onAbort, runElected, spawn } from '@flotilla/kube';

export interface Loops {
  /** Resolves when the last loop has ended; abort their signal first. */
  close(): Promise<void>;
}

/** Starts loops that end with the signal. */
export type StartLoops = (signal: AbortSignal) => Promise<Loops>;

export interface ElectedLoopsOptions {
  readonly client: KubeClient;
  readonly env: Env;
  /** Ends the loops. */
  readonly signal: AbortSignal;
  /** Name of the Lease in kube-system. */
  readonly lease: string;
  /** Unique among the servers that share the store; absent: this one is alone. */
  readonly identity: string | undefined;
}

/** Where the leases of a cluster's own components are. */
const leaseNamespace = 'kube-system';

/** @throws what `start` does, for a server that is alone; the failures of an elected one are logged, and it steps back. */
export async function startElectedLoops(start: StartLoops, options: ElectedLoopsOptions): Promise<Loops> {
  const { client, env, signal, lease, identity } = options;
  if (identity === undefined) return start(signal);
  const work = async (leading: AbortSignal): Promise<void> => {
    const loops = await start(leading);
    await new Promise<void>((resolve) => void onAbort(leading, resolve));
    await loops.close();
  };
  const candidacy = spawn(
    `candidate for ${lease}`,
    () =>
      runElected(work, { client, env, lease: { namespace: leaseNamespace, name: lease }, identity, signal }),
    { log: env.log, signal },
  );
  return { close: () => candidacy.done };
}
