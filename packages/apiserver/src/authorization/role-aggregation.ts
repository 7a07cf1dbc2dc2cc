/**
 * ClusterRoles made of other ClusterRoles: `aggregationRule` names them by label, and their rules become its own. A
 * control loop over an ordinary client; the rules themselves are computed by a pure function.
 * k8s pkg/controller/clusterroleaggregation.
 */
import {
  equal,
  type KubeObject,
  type LabelSelector,
  labelSelectorFromObject,
  matchesLabels,
} from '@flotilla/api';
import {
  createController,
  createInformer,
  dropManagedFields,
  type Env,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';
import type { PolicyRule } from './rules.js';

/** rbac.authorization.k8s.io/v1 ClusterRole. */
interface ClusterRole extends KubeObject {
  readonly rules?: readonly PolicyRule[] | null;
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
}

/** The rules that the role should have; undefined when it aggregates nothing. */
export function aggregateRules(
  role: KubeObject,
  roles: readonly KubeObject[],
): readonly PolicyRule[] | undefined {
  const { aggregationRule, metadata } = role as ClusterRole;
  if (aggregationRule === undefined) return undefined;
  const found: PolicyRule[] = [];
  for (const selectorObject of aggregationRule.clusterRoleSelectors ?? []) {
    const selector = labelSelectorFromObject(selectorObject);
    const others = roles.filter(
      (other) => other.metadata.name !== metadata.name && matchesLabels(selector, labelsOf(other)),
    );
    // By name, so that every replica comes to the same list.
    others.sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
    for (const other of others) {
      for (const rule of (other as ClusterRole).rules ?? []) {
        if (!found.some((known) => equal(known, rule))) found.push(rule);
      }
    }
  }
  return found;
}

export interface RoleAggregator {
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export function createRoleAggregator(options: {
  readonly client: KubeClient;
  readonly env: Env;
}): RoleAggregator {
  const { client, env } = options;
  const informer = createInformer<ClusterRole>(client, wellKnown.clusterRoles, {
    env,
    transform: dropManagedFields,
  });
  const controller = createController({
    name: 'cluster-role-aggregation',
    env,
    reconcile: (name) => reconcile(client, informer.cache.get(name), informer.cache.list()),
  });
  /** The few among the many: a fleet has a role for each of its clusters, which none of these selects. */
  const aggregating = new Map<string, ClusterRole>();
  const enqueueThoseOf = (...changed: readonly ClusterRole[]): void => {
    for (const [name, role] of aggregating) {
      if (changed.some((one) => isSelected(one, role))) controller.enqueue(name);
    }
  };
  const unsubscribe = informer.onChange(({ type, object, old }) => {
    const { name = '' } = object.metadata;
    const isAggregating = type !== 'deleted' && object.aggregationRule !== undefined;
    if (isAggregating) aggregating.set(name, object);
    else aggregating.delete(name);
    // Of an aggregating role that only got its rules, the roles above it change; of others likewise.
    if (old === undefined) enqueueThoseOf(object);
    else if (!equal(old.rules, object.rules) || !equal(labelsOf(old), labelsOf(object))) {
      enqueueThoseOf(old, object);
    }
    if (isAggregating) controller.enqueue(name);
  });
  return {
    start: (signal) => {
      informer.start(signal);
      controller.start(signal);
    },
    close: async () => {
      unsubscribe();
      await controller.close();
      await informer.close();
    },
  };
}

function isSelected(role: ClusterRole, { aggregationRule }: ClusterRole): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).some((selector) =>
    matchesLabels(labelSelectorFromObject(selector), labelsOf(role)),
  );
}

function labelsOf({ metadata }: KubeObject): Readonly<Record<string, string>> {
  return metadata.labels ?? {};
}

async function reconcile(
  client: KubeClient,
  role: ClusterRole | undefined,
  roles: readonly ClusterRole[],
): Promise<void> {
  if (role === undefined) return;
  const rules = aggregateRules(role, roles);
  if (rules === undefined || equal(rules, role.rules ?? [])) return;
  await client.update(wellKnown.clusterRoles, { ...role, rules });
}
