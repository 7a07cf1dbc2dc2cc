/**
 * What the `eviction` and `binding` subresources of pods do: an eviction deletes the pod unless a disruption budget
 * forbids it, a binding sets its node. Works through a client of the server's own user.
 */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  labelSelectorFromObject,
  matchesLabels,
  newStatusError,
} from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import type { PodActions } from '../builtin/define.js';

const budgets: ResourceRef = {
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  namespaced: true,
};

const success: KubeObject = Object.freeze({
  apiVersion: 'v1',
  kind: 'Status',
  metadata: {},
  status: 'Success',
  code: 201,
});

/** `client` is asked at each call: it exists once the server runs. */
export function createPodActions(client: () => KubeClient): PodActions {
  return {
    evict: async (deleteOptions, { name, namespace = '', parent, dryRun }) => {
      if (parent !== undefined) await refuseIfGuarded(client(), parent, namespace);
      await client().delete(wellKnown.pods, { namespace, name }, { dryRun, ...pick(deleteOptions) });
      return success;
    },
    bind: async (nodeName, { name, namespace = '', dryRun }) => {
      const body = { spec: { nodeName } };
      await client().patch(wellKnown.pods, { namespace, name }, { type: 'merge', body, dryRun });
      return success;
    },
  };
}

function pick(options: JsonObject): {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
} {
  const { gracePeriodSeconds, preconditions } = options;
  return {
    ...(typeof gracePeriodSeconds === 'number' && { gracePeriodSeconds }),
    ...(isObject(preconditions) && { preconditions }),
  };
}

/** @throws StatusError 429 when a budget that covers the pod allows no disruption. */
async function refuseIfGuarded(client: KubeClient, pod: KubeObject, namespace: string): Promise<void> {
  const { items } = await client.list<KubeObject>(budgets, { namespace });
  for (const budget of items) {
    const spec = (budget['spec'] ?? {}) as { selector?: JsonObject }; // policy/v1
    const status = (budget['status'] ?? {}) as { disruptionsAllowed?: number };
    if (spec.selector === undefined || (status.disruptionsAllowed ?? 0) > 0) continue;
    if (!matchesLabels(labelSelectorFromObject(spec.selector), pod.metadata.labels ?? {})) continue;
    const message = "Cannot evict pod as it would violate the pod's disruption budget.";
    throw newStatusError(429, 'TooManyRequests', {
      message,
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: `The disruption budget ${budget.metadata.name} does not allow a disruption now`,
          },
        ],
      },
    });
  }
}
