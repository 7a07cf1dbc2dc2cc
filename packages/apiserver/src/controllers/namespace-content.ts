/** What every namespace gets: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`. They come back when deleted. */
import { hasReason, type KubeObject } from '@flotilla/api';
import { createController, createInformer, type Informer, type ResourceRef, wellKnown } from '@flotilla/kube';
import { textAt } from '../builtin/access.js';
import type { ControlLoop, StartControllersOptions } from './control-loop.js';

const rootCaName = 'kube-root-ca.crt';

export interface NamespaceContentSources {
  readonly namespaces: Informer<KubeObject>;
  /** What namespaces get; Kubernetes has a controller for each. */
  readonly content: { readonly serviceAccount: boolean; readonly rootCa: boolean };
}

export function createNamespaceContentController(
  options: StartControllersOptions,
  { namespaces, content }: NamespaceContentSources,
): ControlLoop {
  const { client, env, ca } = options;
  const accounts = createInformer<KubeObject>(client, wellKnown.serviceAccounts, {
    env,
    metadataOnly: true,
    fieldSelector: 'metadata.name=default',
    transform: (object) => ({ ...object, metadata: identity(object.metadata) }),
  });
  const configMaps = createInformer<KubeObject>(client, wellKnown.configMaps, {
    env,
    fieldSelector: `metadata.name=${rootCaName}`,
    // One copy of the certificates is enough for all namespaces.
    transform: ({ apiVersion, kind, metadata, data }) => ({
      apiVersion,
      kind,
      metadata: identity(metadata),
      isCurrent: textAt(data, 'ca.crt') === ca,
    }),
  });
  const controller = createController({
    name: 'namespace-content',
    env,
    concurrency: 8,
    maxDelayMs: 30_000,
    reconcile: async (namespace) => {
      const found = namespaces.cache.get(namespace);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
      if (content.serviceAccount && accounts.cache.get(`${namespace}/default`) === undefined) {
        const metadata = { namespace, name: 'default' };
        await create(options, wellKnown.serviceAccounts, {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata,
        });
      }
      if (!content.rootCa) return;
      const known = configMaps.cache.get(`${namespace}/${rootCaName}`);
      const data = { 'ca.crt': ca };
      if (known === undefined) {
        const metadata = { namespace, name: rootCaName };
        await create(options, wellKnown.configMaps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata,
          data,
        });
      } else if (known['isCurrent'] !== true) await restore(options, { namespace, data });
    },
  });
  namespaces.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
  });
  const informers = [...(content.serviceAccount ? [accounts] : []), ...(content.rootCa ? [configMaps] : [])];
  for (const informer of informers) {
    informer.onChange(({ type, object }) => {
      if (type !== 'added' || object['isCurrent'] === false)
        controller.enqueue(object.metadata.namespace ?? '');
    });
  }
  return { informers, controllers: [controller] };
}

/** All that is asked of the metadata here. */
function identity({ name, namespace, uid, resourceVersion }: KubeObject['metadata']): KubeObject['metadata'] {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

async function create(
  { client }: StartControllersOptions,
  ref: ResourceRef,
  object: KubeObject,
): Promise<void> {
  try {
    await client.create(ref, object);
  } catch (error) {
    // Forbidden or NotFound: the namespace has begun to go away meanwhile.
    if (!hasReason(error, 'AlreadyExists', 'NotFound', 'Forbidden')) throw error;
  }
}

async function restore(
  { client }: StartControllersOptions,
  { namespace, data }: { namespace: string; data: Record<string, string> },
): Promise<void> {
  const key = { namespace, name: rootCaName };
  try {
    await client.patch(wellKnown.configMaps, key, { type: 'merge', body: { data } });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error; // deleted meanwhile: its own event brings it back
  }
}
