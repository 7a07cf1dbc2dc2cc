/**
 * What the hub's controllers would add to a ManagedCluster right after somebody wrote it, added by that write: the taint
 * of a cluster that has not reported yet and, with its acceptance, the finalizers and what it is told of its hub. Each
 * saves every join a durable write and an event. The controllers see to all of it still, for what came another way.
 */
import {
  clusterGroupName,
  isObject,
  type KubeObject,
  type ManagedCluster,
  rootCaConfigMapName,
} from '@flotilla/api';
import { getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { planTaints } from '../controllers/cluster-taints.js';
import { announcementsOf } from '../controllers/hub-authorities.js';
import { acceptedFinalizers } from '../controllers/managed-cluster.js';
import type { AdmissionRule } from './rule.js';

/** After the rule for the times of taints: what it was given is complete by then. */
export const newClusterTaintRule: AdmissionRule = {
  name: 'managedcluster-first-taint',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE'],
  mutating: true,
  check: ({ object, nowMs }) => {
    const spec = object['spec'];
    // What is no list of taints is left for validation to refuse.
    if (!isObject(spec) || !isListOfObjects(spec['taints'] ?? [])) return;
    const { status: _, ...unheard } = object as ManagedCluster; // the rule's own resource
    const taints = planTaints(unheard, nowMs);
    if (taints !== undefined) object['spec'] = { ...spec, taints };
  },
};

export const acceptedClusterRule: AdmissionRule = {
  name: 'managedcluster-accepted',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE', 'UPDATE'],
  mutating: true,
  check: async ({ object, oldObject, policies }, client) => {
    const { metadata } = object;
    if (!isAccepted(object) || metadata.deletionTimestamp !== undefined) return;
    // Who takes a finalizer away later is to be refused, or to have done it; the controller puts it back.
    if (oldObject !== undefined && isAccepted(oldObject)) return;
    const present = metadata.finalizers ?? [];
    const missing = acceptedFinalizers.filter((finalizer) => !present.includes(finalizer));
    if (missing.length === 0) return;
    const told = Object.entries(announcementsOf(policies, await publishedRootCa(client)));
    metadata.finalizers = [...present, ...missing];
    metadata.annotations = {
      ...metadata.annotations,
      ...Object.fromEntries(told.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    };
  },
};

function isAccepted({ spec }: KubeObject): boolean {
  return isObject(spec) && spec['hubAcceptsClient'] === true;
}

function publishedRootCa(client: KubeClient): Promise<KubeObject | undefined> {
  const key = { namespace: 'kube-system', name: rootCaConfigMapName };
  return getIfThere<KubeObject>(client, wellKnown.configMaps, key);
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}
