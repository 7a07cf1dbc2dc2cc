/**
 * Admission plugin LimitRanger: LimitRanges of the namespace give new pods their default requests and limits, and bound
 * containers, pods and volume claims. Behaviour and texts of k8s plugin/pkg/admission/limitranger. The bounds are
 * checked after everybody who may change the object.
 */
import {
  compareQuantities,
  formatQuantity,
  type JsonObject,
  type KubeObject,
  newForbidden,
  type Quantity,
} from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import { at, ensure, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';
import { type Amounts, add, readAmounts } from '../quota/amounts.js';

export function createLimitRanger(reader: ObjectReader): AdmissionPlugin {
  const limitsOf = ({ namespace = '' }: AdmissionAttributes): readonly JsonObject[] =>
    reader.list('', 'limitranges', namespace).flatMap((range) => objectsAt(range, 'spec', 'limits'));
  return {
    name: 'LimitRanger',
    handles: (attributes) => isBounded(attributes) && limitsOf(attributes).length > 0,
    admit: (attributes) => {
      if (attributes.operation !== 'CREATE' || !isPod(attributes) || attributes.object === undefined) return;
      fillIn(attributes.object, limitsOf(attributes));
    },
    validate: (attributes) => {
      const { definition, object, name } = attributes;
      if (object === undefined) return;
      const limits = limitsOf(attributes);
      const problems = isPod(attributes) ? podProblems(object, limits) : claimProblems(object, limits);
      if (problems.length === 0) return;
      const { group, resource } = definition;
      const text = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
      throw newForbidden({ group, resource, name: name || (object.metadata.generateName ?? '') }, text);
    },
  };
}

function isPod({ definition }: AdmissionAttributes): boolean {
  return definition.group === '' && definition.resource === 'pods';
}

/** Pods when they are made or resized, claims when they are made or grow. */
function isBounded(attributes: AdmissionAttributes): boolean {
  const { definition, operation, subresource } = attributes;
  if (isPod(attributes)) {
    return operation === 'CREATE'
      ? subresource === undefined
      : operation === 'UPDATE' && subresource === 'resize';
  }
  const isClaim = definition.group === '' && definition.resource === 'persistentvolumeclaims';
  return isClaim && subresource === undefined && (operation === 'CREATE' || operation === 'UPDATE');
}

/** What each container lacks is given, and noted in an annotation. */
function fillIn(pod: KubeObject, limits: readonly JsonObject[]): void {
  const defaults = { requests: {} as JsonObject, limits: {} as JsonObject };
  for (const limit of limits) {
    if (textAt(limit, 'type') !== 'Container') continue;
    Object.assign(defaults.requests, objectAt(limit, 'defaultRequest'));
    Object.assign(defaults.limits, objectAt(limit, 'default'));
  }
  const notes: string[] = [];
  for (const [list, what] of [
    ['initContainers', 'init container'],
    ['containers', 'container'],
  ] as const) {
    for (const container of objectsAt(pod, 'spec', list)) {
      const resources = ensure(container, 'resources');
      // A limit without a request is its own request, before any default.
      for (const [name, amount] of Object.entries(objectAt(resources, 'limits'))) {
        ensure(resources, 'requests')[name] ??= amount;
      }
      for (const kind of ['requests', 'limits'] as const) {
        const missing = Object.keys(defaults[kind]).filter((name) => at(resources, kind, name) === undefined);
        if (missing.length === 0) continue;
        for (const name of missing) ensure(resources, kind)[name] = defaults[kind][name];
        const noun = kind === 'requests' ? 'request' : 'limit';
        notes.push(`${missing.sort().join(', ')} ${noun} for ${what} ${textAt(container, 'name')}`);
      }
    }
  }
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    'kubernetes.io/limit-ranger': `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

interface Needs {
  readonly type: string;
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function podProblems(pod: KubeObject, limits: readonly JsonObject[]): string[] {
  const problems: string[] = [];
  for (const limit of limits) {
    const type = textAt(limit, 'type');
    if (type === 'Container') {
      for (const container of [
        ...objectsAt(pod, 'spec', 'containers'),
        ...objectsAt(pod, 'spec', 'initContainers'),
      ]) {
        problems.push(...violations(limit, needsOf(container, type)));
      }
    } else if (type === 'Pod') problems.push(...violations(limit, podNeeds(pod)));
  }
  return problems;
}

function needsOf(container: JsonObject, type: string): Needs {
  return {
    type,
    requests: readAmounts(at(container, 'resources', 'requests')),
    limits: readAmounts(at(container, 'resources', 'limits')),
  };
}

function podNeeds(pod: KubeObject): Needs {
  const containers = objectsAt(pod, 'spec', 'containers').map((one) => needsOf(one, 'Pod'));
  const total = (kind: 'requests' | 'limits'): Amounts => {
    let sum: Amounts = new Map();
    for (const container of containers) sum = add(sum, container[kind]);
    // What one container leaves open has no total.
    return new Map([...sum].filter(([name]) => containers.every((one) => one[kind].has(name))));
  };
  return { type: 'Pod', requests: total('requests'), limits: total('limits') };
}

function violations(limit: JsonObject, needs: Needs): string[] {
  const found: (string | undefined)[] = [];
  for (const [name, bound] of readAmounts(limit['min'])) found.push(belowMinimum(name, bound, needs));
  for (const [name, bound] of readAmounts(limit['max'])) found.push(aboveMaximum(name, bound, needs));
  for (const [name, bound] of readAmounts(limit['maxLimitRequestRatio'])) {
    found.push(aboveRatio(name, bound, needs));
  }
  return found.filter((problem) => problem !== undefined);
}

function belowMinimum(name: string, bound: Quantity, { type, requests, limits }: Needs): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (request === undefined) return `${rule}. No request is specified`;
  if (compareQuantities(request, bound) < 0) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && compareQuantities(limit, bound) < 0) {
    return `${rule}, but limit is ${formatQuantity(limit)}`;
  }
  return undefined;
}

function aboveMaximum(name: string, bound: Quantity, { type, requests, limits }: Needs): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (limit === undefined) return `${rule}. No limit is specified`;
  if (compareQuantities(limit, bound) > 0) return `${rule}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && compareQuantities(request, bound) > 0) {
    return `${rule}, but request is ${formatQuantity(request)}`;
  }
  return undefined;
}

function aboveRatio(name: string, bound: Quantity, { type, requests, limits }: Needs): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  const request = requests.get(name)?.nanos ?? 0n;
  const limit = limits.get(name)?.nanos ?? 0n;
  if (request === 0n) return `${rule}, but no request is specified or request is 0`;
  if (limit === 0n) return `${rule}, but no limit is specified or limit is 0`;
  const isAbove = limit * 1_000_000_000n > bound.nanos * request;
  return isAbove
    ? `${rule}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(6)}`
    : undefined;
}

function claimProblems(claim: KubeObject, limits: readonly JsonObject[]): string[] {
  const type = 'PersistentVolumeClaim';
  const requests = readAmounts(at(claim, 'spec', 'resources', 'requests'));
  return limits
    .filter((limit) => textAt(limit, 'type') === type)
    .flatMap((limit) => {
      // Claims have no limits: what they request is held against both bounds.
      const needs = { type, requests, limits: new Map<string, Quantity>() };
      const low = [...readAmounts(limit['min'])].map(([name, bound]) => belowMinimum(name, bound, needs));
      const high = [...readAmounts(limit['max'])].map(([name, bound]) => {
        const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
        const request = requests.get(name);
        if (request === undefined) return `${rule}. No request is specified`;
        return compareQuantities(request, bound) > 0
          ? `${rule}, but request is ${formatQuantity(request)}`
          : undefined;
      });
      return [...low, ...high].filter((problem) => problem !== undefined);
    });
}
