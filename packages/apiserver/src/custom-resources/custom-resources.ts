/**
 * Custom resources as one part of the server: the resource for CustomResourceDefinitions, the registrar that turns
 * them into served resources, and the loop that cleans up after them. The server makes it, registers `definition`
 * with its built-in kinds, and starts it once the watch cache has started.
 */
import type { Env } from '@flotilla/kube';
import type { ObjectStore } from '../registry/object-store.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { type ConversionDependencies, conversionWebhookOf } from './conversion-webhook.js';
import { CrdCleanup } from './crd-cleanup.js';
import { type CustomConversion, createCrdDefinition } from './crd-definition.js';
import { CrdRegistrar, crdPrefix } from './crd-registrar.js';
import type { Crd } from './crd-types.js';

export type { CustomConversion } from './crd-definition.js';

export interface CustomResourcesDependencies {
  readonly cache: WatchCache;
  readonly registry: ResourceRegistry;
  readonly objects: ObjectStore;
  readonly env: Pick<Env, 'clock' | 'log'>;
  /** Calls conversion webhooks; absent: versions of other people's kinds differ in their apiVersion only. */
  readonly webhooks?: ConversionDependencies;
  /** In-process conversions by `<plural>.<group>`, in place of conversion webhooks. */
  readonly conversions?: ReadonlyMap<string, CustomConversion>;
}

export interface CustomResources {
  /** `customresourcedefinitions`, to be registered with the built-in kinds. */
  readonly definition: ResourceDefinition;
  start(): void;
  close(): void;
}

export function createCustomResources(dependencies: CustomResourcesDependencies): CustomResources {
  const { cache, registry, objects, env } = dependencies;
  const conversions = dependencies.conversions ?? new Map<string, CustomConversion>();
  const definition = createCrdDefinition({
    listCrds: () => cache.list(crdPrefix).items.map((item) => item.object),
  });
  const { webhooks } = dependencies;
  const webhookOf = webhooks === undefined ? undefined : (crd: Crd) => conversionWebhookOf(crd, webhooks);
  const registrar = new CrdRegistrar({ cache, registry, conversions, webhookOf });
  const cleanup = new CrdCleanup({ cache, objects, definition, env });
  return {
    definition,
    start: () => {
      registrar.start();
      cleanup.start();
    },
    close: () => {
      cleanup.close();
      registrar.close();
    },
  };
}
