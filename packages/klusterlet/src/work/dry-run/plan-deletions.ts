/**
 * What a work would let go of: objects that its inventory has and the planned spec has not. Decided as a real pass
 * decides it, on the objects as they are now; a deletion is tried as a dry run, since the cluster may refuse it.
 */
import {
  type AppliedManifestWork,
  hasReason,
  type KubeObject,
  type ManifestPlan,
  type ManifestWorkSpec,
  StatusError,
} from '@flotilla/api';
import { type Discovery, type KubeClient, type ObjectKey, type ResourceRef, toRef } from '@flotilla/kube';
import { accountOf, actingAs } from '../apply/executor.js';
import { type AppliedResource, recordedResources, untracked } from '../inventory/applied-resources.js';
import { deletionPropagation } from '../inventory/deletion-propagation.js';
import { planRelease } from '../inventory/release.js';
import { forEachLimited } from '../parallel.js';
import type { PlannedManifest } from '../planning/plan-manifests.js';
import { createDryRunClient } from './dry-run-client.js';

export interface DeletionDependencies {
  readonly client: KubeClient;
  readonly discovery: Pick<Discovery, 'served'>;
  readonly manifestConcurrency: number;
}

export interface DeletionInput {
  readonly spec: ManifestWorkSpec;
  readonly inventory: AppliedManifestWork | undefined;
  readonly planned: readonly PlannedManifest[];
  /** Objects that the work still has, perhaps under another group's name. */
  readonly keepUids: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** What is gone already, going, or not the work's any more is not mentioned. */
export async function planDeletions(
  deps: DeletionDependencies,
  input: DeletionInput,
): Promise<ManifestPlan[]> {
  const { inventory } = input;
  if (inventory === undefined) return [];
  const doomed = untracked(recordedResources(inventory), input.planned);
  const plans = new Map<AppliedResource, ManifestPlan>();
  await forEachLimited(doomed, deps.manifestConcurrency, async (resource) => {
    const plan = await planDeletion(deps, { ...input, inventory }, resource);
    if (plan !== undefined) plans.set(resource, plan);
  });
  return doomed.flatMap((resource) => plans.get(resource) ?? []);
}

async function planDeletion(
  { client, discovery }: DeletionDependencies,
  { spec, inventory, keepUids, signal }: DeletionInput & { readonly inventory: AppliedManifestWork },
  resource: AppliedResource,
): Promise<ManifestPlan | undefined> {
  const { group = '', version, name, namespace = '' } = resource;
  const served = discovery.served(group).filter((each) => each.resource === resource.resource);
  const found = served.find((each) => each.version === version) ?? served[0];
  if (found === undefined) return undefined;
  const ref = toRef(found);
  const key: ObjectKey = { name, ...(namespace !== '' && { namespace }) };
  const live = await readIfThere(client, { ref, key }, signal);
  if (live === undefined) return undefined;
  const what = { group, version: ref.version, kind: live.kind, resource: ref.resource, name, namespace };
  const step = planRelease(live, resource, { inventory, keepUids });
  if (step === 'disown') {
    const message =
      'stays, since another work has it too: the ownership ends, and what only this work has set goes';
    return { ...what, action: 'change', message };
  }
  if (step !== 'delete') return undefined;
  const { uid = '', resourceVersion = '' } = live.metadata;
  try {
    await actingAs(createDryRunClient(client).client, accountOf(spec.executor)).delete(ref, key, {
      propagationPolicy: deletionPropagation(ref),
      preconditions: { uid, resourceVersion },
      signal,
    });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    if (!(error instanceof StatusError)) throw error;
    const hasChanged = error.reason === 'Conflict'; // since it was read, which a real pass would read again
    if (!hasChanged) return { ...what, action: 'refused', message: error.message };
  }
  return { ...what, action: 'delete' };
}

async function readIfThere(
  client: KubeClient,
  { ref, key }: { readonly ref: ResourceRef; readonly key: ObjectKey },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(ref, key, { signal });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
