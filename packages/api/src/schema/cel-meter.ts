/**
 * Bounds the work of compiled CEL: comprehensions pay for each iteration, `+` for the size of what it makes, and
 * `matches` goes to the linear engine. The library has no hook for any of these, but it asks `condition` before each
 * iteration, finds functions by the name in the call and keeps the handler of an operator with its node. Called by
 * cel-environment.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { type CelBudget, CelBudgetError } from './cel-budget.js';
import { linearMatches } from './cel-library.js';
import { TwoVariableMacro } from './cel-two-variables.js';

/** What the evaluation under way may still spend: evaluations of one program never overlap. */
export interface Meter {
  ruleSteps: number;
  budget: CelBudget;
}

export function createMeter(): Meter {
  return { ruleSteps: 0, budget: { steps: 0 } };
}

/** Takes steps from the rule and from the object. @throws CelBudgetError when either has none left. */
export function charge(meter: Meter, steps: number): void {
  meter.ruleSteps -= steps;
  meter.budget.steps -= steps;
  if (meter.ruleSteps < 0 || meter.budget.steps < 0) {
    throw new CelBudgetError(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    );
  }
}

/** A comprehension as the library keeps it behind a macro call. */
interface Comprehension {
  condition?: ((accumulated: unknown) => boolean) | undefined;
  step: unknown;
}

/** A node of `+`; the check of types gives it its handler. */
export interface Addition {
  handle?: (...operands: unknown[]) => unknown;
}

interface ExpandedNode {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: unknown; readonly macro?: unknown };
}

/** Prepares a tree that was not checked yet; its additions are to be charged once it was. */
export function guard(root: ASTNode, meter: Meter): readonly Addition[] {
  const additions: Addition[] = [];
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (value instanceof TwoVariableMacro) {
      value.charge = () => charge(meter, 1);
      visit(value.args);
      return;
    }
    if (isExpanded(value)) {
      visit(value.meta.alternate);
      visit(value.meta.macro);
      if (value.op === '+') additions.push(value as Addition); // that op has a handler after the check
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
  return additions;
}

function isExpanded(value: object): value is ExpandedNode {
  return 'op' in value && 'args' in value && 'meta' in value;
}

function countSteps(comprehension: Comprehension, meter: Meter): void {
  const inner = comprehension.condition;
  comprehension.condition = (accumulated) => {
    charge(meter, 1);
    return inner === undefined ? true : inner(accumulated);
  };
}

/** Without this, thirty bindings that each double a list would fill the memory. */
export function chargeAdditions(additions: readonly Addition[], meter: Meter): void {
  for (const addition of additions) {
    const inner = addition.handle;
    if (inner === undefined) continue;
    addition.handle = (...operands) => {
      const sum = inner(...operands);
      if (Array.isArray(sum)) charge(meter, sum.length >> 5);
      else if (typeof sum === 'string') charge(meter, sum.length >> 6);
      return sum;
    };
  }
}
