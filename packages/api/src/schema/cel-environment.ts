/**
 * The CEL dialect of Kubernetes: the standard library plus the extensions for lists, strings, regular expressions,
 * quantities, addresses and versions, optionals on. Expressions are untyped (`self` and `object` are dyn), so a field
 * that an object does not have is found at the first evaluation, not at compile time. Evaluation is bounded: each step
 * of a comprehension draws on a budget. Called by cel-rules, cel-conditions and CRD admission.
 */
import type { ASTNode, Environment, ParseResult } from '@marcbachmann/cel-js';
import { registerConditionLibrary, registerKubernetesLibrary } from './cel-library.js';
import { type CelBudget, charge, chargeAdditions, createMeter, guard } from './cel-meter.js';
import { celLibrary } from './cel-runtime.js';

export { type CelBudget, CelBudgetError } from './cel-meter.js';

/** Steps of comprehensions that one rule, and all rules of one object, may take: about 50 ms and 0.5 s of work. */
export const defaultBudgetOptions = Object.freeze({ stepsPerRule: 100_000, stepsPerObject: 1_000_000 });

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
 * Compiles an expression that must give the type.
 * @throws CelCompileError for bad syntax, an unknown name or a result of another type.
 */
export function compileCel(
  expression: string,
  { type, scope = 'rule' }: { readonly type: 'bool' | 'string'; readonly scope?: CelScope },
): CelProgram {
  const parsed = parse(expression, environmentFor(scope));
  const meter = createMeter();
  const additions = guard(parsed.ast, meter);
  const checked = parsed.check();
  if (!checked.valid) throw new CelCompileError(checked.error?.summary ?? 'the expression has no type');
  if (checked.type !== type && checked.type !== 'dyn') {
    throw new CelCompileError(`must evaluate to a ${type}, not ${checked.type ?? 'an unknown type'}`);
  }
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

/** The syntax tree of a rule. @throws CelCompileError */
export function parseCel(expression: string): ASTNode {
  return parse(expression, environmentFor('rule')).ast;
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
