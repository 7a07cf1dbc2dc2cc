/**
 * The CEL dialect of `x-kubernetes-validations`: the standard library plus the Kubernetes extensions for lists,
 * strings and regular expressions, optionals on. Rules are untyped (`self` is dyn), so a field that the schema does
 * not have is found at the first evaluation, not at compile time. Evaluation is bounded: each step of a
 * comprehension draws on the budget of the object. Called by cel-rules and by CRD admission.
 */
import type { ASTNode, Environment, ParseResult } from '@marcbachmann/cel-js';
import { linearMatches, registerKubernetesLibrary } from './cel-library.js';
import { celLibrary } from './cel-runtime.js';

/** Steps of comprehensions that one rule, and all rules of one object, may take: about 50 ms and 0.5 s of work. */
export const defaultBudgetOptions = Object.freeze({ stepsPerRule: 100_000, stepsPerObject: 1_000_000 });

type OldSelfType = 'dyn' | 'optional';

const environments = new Map<OldSelfType, Environment>();

/** Made at the first rule that wants it. */
function environmentFor(oldSelfType: OldSelfType): Environment {
  const made = environments.get(oldSelfType) ?? createEnvironment(oldSelfType);
  environments.set(oldSelfType, made);
  return made;
}

function createEnvironment(oldSelfType: OldSelfType): Environment {
  const { Environment } = celLibrary();
  const created = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 10_000, maxDepth: 100 },
  });
  created.registerVariable('self', 'dyn');
  created.registerVariable('oldSelf', oldSelfType);
  registerKubernetesLibrary(created);
  return created;
}

/** Why an expression cannot be used, in one line. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
}

/** Thrown out of an evaluation whose comprehensions ran too long. */
export class CelBudgetError extends Error {
  override readonly name = 'CelBudgetError';
}

/** What an object's rules may still spend. */
export interface CelBudget {
  steps: number;
}

/** A compiled expression. */
export interface CelProgram {
  /** @throws whatever the expression raises, or CelBudgetError. */
  evaluate(variables: CelVariables, budget: CelBudget): unknown;
}

export interface CelVariables {
  readonly self: unknown;
  readonly oldSelf?: unknown;
}

/**
 * Compiles an expression that must give the type.
 * @throws CelCompileError for bad syntax, an unknown name or a result of another type.
 */
export function compileCel(
  expression: string,
  { type, optionalOldSelf = false }: { readonly type: 'bool' | 'string'; readonly optionalOldSelf?: boolean },
): CelProgram {
  const parsed = parse(expression, environmentFor(optionalOldSelf ? 'optional' : 'dyn'));
  const meter: Meter = { ruleSteps: 0, budget: { steps: 0 } };
  guard(parsed.ast, meter);
  const checked = parsed.check();
  if (!checked.valid) throw new CelCompileError(checked.error?.summary ?? 'the expression has no type');
  if (checked.type !== type && checked.type !== 'dyn') {
    throw new CelCompileError(`must evaluate to a ${type}, not ${checked.type ?? 'an unknown type'}`);
  }
  return {
    evaluate(variables, budget): unknown {
      meter.ruleSteps = defaultBudgetOptions.stepsPerRule;
      meter.budget = budget;
      const result: unknown = parsed(variables);
      // A logical operator may have swallowed the exhaustion; the result would then depend on the order of evaluation.
      if (meter.ruleSteps < 0 || budget.steps < 0) throw new CelBudgetError(exhausted);
      return result;
    },
  };
}

/** The syntax tree of an expression. @throws CelCompileError */
export function parseCel(expression: string): ASTNode {
  return parse(expression, environmentFor('dyn')).ast;
}

function parse(expression: string, env: Environment): ParseResult {
  try {
    return env.parse(expression);
  } catch (error) {
    throw new CelCompileError(summaryOf(error), { cause: error });
  }
}

/** The first line of an error of the CEL library: its messages go on with a drawing of the source. */
export function summaryOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

const exhausted =
  'validation failed due to running out of cost budget, no further validation rules will be run';

interface Meter {
  ruleSteps: number;
  budget: CelBudget;
}

/** A comprehension as the library keeps it behind a macro call. */
interface Comprehension {
  condition?: ((accumulated: unknown) => boolean) | undefined;
  step: unknown;
}

/**
 * Makes each comprehension count its iterations, and sends `matches` to the linear engine. The library has no hook
 * for either, but it asks `condition` before each iteration, and finds functions by the name in the call.
 */
function guard(root: ASTNode, meter: Meter): void {
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (isExpanded(value)) {
      visit(value.meta.alternate);
      visit(value.meta.macro);
      if (value.op === 'rcall' && Array.isArray(value.args) && value.args[0] === 'matches') {
        value.args[0] = linearMatches;
      }
      if (value.op === 'comprehension') countSteps(value.args as Comprehension, meter); // that op has these arguments
      visit(value.args);
      return;
    }
    for (const each of Object.values(value)) visit(each);
  };
  visit(root);
}

interface ExpandedNode {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: unknown; readonly macro?: unknown };
}

function isExpanded(value: object): value is ExpandedNode {
  return 'op' in value && 'args' in value && 'meta' in value;
}

function countSteps(comprehension: Comprehension, meter: Meter): void {
  const inner = comprehension.condition;
  comprehension.condition = (accumulated) => {
    meter.ruleSteps--;
    meter.budget.steps--;
    if (meter.ruleSteps < 0 || meter.budget.steps < 0) throw new CelBudgetError(exhausted);
    return inner === undefined ? true : inner(accumulated);
  };
}
