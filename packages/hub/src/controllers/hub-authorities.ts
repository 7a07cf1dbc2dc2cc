/**
 * Names to each cluster the authorities that its klusterlet is to trust, those that the API server publishes, and the
 * addresses of the hub. A change of the former is a klusterlet's sign to fetch the certificates, the latter it keeps as
 * they are (`registration/hub-authorities.ts` and `hub-addresses.ts` there); see docs/security.md for how an authority
 * is put in the place of another.
 */
import {
  hubAddressesAnnotation,
  hubAuthoritiesAnnotation,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
  managedClusterFinalizer,
  rootCaConfigMapName,
} from '@flotilla/api';
import { authorityHashes, type Controller, createController, wellKnown } from '@flotilla/kube';
import type { HubPolicies } from '../policies.js';
import { yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createHubAuthoritiesController(context: HubContext): Controller {
  const controller = createController({
    name: 'hub-authorities',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => reconcile(context, name)),
  });
  context.clusters.onChange(({ type, object }) => {
    if (type !== 'deleted' && untold(context, object) !== undefined)
      controller.enqueue(object.metadata.name ?? '');
  });
  context.rootCa.onChange(() => {
    for (const { metadata } of context.clusters.cache.list()) controller.enqueue(metadata.name ?? '');
  });
  return controller;
}

/** What a cluster is to be told of its hub; a name without a value is taken back. */
export function hubAnnouncements(context: HubContext): Readonly<Record<string, string | undefined>> {
  return announcementsOf(context.policies, publishedRootCa(context));
}

/** `rootCa`: what the API server publishes; without it nothing is said of authorities. */
export function announcementsOf(
  { addresses }: Pick<HubPolicies, 'addresses'>,
  rootCa: KubeObject | undefined,
): Readonly<Record<string, string | undefined>> {
  const bundle = bundleOf(rootCa);
  return {
    [hubAddressesAnnotation]: addresses.length === 0 ? undefined : addresses.join(','),
    ...(bundle !== undefined && { [hubAuthoritiesAnnotation]: authorityHashes(bundle) }),
  };
}

/** The annotations that are not as they should be, as a patch; undefined when all are. */
function untold(
  context: HubContext,
  { metadata }: ManagedCluster,
): Readonly<Record<string, string | null>> | undefined {
  const known = metadata.annotations ?? {};
  const changed = Object.entries(hubAnnouncements(context)).filter(([key, value]) => known[key] !== value);
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map(([key, value]) => [key, value ?? null]));
}

function publishedRootCa({ rootCa }: Pick<HubContext, 'rootCa'>): KubeObject | undefined {
  return rootCa.cache.get(`kube-system/${rootCaConfigMapName}`);
}

function bundleOf(configMap: KubeObject | undefined): string | undefined {
  return (configMap?.['data'] as Readonly<Record<string, string>> | undefined)?.['ca.crt']; // v1 ConfigMap
}

async function reconcile(context: HubContext, name: string): Promise<undefined> {
  const cluster = context.clusters.cache.get(name);
  if (cluster?.spec?.hubAcceptsClient !== true) return;
  const { uid, resourceVersion, finalizers = [] } = cluster.metadata;
  // The write that accepts it brings them along (`managed-cluster.ts`).
  if (!finalizers.includes(managedClusterFinalizer)) return;
  const annotations = untold(context, cluster);
  if (annotations === undefined) return;
  await context.client.patch(
    wellKnown.managedClusters,
    { name },
    {
      type: 'merge',
      body: { metadata: { uid, resourceVersion, annotations } },
      fieldManager: hubFieldManager,
    },
  );
}
