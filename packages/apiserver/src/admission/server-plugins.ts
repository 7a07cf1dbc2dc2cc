/**
 * The API server's own admission plugins, by their place in the chain: `early` before what the server's owner adds and
 * before mutating webhooks, `policies` before validating webhooks, `late` after all else. Called by the server's assembly.
 */
import type { KubeClient } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { Authorizer } from '../authorization/attributes.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { AdmissionPlugin } from './admission.js';
import { createNamespaceLifecycle } from './namespace-lifecycle.js';
import { createParamSource } from './policies/param-source.js';
import { createPolicyPlugin } from './policies/policy-plugin.js';
import type { PendingUsage } from './quota/pending-usage.js';
import { createQuotaPlugin } from './quota/quota-plugin.js';
import { createLimitRanger } from './workloads/limit-ranger.js';
import {
  createDefaultStorageClass,
  createPriority,
  createServiceAccountPlugin,
} from './workloads/pod-plugins.js';

export interface ServerPluginsOptions {
  readonly cache: WatchCache;
  readonly reader: ObjectReader;
  readonly registry: ResourceRegistry;
  readonly authorizer: Authorizer;
  readonly pending: PendingUsage;
  /** Of the server's own user; for what plugins note in other objects. */
  readonly client: () => KubeClient;
}

export interface ServerPlugins {
  readonly early: readonly AdmissionPlugin[];
  readonly policies: AdmissionPlugin;
  readonly late: readonly AdmissionPlugin[];
  close(): void;
}

export function createServerPlugins(options: ServerPluginsOptions): ServerPlugins {
  const { cache, reader, registry } = options;
  const policies = createPolicyPlugin({ ...options, params: createParamSource(cache, registry) });
  return {
    early: [
      createNamespaceLifecycle(),
      createLimitRanger(reader),
      createServiceAccountPlugin(reader),
      createPriority(reader),
      createDefaultStorageClass(reader),
    ],
    policies,
    late: [createQuotaPlugin(options)],
    close: () => policies.close(),
  };
}
