/**
 * What the hub completes or refuses about the sets and taints of a cluster, and about the sets that a namespace binds
 * (registration.md 4.4). The permission to put clusters into a set stands in RBAC rules on managedclustersets/join.
 */
import {
  clusterGroupName,
  clusterSetLabel,
  defaultClusterSetName,
  formatTime,
  isObject,
  type KubeObject,
  type ManagedClusterSetBinding,
  newBadRequest,
  newForbidden,
  type Taint,
  virtualPermissions,
} from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { bootstrapTokenId } from '../tokens/bootstrap-token.js';
import { type AdmissionRequest, type AdmissionRule, isAllowed } from './rule.js';

/**
 * Every cluster is in an exclusive set: `default` when nobody names one. Runs before a bootstrap token is bound to
 * its cluster, since what is refused must leave the token as it was.
 */
export const clusterSetRule: AdmissionRule = {
  name: 'managedcluster-set',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE', 'UPDATE'],
  mutating: true,
  check: async (request, client) => {
    const { object, oldObject } = request;
    const before = oldObject && setOf(oldObject);
    const after = setOf(object);
    // A cluster older than this rule has no label: giving it the one that it stands for moves it nowhere.
    if (before !== after && !joinsByToken(request, after)) {
      if (before !== undefined) await requireJoin(client, request, before);
      await requireJoin(client, request, after);
    }
    if (object.metadata.labels?.[clusterSetLabel] === after) return;
    object.metadata.labels = { ...object.metadata.labels, [clusterSetLabel]: after };
  },
};

function setOf({ metadata }: KubeObject): string {
  return metadata.labels?.[clusterSetLabel] || defaultClusterSetName;
}

/**
 * OCM lets whoever holds a bootstrap token put its cluster into any set, and so close to what the set's users run.
 * Here a token comes without that right (see `installHubApi`): it may make its cluster where all clusters begin, and
 * for any other set it needs the permission like everybody.
 */
function joinsByToken({ operation, user }: AdmissionRequest, set: string): boolean {
  return (
    operation === 'CREATE' && set === defaultClusterSetName && bootstrapTokenId(user.username) !== undefined
  );
}

async function requireJoin(client: KubeClient, { user }: AdmissionRequest, set: string): Promise<void> {
  const { group, resource, subresource, verb } = virtualPermissions.joinClusterSet;
  if (await isAllowed(client, { user, attributes: { group, resource, subresource, verb, name: set } }))
    return;
  throw newForbidden(
    { group, resource: `${resource}/${subresource}`, name: set },
    `user ${JSON.stringify(user.username)} cannot add/remove a ManagedCluster to/from ManagedClusterSet ${JSON.stringify(set)}`,
  );
}

/** The hub says since when a cluster has a taint, so that tolerations for a time can be trusted. */
export const taintTimeRule: AdmissionRule = {
  name: 'managedcluster-taints',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE', 'UPDATE'],
  mutating: true,
  check: ({ object, oldObject, nowMs }) => {
    const spec = object['spec'];
    const taints = taintsOf(object);
    if (!isObject(spec) || taints.length === 0) return;
    const timed = planTaintTimes(taints, { old: oldObject && taintsOf(oldObject), nowMs });
    if (timed.refused.length > 0) {
      throw newBadRequest(
        `It is not allowed to set TimeAdded of Taint ${JSON.stringify(timed.refused.join(','))}.`,
      );
    }
    object['spec'] = { ...spec, taints: timed.taints };
  },
};

/** Of an object that is not validated yet: none when the list is not one of objects, which validation then refuses. */
function taintsOf(object: KubeObject): readonly Taint[] {
  const spec = object['spec'];
  const taints = isObject(spec) ? spec['taints'] : undefined;
  return Array.isArray(taints) && taints.every(isObject) ? (taints as unknown as Taint[]) : []; // fields: see above
}

/**
 * The taints with their times, and the keys of those whose time the requester may not choose. Without `old`, at
 * creation, every time given is replaced. A taint that did not change may leave its time out, as a manifest that is
 * applied again does, and keeps it.
 */
export function planTaintTimes(
  taints: readonly Taint[],
  { old, nowMs }: { old: readonly Taint[] | undefined; nowMs: number },
): { readonly taints: readonly Taint[]; readonly refused: readonly string[] } {
  const refused: string[] = [];
  const timed = taints.map((taint): Taint => {
    const fresh = { ...taint, timeAdded: formatTime(nowMs) };
    if (old === undefined) return fresh;
    const known = old.find(({ key }) => key === taint.key);
    const isSame = known !== undefined && known.value === taint.value && known.effect === taint.effect;
    const isGiven = taint.timeAdded !== undefined && taint.timeAdded !== null;
    if (isGiven && !(isSame && taint.timeAdded === known.timeAdded)) refused.push(taint.key);
    if (!isSame) return fresh;
    return { ...taint, ...(known.timeAdded !== undefined && { timeAdded: known.timeAdded }) };
  });
  return { taints: timed, refused };
}

/** A binding lets its namespace see the clusters of a set: whoever makes one needs the permission for that set. */
export const clusterSetBindingRule: AdmissionRule = {
  name: 'managedclustersetbinding',
  group: clusterGroupName,
  resource: 'managedclustersetbindings',
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async ({ operation, object, name, user }, client) => {
    const { clusterSet = '' } = (object as ManagedClusterSetBinding).spec ?? {}; // the rule's own resource
    if (clusterSet !== name) {
      throw newBadRequest(
        'The ManagedClusterSetBinding must have the same name as the target ManagedClusterSet',
      );
    }
    if (operation === 'UPDATE') return;
    const { group, resource, subresource, verb } = virtualPermissions.bindClusterSet;
    if (
      await isAllowed(client, { user, attributes: { group, resource, subresource, verb, name: clusterSet } })
    )
      return;
    throw newForbidden(
      { group, resource: `${resource}/${subresource}`, name: clusterSet },
      `user ${JSON.stringify(user.username)} is not allowed to bind cluster set ${JSON.stringify(clusterSet)}`,
    );
  },
};
