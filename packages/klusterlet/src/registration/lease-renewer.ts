/** The heartbeat: renews the cluster's lease on the hub while the hub accepts the cluster (registration.md 3.1). */
import {
  clusterCondition,
  defaultLeaseDurationSeconds,
  formatMicroTime,
  isConditionTrue,
  type KubeObject,
  klusterletFieldManager,
  type ManagedCluster,
  managedClusterLeaseName,
} from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  getIfThere,
  type Informer,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';

export interface LeaseRenewerOptions {
  readonly clusterName: string;
  readonly hub: KubeClient;
  readonly env: Env;
  readonly cluster: Informer<ManagedCluster>;
  /** Told of each renewal that the hub took. */
  readonly onRenewed?: (() => void) | undefined;
}

/** The period varies by up to this part, so that a fleet that started together does not beat together. */
const jitter = 0.25;
/** The hub makes the lease a moment after it accepts the cluster. */
const missingRetryMs = 1000;

export function createLeaseRenewer(options: LeaseRenewerOptions): Controller {
  const { clusterName, env, cluster } = options;
  const controller = createController({
    name: 'lease-renewer',
    env,
    maxDelayMs: 30_000,
    reconcile: async () => {
      const own = cluster.cache.get(clusterName);
      if (own === undefined || !isConditionTrue(own, clusterCondition.hubAccepted)) return undefined;
      if (!(await renewLease(options))) return { requeueAfterMs: missingRetryMs };
      options.onRenewed?.();
      const periodMs = (own.spec?.leaseDurationSeconds || defaultLeaseDurationSeconds) * 1000;
      return { requeueAfterMs: periodMs * (1 + jitter * env.random.next()) };
    },
  });
  cluster.onChange(({ type, object, old }) => {
    const accepted = (one: ManagedCluster | undefined) =>
      one !== undefined && isConditionTrue(one, clusterCondition.hubAccepted);
    const period = (one: ManagedCluster | undefined) => one?.spec?.leaseDurationSeconds;
    if (type === 'deleted') return;
    // Its own status writes must not make it beat faster.
    if (accepted(object) !== accepted(old) || period(object) !== period(old)) controller.enqueue(clusterName);
  });
  return controller;
}

/** One heartbeat; false when the hub has not made the lease yet. */
export async function renewLease({
  clusterName,
  hub,
  env,
}: Pick<LeaseRenewerOptions, 'clusterName' | 'hub' | 'env'>): Promise<boolean> {
  const lease = await getLease(hub, { namespace: clusterName, name: managedClusterLeaseName });
  if (lease === undefined) return false;
  const spec = { ...(lease['spec'] as object), renewTime: formatMicroTime(env.clock.now()) };
  await hub.update(wellKnown.leases, { ...lease, spec }, { fieldManager: klusterletFieldManager });
  return true;
}

function getLease(
  hub: KubeClient,
  key: { namespace: string; name: string },
): Promise<KubeObject | undefined> {
  return getIfThere(hub, wellKnown.leases, key);
}
