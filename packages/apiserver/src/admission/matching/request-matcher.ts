/**
 * "Is this webhook, or this policy, about this request?": rules, exclusions, selectors and matchPolicy, read once from
 * the configuration and asked for each write. Says in which version the object is to be shown. matchConditions are
 * apart (match-conditions.ts), as they need CEL. Called by the plugins of admission/webhooks and admission/policies.
 */
import type { LabelSelector } from '@flotilla/api';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { storageRef } from '../../registry/versions.js';
import type { AdmissionAttributes } from '../admission.js';
import { type MatchRule, type RuleSubject, ruleMatches } from './rules.js';
import { namespaceSelected, objectSelected, readSelector } from './selectors.js';

/** The matching fields of a webhook (its `rules` as `resourceRules`) or of a policy's MatchResources. */
export interface MatchCriteria {
  /** Undefined: any request. Empty: none. */
  readonly resourceRules: readonly MatchRule[] | undefined;
  readonly excludeResourceRules?: readonly MatchRule[];
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  /** Default Equivalent. */
  readonly matchPolicy?: string;
}

export interface RequestMatcher {
  /**
   * The definition in whose version the configuration wants to see the object: the request's own, or with matchPolicy
   * Equivalent another that serves the same objects. Undefined: no match.
   * @throws StatusError when all else matches but the selected namespace cannot be found.
   */
  match(attributes: AdmissionAttributes): ResourceDefinition | undefined;
}

/** @throws StatusError 400 for a selector that is not valid, which validation keeps out of stored objects. */
export function createRequestMatcher(
  criteria: MatchCriteria,
  registry: Pick<ResourceRegistry, 'all' | 'generation'>,
): RequestMatcher {
  const namespaces = readSelector(criteria.namespaceSelector);
  const objects = readSelector(criteria.objectSelector);
  const { resourceRules, excludeResourceRules = [] } = criteria;
  const fuzzy = criteria.matchPolicy !== 'Exact';
  const find = (
    rules: readonly MatchRule[],
    attributes: AdmissionAttributes,
  ): ResourceDefinition | undefined => {
    const { definition } = attributes;
    if (rules.some((rule) => ruleMatches(rule, subjectOf(attributes, definition)))) return definition;
    if (!fuzzy || rules.length === 0) return undefined;
    const others = equivalentDefinitions(definition, registry);
    for (const rule of rules) {
      const found = others.find((other) => ruleMatches(rule, subjectOf(attributes, other)));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    match(attributes) {
      // Cheap questions first: most requests are about another resource.
      const found = resourceRules === undefined ? attributes.definition : find(resourceRules, attributes);
      if (found === undefined || find(excludeResourceRules, attributes) !== undefined) return undefined;
      if (!objectSelected(objects, attributes)) return undefined;
      return namespaceSelected(namespaces, attributes) ? found : undefined;
    },
  };
}

function subjectOf(attributes: AdmissionAttributes, definition: ResourceDefinition): RuleSubject {
  const { group, version, resource, namespaced } = definition;
  const { operation, subresource, name } = attributes;
  return { operation, group, version, resource, subresource, namespaced, name };
}

interface Equivalents {
  readonly generation: number;
  readonly byStorage: ReadonlyMap<string, readonly ResourceDefinition[]>;
}

const equivalents = new WeakMap<object, Equivalents>();

/** Other definitions that serve the objects of this one: further versions, and the second group of some kinds. */
export function equivalentDefinitions(
  definition: ResourceDefinition,
  registry: Pick<ResourceRegistry, 'all' | 'generation'>,
): readonly ResourceDefinition[] {
  let known = equivalents.get(registry);
  if (known === undefined || known.generation !== registry.generation) {
    known = { generation: registry.generation, byStorage: groupByStorage(registry.all()) };
    equivalents.set(registry, known);
  }
  return known.byStorage.get(storageKey(definition))?.filter((other) => other !== definition) ?? [];
}

function groupByStorage(
  definitions: readonly ResourceDefinition[],
): ReadonlyMap<string, readonly ResourceDefinition[]> {
  const groups = new Map<string, ResourceDefinition[]>();
  for (const definition of definitions) {
    const key = storageKey(definition);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [definition]);
    else members.push(definition);
  }
  return groups;
}

function storageKey(definition: ResourceDefinition): string {
  const { group, resource } = storageRef(definition);
  return `${group}/${resource}`;
}

const group = 'admissionregistration.k8s.io';
const ownResources = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

/** Webhook and policy objects themselves: nobody may lock the door to the lock. */
export function isAdmissionConfiguration({ definition }: AdmissionAttributes): boolean {
  return definition.group === group && ownResources.has(definition.resource);
}
