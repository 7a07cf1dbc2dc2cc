/**
 * Discovery documents, legacy and aggregated, read off resource definitions. Pure; `discovery/handler.ts` serves
 * and caches them. Shapes: meta/v1 APIGroupList, APIResourceList; apidiscovery.k8s.io/v2 APIGroupDiscoveryList.
 */
import { createHash } from 'node:crypto';
import { formatApiVersion } from '@flotilla/api';
import type { ResourceDefinition } from '../registry/resource.js';

/** One API group with its versions, preferred first. */
export interface DiscoveredGroup {
  readonly name: string;
  readonly versions: readonly DiscoveredVersion[];
}

export interface DiscoveredVersion {
  readonly version: string;
  readonly definitions: readonly ResourceDefinition[];
}

const statusVerbs = ['get', 'patch', 'update'];

interface SubresourceEntry {
  readonly name: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
}

function subresourcesOf(definition: ResourceDefinition): SubresourceEntry[] {
  const own = { group: definition.group, version: definition.version, kind: definition.kind };
  const entries: SubresourceEntry[] = definition.subresources.map(({ name, kind, verbs }) => ({
    name,
    kind,
    verbs,
  }));
  if (definition.scale) {
    entries.push({
      name: 'scale',
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      verbs: statusVerbs,
    });
  }
  if (definition.hasStatus) entries.push({ name: 'status', kind: own, verbs: statusVerbs });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `GET /apis`. */
export function apiGroupList(groups: readonly DiscoveredGroup[]): object {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.filter((group) => group.name !== '').map((group) => groupEntry(group)),
  };
}

/** `GET /apis/<group>`. */
export function apiGroup(group: DiscoveredGroup): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) };
}

function groupEntry(group: DiscoveredGroup): object {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: `${group.name}/${version}`,
    version,
  }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

/** `GET /api`. */
export function apiVersions(serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `GET /api/v1` and `GET /apis/<group>/<version>`. */
export function apiResourceList(group: string, { version, definitions }: DiscoveredVersion): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: formatApiVersion({ group, version }),
    resources: definitions.flatMap((definition) => legacyEntries(definition)),
  };
}

function legacyEntries(definition: ResourceDefinition): object[] {
  const entry = {
    name: definition.resource,
    singularName: definition.singular,
    namespaced: definition.namespaced,
    kind: definition.kind,
    verbs: definition.verbs,
    ...(definition.shortNames.length > 0 && { shortNames: definition.shortNames }),
    ...(definition.categories.length > 0 && { categories: definition.categories }),
    ...(definition.virtual === undefined && { storageVersionHash: storageVersionHash(definition) }),
  };
  const subresources = subresourcesOf(definition).map(({ name, kind, verbs }) => ({
    name: `${definition.resource}/${name}`,
    singularName: '',
    namespaced: definition.namespaced,
    ...((kind.group !== definition.group || kind.version !== definition.version) && {
      group: kind.group,
      version: kind.version,
    }),
    kind: kind.kind,
    verbs,
  }));
  return [entry, ...subresources];
}

function storageVersionHash({ group, storageVersion, kind }: ResourceDefinition): string {
  return createHash('sha256')
    .update(`${group}/${storageVersion}/${kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

/** Aggregated discovery for `/api` (the core group alone) or `/apis` (all others). */
export function aggregatedDiscovery(
  groups: readonly DiscoveredGroup[],
  apiVersion: 'v2' | 'v2beta1',
): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${apiVersion}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: { name: group.name, creationTimestamp: null },
      versions: group.versions.map(({ version, definitions }) => ({
        version,
        freshness: 'Current',
        resources: definitions.map((definition) => aggregatedEntry(definition)),
      })),
    })),
  };
}

function aggregatedEntry(definition: ResourceDefinition): object {
  const { group, version, kind } = definition;
  const subresources = subresourcesOf(definition).map((entry) => ({
    subresource: entry.name,
    responseKind: entry.kind,
    verbs: entry.verbs,
  }));
  return {
    resource: definition.resource,
    responseKind: { group, version, kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: definition.verbs,
    ...(definition.shortNames.length > 0 && { shortNames: definition.shortNames }),
    ...(definition.categories.length > 0 && { categories: definition.categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}
