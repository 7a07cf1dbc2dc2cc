/**
 * The API server's own admission plugins, by their place in the chain: `early` before what the server's owner adds and
 * before mutating webhooks, `policies` before validating webhooks, `late` after all else. Called by the server's assembly.
 */
import type { ObjectReader } from '../authentication/object-reader.js';
import type { Authorizer } from '../authorization/attributes.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { AdmissionPlugin } from './admission.js';
import { createNamespaceLifecycle } from './namespace-lifecycle.js';
import { createParamSource } from './policies/param-source.js';
import { createPolicyPlugin } from './policies/policy-plugin.js';

export interface ServerPluginsOptions {
  readonly cache: WatchCache;
  readonly reader: ObjectReader;
  readonly registry: ResourceRegistry;
  readonly authorizer: Authorizer;
}

export interface ServerPlugins {
  readonly early: readonly AdmissionPlugin[];
  readonly policies: AdmissionPlugin;
  readonly late: readonly AdmissionPlugin[];
  close(): void;
}

export function createServerPlugins(options: ServerPluginsOptions): ServerPlugins {
  const { cache, registry } = options;
  const policies = createPolicyPlugin({ ...options, params: createParamSource(cache, registry) });
  return {
    early: [createNamespaceLifecycle()],
    policies,
    late: [],
    close: () => policies.close(),
  };
}
