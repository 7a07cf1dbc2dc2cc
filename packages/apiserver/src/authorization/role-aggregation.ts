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
import { createController, createInformer, type Env, type KubeClient, wellKnown } from '@flotilla/kube';
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
  // By name, so that every replica comes to the same list.
  const others = [...roles].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const selectorObject of aggregationRule.clusterRoleSelectors ?? []) {
    const selector = labelSelectorFromObject(selectorObject);
    for (const other of others) {
      if (other.metadata.name === metadata.name) continue;
      if (!matchesLabels(selector, other.metadata.labels ?? {})) continue;
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
  const informer = createInformer<ClusterRole>(client, wellKnown.clusterRoles, { env });
  const controller = createController({
    name: 'cluster-role-aggregation',
    env,
    reconcile: (name) => reconcile(client, informer.cache.get(name), informer.cache.list()),
  });
  const enqueueAggregating = (): void => {
    for (const { aggregationRule, metadata } of informer.cache.list()) {
      if (aggregationRule !== undefined) controller.enqueue(metadata.name ?? '');
    }
  };
  const unsubscribe = informer.onChange(({ object, old }) => {
    // Of an aggregating role that only got its rules, the roles above it change; of others likewise.
    if (old === undefined || !equal(old.rules, object.rules) || !equal(labelsOf(old), labelsOf(object))) {
      enqueueAggregating();
    } else if (object.aggregationRule !== undefined) {
      controller.enqueue(object.metadata.name ?? '');
    }
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

function labelsOf({ metadata }: KubeObject): object {
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
