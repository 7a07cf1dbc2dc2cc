/**
 * Comprehensions with two variables, index or key and value (cel-go ext.TwoVarComprehensions, Kubernetes 1.32): `all`,
 * `exists`, `existsOne`, `transformList`, `transformMap`, `transformMapEntry`. The CEL library has macros of one variable
 * only, so these are macros of ours that draw on the same budget, step by step. Registered by cel-library.
 */
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { isObject } from '../json.js';
import { CelBudgetError } from './cel-budget.js';

/** The parts of the library's checker, evaluator and contexts that its own macros use; it exports no types for them. */
interface Context {
  forkWithVariable(name: string, type: unknown): Context;
  reuse(parent: Context): Context;
  setIterValue(value: unknown, evaluator: Evaluator): Context;
}
interface Checker {
  check(node: ASTNode, context: Context): unknown;
  getType(name: string): unknown;
}
interface Evaluator {
  run(node: ASTNode, context: Context): unknown;
}
interface Call {
  readonly ast: ASTNode & { setMeta(key: string, value: unknown): unknown };
  readonly args: readonly ASTNode[];
  readonly receiver: ASTNode;
}

/** Gives the value of one of the arguments after the variables, for an entry. */
type Ask = (key: unknown, value: unknown, argument: number) => unknown;

interface Kind {
  readonly type: string;
  fold(entries: readonly (readonly [unknown, unknown])[], ask: Ask, isFiltered: boolean): unknown;
}

/** What the meter finds in the tree, to bind it to the budget. */
export class TwoVariableMacro {
  readonly async = false;
  readonly args: readonly ASTNode[];
  readonly #call: Call;
  readonly #kind: Kind;
  /** Called for each step; the meter replaces it. */
  charge: () => void = () => undefined;
  #outer: Context | undefined;
  #inner: Context | undefined;

  constructor(call: Call, kind: Kind) {
    this.args = [call.receiver, ...call.args.slice(2)];
    this.#call = call;
    this.#kind = kind;
  }

  readonly typeCheck = (checker: Checker, _macro: unknown, context: Context): unknown => {
    const [first, second, ...body] = this.#call.args;
    checker.check(this.#call.receiver, context);
    const dyn = checker.getType('dyn');
    this.#outer = context.forkWithVariable(identifier(first), dyn);
    this.#inner = this.#outer.forkWithVariable(identifier(second), dyn);
    for (const node of body) checker.check(node, this.#inner);
    this.#call.ast.setMeta('async', false);
    return checker.getType(this.#kind.type);
  };

  readonly evaluate = (evaluator: Evaluator, _macro: unknown, context: Context): unknown => {
    const [, , ...body] = this.#call.args;
    const entries = entriesOf(evaluator.run(this.#call.receiver, context));
    const ask: Ask = (key, value, argument) => {
      this.charge();
      const node = body[argument];
      if (node === undefined || this.#outer === undefined || this.#inner === undefined) {
        throw new Error('the comprehension was not checked');
      }
      const outer = this.#outer.reuse(context).setIterValue(key, evaluator);
      return evaluator.run(node, this.#inner.reuse(outer).setIterValue(value, evaluator));
    };
    return this.#kind.fold(entries, ask, body.length > 1);
  };
}

function identifier(node: ASTNode | undefined): string {
  if (node?.op === 'id') return node.args;
  throw new Error('the variables of a comprehension must be plain names');
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((item, i) => [BigInt(i), item]);
  if (value instanceof Map) return [...value];
  if (isObject(value)) return Object.entries(value);
  throw new Error('no such overload: a comprehension needs a list or a map');
}

/** Errors count only when no other entry decides, as with the macros of one variable. */
function quantify(entries: Parameters<Kind['fold']>[0], ask: Ask, deciding: boolean): boolean {
  let failure: unknown;
  for (const [key, value] of entries) {
    try {
      if (ask(key, value, 0) === deciding) return deciding;
    } catch (error) {
      if (error instanceof CelBudgetError) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !deciding;
}

const all: Kind = { type: 'bool', fold: (entries, ask) => quantify(entries, ask, false) };
const exists: Kind = { type: 'bool', fold: (entries, ask) => quantify(entries, ask, true) };
const existsOne: Kind = {
  type: 'bool',
  fold: (entries, ask) => entries.filter(([key, value]) => ask(key, value, 0) === true).length === 1,
};
const transformList: Kind = {
  type: 'list<dyn>',
  fold: (entries, ask, isFiltered) => {
    const list: unknown[] = [];
    for (const [key, value] of entries) {
      if (isFiltered && ask(key, value, 0) !== true) continue;
      list.push(ask(key, value, isFiltered ? 1 : 0));
    }
    return list;
  },
};
const transformMap: Kind = {
  type: 'map<dyn, dyn>',
  fold: (entries, ask, isFiltered) => {
    const map = new Map<unknown, unknown>();
    for (const [key, value] of entries) {
      if (isFiltered && ask(key, value, 0) !== true) continue;
      map.set(key, ask(key, value, isFiltered ? 1 : 0));
    }
    return map;
  },
};
const transformMapEntry: Kind = {
  type: 'map<dyn, dyn>',
  fold: (entries, ask, isFiltered) => {
    const map = new Map<unknown, unknown>();
    for (const [key, value] of entries) {
      if (isFiltered && ask(key, value, 0) !== true) continue;
      for (const [madeKey, madeValue] of entriesOf(ask(key, value, isFiltered ? 1 : 0))) {
        if (map.has(madeKey)) throw new Error(`insert failed: key ${String(madeKey)} already exists`);
        map.set(madeKey, madeValue);
      }
    }
    return map;
  },
};

/** By name, with the numbers of arguments after the two variables. */
const macros: readonly (readonly [string, Kind, readonly number[]])[] = [
  ['all', all, [1]],
  ['exists', exists, [1]],
  ['existsOne', existsOne, [1]],
  ['exists_one', existsOne, [1]],
  ['transformList', transformList, [1, 2]],
  ['transformMap', transformMap, [1, 2]],
  ['transformMapEntry', transformMapEntry, [1, 2]],
];

export function registerTwoVariables(env: Environment): void {
  for (const [name, kind, counts] of macros) {
    for (const count of counts) {
      const parameters = Array.from({ length: 2 + count }, () => 'ast').join(', ');
      env.registerFunction(
        `list.${name}(${parameters}): ${kind.type}`,
        (call: Call) => new TwoVariableMacro(call, kind),
      );
    }
  }
}
