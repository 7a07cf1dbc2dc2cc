/**
 * Leaving a hub. What was applied is disowned first, so that removing the inventory takes nothing along (P3, P6),
 * or deleted with it when asked. Then the credentials and saved works go.
 */
import { type AppliedManifestWork, hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { removeSecondCopy } from './registration/second-copy.js';
import type { KlusterletConfig, KlusterletState } from './registration/state.js';
import { type AppliedResource, recordedResources } from './work/inventory/applied-resources.js';

export interface LeaveOptions {
  readonly client: KubeClient;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly deleteWorkloads: boolean;
}

/** Nothing is forgotten locally before the managed cluster is clean: a failed leave can be run again. */
export async function leaveHub(options: LeaveOptions): Promise<{ works: number }> {
  const { client, state, config } = options;
  const mine = (await inventories(client)).filter(({ spec }) => spec?.agentID === config.agentId);
  for (const inventory of mine) {
    for (const resource of recordedResources(inventory)) await release(options, inventory, resource);
    await removeInventory(client, inventory);
  }
  await removeSecondCopy(client, config);
  await state.forgetHub();
  await options.state.forgetWorks();
  return { works: mine.length };
}

async function inventories(client: KubeClient): Promise<AppliedManifestWork[]> {
  try {
    return (await client.list<AppliedManifestWork>(wellKnown.appliedManifestWorks)).items;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return []; // the definition is gone: nothing can be ours
    throw error;
  }
}

async function release(
  { client, deleteWorkloads }: LeaveOptions,
  inventory: AppliedManifestWork,
  resource: AppliedResource,
): Promise<void> {
  const { group = '', version, resource: plural, namespace = '', name, uid } = resource;
  const ref: ResourceRef = { group, version, resource: plural, namespaced: namespace !== '' };
  const key = { name, ...(namespace !== '' && { namespace }) };
  try {
    const live = await client.get<KubeObject>(ref, key);
    const owners = live.metadata.ownerReferences ?? [];
    const others = owners.filter((owner) => owner.uid !== inventory.metadata.uid);
    if (others.length === owners.length || (uid !== undefined && uid !== '' && live.metadata.uid !== uid))
      return;
    if (deleteWorkloads && !others.some(({ kind }) => kind === 'AppliedManifestWork')) {
      await client.delete(ref, key, {
        propagationPolicy: 'Background',
        ...(live.metadata.uid !== undefined && { preconditions: { uid: live.metadata.uid } }),
      });
      return;
    }
    await client.patch(ref, key, {
      type: 'merge',
      body: {
        metadata: {
          uid: live.metadata.uid,
          resourceVersion: live.metadata.resourceVersion,
          ownerReferences: others,
        },
      },
    });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

async function removeInventory(client: KubeClient, inventory: AppliedManifestWork): Promise<void> {
  const key = { name: inventory.metadata.name ?? '' };
  try {
    await client.patch(wellKnown.appliedManifestWorks, key, {
      type: 'merge',
      body: { metadata: { finalizers: [] } },
    });
    await client.delete(wellKnown.appliedManifestWorks, key);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
