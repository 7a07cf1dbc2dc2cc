/** RBAC policy rules: whether one matches a request, whether a set of them covers another. Pure. */
import { type AccessAttributes, isNonResource } from './attributes.js';

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

export function ruleAllows(rule: PolicyRule, attributes: AccessAttributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (isNonResource(attributes)) return pathMatches(rule.nonResourceURLs, attributes.path);
  return (
    has(rule.apiGroups, attributes.group) &&
    resourceMatches(rule.resources, attributes.resource, attributes.subresource) &&
    nameMatches(rule.resourceNames, attributes.name)
  );
}

function pathMatches(urls: readonly string[] | undefined, path: string): boolean {
  return (urls ?? []).some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );
}

function resourceMatches(
  resources: readonly string[] | undefined,
  resource: string,
  subresource: string | undefined,
): boolean {
  if (resources === undefined) return false;
  const wanted = subresource === undefined ? resource : `${resource}/${subresource}`;
  return (
    resources.includes('*') ||
    resources.includes(wanted) ||
    (subresource !== undefined && resources.includes(`*/${subresource}`))
  );
}

function nameMatches(names: readonly string[] | undefined, name: string | undefined): boolean {
  return names === undefined || names.length === 0 || (name !== undefined && names.includes(name));
}

/** Splits a rule into parts of one verb, group, resource and name, so that each can be looked for alone. */
function* singleParts(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if ((rule.resourceNames ?? []).length === 0) yield base;
        for (const name of rule.resourceNames ?? []) yield { ...base, resourceNames: [name] };
      }
    }
  }
}

function coversPart(owner: PolicyRule, part: PolicyRule): boolean {
  const [verb = ''] = part.verbs;
  if (!has(owner.verbs, verb)) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) return pathMatches(owner.nonResourceURLs, url);
  const [resource = '', subresource] = (part.resources?.[0] ?? '').split('/');
  return (
    has(owner.apiGroups, part.apiGroups?.[0] ?? '') &&
    resourceMatches(owner.resources, resource, subresource) &&
    nameMatches(owner.resourceNames, part.resourceNames?.[0])
  );
}

/** What of `wanted` none of `owned` grants, in parts; empty when all is covered. */
export function uncoveredRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  for (const rule of wanted) {
    for (const part of singleParts(rule)) {
      if (!owned.some((owner) => coversPart(owner, part))) missing.push(part);
    }
  }
  return missing;
}

/** Joins rules that differ in their verbs alone, for people to read. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify([rest.nonResourceURLs, rest.apiGroups, rest.resources, rest.resourceNames]);
    const known = joined.get(key)?.verbs ?? [];
    joined.set(key, { ...rest, verbs: [...known, ...verbs.filter((verb) => !known.includes(verb))] });
  }
  return [...joined.values()];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}` as Kubernetes prints a rule in refusals. */
export function describeRule(rule: PolicyRule): string {
  const list = (values: readonly string[]): string =>
    `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
  const parts = [
    ...(rule.nonResourceURLs ? [`NonResourceURLs:${list(rule.nonResourceURLs)}`] : []),
    ...(rule.apiGroups ? [`APIGroups:${list(rule.apiGroups)}`] : []),
    ...(rule.resources ? [`Resources:${list(rule.resources)}`] : []),
    ...(rule.resourceNames ? [`ResourceNames:${list(rule.resourceNames)}`] : []),
    `Verbs:${list(rule.verbs)}`,
  ];
  return `{${parts.join(', ')}}`;
}

/** Every permission there is. */
export const everything: readonly PolicyRule[] = Object.freeze([
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]);
