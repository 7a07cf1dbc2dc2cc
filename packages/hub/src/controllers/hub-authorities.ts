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
  const { addresses } = context.policies;
  return {
    [hubAddressesAnnotation]: addresses.length === 0 ? undefined : addresses.join(','),
    ...ifPublished(publishedAuthorities(context)),
  };
}

function ifPublished(authorities: string | undefined): Readonly<Record<string, string>> {
  return authorities === undefined ? {} : { [hubAuthoritiesAnnotation]: authorities };
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

/** Undefined until they are published. */
function publishedAuthorities({ rootCa }: Pick<HubContext, 'rootCa'>): string | undefined {
  const published = rootCa.cache.get(`kube-system/${rootCaConfigMapName}`);
  const bundle = bundleOf(published);
  if (published === undefined || bundle === undefined) return undefined;
  const known = hashesOf.get(published) ?? authorityHashes(bundle);
  hashesOf.set(published, known);
  return known;
}

/** Asked at each change of a cluster, and read once for each version of the ConfigMap. */
const hashesOf = new WeakMap<KubeObject, string>();

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
