/**
 * Finds fields that a policy's expressions read but the kinds that it matches do not have, and words them as the
 * `status.typeChecking` of kube-apiserver. A warning changes nothing in what the policy does. Pure. Called by the
 * controller of policy status.
 */
import { type Schema, undefinedFieldProblem } from '@flotilla/api';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { MatchRule } from '../matching/rules.js';
import type { PolicySpec } from './policy-types.js';

export interface ExpressionWarning {
  readonly fieldRef: string;
  readonly warning: string;
}

/** What is served. */
export interface KnownKinds {
  find(group: string, version: string, resource: string): ResourceDefinition | undefined;
  findKind(apiVersion: string, kind: string): ResourceDefinition | undefined;
}

/** Kinds that are looked at for one policy; the reference's own limit. */
const maxKinds = 10;

/** Empty when nothing is wrong, or nothing can be known: rules with wildcards are not resolved. */
export function checkPolicyTypes(spec: PolicySpec, kinds: KnownKinds): ExpressionWarning[] {
  const types = kindsOf(spec.matchConstraints?.resourceRules ?? [], kinds);
  const { paramKind } = spec;
  const params = paramKind && kinds.findKind(paramKind.apiVersion, paramKind.kind)?.schema;
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, expression: string | undefined): void => {
    if (expression === undefined || expression === '') return;
    const problems = types.flatMap((definition) => problemWith(expression, definition, params));
    if (problems.length > 0) warnings.push({ fieldRef, warning: problems.join('\n') });
  };
  (spec.validations ?? []).forEach(({ expression, messageExpression }, i) => {
    check(`spec.validations[${i}].expression`, expression);
    check(`spec.validations[${i}].messageExpression`, messageExpression);
  });
  return warnings;
}

function problemWith(
  expression: string,
  definition: ResourceDefinition,
  params: Schema | undefined,
): string[] {
  const { group, version, kind, schema } = definition;
  const problem = undefinedFieldProblem(expression, { object: schema, oldObject: schema, params });
  return problem === undefined ? [] : [`${group}/${version}, Kind=${kind}: ${problem}\n`];
}

function kindsOf(rules: readonly MatchRule[], kinds: KnownKinds): readonly ResourceDefinition[] {
  const found = new Map<string, ResourceDefinition>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].includes('*')) continue;
    for (const group of apiGroups) {
      for (const version of apiVersions) {
        for (const resource of resources) {
          if (found.size >= maxKinds || /[*/]/.test(resource)) continue;
          const definition = kinds.find(group, version, resource);
          if (definition !== undefined) found.set(`${group}/${version}/${definition.kind}`, definition);
        }
      }
    }
  }
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}
