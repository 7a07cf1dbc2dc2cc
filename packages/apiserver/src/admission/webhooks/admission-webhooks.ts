/** The two webhook plugins over one set of configurations. Made once per server; `close` stops following them. */
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import type { AdmissionPlugin } from '../admission.js';
import { createMutatingWebhooks } from './mutating-webhooks.js';
import { createValidatingWebhooks } from './validating-webhooks.js';
import { WebhookConfigurations } from './webhook-configurations.js';
import type { WebhookDispatchDependencies } from './webhook-dispatch.js';

export interface AdmissionWebhooks {
  /** Runs after all other mutating plugins. */
  readonly mutating: AdmissionPlugin;
  /** Runs after all other validating plugins but the quota. */
  readonly validating: AdmissionPlugin;
  close(): void;
}

export interface AdmissionWebhooksDependencies extends Omit<WebhookDispatchDependencies, 'configurations'> {
  readonly reader: Pick<ObjectReader, 'list' | 'onChange'>;
  readonly registry: Pick<ResourceRegistry, 'all' | 'generation'>;
}

export function createAdmissionWebhooks(dependencies: AdmissionWebhooksDependencies): AdmissionWebhooks {
  const configurations = new WebhookConfigurations(dependencies.reader, dependencies.registry);
  const dispatch = { ...dependencies, configurations };
  return {
    mutating: createMutatingWebhooks(dispatch),
    validating: createValidatingWebhooks(dispatch),
    close: () => configurations.close(),
  };
}
