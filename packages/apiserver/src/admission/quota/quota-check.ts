/**
 * Whether a write fits the quotas of its namespace, and what they have used after it. Behaviour and texts of
 * k8s.io/apiserver pkg/admission/plugin/resourcequota. Pure: it is given the quotas, and says what is to be written.
 */
import type { KubeObject } from '@flotilla/api';
import { at, objectsAt, textsAt } from '../../builtin/access.js';
import { type Amounts, add, excess, only, readAmounts, showAmounts } from './amounts.js';
import { isInScope, type ScopeRequirement, unnamedNeeds } from './pod-usage.js';
import { type Counted, isCountedBy, usageOf } from './usage.js';

export interface QuotaState {
  readonly name: string;
  readonly scopes: readonly ScopeRequirement[];
  readonly hard: Amounts;
  readonly used: Amounts;
}

export interface CountedWrite {
  readonly counted: Counted;
  readonly object: KubeObject;
  /** Undefined for a create. */
  readonly old: KubeObject | undefined;
}

/** A refusal in the words that follow "is forbidden: "; or the quotas whose use grows, with what it grows to. */
export type QuotaVerdict =
  | { readonly refusal: string }
  | { readonly changes: readonly { readonly quota: QuotaState; readonly used: Amounts }[] };

/** The quota as it stands. Until its controller has seen it, `measure` says what is used. */
export function readQuota(object: KubeObject, measure: (hard: Amounts) => Amounts): QuotaState {
  const specified = readAmounts(at(object, 'spec', 'hard'));
  const seen = readAmounts(at(object, 'status', 'hard'));
  const used = readAmounts(at(object, 'status', 'used'));
  const isKnown = seen.size > 0 && [...seen.keys()].every((name) => used.has(name));
  const hard = isKnown ? seen : specified;
  return {
    name: object.metadata.name ?? '',
    scopes: scopesOf(object),
    hard,
    used: isKnown ? used : measure(specified),
  };
}

export function scopesOf(quota: KubeObject): readonly ScopeRequirement[] {
  return [
    ...textsAt(quota, 'spec', 'scopes').map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...objectsAt(quota, 'spec', 'scopeSelector', 'matchExpressions').map((one) => ({
      scopeName: String(one['scopeName'] ?? ''),
      operator: String(one['operator'] ?? ''),
      values: textsAt(one, 'values'),
    })),
  ];
}

/** Whether the object is one that the quota counts at all. Scopes are about pods only. */
export function isCovered(
  { scopes, hard }: Pick<QuotaState, 'scopes' | 'hard'>,
  object: KubeObject,
  counted: Counted,
): boolean {
  const isPod = counted.group === '' && counted.resource === 'pods';
  if (scopes.length > 0 && !isPod) return false;
  return (
    scopes.every((scope) => isInScope(object, scope)) &&
    [...hard.keys()].some((name) => isCountedBy(name, counted))
  );
}

export function checkQuotas(
  quotas: readonly QuotaState[],
  { counted, object, old }: CountedWrite,
): QuotaVerdict {
  const changes: { quota: QuotaState; used: Amounts }[] = [];
  const usage = usageOf(object, counted);
  for (const quota of quotas) {
    if (!isCovered(quota, object, counted)) continue;
    const { name, hard, used } = quota;
    const restricted = [...hard.keys()].filter((resource) => isCountedBy(resource, counted));
    const unnamed = counted.resource === 'pods' ? unnamedNeeds(object, restricted) : undefined;
    if (unnamed !== undefined) return { refusal: `failed quota: ${name}: ${unnamed}` };
    const before = old !== undefined && isCovered(quota, old, counted) ? usageOf(old, counted) : new Map();
    const requested = only(excess(usage, before), hard.keys());
    if (requested.size === 0) continue;
    const after = add(used, requested);
    const exceeded = [...requested.keys()].filter(
      (resource) => (after.get(resource)?.nanos ?? 0n) > (hard.get(resource)?.nanos ?? 0n),
    );
    if (exceeded.length > 0) {
      const shown = [requested, used, hard].map((amounts) => showAmounts(only(amounts, exceeded)));
      return {
        refusal: `exceeded quota: ${name}, requested: ${shown[0]}, used: ${shown[1]}, limited: ${shown[2]}`,
      };
    }
    changes.push({ quota, used: after });
  }
  return { changes };
}
