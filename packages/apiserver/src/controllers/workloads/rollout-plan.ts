/**
 * How many pods each ReplicaSet of a Deployment may have next, so that never more than maxSurge are too many and never
 * more than maxUnavailable are missing. Follows k8s pkg/controller/deployment/rolling.go. Pure.
 */
import type { KubeObject } from '@flotilla/api';
import { numberAt, objectAt } from '../../builtin/access.js';

export interface RolloutLimits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Of a Deployment; both are never 0 at once, or nothing could ever move. */
export function rolloutLimits(deployment: KubeObject): RolloutLimits {
  const replicas = numberAt(deployment, 'spec', 'replicas');
  const strategy = objectAt(deployment, 'spec', 'strategy');
  if (strategy['type'] === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas };
  const update = objectAt(strategy, 'rollingUpdate');
  const maxSurge = resolve(update['maxSurge'], { of: replicas, round: Math.ceil });
  const maxUnavailable = Math.min(
    resolve(update['maxUnavailable'], { of: replicas, round: Math.floor }),
    replicas,
  );
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** A count, or a percentage of `of`. */
export function resolve(value: unknown, { of, round }: { of: number; round: (n: number) => number }): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(String(value))?.[1];
  return percent === undefined ? 0 : round((Number(percent) * of) / 100);
}

export function wanted(set: KubeObject): number {
  return numberAt(set, 'spec', 'replicas');
}

export function available(set: KubeObject): number {
  return numberAt(set, 'status', 'availableReplicas');
}

export function sum(sets: readonly KubeObject[], count: (set: KubeObject) => number): number {
  return sets.reduce((total, set) => total + count(set), 0);
}

/** The new ReplicaSet's next size; `current` is 0 when it does not exist yet. */
export function planNewSet(
  deployment: KubeObject,
  { current, others }: { readonly current: number; readonly others: readonly KubeObject[] },
): number {
  const replicas = numberAt(deployment, 'spec', 'replicas');
  if (current >= replicas) return replicas;
  if (objectAt(deployment, 'spec', 'strategy')['type'] === 'Recreate') return replicas;
  const room = replicas + rolloutLimits(deployment).maxSurge - sum(others, wanted) - current;
  return room <= 0 ? current : Math.min(current + room, replicas);
}

/** Next sizes of the old ReplicaSets that change, the oldest given up first. */
export function planOldSets(
  deployment: KubeObject,
  { newSet, old }: { readonly newSet: KubeObject; readonly old: readonly KubeObject[] },
): Map<KubeObject, number> {
  const minAvailable = numberAt(deployment, 'spec', 'replicas') - rolloutLimits(deployment).maxUnavailable;
  const total = sum(old, wanted) + wanted(newSet);
  const newMissing = Math.max(wanted(newSet) - available(newSet), 0);
  const sizes = new Map(old.map((set) => [set, wanted(set)]));
  let allowed = total - minAvailable - newMissing;
  // What does not work is given up first: it counts for nothing.
  for (const set of old) {
    const broken = Math.min(Math.max(wanted(set) - available(set), 0), Math.max(allowed, 0));
    sizes.set(set, wanted(set) - broken);
    allowed -= broken;
  }
  let spare = Math.min(sum(old, available) + available(newSet) - minAvailable, allowed);
  for (const set of old) {
    const size = sizes.get(set) ?? 0;
    const less = Math.min(size, Math.max(spare, 0));
    sizes.set(set, size - less);
    spare -= less;
  }
  for (const set of old) if (sizes.get(set) === wanted(set)) sizes.delete(set);
  return sizes;
}
