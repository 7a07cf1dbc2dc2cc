/**
 * Writes to a ManagedCluster by the hub's controllers, which share it with each other and with its agent: conditions
 * and taints are lists that a merge patch replaces, so every write is for the version it was decided on.
 */
import {
  type ConditionUpdate,
  equal,
  hasReason,
  hubFieldManager,
  type ManagedCluster,
  setCondition,
} from '@flotilla/api';
import { type ReconcileResult, wellKnown } from '@flotilla/kube';
import type { HubContext } from './context.js';

/** The newer version comes through the watch and brings its key; this is for a watch that is broken. */
const staleRetryMs = 1000;

type Writer = Pick<HubContext, 'client' | 'env'>;

/** What a write sets; the rest of the object stays. */
export interface ClusterPatch {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly spec?: object;
  readonly status?: object;
}

/** @throws StatusError Conflict when the cluster is no longer the given version, or another one of its name. */
export function patchCluster(
  { client }: Pick<HubContext, 'client'>,
  { metadata: { name = '', uid, resourceVersion } }: ManagedCluster,
  { annotations, finalizers, ...rest }: ClusterPatch,
): Promise<ManagedCluster> {
  return client.patch<ManagedCluster>(
    wellKnown.managedClusters,
    { name },
    {
      type: 'merge',
      body: {
        metadata: {
          uid,
          resourceVersion,
          ...(annotations && { annotations }),
          ...(finalizers && { finalizers }),
        },
        ...rest,
      },
      fieldManager: hubFieldManager,
      ...(rest.status !== undefined && { subresource: 'status' }),
    },
  );
}

/** One write when the condition changes, none when it does not. @throws StatusError Conflict as `patchCluster`. */
export async function writeCondition(
  context: Writer,
  cluster: ManagedCluster,
  condition: ConditionUpdate,
): Promise<void> {
  const before = cluster.status?.conditions ?? [];
  const conditions = setCondition(before, condition, context.env.clock.now());
  if (equal(before, conditions)) return;
  try {
    await patchCluster(context, cluster, { status: { conditions } });
  } catch (error) {
    if (!hasReason(error, 'Conflict')) throw error;
    const { name = '', uid } = cluster.metadata;
    const live = await context.client.get<ManagedCluster>(wellKnown.managedClusters, { name });
    // A write of something else, a taint or a label, leaves the decision right.
    if (live.metadata.uid !== uid || !equal(live.status?.conditions ?? [], before)) throw error;
    await patchCluster(context, live, { status: { conditions } });
  }
}

/**
 * A reconcile that lost a race to another writer is no failure: it comes again for the newer version. For controllers
 * whose keys are enqueued at each change of what they write.
 */
export function yieldingToOthers(
  reconcile: (key: string) => Promise<ReconcileResult | undefined>,
): (key: string) => Promise<ReconcileResult | undefined> {
  return async (key) => {
    try {
      return await reconcile(key);
    } catch (error) {
      if (hasReason(error, 'Conflict')) return { requeueAfterMs: staleRetryMs };
      throw error;
    }
  };
}
