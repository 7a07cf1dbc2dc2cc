/**
 * The hub's reaction to a ManagedCluster: accepted, it gets its namespace and rights; denied, it loses them; deleted,
 * its add-ons and works go first, then its rights, then the object. Level-based: one pass computes all from what is there.
 * Conditions, order and finalizers: registration.md 1.6 and 1.8.
 */
import {
  clusterCondition,
  clusterReason,
  clusterRoleName,
  findCondition,
  hasReason,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  type ManagedCluster,
  managedClusterFinalizer,
  manifestWorkFinalizer,
  registrationRoleBindingName,
  resourceCleanupFinalizer,
  workRoleBindingName,
} from '@flotilla/api';
import { type Controller, createController, getIfThere, type ResourceRef, wellKnown } from '@flotilla/kube';
import { nextCleanupStep } from './cluster-cleanup.js';
import {
  clusterNamespace,
  clusterRole,
  clusterRoleBinding,
  clusterRoleBindings,
  sharedClusterRoles,
} from './cluster-rbac.js';
import { patchCluster, writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';
import { hubAnnouncements } from './hub-authorities.js';

/** What an accepted cluster has, in the order in which they are added. */
export const acceptedFinalizers: readonly string[] = [managedClusterFinalizer, resourceCleanupFinalizer];

/** How long until a cluster whose removal waits for something is looked at again. Works' own events come sooner. */
const removalRetryMs = 5000;

/** Rights are written again this often, so that what somebody removed comes back. */
const resyncMs = 30 * 60_000;

/** Clusters whose rights are as they should be: name -> uid of the accepted object. Heartbeats then cost no writes. */
type Settled = Map<string, { readonly uid: string; readonly untilMs: number }>;

export function createManagedClusterController(context: HubContext): Controller {
  const settled: Settled = new Map();
  const controller = createController({
    name: 'managed-cluster',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => reconcile(context, { name, settled })),
  });
  context.clusters.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  // A namespace that somebody deletes loses its lease at once; what else was in it has to come back, too.
  context.leases.onChange(({ type, object }) => {
    const name = object.metadata.namespace ?? '';
    if (type === 'deleted' && settled.delete(name)) controller.enqueue(name);
  });
  for (const informer of [context.works, context.addons]) {
    informer.onChange(({ type, object }) => {
      if (type === 'deleted') controller.enqueue(object.metadata.namespace ?? '');
    });
  }
  return controller;
}

/** Applied once at start, before any cluster is looked at. */
export async function applySharedRoles(context: Pick<HubContext, 'client' | 'policies'>): Promise<void> {
  for (const role of sharedClusterRoles(context.policies.labels))
    await apply(context, wellKnown.clusterRoles, role);
}

async function reconcile(
  context: HubContext,
  { name, settled }: { name: string; settled: Settled },
): Promise<{ requeueAfterMs: number } | undefined> {
  const cluster = context.clusters.cache.get(name);
  if (cluster?.metadata.deletionTimestamp === undefined && cluster?.spec?.hubAcceptsClient === true) {
    const now = context.env.clock.monotonicMs();
    const known = settled.get(name);
    const isAccepted = isConditionTrue(cluster, clusterCondition.hubAccepted);
    if (isAccepted && known !== undefined && known.uid === cluster.metadata.uid && now < known.untilMs) {
      return undefined;
    }
    if (!(await accept(context, cluster, name))) return { requeueAfterMs: removalRetryMs };
    settled.set(name, { uid: cluster.metadata.uid ?? '', untilMs: now + resyncMs });
    return { requeueAfterMs: resyncMs };
  }
  settled.delete(name);
  if (cluster === undefined) return removeTraces(context, name);
  if (cluster.metadata.deletionTimestamp !== undefined) return remove(context, cluster, name);
  if (findCondition(cluster.status?.conditions, clusterCondition.hubAccepted) !== undefined) {
    await deny(context, cluster, name);
  }
  return undefined;
}

/** False while its namespace is going, without which it has no rights. */
async function accept(context: HubContext, cluster: ManagedCluster, name: string): Promise<boolean> {
  const held = await addFinalizers(context, cluster, acceptedFinalizers);
  const { labels } = context.policies;
  // Its first request needs the role. What can be written together shares the disk's sync.
  let isThere = false;
  await allOf([
    apply(context, wellKnown.clusterRoles, clusterRole(name, { accepted: true, labels })),
    apply(context, wellKnown.clusterRoleBindings, clusterRoleBinding(name, labels)),
    applyNamespace(context, name).then((is) => {
      isThere = is;
    }),
  ]);
  await writeCondition(context, newestAccepted(context, held), {
    type: clusterCondition.hubAccepted,
    status: 'True',
    reason: clusterReason.accepted,
    message: 'Accepted by hub cluster admin',
  });
  return isThere;
}

/** Others have written to it meanwhile, as a rule: its key was recorded, or a taint. */
function newestAccepted({ clusters }: HubContext, held: ManagedCluster): ManagedCluster {
  const newest = clusters.cache.get(held.metadata.name ?? '');
  const isAccepted =
    newest?.metadata.uid === held.metadata.uid &&
    newest?.metadata.deletionTimestamp === undefined &&
    newest?.spec?.hubAcceptsClient === true;
  return isAccepted ? newest : held;
}

/** False: somebody has deleted it, and it waits for what is in it, as the klusterlet's right to clean up its works. */
async function applyNamespace(context: HubContext, name: string): Promise<boolean> {
  const { labels } = context.policies;
  const { metadata } = await apply(context, wellKnown.namespaces, clusterNamespace(name, labels));
  if (metadata.deletionTimestamp !== undefined) {
    await removeWorkBinding(context, name);
    return false;
  }
  await allOf(
    clusterRoleBindings(name, labels).map((binding) => apply(context, wellKnown.roleBindings, binding)),
  );
  return true;
}

/** Waits for all, so that none is left running, and fails as the first that failed. */
async function allOf(writes: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(writes)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function deny(context: HubContext, cluster: ManagedCluster, name: string): Promise<void> {
  await apply(
    context,
    wellKnown.clusterRoles,
    clusterRole(name, { accepted: false, labels: context.policies.labels }),
  );
  await deleteIfThere(context, wellKnown.roleBindings, {
    namespace: name,
    name: registrationRoleBindingName(name),
  });
  await writeCondition(context, cluster, {
    type: clusterCondition.hubAccepted,
    status: 'False',
    reason: clusterReason.denied,
    message: 'Denied by hub cluster admin',
  });
  await removeWorkBinding(context, name);
}

/** What its namespace holds first: the klusterlet needs its rights until it has cleaned up. */
async function remove(
  context: HubContext,
  cluster: ManagedCluster,
  name: string,
): Promise<{ requeueAfterMs: number } | undefined> {
  const step = cleanupStep(context, name);
  if (step !== undefined) {
    const what = step.kind === 'manifestWorks' ? 'ManifestWorks' : 'ManagedClusterAddOns';
    await writeCondition(context, cluster, {
      type: clusterCondition.deleting,
      status: 'False',
      reason: clusterReason.resourceRemaining,
      message: `${step.left} ${what} are not yet gone from the cluster`,
    });
    return clean(context, name, step);
  }
  await removeRights(context, name);
  await removeFinalizers(context, cluster, acceptedFinalizers);
  return undefined;
}

type Step = NonNullable<ReturnType<typeof cleanupStep>>;

function cleanupStep({ addons, works }: HubContext, name: string) {
  return nextCleanupStep([
    { kind: 'managedClusterAddOns', objects: addons.cache.list(name) },
    { kind: 'manifestWorks', objects: works.cache.list(name) },
  ]);
}

async function clean(context: HubContext, name: string, step: Step): Promise<{ requeueAfterMs: number }> {
  for (const { metadata } of step.doomed) {
    await deleteIfThere(context, wellKnown[step.kind], { namespace: name, name: metadata.name ?? '' });
  }
  return { requeueAfterMs: removalRetryMs };
}

/**
 * Of a cluster that is gone without waiting for its finalizers. Its binding for works tells that it was accepted here:
 * works of a namespace whose cluster has yet to come are left alone.
 */
async function removeTraces(
  context: HubContext,
  name: string,
): Promise<{ requeueAfterMs: number } | undefined> {
  const step = cleanupStep(context, name);
  if (step !== undefined) {
    const key = { namespace: name, name: workRoleBindingName(name) };
    if ((await getIfThere(context.client, wellKnown.roleBindings, key)) !== undefined) {
      return clean(context, name, step);
    }
  }
  await removeRights(context, name);
  return undefined;
}

async function removeRights(context: HubContext, name: string): Promise<void> {
  await deleteIfThere(context, wellKnown.clusterRoleBindings, { name: clusterRoleName(name) });
  await deleteIfThere(context, wellKnown.clusterRoles, { name: clusterRoleName(name) });
  await deleteIfThere(context, wellKnown.roleBindings, {
    namespace: name,
    name: registrationRoleBindingName(name),
  });
  await removeWorkBinding(context, name);
}

/** The binding's finalizer is dropped once no work is left that its klusterlet must still clean up. */
async function removeWorkBinding(context: HubContext, name: string): Promise<void> {
  const key = { namespace: name, name: workRoleBindingName(name) };
  await deleteIfThere(context, wellKnown.roleBindings, key);
  if (context.works.cache.list(name).length > 0) return;
  const binding = await getIfThere(context.client, wellKnown.roleBindings, key);
  if (binding === undefined) return;
  const finalizers = (binding.metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== manifestWorkFinalizer,
  );
  await context.client.patch(wellKnown.roleBindings, key, {
    type: 'merge',
    body: { metadata: { finalizers, resourceVersion: binding.metadata.resourceVersion } },
    fieldManager: hubFieldManager,
  });
}

/** As a rule they came with the write that accepted it (`new-cluster-rules.ts`). */
async function addFinalizers(
  context: HubContext,
  cluster: ManagedCluster,
  wanted: readonly string[],
): Promise<ManagedCluster> {
  const present = cluster.metadata.finalizers ?? [];
  const missing = wanted.filter((finalizer) => !present.includes(finalizer));
  if (missing.length === 0) return cluster;
  // In one write with what `hub-authorities.ts` would write next.
  const told = Object.entries(hubAnnouncements(context)).filter(([, value]) => value !== undefined);
  return await patchCluster(context, cluster, {
    finalizers: [...present, ...missing],
    ...(told.length > 0 && { annotations: Object.fromEntries(told) as Readonly<Record<string, string>> }), // filtered
  });
}

async function removeFinalizers(
  context: HubContext,
  cluster: ManagedCluster,
  unwanted: readonly string[],
): Promise<void> {
  const present = cluster.metadata.finalizers ?? [];
  const left = present.filter((finalizer) => !unwanted.includes(finalizer));
  if (left.length < present.length) await patchCluster(context, cluster, { finalizers: left });
}

async function apply(
  { client }: Pick<HubContext, 'client'>,
  ref: ResourceRef,
  object: KubeObject,
): Promise<KubeObject> {
  const { name = '', namespace } = object.metadata;
  return client.patch<KubeObject>(
    ref,
    { name, ...(namespace !== undefined && { namespace }) },
    { type: 'apply', body: object, fieldManager: hubFieldManager, force: true },
  );
}

interface Key {
  readonly namespace?: string;
  readonly name: string;
}

async function deleteIfThere({ client }: HubContext, ref: ResourceRef, key: Key): Promise<void> {
  try {
    await client.delete(ref, key);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
