/**
 * What a pod takes of a quota, and which scopes it is in. Behaviour of k8s pkg/quota/v1/evaluator/core (pods) and of
 * its resource helper: containers add up, init containers count where one of them needs more. Pure.
 */
import {
  type JsonObject,
  type KubeObject,
  labelSelectorFromObject,
  matchesLabels,
  type Quantity,
} from '@flotilla/api';
import { at, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { type Amounts, add, greatest, readAmounts, whole } from './amounts.js';

const compute = ['cpu', 'memory', 'ephemeral-storage'];
/** A quota of these makes every container name its need. */
const mustBeNamed = new Set([
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
]);
const own = new Set([
  'count/pods',
  'pods',
  ...compute,
  ...compute.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
]);

/** Whether a quota's resource is one that pods take of. */
export function isPodResource(name: string): boolean {
  return (
    own.has(name) ||
    name.startsWith('hugepages-') ||
    name.startsWith('requests.hugepages-') ||
    isExtended(name)
  );
}

function isExtended(name: string): boolean {
  return name.startsWith('requests.') && name.includes('/') && !name.includes('storageclass.storage.k8s.io/');
}

export function podUsage(pod: KubeObject): Amounts {
  const usage = new Map<string, Quantity>([['count/pods', whole(1)]]);
  if (['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'))) return usage;
  return add(usage, computeUsage(podTotal(pod, 'requests'), podTotal(pod, 'limits')));
}

function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const usage = new Map<string, Quantity>([['pods', whole(1)]]);
  for (const [name, amount] of requests) {
    if (compute.includes(name) || name.startsWith('hugepages-')) usage.set(name, amount);
    if (compute.includes(name) || name.startsWith('hugepages-') || name.includes('/')) {
      usage.set(`requests.${name}`, amount);
    }
  }
  for (const [name, amount] of limits) if (compute.includes(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

function podTotal(pod: KubeObject, kind: 'requests' | 'limits'): Amounts {
  const of = (container: JsonObject): Amounts => readAmounts(at(container, 'resources', kind));
  let running: Amounts = new Map();
  for (const container of objectsAt(pod, 'spec', 'containers')) running = add(running, of(container));
  // Sidecars run on beside all that come after them.
  let sidecars: Amounts = new Map();
  let starting: Amounts = new Map();
  for (const container of objectsAt(pod, 'spec', 'initContainers')) {
    if (textAt(container, 'restartPolicy') === 'Always') {
      running = add(running, of(container));
      sidecars = add(sidecars, of(container));
      starting = greatest(starting, sidecars);
    } else {
      starting = greatest(starting, add(of(container), sidecars));
    }
  }
  return add(greatest(running, starting), readAmounts(at(pod, 'spec', 'overhead')));
}

/** Why the pod cannot be counted against a quota of these resources; undefined when it can. */
export function unnamedNeeds(pod: KubeObject, resources: Iterable<string>): string | undefined {
  const missing = new Map<string, string[]>();
  const containers = [...objectsAt(pod, 'spec', 'containers'), ...objectsAt(pod, 'spec', 'initContainers')];
  for (const container of containers) {
    const named = computeUsage(
      readAmounts(at(container, 'resources', 'requests')),
      readAmounts(at(container, 'resources', 'limits')),
    );
    for (const resource of resources) {
      if (!mustBeNamed.has(resource) || named.has(resource)) continue;
      missing.set(resource, [...(missing.get(resource) ?? []), textAt(container, 'name')]);
    }
  }
  if (missing.size === 0) return undefined;
  const texts = [...missing.keys()]
    .sort()
    .map((name) => `${name} for: ${missing.get(name)?.sort().join(',')}`);
  return `must specify ${texts.join('; ')}`;
}

/** ScopedResourceSelectorRequirement. */
export interface ScopeRequirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export function isInScope(pod: KubeObject, { scopeName, operator, values = [] }: ScopeRequirement): boolean {
  switch (scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass': {
      const name = textAt(pod, 'spec', 'priorityClassName');
      const labels: Record<string, string> = name === '' ? {} : { PriorityClass: name };
      const selector = { matchExpressions: [{ key: 'PriorityClass', operator, values: [...values] }] };
      return matchesLabels(labelSelectorFromObject(selector), labels);
    }
    case 'CrossNamespacePodAffinity':
      return looksIntoOtherNamespaces(pod);
    default:
      return false;
  }
}

function isTerminating(pod: KubeObject): boolean {
  const seconds = at(pod, 'spec', 'activeDeadlineSeconds');
  return typeof seconds === 'number' && seconds >= 0;
}

function isBestEffort(pod: KubeObject): boolean {
  return [...objectsAt(pod, 'spec', 'containers'), ...objectsAt(pod, 'spec', 'initContainers')].every(
    (container) =>
      ['requests', 'limits'].every((kind) => {
        const named = readAmounts(at(container, 'resources', kind));
        return ['cpu', 'memory'].every((name) => (named.get(name)?.nanos ?? 0n) === 0n);
      }),
  );
}

function looksIntoOtherNamespaces(pod: KubeObject): boolean {
  return ['podAffinity', 'podAntiAffinity'].some((kind) => {
    const affinity = objectAt(pod, 'spec', 'affinity', kind);
    const terms = [
      ...objectsAt(affinity, 'requiredDuringSchedulingIgnoredDuringExecution'),
      ...objectsAt(affinity, 'preferredDuringSchedulingIgnoredDuringExecution').map((one) =>
        objectAt(one, 'podAffinityTerm'),
      ),
    ];
    return terms.some(
      (term) =>
        (Array.isArray(term['namespaces']) && term['namespaces'].length > 0) ||
        term['namespaceSelector'] !== undefined,
    );
  });
}
