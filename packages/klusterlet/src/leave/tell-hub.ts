/**
 * The last word of an agent to its hub: this cluster is not managed any more, its works are nobody's business, and
 * nothing on the hub needs to wait for this klusterlet. A hub that is away does not keep anybody from leaving.
 */
import {
  clusterCondition,
  clusterReason,
  formatTime,
  klusterletFieldManager,
  type ManagedCluster,
  type ManifestWork,
  manifestWorkFinalizer,
  setCondition,
  workCondition,
  workReason,
} from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import type { LeaveOptions } from './leave-options.js';

const timeoutMs = 10_000;

/** Why the hub could not be told; undefined: it was. */
export async function tellHub(options: LeaveOptions): Promise<string | undefined> {
  const { hub, config } = options;
  if (hub === undefined) return 'there is no certificate for it';
  try {
    const list = { namespace: config.clusterName, timeoutMs };
    const { items } = await hub.list<ManifestWork>(wellKnown.manifestWorks, list);
    for (const work of items) await releaseOnHub(options, work);
    await reportLeft(options);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Without our finalizer its deletion waits for nobody. */
async function releaseOnHub({ hub, env, keepWorkloads }: LeaveOptions, work: ManifestWork): Promise<void> {
  const { name = '', namespace = '', finalizers = [], resourceVersion } = work.metadata;
  const key = { namespace, name };
  const what = keepWorkloads ? 'what it applied stays there' : 'what it had applied was deleted';
  const fate = {
    status: 'Unknown' as const,
    reason: workReason.left,
    message: `The klusterlet has left the hub; ${what}`,
    observedGeneration: work.metadata.generation ?? 0,
  };
  let conditions = work.status?.conditions ?? [];
  for (const type of [workCondition.applied, workCondition.available])
    conditions = setCondition(conditions, { type, ...fate }, env.clock.now());
  const write = { fieldManager: klusterletFieldManager, timeoutMs } as const;
  const status = {
    type: 'merge',
    subresource: 'status',
    body: { status: { conditions } },
    ...write,
  } as const;
  await hub?.patch(wellKnown.manifestWorks, key, status);
  if (!finalizers.includes(manifestWorkFinalizer)) return;
  const left = finalizers.filter((finalizer) => finalizer !== manifestWorkFinalizer);
  const isFresh = (await hub?.get<ManifestWork>(wellKnown.manifestWorks, key))?.metadata;
  const body = {
    metadata: { finalizers: left, resourceVersion: isFresh?.resourceVersion ?? resourceVersion },
  };
  await hub?.patch(wellKnown.manifestWorks, key, { type: 'merge', body, ...write });
}

async function reportLeft({ hub, env, config }: LeaveOptions): Promise<void> {
  const name = config.clusterName;
  const cluster = await hub?.get<ManagedCluster>(wellKnown.managedClusters, { name }, { timeoutMs });
  const nowMs = env.clock.now();
  const fate = {
    status: 'False' as const,
    reason: clusterReason.left,
    message: `The klusterlet left the hub at ${formatTime(nowMs)}`,
  };
  let conditions = cluster?.status?.conditions ?? [];
  for (const type of [clusterCondition.joined, clusterCondition.available])
    conditions = setCondition(conditions, { type, ...fate }, nowMs);
  await hub?.patch(
    wellKnown.managedClusters,
    { name },
    {
      type: 'merge',
      subresource: 'status',
      body: { status: { conditions } },
      fieldManager: klusterletFieldManager,
      timeoutMs,
    },
  );
}
