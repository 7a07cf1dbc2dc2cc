/**
 * The matchConditions of a webhook or a policy: CEL expressions that must all hold for it to be asked. Compiled once,
 * evaluated for each request that its rules match. Called by the plugins of admission/webhooks and admission/policies.
 */
import {
  type AdmissionExpression,
  AdmissionExpressionError,
  type AdmissionInput,
  type AdmissionVariables,
  type CelAccess,
  CelCompileError,
  type CelRequestResource,
  compileAdmissionExpression,
  createAdmissionInput,
  createCelAuthorizer,
  type JsonObject,
  type KubeObject,
} from '@flotilla/api';
import type { UserInfo } from '../../authentication/user.js';
import type { Authorizer } from '../../authorization/attributes.js';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { AdmissionAttributes } from '../admission.js';

export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/**
 * `yes`: ask it. `no`: at least one condition is false, whatever the others do. `error`: none is false, but some could
 * not be evaluated; the failurePolicy decides then.
 */
export type MatchConditionsOutcome =
  | { readonly result: 'yes' }
  | { readonly result: 'no'; readonly failed: string }
  | { readonly result: 'error'; readonly message: string };

export interface MatchConditions {
  evaluate(input: AdmissionInput): MatchConditionsOutcome;
}

interface Compiled {
  readonly name: string;
  readonly expression: AdmissionExpression | undefined;
  readonly problem: string;
}

/** What is declared for the matchConditions of webhooks. */
export const webhookConditionVariables: AdmissionVariables = { params: false, authorizer: true };

/** One that does not compile counts as an error at each evaluation: validation refuses such objects. */
export function compileMatchConditions(
  conditions: readonly MatchCondition[],
  allow: AdmissionVariables = webhookConditionVariables,
): MatchConditions {
  const compiled = conditions.map(({ name, expression }): Compiled => {
    try {
      return {
        name,
        expression: compileAdmissionExpression(expression, { returns: ['bool'], allow }),
        problem: '',
      };
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      return { name, expression: undefined, problem: error.message };
    }
  });
  return { evaluate: (input) => evaluateAll(compiled, input) };
}

/** What is wrong with the expression of a condition, as its field error says it; undefined when it compiles. */
export function matchConditionProblem(
  expression: string,
  allow: AdmissionVariables = webhookConditionVariables,
): string | undefined {
  try {
    compileAdmissionExpression(expression, { returns: ['bool'], allow });
    return undefined;
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}

function evaluateAll(compiled: readonly Compiled[], input: AdmissionInput): MatchConditionsOutcome {
  const errors: string[] = [];
  for (const { name, expression, problem } of compiled) {
    const outcome = expression === undefined ? problem : evaluateOne(expression, input);
    if (outcome === false) return { result: 'no', failed: name };
    if (outcome !== true) errors.push(outcome);
  }
  if (errors.length === 0) return { result: 'yes' };
  return {
    result: 'error',
    message: errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`,
  };
}

function evaluateOne(expression: AdmissionExpression, input: AdmissionInput): boolean | string {
  try {
    const result = expression.evaluate(input);
    return typeof result === 'boolean'
      ? result
      : `cel evaluation error: expression '${expression.text}' does not evaluate to a bool`;
  } catch (error) {
    if (error instanceof AdmissionExpressionError) return error.message;
    throw error;
  }
}

export interface ConditionInputOptions {
  /** `admissionRequest()` of the same request. */
  readonly request: JsonObject;
  /** In the version of the matched definition: `objectsFor()`. */
  readonly objects: { readonly object: KubeObject | undefined; readonly oldObject: KubeObject | undefined };
  readonly authorizer: Authorizer;
  /** For policies. Undefined: not declared; null: declared and not there. */
  readonly params?: KubeObject | null;
  readonly namespace?: KubeObject | undefined;
}

/** What expressions about the request see. */
export function conditionInput(
  attributes: AdmissionAttributes,
  { request, objects, authorizer, params, namespace }: ConditionInputOptions,
): AdmissionInput {
  const { uid: _, ...shown } = request;
  return createAdmissionInput(
    { ...objects, request: shown, namespaceObject: namespace },
    {
      ...(params !== undefined && { params }),
      authorizer: createCelAuthorizer(
        (access, account) => {
          const user = account === undefined ? attributes.user : serviceAccountUser(account);
          return authorizer.authorize(user, tidy(access));
        },
        requestResource(attributes, attributes.definition),
      ),
    },
  );
}

function requestResource(
  { namespace, name, subresource }: AdmissionAttributes,
  { group, resource }: ResourceDefinition,
): CelRequestResource {
  return {
    group,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== '' && { name }),
  };
}

function serviceAccountUser({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): UserInfo {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** Empty text in CEL means that the part is not set. */
function tidy(access: CelAccess): CelAccess {
  if ('path' in access) return access;
  const { subresource, namespace, name, ...rest } = access;
  return {
    ...rest,
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
  };
}
