/**
 * What may stand in the matching fields of webhooks and admission policies, with kube-apiserver's texts
 * (k8s pkg/apis/admissionregistration/validation). Called by the kinds' strategies. Pure.
 */
import {
  type AdmissionVariables,
  type FieldError,
  fieldErrors,
  type JsonObject,
  type LabelSelector,
  labelSelectorFromObject,
  StatusError,
} from '@flotilla/api';
import { at, listAt, objectAt, objectsAt, textAt, textsAt } from '../../builtin/access.js';
import { matchConditionProblem } from './match-conditions.js';

const { duplicate, invalid, notSupported, required, tooMany } = fieldErrors;

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];
const matchPolicies = ['Equivalent', 'Exact'];
const maxMatchConditions = 64;

/** Errors of a policy's or a binding's MatchResources. */
export function validateMatchResources(resources: JsonObject, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['resourceRules', 'excludeResourceRules']) {
    errors.push(...validateMatchRules(objectsAt(resources, list), `${field}.${list}`));
  }
  const policy = at(resources, 'matchPolicy');
  if (policy !== undefined && !matchPolicies.includes(String(policy))) {
    errors.push(notSupported(`${field}.matchPolicy`, policy, matchPolicies));
  }
  for (const key of ['namespaceSelector', 'objectSelector']) {
    if (at(resources, key) === undefined) continue;
    errors.push(...validateSelector(objectAt(resources, key), `${field}.${key}`));
  }
  return errors;
}

/** Errors of `rules` or `resourceRules`. */
export function validateMatchRules(rules: readonly JsonObject[], field: string): FieldError[] {
  return rules.flatMap((rule, i) => validateRule(rule, `${field}[${i}]`));
}

function validateRule(rule: JsonObject, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const named = textsAt(rule, 'operations');
  if (named.length === 0) errors.push(required(`${field}.operations`));
  if (named.length > 1 && named.includes('*')) {
    errors.push(
      invalid(`${field}.operations`, named, "if '*' is present, must not specify other operations"),
    );
  }
  named.forEach((operation, i) => {
    if (operations.includes(operation)) return;
    errors.push(notSupported(`${field}.operations[${i}]`, operation, operations));
  });
  const lists = { apiGroups: 'API groups', apiVersions: 'API versions', resources: 'resources' };
  for (const [key, what] of Object.entries(lists)) {
    const values = listAt(rule, key);
    if (values.length === 0) errors.push(required(`${field}.${key}`));
    if (key !== 'resources' && values.length > 1 && values.includes('*')) {
      errors.push(invalid(`${field}.${key}`, values, `if '*' is present, must not specify other ${what}`));
    }
    values.forEach((value, i) => {
      if (value === '' && key !== 'apiGroups') errors.push(required(`${field}.${key}[${i}]`));
    });
  }
  errors.push(...validateResources(textsAt(rule, 'resources'), `${field}.resources`));
  const scope = at(rule, 'scope');
  if (scope !== undefined && !scopes.includes(String(scope))) {
    errors.push(notSupported(`${field}.scope`, scope, scopes));
  }
  return errors;
}

/** Nothing may be named twice: `*` + `/*` covers all, `pods/*` covers `pods/status`. */
function validateResources(resources: readonly string[], field: string): FieldError[] {
  if (resources.length > 1 && resources.includes('*/*')) {
    return [invalid(field, resources, "if '*/*' is present, must not specify other resources")];
  }
  return resources.flatMap((resource, i) => {
    const [main = '', sub] = resource.split('/', 2);
    if (sub === undefined || sub === '*') return [];
    if (resources.includes(`${main}/*`)) {
      return [invalid(`${field}[${i}]`, resource, `if '${main}/*' is present, must not specify ${resource}`)];
    }
    return main !== '*' && resources.includes(`*/${sub}`)
      ? [invalid(`${field}[${i}]`, resource, `if '*/${sub}' is present, must not specify ${resource}`)]
      : [];
  });
}

/** Errors of a LabelSelector. */
export function validateSelector(selector: JsonObject, field: string): FieldError[] {
  try {
    labelSelectorFromObject(selector as LabelSelector); // the schema has checked its form
    return [];
  } catch (error) {
    if (error instanceof StatusError) return [invalid(field, selector, error.message)];
    throw error;
  }
}

/** Errors of `matchConditions`. */
export function validateMatchConditions(
  conditions: readonly JsonObject[],
  { field, allow }: { readonly field: string; readonly allow: AdmissionVariables },
): FieldError[] {
  const errors: FieldError[] = [];
  if (conditions.length > maxMatchConditions) {
    errors.push(tooMany(field, conditions.length, maxMatchConditions));
  }
  const names = new Set<string>();
  conditions.forEach((condition, i) => {
    const here = `${field}[${i}]`;
    const name = textAt(condition, 'name');
    if (name === '') errors.push(required(`${here}.name`));
    else if (names.has(name)) errors.push(duplicate(`${here}.name`, name));
    names.add(name);
    const expression = textAt(condition, 'expression');
    if (expression.trim() === '') {
      errors.push(required(`${here}.expression`));
      return;
    }
    const problem = matchConditionProblem(expression, allow);
    if (problem !== undefined) errors.push(invalid(`${here}.expression`, expression, problem));
  });
  return errors;
}
