/**
 * Services: one of type LoadBalancer gets an address, and every one with a selector gets an EndpointSlice of the pods
 * that it selects. Nothing listens at any of these addresses.
 */
import { type JsonObject, type KubeObject, simulationAnnotations } from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import { listAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { recordEvents } from './event-recorder.js';
import { isActive, isReady, type PodControl } from './pod-control.js';
import { controllerReference, enqueueChanged, type SimulatedCluster } from './simulated-cluster.js';

export function createServiceLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const services = cluster.informer('', 'services');
  const hasSlices = cluster.serves('discovery.k8s.io', 'endpointslices');
  const controller = createController({
    name: 'stand-in-services',
    env: cluster.env,
    concurrency: 8,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const service = services.cache.get(key);
      if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
      const why = service.metadata.annotations?.[simulationAnnotations.loadBalancerPending];
      if (why !== undefined && textAt(service, 'spec', 'type') === 'LoadBalancer')
        await leavePending(cluster, service, why);
      else await cluster.writeStatus(services.ref, service, statusOf(service));
      if (hasSlices) await writeSlice(cluster, service, pods);
    },
  });
  enqueueChanged(services, controller);
  if (!hasSlices) return controller;
  pods.informer.onChange(({ object, old }) => {
    if (old !== undefined && endpointText(old) === endpointText(object)) return;
    for (const service of services.cache.list(object.metadata.namespace)) {
      if (selects(service, object) || (old !== undefined && selects(service, old)))
        controller.enqueue(keyOf(service));
    }
  });
  const slices = cluster.informer('discovery.k8s.io', 'endpointslices');
  slices.onChange(({ type, object }) => {
    const service = object.metadata.labels?.['kubernetes.io/service-name'];
    if (type === 'deleted' && service !== undefined)
      controller.enqueue(`${object.metadata.namespace}/${service}`);
  });
  return controller;
}

/** No address, and the events of a cloud that gives none. */
async function leavePending(cluster: SimulatedCluster, service: KubeObject, why: string): Promise<void> {
  const { ref } = cluster.informer('', 'services');
  await cluster.writeStatus(ref, service, { ...objectAt(service, 'status'), loadBalancer: {} });
  const message = `Error syncing load balancer: failed to ensure load balancer: ${why}`;
  const events = [
    { type: 'Normal' as const, reason: 'EnsuringLoadBalancer', message: 'Ensuring load balancer' },
    { type: 'Warning' as const, reason: 'SyncLoadBalancerFailed', message },
  ];
  await recordEvents(cluster, service, { events, component: 'service-controller' });
}

/** From 192.0.2.0/24 and 198.51.100.0/24, which are for documentation only: by the cluster IP, so that it stays. */
function statusOf(service: KubeObject): JsonObject {
  const status = objectAt(service, 'status');
  if (textAt(service, 'spec', 'type') !== 'LoadBalancer') return { ...status, loadBalancer: {} };
  if (listAt(status, 'loadBalancer', 'ingress').length > 0) return status;
  const [third = 0, fourth = 1] = textAt(service, 'spec', 'clusterIP').split('.').slice(2).map(Number);
  const ip = textAt(service, 'spec', 'loadBalancerIP') || `198.51.100.${((third + fourth) % 254) + 1}`;
  return { ...status, loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } };
}

/** A selector of a Service may ask for what no label can be: that matches nothing, and is no error. */
export function selects(service: KubeObject, pod: KubeObject): boolean {
  const wanted = Object.entries(objectAt(service, 'spec', 'selector'));
  const labels = pod.metadata.labels ?? {};
  return (
    wanted.length > 0 && wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
  );
}

/** All of a pod that an endpoint shows. */
function endpointText(pod: KubeObject): string {
  const labels = JSON.stringify(pod.metadata.labels ?? {});
  return `${textAt(pod, 'status', 'podIP')} ${isReady(pod)} ${isActive(pod)} ${labels}`;
}

async function writeSlice(cluster: SimulatedCluster, service: KubeObject, pods: PodControl): Promise<void> {
  if (Object.keys(objectAt(service, 'spec', 'selector')).length === 0) return;
  const { namespace = '', name = '' } = service.metadata;
  const slices = cluster.informer('discovery.k8s.io', 'endpointslices');
  const endpoints = pods.informer.cache
    .list(namespace)
    .filter((pod) => isActive(pod) && textAt(pod, 'status', 'podIP') !== '' && selects(service, pod))
    .map((pod) => endpointOf(pod))
    .sort((a, b) => (String(a['addresses']) < String(b['addresses']) ? -1 : 1));
  const ports = objectsAt(service, 'spec', 'ports').map((port) => ({
    name: textAt(port, 'name'),
    port: typeof port['targetPort'] === 'number' ? port['targetPort'] : port['port'],
    protocol: textAt(port, 'protocol') || 'TCP',
  }));
  const sliceName = `${name}-stand-in`;
  const found = slices.cache.get({ namespace, name: sliceName });
  if (found !== undefined) {
    if (
      JSON.stringify([found['endpoints'] ?? [], found['ports'] ?? []]) !== JSON.stringify([endpoints, ports])
    ) {
      await cluster.change(slices.ref, found, { endpoints, ports });
    }
    return;
  }
  await cluster.create(slices.ref, {
    apiVersion: `discovery.k8s.io/${slices.ref.version}`,
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: sliceName,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  });
}

function endpointOf(pod: KubeObject): JsonObject {
  const ready = isReady(pod);
  const { name, namespace, uid } = pod.metadata;
  return {
    addresses: [textAt(pod, 'status', 'podIP')],
    conditions: { ready, serving: ready, terminating: false },
    targetRef: { kind: 'Pod', namespace, name, uid },
    nodeName: textAt(pod, 'spec', 'nodeName'),
  };
}
