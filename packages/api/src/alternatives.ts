/**
 * Flotilla's own rule for a work that must fit clusters of different ages: manifests of one work that name the
 * same object in different API versions are alternatives, and the klusterlet applies the first one that its
 * cluster serves. Called by the klusterlet's apply loop and by the hub's admission. Pure.
 */
import { isObject } from './json.js';
import { parseApiVersion } from './object.js';

/** Kinds that moved from one group to another and stayed the same thing. */
const movedKinds: readonly { readonly kinds: readonly string[]; readonly groups: readonly string[] }[] = [
  { kinds: ['Ingress', 'NetworkPolicy'], groups: ['extensions', 'networking.k8s.io'] },
  { kinds: ['Deployment', 'DaemonSet', 'ReplicaSet'], groups: ['extensions', 'apps'] },
  { kinds: ['PodSecurityPolicy'], groups: ['extensions', 'policy'] },
  { kinds: ['Event'], groups: ['', 'events.k8s.io'] },
];

/**
 * Ordinals of the manifests, each in exactly one group, groups and ordinals in the order of the list. A manifest
 * without alternatives, or that cannot be read, is a group of its own; so is a plain repeat of an apiVersion.
 */
export function groupAlternatives(manifests: readonly unknown[]): number[][] {
  const groups: number[][] = [];
  const open = new Map<string, { readonly ordinals: number[]; readonly versions: Set<string> }>();
  for (const [ordinal, manifest] of manifests.entries()) {
    const identity = identify(manifest);
    const known = identity && open.get(identity.key);
    if (identity && known && !known.versions.has(identity.apiVersion)) {
      known.versions.add(identity.apiVersion);
      known.ordinals.push(ordinal);
      continue;
    }
    const ordinals = [ordinal];
    groups.push(ordinals);
    if (identity && !known) {
      open.set(identity.key, { ordinals, versions: new Set([identity.apiVersion]) });
    }
  }
  return groups;
}

/** True when objects of this kind are the same objects under both groups. */
export function areCompatibleGroups(kind: string, groups: readonly [string, string]): boolean {
  return firstGroup(kind, groups[0]) === firstGroup(kind, groups[1]);
}

/** The group that a kind was in first, which stands for all groups that it has been in. */
function firstGroup(kind: string, group: string): string {
  const family = movedKinds.find(({ kinds, groups }) => kinds.includes(kind) && groups.includes(group));
  return family?.groups[0] ?? group;
}

function identify(manifest: unknown): { key: string; apiVersion: string } | undefined {
  if (!isObject(manifest)) return undefined;
  const { apiVersion, kind, metadata } = manifest as Record<'apiVersion' | 'kind' | 'metadata', unknown>;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isObject(metadata)) return undefined;
  const name = metadata['name'];
  if (typeof name !== 'string' || name === '') return undefined;
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : '';
  const group = firstGroup(kind, parseApiVersion(apiVersion).group);
  return { key: JSON.stringify([group, kind, namespace, name]), apiVersion };
}
