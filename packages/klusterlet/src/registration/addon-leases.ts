/**
 * Health of the cluster's add-ons, as OCM's registration agent tells it: an add-on is available while its agent in the
 * managed cluster renews the Lease that has its name (registration.md 3.3). Add-ons that say themselves how they are
 * (health check `Customized`) are left alone, and all of them while the hub calls the cluster unknown: then its word counts.
 * Nothing is watched for clusters without add-ons: the hub's feature labels on the ManagedCluster tell that there are some.
 */
import {
  addonAgentNamespace,
  addonCondition,
  addonFeatureLabelPrefix,
  addonHostingClusterAnnotation,
  addonInstallNamespaceAnnotation,
  addonReason,
  type ConditionUpdate,
  clusterCondition,
  equal,
  findCondition,
  hasReason,
  type KubeObject,
  klusterletFieldManager,
  leaseDurationTimes,
  type ManagedCluster,
  type ManagedClusterAddOn,
  parseTime,
  setCondition,
} from '@flotilla/api';
import {
  createController,
  type Env,
  getIfThere,
  type Informer,
  type KubeClient,
  patchStatus,
  wellKnown,
} from '@flotilla/kube';
import { createLateInformer } from './late-informer.js';

export interface AddonLeasesOptions {
  readonly clusterName: string;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly env: Env;
  readonly cluster: Informer<ManagedCluster>;
}

export interface AddonLeases {
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** OCM's: add-ons renew once a minute, whatever their Lease says. */
const leaseDurationMs = 60_000;
const graceMs = leaseDurationTimes * leaseDurationMs;
const lookPeriodMs = 30_000;
/** An add-on that has just been installed is seen sooner. */
const missingPeriodMs = 10_000;

export function createAddonLeases(options: AddonLeasesOptions): AddonLeases {
  const { clusterName, hub, env, cluster } = options;
  const controller = createController({
    name: 'addon-leases',
    env,
    maxDelayMs: 5 * 60_000,
    reconcile: async (name) => {
      const addon = addons.list().find(({ metadata }) => metadata.name === name);
      if (addon === undefined || !isTold(addon, cluster.cache.get(clusterName))) return undefined;
      return { requeueAfterMs: await tellHealth(options, addon) };
    },
  });
  const addons = createLateInformer<ManagedClusterAddOn>(hub, wellKnown.managedClusterAddOns, {
    env,
    namespace: clusterName,
    onChange: ({ type, object }) => {
      if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
    },
  });
  let running: AbortSignal | undefined;
  let isWatching = false;
  const watchIfAny = (own: ManagedCluster | undefined): void => {
    if (isWatching || running === undefined || own === undefined || !hasAddons(own)) return;
    isWatching = true;
    addons.start(running);
  };
  cluster.onChange(({ type, object, old }) => {
    if (type === 'deleted') return;
    watchIfAny(object);
    if (availability(object) === availability(old)) return;
    for (const { metadata } of addons.list()) controller.enqueue(metadata.name ?? '');
  });
  return {
    start: (signal) => {
      running = signal;
      watchIfAny(cluster.cache.get(clusterName));
      controller.start(signal);
    },
    close: async () => {
      await addons.close();
      await controller.close();
    },
  };
}

function hasAddons({ metadata }: ManagedCluster): boolean {
  return Object.keys(metadata.labels ?? {}).some((key) => key.startsWith(addonFeatureLabelPrefix));
}

function availability(cluster: ManagedCluster | undefined): string | undefined {
  return findCondition(cluster?.status?.conditions, clusterCondition.available)?.status;
}

function isTold({ status }: ManagedClusterAddOn, cluster: ManagedCluster | undefined): boolean {
  return (
    status?.healthCheck?.mode !== 'Customized' && ['True', 'False'].includes(availability(cluster) ?? '')
  );
}

/** Milliseconds until it has to be looked at again. */
async function tellHealth(
  { hub, managed, env }: AddonLeasesOptions,
  addon: ManagedClusterAddOn,
): Promise<number> {
  const { name = '' } = addon.metadata;
  const lease = await readLease(managed, { namespace: leaseNamespaceOf(addon), name });
  const nowMs = env.clock.now();
  const { condition, againInMs } = planAddonHealth(addon, { lease, nowMs });
  const before = addon.status?.conditions ?? [];
  const conditions = setCondition(before, condition, nowMs);
  if (equal(before, conditions)) return againInMs;
  try {
    await patchStatus(hub, {
      resource: wellKnown.managedClusterAddOns,
      object: addon,
      status: { conditions },
      fieldManager: klusterletFieldManager,
    });
    env.log.info('add-on health reported', { addon: name, available: condition.status });
  } catch (error) {
    // Somebody else has written to it, or deleted it: its event brings it back here.
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
  return againInMs;
}

/** Where the agent of the add-on runs, and keeps its Lease. */
export function leaseNamespaceOf({ metadata, status }: ManagedClusterAddOn): string {
  return status?.namespace || metadata.annotations?.[addonInstallNamespaceAnnotation] || addonAgentNamespace;
}

/** coordination.k8s.io/v1 Lease, as far as it is read here. */
interface Lease extends KubeObject {
  readonly spec?: { readonly renewTime?: string };
}

/** What OCM's agent says of an add-on by its Lease, and when that may change without anybody writing. Pure. */
export function planAddonHealth(
  { metadata }: ManagedClusterAddOn,
  { lease, nowMs }: { lease: Lease | undefined; nowMs: number },
): { readonly condition: ConditionUpdate; readonly againInMs: number } {
  const { name = '', annotations } = metadata;
  const type = addonCondition.available;
  if (lease === undefined) {
    const host = annotations?.[addonHostingClusterAnnotation];
    const hint = host
      ? ` No lease found on hosting cluster ${JSON.stringify(host)}; verify it matches the cluster where this managed cluster's klusterlet actually runs.`
      : '';
    const message = `The status of ${name} add-on is unknown.${hint}`;
    const condition = { type, status: 'Unknown', reason: addonReason.leaseNotFound, message } as const;
    return { condition, againInMs: missingPeriodMs };
  }
  const { renewTime } = lease.spec ?? {};
  const leftMs = renewTime === undefined ? 0 : parseTime(renewTime) + graceMs - nowMs;
  if (leftMs > 0) {
    const message = `${name} add-on is available.`;
    const condition = { type, status: 'True', reason: addonReason.leaseUpdated, message } as const;
    return { condition, againInMs: Math.min(lookPeriodMs, leftMs) };
  }
  const message = `${name} add-on is not available.`;
  const condition = { type, status: 'False', reason: addonReason.leaseUpdateStopped, message } as const;
  return { condition, againInMs: lookPeriodMs };
}

function readLease(
  managed: KubeClient,
  key: { namespace: string; name: string },
): Promise<Lease | undefined> {
  return getIfThere(managed, wellKnown.leases, key);
}
