/** ValidatingAdmissionPolicy and its binding as stored: validated and defaulted. Types only. */
import type { KubeObject, LabelSelector } from '@flotilla/api';
import type { MatchCondition } from '../matching/match-conditions.js';
import type { MatchRule } from '../matching/rules.js';

export interface MatchResources {
  readonly resourceRules?: readonly MatchRule[];
  readonly excludeResourceRules?: readonly MatchRule[];
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly matchPolicy?: string;
}

export interface ParamKind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface Validation {
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
}

export interface PolicySpec {
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchResources;
  readonly validations?: readonly Validation[];
  readonly failurePolicy?: string;
  readonly auditAnnotations?: readonly { readonly key: string; readonly valueExpression: string }[];
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
}

export interface ParamRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly selector?: LabelSelector;
  readonly parameterNotFoundAction?: string;
}

export interface BindingSpec {
  readonly policyName: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchResources;
  readonly validationActions: readonly string[];
}

/** The stored object was validated, so its spec has this form. */
export function policySpec(object: KubeObject): PolicySpec {
  return (object['spec'] ?? {}) as PolicySpec;
}

/** As above. */
export function bindingSpec(object: KubeObject): BindingSpec {
  return (object['spec'] ?? {}) as unknown as BindingSpec;
}
