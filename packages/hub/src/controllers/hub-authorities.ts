/**
 * Names to each cluster the authorities that its klusterlet is to trust: those that the API server publishes. A change
 * is a klusterlet's sign to fetch the certificates (`registration/hub-authorities.ts` there); see docs/security.md for
 * how an authority is put in the place of another.
 */
import {
  hubAuthoritiesAnnotation,
  hubFieldManager,
  type KubeObject,
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
    const wanted = publishedAuthorities(context);
    const known = object.metadata.annotations?.[hubAuthoritiesAnnotation];
    if (type !== 'deleted' && wanted !== known) controller.enqueue(object.metadata.name ?? '');
  });
  context.rootCa.onChange(() => {
    for (const { metadata } of context.clusters.cache.list()) controller.enqueue(metadata.name ?? '');
  });
  return controller;
}

/** Undefined until they are published. */
export function publishedAuthorities({ rootCa }: Pick<HubContext, 'rootCa'>): string | undefined {
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
  const wanted = publishedAuthorities(context);
  if (cluster?.spec?.hubAcceptsClient !== true || wanted === undefined) return;
  const { uid, resourceVersion, annotations, finalizers = [] } = cluster.metadata;
  // The write that accepts it brings them along (`managed-cluster.ts`).
  if (!finalizers.includes(managedClusterFinalizer)) return;
  if (annotations?.[hubAuthoritiesAnnotation] === wanted) return;
  await context.client.patch(
    wellKnown.managedClusters,
    { name },
    {
      type: 'merge',
      body: { metadata: { uid, resourceVersion, annotations: { [hubAuthoritiesAnnotation]: wanted } } },
      fieldManager: hubFieldManager,
    },
  );
}
