/**
 * The CEL dialect of Kubernetes: the standard library plus the extensions for lists, strings, regular expressions,
 * quantities, addresses and versions, optionals on. Expressions are untyped (`self` and `object` are dyn), so a field
 * that an object does not have is found at the first evaluation, not at compile time. Evaluation is bounded: each step
 * of a comprehension draws on a budget. Called by cel-rules, cel-conditions and CRD admission.
 */
import type { ASTNode, Environment, ParseResult } from '@marcbachmann/cel-js';
import { celAuthorizerType, registerAuthorizer } from './cel-authorizer.js';
import type { CelBudget } from './cel-budget.js';
import { registerConditionLibrary, registerKubernetesLibrary } from './cel-library.js';
import { charge, chargeAdditions, createMeter, guard } from './cel-meter.js';
import { celLibrary } from './cel-runtime.js';

export { type CelBudget, CelBudgetError } from './cel-budget.js';

/** Steps of comprehensions that one rule, and all rules of one object, may take: about 50 ms and 0.5 s of work. */
export const defaultBudgetOptions = Object.freeze({ stepsPerRule: 100_000, stepsPerObject: 1_000_000 });

const admission = { object: 'dyn', oldObject: 'dyn', request: 'dyn', namespaceObject: 'dyn' } as const;
const params = { params: 'dyn' } as const;
const authorizer = { authorizer: celAuthorizerType } as const;
const computed = { variables: 'dyn' } as const;

/** Which variables an expression may name, with their types. */
const variables = {
  /** A rule of a schema. */
  rule: { self: 'dyn', oldSelf: 'dyn' },
  /** A rule that also runs without an old value. */
  ruleWithOptionalOld: { self: 'dyn', oldSelf: 'optional' },
  /** A condition rule of a ManifestWork. */
  condition: { object: 'dyn' },
  /** The message of such a rule. */
  conditionMessage: { object: 'dyn', result: 'bool' },
  /** Webhooks and policies of admission, by what else they are given. */
  admission,
  admissionParams: { ...admission, ...params },
  admissionAuthorizer: { ...admission, ...authorizer },
  admissionVariables: { ...admission, ...computed },
  admissionParamsAuthorizer: { ...admission, ...params, ...authorizer },
  admissionParamsVariables: { ...admission, ...params, ...computed },
  admissionAuthorizerVariables: { ...admission, ...authorizer, ...computed },
  admissionParamsAuthorizerVariables: { ...admission, ...params, ...authorizer, ...computed },
  /** A rule over the claims of a token. */
  claims: { claims: 'dyn' },
  /** A rule over the user that a token makes. */
  authenticatedUser: { user: 'dyn' },
} as const;

/** What an expression is written for. */
export type CelScope = keyof typeof variables;

const environments = new Map<CelScope, Environment>();

/** Made at the first expression that wants it. */
function environmentFor(scope: CelScope): Environment {
  const made = environments.get(scope) ?? createEnvironment(scope);
  environments.set(scope, made);
  return made;
}

function createEnvironment(scope: CelScope): Environment {
  const { Environment } = celLibrary();
  const created = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 10_000, maxDepth: 100 },
  });
  if (scope.includes('Authorizer')) registerAuthorizer(created);
  for (const [name, type] of Object.entries(variables[scope])) created.registerVariable(name, type);
  registerKubernetesLibrary(created);
  if (scope === 'condition' || scope === 'conditionMessage') registerConditionLibrary(created);
  return created;
}

/** Why an expression cannot be used, in one line. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
}

/** A compiled expression. */
export interface CelProgram {
  /** @throws whatever the expression raises, or CelBudgetError. */
  evaluate(variables: CelVariables, budget: CelBudget): unknown;
}

/** Values by the names of the scope. */
export type CelVariables = Readonly<Record<string, unknown>>;

/**
 * Compiles an expression that must give the type; one of several, or any where the list is empty.
 * @throws CelCompileError for bad syntax, an unknown name or a result of another type.
 */
export function compileCel(
  expression: string,
  {
    type,
    scope = 'rule',
  }: { readonly type: 'bool' | 'string' | readonly string[]; readonly scope?: CelScope },
): CelProgram {
  const parsed = parse(expression, environmentFor(scope), scope);
  const meter = createMeter();
  const additions = guard(parsed.ast, meter);
  const checked = parsed.check();
  if (!checked.valid) throw problemOf(checked.error, { expression, scope });
  checkType(checked.type ?? 'an unknown type', type);
  chargeAdditions(additions, meter);
  return {
    evaluate(values, budget): unknown {
      meter.ruleSteps = defaultBudgetOptions.stepsPerRule;
      meter.budget = budget;
      const result: unknown = parsed(values);
      // A logical operator may have swallowed the exhaustion; the result would then depend on the order of evaluation.
      charge(meter, 0);
      return result;
    },
  };
}

/** @throws CelCompileError */
function checkType(got: string, wanted: 'bool' | 'string' | readonly string[]): void {
  if (got === 'dyn' || got === wanted) return;
  if (typeof wanted === 'string') throw new CelCompileError(`must evaluate to a ${wanted}, not ${got}`);
  if (wanted.length === 0 || wanted.includes(got)) return;
  const name = (type: string): string => (type === 'null' ? 'null_type' : type);
  const list = wanted.map(name);
  throw new CelCompileError(
    `must evaluate to ${list.length === 1 ? list[0] : `one of [${list.join(' ')}]`} but got ${name(got)}`,
  );
}

/** The syntax tree of a rule. @throws CelCompileError */
export function parseCel(expression: string): ASTNode {
  return parse(expression, environmentFor('rule'), 'rule').ast;
}

function parse(expression: string, env: Environment, scope: CelScope): ParseResult {
  try {
    const parsed = env.parse(expression);
    if (isTooDeep(parsed.ast)) throw new Error(`expression recursion limit exceeded: ${maxTreeDepth}`);
    return parsed;
  } catch (error) {
    throw problemOf(error, { expression, scope });
  }
}

/**
 * The library's own limit counts brackets: a long row of operators is a deep tree, too, and who walks it would run out of
 * stack. cel-go's limit is 250.
 */
const maxTreeDepth = 500;

function isTooDeep(root: ASTNode): boolean {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 1 }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { value, depth } = at;
    if (depth > maxTreeDepth) return true;
    if (Array.isArray(value)) for (const each of value) open.push({ value: each, depth });
    else if (typeof value === 'object' && value !== null && 'args' in value)
      open.push({ value: value.args, depth: depth + 1 });
  }
  return false;
}

/** In admission as the reference prints it, with the place; elsewhere one line. */
function problemOf(
  error: unknown,
  { expression, scope }: { readonly expression: string; readonly scope: CelScope },
): CelCompileError {
  const text = error === undefined ? 'the expression has no type' : summaryOf(error);
  if (!scope.startsWith('admission')) return new CelCompileError(text, { cause: error });
  const { range } = (error ?? {}) as { readonly range?: { readonly start: number } }; // the library's errors have one
  return new CelCompileError(`compilation failed: ${withPlace(wording(text), expression, range?.start)}`, {
    cause: error,
  });
}

function wording(text: string): string {
  const unknown = /^Unknown variable: (.*)$/.exec(text)?.[1];
  return unknown === undefined ? text : `undeclared reference to '${unknown}' (in container '')`;
}

/** A problem with its place, as the reference's compiler prints it. */
export function withPlace(text: string, source: string, at = 0): string {
  const before = source.slice(0, at).split('\n');
  const line = before.length;
  const column = before.at(-1)?.length ?? 0;
  const shown = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${text}\n | ${shown}\n | ${'.'.repeat(column)}^`;
}

/** The first line of an error of the CEL library: its messages go on with a drawing of the source. */
export function summaryOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
