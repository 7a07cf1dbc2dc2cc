/**
 * What an object takes of a quota, by its resource: pods, services, volume claims, and the plain number of any other.
 * Behaviour of k8s pkg/quota/v1/evaluator/core. Pure. Called by the admission plugin and by the controller.
 */
import type { KubeObject, Quantity } from '@flotilla/api';
import { at, objectsAt, textAt } from '../../builtin/access.js';
import { type Amounts, readAmounts, whole } from './amounts.js';
import { isPodResource, podUsage } from './pod-usage.js';

/** Which objects: those of one group and resource. */
export interface Counted {
  readonly group: string;
  readonly resource: string;
}

/** Counted under their bare name, too: how quotas began. */
const plainNames = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']);
const claimClass = '.storageclass.storage.k8s.io/';

/** `count/deployments.apps`. */
export function countName({ group, resource }: Counted): string {
  return group === '' ? `count/${resource}` : `count/${resource}.${group}`;
}

/** Whether objects of the resource take of what a quota calls by this name. */
export function isCountedBy(name: string, counted: Counted): boolean {
  if (name === countName(counted)) return true;
  if (counted.group !== '') return false;
  switch (counted.resource) {
    case 'pods':
      return isPodResource(name);
    case 'services':
      return name === 'services' || name === 'services.nodeports' || name === 'services.loadbalancers';
    case 'persistentvolumeclaims':
      return name === 'persistentvolumeclaims' || name === 'requests.storage' || name.includes(claimClass);
    default:
      return plainNames.has(counted.resource) && name === counted.resource;
  }
}

export function usageOf(object: KubeObject, counted: Counted): Amounts {
  if (counted.group === '') {
    switch (counted.resource) {
      case 'pods':
        return podUsage(object);
      case 'services':
        return serviceUsage(object);
      case 'persistentvolumeclaims':
        return claimUsage(object);
    }
  }
  const usage = new Map<string, Quantity>([[countName(counted), whole(1)]]);
  if (counted.group === '' && plainNames.has(counted.resource)) usage.set(counted.resource, whole(1));
  return usage;
}

function serviceUsage(service: KubeObject): Amounts {
  const type = textAt(service, 'spec', 'type');
  const ports = objectsAt(service, 'spec', 'ports').length;
  const isBalanced = type === 'LoadBalancer';
  const hasPorts = !isBalanced || at(service, 'spec', 'allocateLoadBalancerNodePorts') !== false;
  const nodePorts = (type === 'NodePort' || isBalanced) && hasPorts ? ports : 0;
  return new Map([
    ['count/services', whole(1)],
    ['services', whole(1)],
    ['services.nodeports', whole(nodePorts)],
    ['services.loadbalancers', whole(isBalanced ? 1 : 0)],
  ]);
}

function claimUsage(claim: KubeObject): Amounts {
  const storage = readAmounts(at(claim, 'spec', 'resources', 'requests')).get('storage');
  const storageClass =
    textAt(claim, 'spec', 'storageClassName') ||
    (claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? '');
  const usage = new Map<string, Quantity>([
    ['count/persistentvolumeclaims', whole(1)],
    ['persistentvolumeclaims', whole(1)],
  ]);
  if (storageClass !== '') usage.set(`${storageClass}${claimClass}persistentvolumeclaims`, whole(1));
  if (storage !== undefined) {
    usage.set('requests.storage', storage);
    if (storageClass !== '') usage.set(`${storageClass}${claimClass}requests.storage`, storage);
  }
  return usage;
}

/**
 * Which resources a quota makes count, of those that are served: named by `count/<resource>.<group>`, or by what pods,
 * services and claims take.
 */
export function countedResources(names: Iterable<string>, served: readonly Counted[]): readonly Counted[] {
  const wanted = [...names];
  return served.filter((counted) => wanted.some((name) => isCountedBy(name, counted)));
}
