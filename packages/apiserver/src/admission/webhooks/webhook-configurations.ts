/**
 * The webhooks of all MutatingWebhookConfigurations, and those of all ValidatingWebhookConfigurations, in the order in
 * which they are called: by configuration name, then as they stand there. Follows the cache; read anew after a change,
 * by the next write that asks. Made once per server, for both plugins.
 */
import { isObject, type JsonObject, type KubeObject, type LabelSelector } from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import type { WebhookClientConfig } from '../../webhooks/client-config.js';
import { compileMatchConditions, type MatchConditions } from '../matching/match-conditions.js';
import { createRequestMatcher, type RequestMatcher } from '../matching/request-matcher.js';
import type { MatchRule } from '../matching/rules.js';

/** One webhook, ready to be matched and called. */
export interface Webhook {
  /** Unique among those of its type. */
  readonly id: string;
  readonly configuration: string;
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  /** A webhook that cannot be asked lets the request through. */
  readonly failsOpen: boolean;
  readonly timeoutMs: number;
  readonly allowsDryRun: boolean;
  /** AdmissionReview versions that it understands, best first. */
  readonly reviewVersions: readonly string[];
  /** It wants to see what webhooks after it have changed. */
  readonly reinvoked: boolean;
  readonly matcher: RequestMatcher;
  /** Undefined: no conditions. */
  readonly conditions: MatchConditions | undefined;
}

export type WebhookType = 'mutating' | 'validating';

const group = 'admissionregistration.k8s.io';
const resources: Readonly<Record<WebhookType, string>> = {
  mutating: 'mutatingwebhookconfigurations',
  validating: 'validatingwebhookconfigurations',
};
/** The default of admissionregistration.k8s.io/v1. */
const defaultTimeoutSeconds = 10;

export class WebhookConfigurations {
  readonly #reader: Pick<ObjectReader, 'list' | 'onChange'>;
  readonly #registry: Pick<ResourceRegistry, 'all' | 'generation'>;
  readonly #stops: readonly (() => void)[];
  readonly #known = new Map<WebhookType, readonly Webhook[]>();

  constructor(
    reader: Pick<ObjectReader, 'list' | 'onChange'>,
    registry: Pick<ResourceRegistry, 'all' | 'generation'>,
  ) {
    this.#reader = reader;
    this.#registry = registry;
    this.#stops = (['mutating', 'validating'] as const).map((type) =>
      reader.onChange(group, resources[type], () => this.#known.delete(type)),
    );
  }

  webhooks(type: WebhookType): readonly Webhook[] {
    let found = this.#known.get(type);
    if (found === undefined) {
      found = [...this.#reader.list(group, resources[type])]
        .sort(byName)
        .flatMap((configuration) => readWebhooks(configuration, this.#registry));
      this.#known.set(type, found);
    }
    return found;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

function byName({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const left = a.name ?? '';
  const right = b.name ?? '';
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The fields of a MutatingWebhook and a ValidatingWebhook, validated and defaulted when they were stored. */
interface StoredWebhook {
  readonly name?: string;
  readonly clientConfig?: WebhookClientConfig;
  readonly rules?: readonly MatchRule[];
  readonly failurePolicy?: string;
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly sideEffects?: string;
  readonly timeoutSeconds?: number;
  readonly admissionReviewVersions?: readonly string[];
  readonly reinvocationPolicy?: string;
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
}

function readWebhooks(
  configuration: KubeObject,
  registry: Pick<ResourceRegistry, 'all' | 'generation'>,
): Webhook[] {
  const configurationName = configuration.metadata.name ?? '';
  const list: unknown = configuration['webhooks'];
  const stored = Array.isArray(list) ? list.filter(isObject) : [];
  return stored.map((each: JsonObject, index) => {
    const webhook = each as StoredWebhook; // type-checked against the schema when it was written
    const { name = '', matchConditions = [], timeoutSeconds = defaultTimeoutSeconds } = webhook;
    return {
      id: `${configurationName}/${name}/${index}`,
      configuration: configurationName,
      name,
      clientConfig: webhook.clientConfig ?? {},
      failsOpen: webhook.failurePolicy === 'Ignore',
      timeoutMs: timeoutSeconds * 1000,
      allowsDryRun: webhook.sideEffects === 'None' || webhook.sideEffects === 'NoneOnDryRun',
      reviewVersions: webhook.admissionReviewVersions ?? [],
      reinvoked: webhook.reinvocationPolicy === 'IfNeeded',
      matcher: createRequestMatcher(
        {
          resourceRules: webhook.rules ?? [],
          ...(webhook.namespaceSelector && { namespaceSelector: webhook.namespaceSelector }),
          ...(webhook.objectSelector && { objectSelector: webhook.objectSelector }),
          ...(webhook.matchPolicy !== undefined && { matchPolicy: webhook.matchPolicy }),
        },
        registry,
      ),
      conditions: matchConditions.length === 0 ? undefined : compileMatchConditions(matchConditions),
    };
  });
}
