/**
 * Says in a policy's status that it was looked at, and which fields its expressions read that do not exist. A control
 * loop over an ordinary client; again when what is served changes. k8s pkg/controller/validatingadmissionpolicystatus.
 */
import { equal, type JsonObject, type KubeObject } from '@flotilla/api';
import { createController, createInformer, keyOf, type ResourceRef } from '@flotilla/kube';
import type { ControlLoop, ControllerContext } from '../../controllers/control-loop.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { policySpec } from './policy-types.js';
import { checkPolicyTypes, type KnownKinds } from './type-check.js';

const policies: ResourceRef = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  resource: 'validatingadmissionpolicies',
  namespaced: false,
};

/** None where the Kubernetes version has no such policies: there would be nothing to watch, ever. */
export function createPolicyStatusLoops(context: ControllerContext): readonly ControlLoop[] {
  const { group, version, resource } = policies;
  return context.registry.find(group, version, resource) === undefined ? [] : [createLoop(context)];
}

function createLoop({ client, env, registry }: ControllerContext): ControlLoop {
  const informer = createInformer<KubeObject>(client, policies, { env });
  const kinds = knownKinds(registry);
  const controller = createController({
    name: 'validatingadmissionpolicy-status',
    env,
    reconcile: async (key) => {
      const policy = informer.cache.get(key);
      if (policy === undefined) return;
      const warnings = checkPolicyTypes(policySpec(policy), kinds);
      const before = (policy['status'] ?? {}) as JsonObject; // an object by its schema
      const status = {
        ...before,
        observedGeneration: policy.metadata.generation ?? 0,
        typeChecking: warnings.length === 0 ? {} : { expressionWarnings: warnings },
      };
      if (!equal(status, before))
        await client.update(policies, { ...policy, status }, { subresource: 'status' });
    },
  });
  informer.onChange(({ object }) => controller.enqueue(keyOf(object)));
  registry.onChange(() => {
    for (const policy of informer.cache.list()) controller.enqueue(keyOf(policy));
  });
  return { informers: [informer], controllers: [controller] };
}

function knownKinds(registry: ResourceRegistry): KnownKinds {
  return {
    find: (group, version, resource) => registry.find(group, version, resource),
    findKind: (apiVersion, kind) => {
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
      return registry.findKind(group ?? '', version ?? '', kind);
    },
  };
}
