/** Deletes or disowns what the works of this agent applied, by its inventories; then the inventories go. */
import { type AppliedManifestWork, hasReason, type KubeObject } from '@flotilla/api';
import { createDiscovery, type Discovery, type ResourceRef, sleep, toRef, wellKnown } from '@flotilla/kube';
import { actingAs } from '../work/apply/executor.js';
import {
  type AppliedResource,
  recordedExecutor,
  recordedResources,
} from '../work/inventory/applied-resources.js';
import { release } from '../work/inventory/release.js';
import { groupByRank } from '../work/planning/resource-rank.js';
import type { LeaveOptions } from './leave-options.js';

const pollMs = 250;

/** How many works there were. @throws Error that names what is not gone in time. */
export async function releaseWorks(options: LeaveOptions): Promise<number> {
  const { env, managed, config, keepWorkloads, waitMs, onProgress, signal } = options;
  const mine = (await listInventories(options)).filter(({ spec }) => spec?.agentID === config.agentId);
  if (mine.length === 0) return 0;
  const discovery = createDiscovery(managed, { env });
  await discovery.refresh(signal);
  const deadlineMs = env.clock.monotonicMs() + waitMs;
  for (const [at, inventory] of mine.entries()) {
    const verb = keepWorkloads ? 'disowns' : 'deletes';
    const name = inventory.spec?.manifestWorkName ?? '';
    onProgress(`${verb} what the work ${name} applied (${at + 1} of ${mine.length})`);
    if (keepWorkloads) await disownAll(options, { inventory, discovery });
    else await deleteAll(options, { inventory, discovery, deadlineMs });
    await removeInventory(options, inventory);
  }
  return mine.length;
}

async function listInventories({ managed }: LeaveOptions): Promise<readonly AppliedManifestWork[]> {
  try {
    return (await managed.list<AppliedManifestWork>(wellKnown.appliedManifestWorks)).items;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return []; // the definition is gone: nothing can be ours
    throw error;
  }
}

interface Inventory {
  readonly inventory: AppliedManifestWork;
  readonly discovery: Discovery;
}

/** In the order in which a deleted work is emptied: what others live in goes last. */
async function deleteAll(
  { env, managed, signal }: LeaveOptions,
  { inventory, discovery, deadlineMs }: Inventory & { readonly deadlineMs: number },
): Promise<void> {
  const actor = actingAs(managed, recordedExecutor(inventory));
  const groups = groupByRank(recordedResources(inventory), ({ resource }) => resource);
  for (const group of groups.reverse()) {
    for (let left: readonly AppliedResource[] = group; left.length > 0; ) {
      const reasons: string[] = [];
      const pending: AppliedResource[] = [];
      for (const resource of left) {
        const options = {
          client: managed,
          actor,
          discovery,
          inventory,
          keepUids: noUids,
          claims: unclaimed,
          signal,
        };
        const released = await release(resource, options);
        if (released.state === 'gone') continue;
        pending.push(resource);
        reasons.push(released.why);
      }
      left = pending;
      if (left.length === 0) break;
      if (env.clock.monotonicMs() > deadlineMs) throw new Error(notGone(reasons));
      await sleep(env.clock, pollMs, signal);
    }
  }
}

const noUids: ReadonlySet<string> = new Set();
/** Of an object that another agent's work owns, too, only our reference goes. */
const unclaimed = (): undefined => undefined;

function notGone(reasons: readonly string[]): string {
  return `the klusterlet has not left: ${reasons.slice(0, 3).join('; ')}; mend that and run "klusterlet leave" again, or leave what works applied with --keep-workloads`;
}

async function disownAll(options: LeaveOptions, { inventory, discovery }: Inventory): Promise<void> {
  for (const resource of recordedResources(inventory)) {
    const ref = servedRef(resource, discovery);
    if (ref !== undefined) await disown(options, { inventory, resource, ref });
  }
}

/** Any served version shows the same object; undefined: its kind is gone, and so is it. */
function servedRef(
  { group = '', version, resource }: AppliedResource,
  discovery: Discovery,
): ResourceRef | undefined {
  const served = discovery.served(group).filter((each) => each.resource === resource);
  const found = served.find((each) => each.version === version) ?? served[0];
  return found && toRef(found);
}

async function disown(
  { managed }: LeaveOptions,
  {
    inventory,
    resource,
    ref,
  }: { inventory: AppliedManifestWork; resource: AppliedResource; ref: ResourceRef },
): Promise<void> {
  const { namespace = '', name } = resource;
  const key = { name, ...(namespace !== '' && { namespace }) };
  for (let attempt = 1; ; attempt++) {
    try {
      const { metadata } = await managed.get<KubeObject>(ref, key);
      const owners = metadata.ownerReferences ?? [];
      const others = owners.filter(({ uid }) => uid !== inventory.metadata.uid);
      if (others.length === owners.length) return;
      const { uid, resourceVersion } = metadata;
      const body = { metadata: { uid, resourceVersion, ownerReferences: others } };
      await managed.patch(ref, key, { type: 'merge', body });
      return;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return;
      if (!hasReason(error, 'Conflict') || attempt >= 4) throw error;
    }
  }
}

async function removeInventory({ managed }: LeaveOptions, { metadata }: AppliedManifestWork): Promise<void> {
  const key = { name: metadata.name ?? '' };
  try {
    const body = { metadata: { finalizers: [] } };
    await managed.patch(wellKnown.appliedManifestWorks, key, { type: 'merge', body });
    await managed.delete(wellKnown.appliedManifestWorks, key);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
