/**
 * Whether a rule of a webhook or of an admission policy is about a request: operation, group, version, resource with
 * subresource, scope, names. Behaviour of k8s.io/apiserver pkg/admission/plugin/webhook/predicates/rules. Pure.
 * Called by request-matcher.
 */
import type { AdmissionOperation } from '../admission.js';

/** RuleWithOperations, and `resourceNames` where the rule is one of a policy. */
export interface MatchRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  /** `pods`, `pods/status`, `pods/*`, `*` (no subresources), `*` + `/scale`, `*` + `/*`. */
  readonly resources?: readonly string[];
  readonly scope?: string;
  /** None: every name. */
  readonly resourceNames?: readonly string[];
}

/** What a rule is held against. */
export interface RuleSubject {
  readonly operation: AdmissionOperation;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespaced: boolean;
  /** Empty while a generated name is not known yet: rules with names do not match then. */
  readonly name: string;
}

export function ruleMatches(rule: MatchRule, subject: RuleSubject): boolean {
  const { resourceNames = [] } = rule;
  return (
    includes(rule.operations, subject.operation) &&
    includes(rule.apiGroups, subject.group) &&
    includes(rule.apiVersions, subject.version) &&
    scopeMatches(rule.scope, subject.namespaced) &&
    (rule.resources ?? []).some((pattern) => resourceMatches(pattern, subject)) &&
    (resourceNames.length === 0 || resourceNames.includes(subject.name))
  );
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list?.some((item) => item === '*' || item === value) ?? false;
}

function scopeMatches(scope: string | undefined, namespaced: boolean): boolean {
  switch (scope) {
    case 'Namespaced':
      return namespaced;
    case 'Cluster':
      return !namespaced;
    default:
      return true;
  }
}

function resourceMatches(pattern: string, { resource, subresource = '' }: RuleSubject): boolean {
  const slash = pattern.indexOf('/');
  const main = slash < 0 ? pattern : pattern.slice(0, slash);
  const sub = slash < 0 ? '' : pattern.slice(slash + 1);
  return (main === '*' || main === resource) && (sub === '*' || sub === subresource);
}
