/**
 * CEL in admission: the expressions of validating policies and the matchConditions of webhooks. Compiles them in the
 * environment that Kubernetes gives them, with its error texts, and turns objects and requests into CEL values.
 * Called by the API server's admission; compiling costs some 0.1 ms, so programs are to be kept.
 */
import type { CelAuthorizer } from './cel-authorizer.js';
import {
  CelBudgetError,
  CelCompileError,
  type CelProgram,
  type CelScope,
  compileCel,
  defaultBudgetOptions,
  summaryOf,
  withPlace,
} from './cel-environment.js';
import { findUndefined } from './cel-fields.js';
import { toCelValue } from './cel-values.js';
import { nodeOf } from './compile.js';
import type { Schema } from './schema.js';

/** Which variables the expression may name, besides object, oldObject, request and namespaceObject. */
export interface AdmissionVariables {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** Names behind `variables.`; undefined: there is no `variables`. */
  readonly variables?: ReadonlySet<string>;
}

export interface AdmissionExpression {
  readonly text: string;
  /** @throws AdmissionExpressionError */
  evaluate(input: AdmissionInput): unknown;
}

/** The values, as JSON; converted when an expression first reads them. */
export interface AdmissionValues {
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly request: unknown;
  readonly namespaceObject: unknown;
}

/** What the expressions of one policy see for one request; they share a budget. */
export interface AdmissionInput {
  readonly values: Readonly<Record<string, unknown>>;
  readonly budget: { steps: number };
}

/** Why an expression gave no result. */
export class AdmissionExpressionError extends Error {
  override readonly name = 'AdmissionExpressionError';
}

/**
 * Compiles an expression that gives one of the CEL types, or any where none is named.
 * @throws CelCompileError with kube-apiserver's text.
 */
export function compileAdmissionExpression(
  text: string,
  { returns, allow }: { readonly returns: readonly string[]; readonly allow: AdmissionVariables },
): AdmissionExpression {
  const program = compileChecked(text, { returns, allow });
  return {
    text,
    evaluate({ values, budget }) {
      try {
        return program.evaluate(values, budget);
      } catch (error) {
        const why = reasonOf(error);
        throw new AdmissionExpressionError(`expression '${text}' resulted in error: ${why}`, {
          cause: error,
        });
      }
    },
  };
}

function compileChecked(
  text: string,
  { returns, allow }: { readonly returns: readonly string[]; readonly allow: AdmissionVariables },
): CelProgram {
  const program = compileCel(text, { type: returns, scope: scopeOf(allow) });
  const { variables } = allow;
  if (variables === undefined) return program;
  const properties = Object.fromEntries([...variables].map((name): [string, Schema] => [name, {}]));
  const problem = undefinedFieldProblem(text, { variables: { type: 'object', properties } });
  if (problem === undefined) return program;
  throw new CelCompileError(`compilation failed: ${problem}`);
}

/**
 * The first field that the expression reads of one of the variables and that the variable's schema does not have, as
 * the reference's type checker prints it. The expression must parse.
 */
export function undefinedFieldProblem(
  text: string,
  schemas: Readonly<Record<string, Schema | undefined>>,
): string | undefined {
  const variables = Object.entries(schemas).map(([name, schema]) => {
    return [name, schema && { node: nodeOf(schema), resource: name !== 'variables' }] as const;
  });
  const missing = findUndefined(text, Object.fromEntries(variables));
  return missing && withPlace(`undefined field '${missing.name}'`, text, missing.at);
}

function scopeOf({ params, authorizer, variables }: AdmissionVariables): CelScope {
  return `admission${params ? 'Params' : ''}${authorizer ? 'Authorizer' : ''}${variables === undefined ? '' : 'Variables'}`;
}

/** The input for a request. `params` undefined: the policy has none; null: the policy's are not there. */
export function createAdmissionInput(
  json: AdmissionValues,
  { params, authorizer }: { readonly params?: unknown; readonly authorizer?: CelAuthorizer } = {},
): AdmissionInput {
  const values = Object.create(null) as Record<string, unknown>; // names are fixed, values may be lazy
  for (const [name, value] of Object.entries({ ...json, params })) {
    defineLazy(values, name, () => toCelValue(value ?? null, undefined));
  }
  if (authorizer !== undefined) values['authorizer'] = authorizer;
  return { values, budget: { steps: defaultBudgetOptions.stepsPerObject } };
}

/** The same with other params, and a budget of its own. Values that were converted already are shared. */
export function withParams(input: AdmissionInput, params: unknown): AdmissionInput {
  const values = Object.create(input.values) as Record<string, unknown>; // reads fall through to the input's
  defineLazy(values, 'params', () => toCelValue(params ?? null, undefined));
  return { values, budget: { steps: defaultBudgetOptions.stepsPerObject } };
}

/** A variable of a policy: its program, or why there is none. */
export interface AdmissionVariable {
  readonly name: string;
  readonly expression: AdmissionExpression | string;
}

/** The input with `variables`: each is evaluated when it is first read, and once. */
export function withVariables(
  input: AdmissionInput,
  variables: readonly AdmissionVariable[],
): AdmissionInput {
  const values = Object.create(input.values) as Record<string, unknown>; // as above
  const computed = Object.create(null) as Record<string, unknown>; // names of the policy's own
  values['variables'] = computed;
  const whole = { values, budget: input.budget };
  for (const { name, expression } of variables) {
    defineLazy(computed, name, () => {
      const fail = (verb: string, why: string, cause?: unknown): never => {
        throw new VariableError(`composited variable "${name}" fails to ${verb}: ${why}`, { cause });
      };
      if (typeof expression === 'string') return fail('compile', expression);
      try {
        return expression.evaluate(whole);
      } catch (error) {
        if (!(error instanceof AdmissionExpressionError)) throw error;
        return fail('evaluate', reasonOf(error.cause), error);
      }
    });
  }
  return whole;
}

/** Raised where an expression reads a variable that has no value. */
class VariableError extends Error {
  override readonly name = 'VariableError';
}

function reasonOf(error: unknown): string {
  if (error instanceof CelBudgetError) return 'operation cancelled: actual cost limit exceeded';
  if (error instanceof VariableError) return error.message;
  return lowerFirst(summaryOf(error));
}

function defineLazy(target: Record<string, unknown>, name: string, compute: () => unknown): void {
  let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
  Object.defineProperty(target, name, {
    enumerable: true,
    get() {
      if (outcome === undefined) {
        try {
          outcome = { value: compute() };
        } catch (error) {
          outcome = { error };
        }
      }
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    },
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
