/** What every namespace gets: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`. They come back when deleted. */
import { hasReason, type KubeObject } from '@flotilla/api';
import { createController, createInformer, type ResourceRef, wellKnown } from '@flotilla/kube';
import type { ControlLoop, StartControllersOptions } from './start-controllers.js';

const rootCaName = 'kube-root-ca.crt';

export function createNamespaceContentController(options: StartControllersOptions): ControlLoop {
  const { client, env, ca } = options;
  const namespaces = createInformer<KubeObject>(client, wellKnown.namespaces, { env });
  const accounts = createInformer<KubeObject>(client, wellKnown.serviceAccounts, {
    env,
    metadataOnly: true,
    fieldSelector: 'metadata.name=default',
  });
  const configMaps = createInformer<KubeObject>(client, wellKnown.configMaps, {
    env,
    fieldSelector: `metadata.name=${rootCaName}`,
  });
  const controller = createController({
    name: 'namespace-content',
    env,
    concurrency: 4,
    maxDelayMs: 30_000,
    reconcile: async (namespace) => {
      const found = namespaces.cache.get(namespace);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
      if (accounts.cache.get(`${namespace}/default`) === undefined) {
        const metadata = { namespace, name: 'default' };
        await create(options, wellKnown.serviceAccounts, {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata,
        });
      }
      const known = configMaps.cache.get(`${namespace}/${rootCaName}`);
      const data = { 'ca.crt': ca };
      if (known === undefined) {
        const metadata = { namespace, name: rootCaName };
        await create(options, wellKnown.configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
      } else if ((known['data'] as { 'ca.crt'?: string } | undefined)?.['ca.crt'] !== ca) {
        await client.patch(
          wellKnown.configMaps,
          { namespace, name: rootCaName },
          { type: 'merge', body: { data } },
        );
      }
    },
  });
  namespaces.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  for (const informer of [accounts, configMaps]) {
    informer.onChange(({ type, object }) => {
      if (type !== 'added') controller.enqueue(object.metadata.namespace ?? '');
    });
  }
  return { informers: [namespaces, accounts, configMaps], controllers: [controller] };
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
