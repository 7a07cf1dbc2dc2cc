/**
 * What the hub says of the add-ons of a cluster (registration.md 3.3): on each add-on that it is unknown while the
 * cluster is, and on the cluster, as feature labels, which add-ons it has and how they are. Whether an add-on is
 * available is told by its klusterlet; nothing here installs one.
 */
import {
  addonCondition,
  addonFeature,
  addonFeatureLabelPrefix,
  type Condition,
  clusterCondition,
  findCondition,
  hasReason,
  hubFieldManager,
  type ManagedCluster,
  type ManagedClusterAddOn,
  setCondition,
} from '@flotilla/api';
import { type Controller, createController, patchStatus, wellKnown } from '@flotilla/kube';
import { yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createAddonHealthController(context: HubContext): Controller {
  const { clusters, addons } = context;
  const controller = createController({
    name: 'addon-health',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => reconcile(context, name)),
  });
  addons.onChange(({ object }) => controller.enqueue(object.metadata.namespace ?? ''));
  clusters.onChange(({ type, object }) => {
    if (type === 'deleted') return;
    const name = object.metadata.name ?? '';
    const own = addons.cache.list(name);
    const isDue = planFeatureLabels(object, own) ?? planUnknown(object, own).length > 0;
    if (isDue) controller.enqueue(name);
  });
  return controller;
}

async function reconcile(context: HubContext, name: string): Promise<undefined> {
  const cluster = context.clusters.cache.get(name);
  if (cluster === undefined) return;
  const own = context.addons.cache.list(name);
  for (const [addon, unknown] of planUnknown(cluster, own)) await setUnknown(context, addon, unknown);
  const labels = planFeatureLabels(cluster, own);
  if (labels === undefined) return;
  const { uid, resourceVersion } = cluster.metadata;
  await context.client.patch(
    wellKnown.managedClusters,
    { name },
    { type: 'merge', body: { metadata: { uid, resourceVersion, labels } }, fieldManager: hubFieldManager },
  );
}

/** Add-ons that still say something of a cluster of which nothing is known, each with what it must say. */
export function planUnknown(
  cluster: ManagedCluster,
  addons: readonly ManagedClusterAddOn[],
): [addon: ManagedClusterAddOn, unknown: Condition][] {
  const available = findCondition(cluster.status?.conditions, clusterCondition.available);
  if (available?.status !== 'Unknown') return [];
  return addons
    .filter(({ status }) => {
      const known = findCondition(status?.conditions, addonCondition.available);
      return known?.status !== 'Unknown' || known.reason !== available.reason;
    })
    .map((addon) => [addon, available]);
}

async function setUnknown(
  { client, env }: HubContext,
  addon: ManagedClusterAddOn,
  { reason, message }: Condition,
): Promise<void> {
  const unknown = { type: addonCondition.available, status: 'Unknown', reason, message } as const;
  const conditions = setCondition(addon.status?.conditions, unknown, env.clock.now());
  try {
    await patchStatus(client, {
      resource: wellKnown.managedClusterAddOns,
      object: addon,
      status: { conditions },
      fieldManager: hubFieldManager,
    });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** A merge patch of the feature labels; undefined when they are right, or nothing is known of the cluster yet. */
export function planFeatureLabels(
  cluster: ManagedCluster,
  addons: readonly ManagedClusterAddOn[],
): Readonly<Record<string, string | null>> | undefined {
  const { labels = {}, deletionTimestamp } = cluster.metadata;
  const isKnown = findCondition(cluster.status?.conditions, clusterCondition.available) !== undefined;
  if (deletionTimestamp !== undefined || !isKnown) return undefined;
  const wanted = new Map<string, string | null>();
  for (const key of Object.keys(labels)) {
    if (key.startsWith(addonFeatureLabelPrefix)) wanted.set(key, null);
  }
  for (const addon of addons) {
    const key = `${addonFeatureLabelPrefix}${addon.metadata.name}`;
    if (addon.metadata.deletionTimestamp !== undefined || !isLabelKey(key)) continue;
    wanted.set(key, featureOf(addon));
  }
  const changed = [...wanted].filter(([key, value]) => (labels[key] ?? null) !== value);
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

/** A name can be longer than what a label takes. */
function isLabelKey(key: string): boolean {
  return key.slice(key.indexOf('/') + 1).length <= 63;
}

function featureOf({ status }: ManagedClusterAddOn): string {
  const available = findCondition(status?.conditions, addonCondition.available)?.status;
  if (available === 'True') return addonFeature.available;
  return available === 'False' ? addonFeature.unhealthy : addonFeature.unreachable;
}
