/**
 * The Service `default/kubernetes` of the stand-in cluster, at the first address of the range, as every cluster has
 * it. It comes back when deleted. Nothing listens there.
 */
import { hasReason, type KubeObject } from '@flotilla/api';
import { createController, createInformer, type ResourceRef } from '@flotilla/kube';
import type { ControlLoop, ControllerContext } from './control-loop.js';

const services: ResourceRef = { group: '', version: 'v1', resource: 'services', namespaced: true };
const name = 'kubernetes';
const namespace = 'default';
const clusterIP = '10.96.0.1';

export function createKubernetesServiceLoop({ client, env }: ControllerContext): ControlLoop {
  const informer = createInformer<KubeObject>(client, services, {
    env,
    namespace,
    fieldSelector: `metadata.name=${name}`,
  });
  const controller = createController({
    name: 'kubernetes-service',
    env,
    maxDelayMs: 30_000,
    reconcile: async () => {
      if (informer.cache.get(`${namespace}/${name}`) !== undefined) return;
      try {
        await client.create(services, serviceWith({ clusterIP }));
      } catch (error) {
        if (hasReason(error, 'AlreadyExists')) return;
        if (!hasReason(error, 'Invalid')) throw error;
        await client.create(services, serviceWith({})); // somebody has the address: any other will do
      }
    },
  });
  controller.enqueue(name);
  informer.onChange(() => controller.enqueue(name));
  return { informers: [informer], controllers: [controller] };
}

function serviceWith(address: { clusterIP?: string }): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      ...address,
      type: 'ClusterIP',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
    },
  };
}
