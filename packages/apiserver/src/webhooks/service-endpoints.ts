/**
 * Where a Service of this server's own objects answers: the stand-in has no cluster network, so a ClusterIP leads
 * nowhere, and the ready addresses of its EndpointSlices (or, without any, its Endpoints) are taken. An ExternalName is
 * taken as it is. Called by the webhook caller.
 */
import { isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** All ready addresses, never none. @throws Error in the words of kube-apiserver. */
export function serviceAddresses(
  reader: Pick<ObjectReader, 'get' | 'list'>,
  { namespace, name, port }: ServicePort,
): readonly Address[] {
  const service = reader.get('', 'services', { namespace, name });
  if (service === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const spec = objectAt(service, 'spec');
  if (spec['type'] === 'ExternalName') return [{ host: String(spec['externalName'] ?? ''), port }];
  const declared = objectsAt(spec, 'ports').find((each) => each['port'] === port);
  if (declared === undefined) {
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  }
  const portName = typeof declared['name'] === 'string' ? declared['name'] : '';
  const slices = reader
    .list('discovery.k8s.io', 'endpointslices', namespace)
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
  const endpoints = reader.get('', 'endpoints', { namespace, name });
  const found =
    slices.length > 0
      ? slices.flatMap((slice) => sliceAddresses(slice, portName))
      : endpoints === undefined
        ? []
        : endpointsAddresses(endpoints, portName);
  if (found.length === 0) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return found;
}

function sliceAddresses(slice: KubeObject, portName: string): Address[] {
  const ports = portsNamed(objectsAt(slice, 'ports'), portName);
  return objectsAt(slice, 'endpoints')
    .filter((endpoint) => objectAt(endpoint, 'conditions')['ready'] !== false)
    .flatMap((endpoint) => textsAt(endpoint, 'addresses'))
    .flatMap((host) => ports.map((port) => ({ host, port })));
}

function endpointsAddresses(endpoints: KubeObject, portName: string): Address[] {
  return objectsAt(endpoints, 'subsets').flatMap((subset) => {
    const ports = portsNamed(objectsAt(subset, 'ports'), portName);
    return objectsAt(subset, 'addresses').flatMap(({ ip }) =>
      ports.map((port) => ({ host: String(ip ?? ''), port })),
    );
  });
}

function portsNamed(ports: readonly JsonObject[], name: string): number[] {
  return ports.flatMap(({ name: own = '', port }) =>
    (own ?? '') === name && typeof port === 'number' ? [port] : [],
  );
}

function objectAt(value: Readonly<Record<string, unknown>>, key: string): JsonObject {
  const found = value[key];
  return isObject(found) ? found : {};
}

function objectsAt(value: Readonly<Record<string, unknown>>, key: string): JsonObject[] {
  const found = value[key];
  return Array.isArray(found) ? found.filter(isObject) : [];
}

function textsAt(value: Readonly<Record<string, unknown>>, key: string): string[] {
  const found = value[key];
  return Array.isArray(found) ? found.filter((each) => typeof each === 'string') : [];
}
