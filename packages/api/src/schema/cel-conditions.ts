/**
 * The CEL of condition rules of ManifestWorks: expressions over `object`, messages over `object` and `result`.
 * Each expression is compiled once while it stays in a bounded cache. Called by the klusterlet (evaluate) and by the
 * admission of works (problems). Pure but for the cache.
 */
import {
  CelBudgetError,
  CelCompileError,
  type CelProgram,
  compileCel,
  defaultBudgetOptions,
  summaryOf,
} from './cel-environment.js';
import { toCelValue } from './cel-values.js';

/** Why a condition expression gave no result, in one line: it does not compile, failed, ran too long or gave no bool. */
export class ConditionExpressionError extends Error {
  override readonly name = 'ConditionExpressionError';
}

/** The expressions of one object; they share a budget. */
export interface ConditionEvaluation {
  /** Whether all expressions hold, asked in order up to the first that does not. @throws ConditionExpressionError */
  holds(expressions: readonly string[]): boolean;
  /** The text that the expression gives. It does not draw on the shared budget. @throws ConditionExpressionError */
  message(expression: string, result: boolean): string;
}

/** Starts with a full budget. The object is looked at when the first expression is. */
export function createConditionEvaluation(object: unknown): ConditionEvaluation {
  const budget = { steps: defaultBudgetOptions.stepsPerObject };
  let value: unknown;
  const converted = (): unknown => {
    value ??= toCelValue(object, undefined);
    return value;
  };
  return {
    holds: (expressions) =>
      expressions.every((expression) => {
        const program = programOf('condition', expression);
        const result = guarded(() => program.evaluate({ object: converted() }, budget));
        if (typeof result === 'boolean') return result;
        throw new ConditionExpressionError(`must evaluate to a bool, not ${typeNameOf(result)}`);
      }),
    message: (expression, result) => {
      const program = programOf('conditionMessage', expression);
      const own = { steps: defaultBudgetOptions.stepsPerRule };
      const text = guarded(() => program.evaluate({ object: converted(), result }, own));
      if (typeof text === 'string') return text;
      throw new ConditionExpressionError(`must evaluate to a string, not ${typeNameOf(text)}`);
    },
  };
}

/** Why the expression of a rule, or of its message, can never give a result; undefined when it compiles. */
export function conditionExpressionProblem(
  expression: string,
  scope: 'condition' | 'conditionMessage',
): string | undefined {
  const compiled = lookUp(scope, expression);
  return compiled instanceof CelCompileError ? compiled.message : undefined;
}

function programOf(scope: ConditionScope, expression: string): CelProgram {
  const compiled = lookUp(scope, expression);
  if (compiled instanceof CelCompileError) throw new ConditionExpressionError(lowerFirst(compiled.message));
  return compiled;
}

function guarded(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    const text =
      error instanceof CelBudgetError
        ? 'operation cancelled: actual cost limit exceeded'
        : lowerFirst(summaryOf(error));
    throw new ConditionExpressionError(text, { cause: error });
  }
}

function typeNameOf(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'object':
      if (value === null) return 'null';
      if (value instanceof Date) return 'timestamp';
      return Array.isArray(value) ? 'list' : 'map';
    default:
      return typeof value;
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

type ConditionScope = 'condition' | 'conditionMessage';

/** Some thousand usual expressions, and not more than some 50 MiB of syntax trees for unusual ones. */
const maxCachedCharacters = 256 * 1024;
/** What the entry takes besides its text. */
const entryCharacters = 64;

const cache = new Map<string, CelProgram | CelCompileError>();
let cachedCharacters = 0;

/** The program, or why there is none. Least recently used ones go first. */
function lookUp(scope: ConditionScope, expression: string): CelProgram | CelCompileError {
  const key = `${scope} ${expression}`;
  let compiled = cache.get(key);
  if (compiled !== undefined) {
    cache.delete(key);
  } else {
    compiled = compile(scope, expression);
    cachedCharacters += key.length + entryCharacters;
  }
  cache.set(key, compiled);
  for (const oldest of cache.keys()) {
    if (cachedCharacters <= maxCachedCharacters) break;
    cache.delete(oldest);
    cachedCharacters -= oldest.length + entryCharacters;
  }
  return compiled;
}

function compile(scope: ConditionScope, expression: string): CelProgram | CelCompileError {
  try {
    return compileCel(expression, { type: scope === 'condition' ? 'bool' : 'string', scope });
  } catch (error) {
    if (error instanceof CelCompileError) return error;
    throw error;
  }
}
