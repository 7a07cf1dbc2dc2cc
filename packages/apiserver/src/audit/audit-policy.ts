/**
 * The audit policy (audit.k8s.io/v1 Policy): read from its file, checked with kube-apiserver's words, and asked for each
 * request how much of it is to be recorded. The first rule that matches counts. Pure.
 */
import { isObject, type JsonObject, parseYaml } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { RequestInfo } from '../server/request-info.js';

const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;

export type AuditLevel = (typeof levels)[number];
export type AuditStage = (typeof stages)[number];

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

/** How a request is recorded. */
export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

/** Without a policy file: who did what, and no content. */
export const defaultAuditPolicy: AuditPolicy = Object.freeze({ rules: [{ level: 'Metadata' as const }] });

/** Resources whose bodies hold credentials: never recorded above Metadata, whatever the policy says. */
const secretBodies = new Set(['/secrets', 'authentication.k8s.io/tokenreviews', '/serviceaccounts/token']);

const nothing: AuditDecision = { level: 'None', omitStages: new Set(), omitManagedFields: false };

/** `user` undefined: the request could not be authenticated. */
export function decideAudit(
  policy: AuditPolicy,
  { info, user }: { readonly info: RequestInfo; readonly user: UserInfo | undefined },
): AuditDecision {
  const rule = policy.rules.find((each) => ruleMatches(each, info, user));
  if (rule === undefined || rule.level === 'None') return nothing;
  return {
    level: rule.level !== 'Metadata' && holdsCredentials(info) ? 'Metadata' : rule.level,
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function holdsCredentials({ isResource, group, resource, subresource }: RequestInfo): boolean {
  if (!isResource) return false;
  const name = `${group}/${resource}`;
  return secretBodies.has(name) || (subresource !== undefined && secretBodies.has(`${name}/${subresource}`));
}

function ruleMatches(rule: AuditRule, info: RequestInfo, user: UserInfo | undefined): boolean {
  const { users = [], userGroups = [], verbs = [], resources = [], namespaces = [] } = rule;
  if (users.length > 0 && !(user !== undefined && users.includes(user.username))) return false;
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (resources.length > 0 || namespaces.length > 0) {
    if (!info.isResource) return false;
    if (namespaces.length > 0 && !namespaces.includes(info.namespace ?? '')) return false;
    return resources.length === 0 || resources.some((each) => resourceMatches(each, info));
  }
  const { nonResourceURLs = [] } = rule;
  if (nonResourceURLs.length === 0) return true;
  return !info.isResource && nonResourceURLs.some((pattern) => pathMatches(pattern, info.path));
}

function pathMatches(pattern: string, path: string): boolean {
  return (
    pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))
  );
}

function resourceMatches(
  { group = '', resources = [], resourceNames = [] }: GroupResources,
  info: RequestInfo,
): boolean {
  if (group !== info.group) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(info.name ?? '')) return false;
  const { resource, subresource } = info;
  const asked = subresource === undefined ? resource : `${resource}/${subresource}`;
  return resources.some(
    (each) =>
      each === '*' ||
      each === asked ||
      (subresource !== undefined && each === `*/${subresource}`) ||
      each === `${resource}/*`,
  );
}

/** Reads a policy file. @throws Error naming the field at fault. */
export function parseAuditPolicy(text: string): AuditPolicy {
  const documents = parseYaml(text).filter((document) => document !== null && document !== undefined);
  const [document] = documents;
  if (documents.length !== 1 || !isObject(document)) throw new Error('give exactly one Policy object');
  const { apiVersion, kind } = document;
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') {
    throw new Error(`give apiVersion: audit.k8s.io/v1 and kind: Policy, not ${apiVersion} ${kind}`);
  }
  const problems = [
    ...unknownFields(document, '', policyFields),
    ...stageProblems(document['omitStages'], 'omitStages'),
    ...ruleListProblems(document['rules']),
  ];
  if (problems.length > 0) throw new Error(problems.join('; '));
  return document as unknown as AuditPolicy; // just checked
}

const policyFields = ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'];
const ruleFields = [
  'level',
  'users',
  'userGroups',
  'verbs',
  'resources',
  'namespaces',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
];
const textLists = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs'];

function ruleListProblems(rules: unknown): string[] {
  if (!Array.isArray(rules) || rules.length === 0) return ['rules: Required value: a policy needs a rule'];
  return rules.flatMap((rule, i) => ruleProblems(rule, `rules[${i}]`));
}

function ruleProblems(rule: unknown, field: string): string[] {
  if (!isObject(rule)) return [`${field}: Invalid value: must be an object`];
  const problems = unknownFields(rule, `${field}.`, ruleFields);
  const { level, resources, nonResourceURLs } = rule;
  if (level === undefined || level === '') problems.push(`${field}.level: Required value`);
  else if (!(levels as readonly unknown[]).includes(level)) {
    problems.push(`${field}.level: Unsupported value: ${show(level)}: supported values: ${listed(levels)}`);
  }
  for (const key of textLists) problems.push(...textListProblems(rule[key], `${field}.${key}`));
  problems.push(...stageProblems(rule['omitStages'], `${field}.omitStages`));
  if (resources !== undefined) problems.push(...resourceProblems(resources, `${field}.resources`));
  if (Array.isArray(nonResourceURLs) && nonResourceURLs.length > 0) {
    problems.push(...urlProblems(nonResourceURLs, `${field}.nonResourceURLs`));
    if ([resources, rule['namespaces']].some((list) => Array.isArray(list) && list.length > 0)) {
      problems.push(
        `${field}.nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs`,
      );
    }
  }
  return problems;
}

function resourceProblems(resources: unknown, field: string): string[] {
  if (!Array.isArray(resources)) return [`${field}: Invalid value: must be a list`];
  return resources.flatMap((each: unknown, i) => {
    const here = `${field}[${i}]`;
    if (!isObject(each)) return [`${here}: Invalid value: must be an object`];
    const { group = '', resources: names, resourceNames } = each;
    const problems = [
      ...unknownFields(each, `${here}.`, ['group', 'resources', 'resourceNames']),
      ...textListProblems(names, `${here}.resources`),
      ...textListProblems(resourceNames, `${here}.resourceNames`),
    ];
    if (typeof group !== 'string') problems.push(`${here}.group: Invalid value: must be a string`);
    const isNamed = Array.isArray(resourceNames) && resourceNames.length > 0;
    if (isNamed && !(Array.isArray(names) && names.length > 0)) {
      problems.push(`${here}.resourceNames: using resourceNames requires at least one resource`);
    }
    return problems;
  });
}

function urlProblems(urls: readonly unknown[], field: string): string[] {
  return urls.flatMap((url, i) => {
    if (typeof url !== 'string' || url === '*') return [];
    if (!url.startsWith('/')) {
      return [
        `${field}[${i}]: Invalid value: ${show(url)}: non-resource URL rules must begin with a '/' character`,
      ];
    }
    return url.slice(0, -1).includes('*')
      ? [
          `${field}[${i}]: Invalid value: ${show(url)}: non-resource URL wildcards '*' must be the final character of the rule`,
        ]
      : [];
  });
}

function stageProblems(value: unknown, field: string): string[] {
  const problems = textListProblems(value, field);
  if (problems.length > 0 || !Array.isArray(value)) return problems;
  return value.flatMap((stage, i) =>
    (stages as readonly unknown[]).includes(stage)
      ? []
      : [`${field}[${i}]: Unsupported value: ${show(stage)}: allowed stages are ${stages.join(',')}`],
  );
}

function textListProblems(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return [];
  const fits = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return fits ? [] : [`${field}: Invalid value: must be a list of strings`];
}

function unknownFields(object: JsonObject, prefix: string, known: readonly string[]): string[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => `${prefix}${key}: there is no such field`);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function listed(values: readonly string[]): string {
  return values.map(show).join(', ');
}
