/**
 * Values of a live object that feedback rules ask for, with OCM's table of well-known ones, its value types and its
 * texts. A rule that fails hides no other rule's values. Pure.
 */
import {
  evaluateJsonPath,
  type FeedbackRule,
  type FeedbackValue,
  type FieldValue,
  type KubeObject,
} from '@flotilla/api';
import { sortKeys } from '../sort-keys.js';

export interface Feedback {
  readonly values: readonly FeedbackValue[];
  /** Why single values are missing. */
  readonly problems: readonly string[];
}

export interface FeedbackOptions {
  /** Report floats, lists and objects as JSON text; OCM's RawFeedbackJsonString. */
  readonly rawJson: boolean;
  readonly maxJsonRawLength: number;
}

type Paths = readonly (readonly [name: string, path: string])[];

const wellKnown: Readonly<Record<string, Paths>> = {
  'apps/v1/Deployment': [
    ['ReadyReplicas', '.status.readyReplicas'],
    ['Replicas', '.status.replicas'],
    ['AvailableReplicas', '.status.availableReplicas'],
  ],
  'apps/v1/DaemonSet': [
    ['NumberReady', '.status.numberReady'],
    ['DesiredNumberScheduled', '.status.desiredNumberScheduled'],
    ['NumberAvailable', '.status.numberAvailable'],
  ],
  'batch/v1/Job': [
    ['JobComplete', '.status.conditions[?(@.type=="Complete")].status'],
    ['JobSucceeded', '.status.succeeded'],
  ],
  'v1/Pod': [
    ['PodReady', '.status.conditions[?(@.type=="Ready")].status'],
    ['PodPhase', '.status.phase'],
  ],
};

export function readFeedback(
  object: KubeObject,
  rules: readonly FeedbackRule[],
  options: FeedbackOptions,
): Feedback {
  const values = new Map<string, FeedbackValue>(); // a name may be reported once only
  const problems: string[] = [];
  for (const rule of rules) {
    for (const [name, path] of pathsOf(rule, object, problems)) {
      const value = pick({ name, path }, object, { ...options, problems });
      if (value !== undefined && !values.has(name)) values.set(name, { name, fieldValue: value });
    }
  }
  return { values: [...values.values()], problems };
}

function pathsOf(rule: FeedbackRule, object: KubeObject, problems: string[]): Paths {
  const { apiVersion, kind } = object;
  if (rule.type === 'WellKnownStatus') {
    const paths = wellKnown[`${apiVersion}/${kind}`];
    if (paths === undefined) {
      const gvk = `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
      problems.push(`cannot find the wellknown statuses for resource with gvk ${gvk}`);
    }
    return paths ?? [];
  }
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  return (rule.jsonPaths ?? []).flatMap((each): Paths => {
    if ((each.version ?? '') === '' || each.version === version) return [[each.name, each.path]];
    problems.push(`version set in the path ${each.name} is not matched for the related resource`);
    return [];
  });
}

interface PickOptions extends FeedbackOptions {
  readonly problems: string[];
}

function pick(
  { name, path }: { readonly name: string; readonly path: string },
  object: KubeObject,
  { rawJson, maxJsonRawLength, problems }: PickOptions,
): FieldValue | undefined {
  let found: unknown[];
  try {
    found = evaluateJsonPath(path, object);
  } catch (error) {
    problems.push(`failed to parse json path ${path} of ${name}: ${String(error)}`);
    return undefined;
  }
  const value = rawJson && found.length > 1 ? found : found[0];
  if (value === undefined || value === null) return undefined;
  const simple = simpleValue(value);
  if (simple !== undefined) return simple;
  if (!rawJson) {
    problems.push(`the type ${typeName(value)} of the value for ${name} is not found`);
    return undefined;
  }
  const jsonRaw = JSON.stringify(sortKeys(value)); // as OCM's agent writes it
  if (jsonRaw.length <= maxJsonRawLength) return { type: 'JsonRaw', jsonRaw };
  problems.push(`the length of returned json value for ${name} is larger than the limit ${maxJsonRawLength}`);
  return undefined;
}

function simpleValue(value: unknown): FieldValue | undefined {
  if (typeof value === 'string') return { type: 'String', string: value };
  if (typeof value === 'boolean') return { type: 'Boolean', boolean: value };
  return Number.isSafeInteger(value) ? { type: 'Integer', integer: value as number } : undefined;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'number' ? 'float64' : 'map[string]interface {}';
}
