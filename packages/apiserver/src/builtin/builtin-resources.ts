/**
 * All built-in resources that this package defines, by profile and Kubernetes version. Service accounts, certificate
 * signing requests and the review kinds are defined where their behaviour is (service-accounts, certificates,
 * authorization); CustomResourceDefinitions in custom-resources. Called once at server start.
 */
import type { ResourceDefinition } from '../registry/resource.js';
import { type BuiltinFacts, type BuiltinOptions, define } from './define.js';
import { admissionResources } from './resources/admission-policies.js';
import { batchResources } from './resources/batch.js';
import { clusterResources } from './resources/cluster.js';
import { configMaps, secrets } from './resources/configuration.js';
import { events } from './resources/events.js';
import { namespaces } from './resources/namespace.js';
import { networkingResources } from './resources/networking.js';
import { pods } from './resources/pods.js';
import { policyResources } from './resources/policies.js';
import { rbacResources } from './resources/rbac.js';
import { endpointResources, services } from './resources/services.js';
import { storageResources } from './resources/storage.js';
import { workloadResources } from './resources/workloads.js';

const plainResources: readonly BuiltinFacts[] = [
  namespaces,
  configMaps,
  secrets,
  events,
  ...clusterResources,
  ...endpointResources,
  ...workloadResources,
  ...batchResources,
  ...networkingResources,
  ...policyResources,
  ...rbacResources,
  ...admissionResources,
  ...storageResources,
];

/** The definitions. The preferred version of a resource stands before its others. */
export function builtinResources(options: BuiltinOptions): ResourceDefinition[] {
  const { serviceNetwork, podActions } = options;
  const resources = [...plainResources, pods(podActions), services(serviceNetwork)];
  return resources.flatMap((facts) => define(withStreams(facts, options), options));
}

function withStreams(facts: BuiltinFacts, { streams }: BuiltinOptions): BuiltinFacts {
  const more = facts.group === '' ? streams?.[facts.resource] : undefined;
  return more === undefined ? facts : { ...facts, subresources: [...(facts.subresources ?? []), ...more] };
}
