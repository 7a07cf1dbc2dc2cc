/**
 * Finds fields that a rule reads but its schema does not declare. Rules are compiled untyped, so this stands in for
 * the type checker of the reference where it matters most: a misspelt field. It follows `self`, `oldSelf` and the
 * variables of comprehensions through selections and indexes, and is silent where it cannot know. Called when a
 * CustomResourceDefinition is written, and for the expressions of admission policies.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { parseCel } from './cel-environment.js';
import { escapeCelName } from './cel-values.js';
import type { SchemaNode } from './compile.js';

interface Known {
  readonly node: SchemaNode;
  readonly resource: boolean;
}

/** What is known of a value; undefined means nothing. */
type Type = Known | undefined;
type Scope = ReadonlyMap<string, Type>;

/** The first undeclared field the expression reads, or undefined. The expression must compile. */
export function undefinedField(expression: string, root: Known): string | undefined {
  return findUndefined(expression, { self: root, oldSelf: root })?.name;
}

/** A field that is not declared, and where in the expression it is read: the place of its dot. */
export interface UndefinedField {
  readonly name: string;
  readonly at: number;
}

/** The same for any variables; those without a type here are not looked into. The expression must parse. */
export function findUndefined(
  expression: string,
  variables: Readonly<Record<string, Known | undefined>>,
): UndefinedField | undefined {
  const finder = new Finder();
  finder.visit(parseCel(expression), new Map(Object.entries(variables)));
  return finder.missing;
}

const iterating = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** Of two variables: index or key, and value. `all` and `exists` come in both forms. */
const iteratingPairs = new Set(['existsOne', 'transformList', 'transformMap', 'transformMapEntry']);

function isPair(method: string, count: number): boolean {
  return iteratingPairs.has(method) || (count === 3 && iterating.has(method) && method !== 'map');
}

class Finder {
  missing: UndefinedField | undefined;

  visit(node: ASTNode, scope: Scope): Type {
    switch (node.op) {
      case 'id':
        return scope.get(node.args);
      case '.':
      case '.?':
        return this.#select(this.visit(node.args[0], scope), node.args[1], node);
      case '[]':
      case '[?]': {
        const left = this.visit(node.args[0], scope);
        this.visit(node.args[1], scope);
        const key = node.args[1].op === 'value' ? node.args[1].args : undefined;
        if (left === undefined || typeof key === 'string') return undefined;
        return known(left.node.items ?? left.node.additional);
      }
      case 'rcall':
        return this.#call(node.args, scope);
      case 'call':
        for (const each of node.args[1]) this.visit(each, scope);
        return undefined;
      case 'list':
        for (const each of node.args) this.visit(each, scope);
        return undefined;
      case 'map':
        for (const [key, value] of node.args) {
          this.visit(key, scope);
          this.visit(value, scope);
        }
        return undefined;
      case 'value':
        return undefined;
      case '!_':
      case '-_':
        this.visit(node.args, scope);
        return undefined;
      default:
        for (const each of node.args) this.visit(each, scope);
        return undefined;
    }
  }

  #call([method, receiver, args]: [string, ASTNode, ASTNode[]], scope: Scope): Type {
    const left = this.visit(receiver, scope);
    const [variable, ...rest] = args;
    let inner = scope;
    const [second] = rest;
    if (variable?.op === 'id' && second?.op === 'id' && isPair(method, args.length)) {
      const value = known(left?.node.items ?? left?.node.additional);
      inner = new Map([...scope, [variable.args, undefined], [second.args, value]]);
    } else if (variable?.op === 'id' && iterating.has(method)) {
      inner = new Map([...scope, [variable.args, known(left?.node.items)]]);
    } else if (variable?.op === 'id' && method === 'bind') {
      const [value, ...body] = rest;
      const bound = value === undefined ? undefined : this.visit(value, scope);
      const nested = new Map([...scope, [variable.args, bound]]);
      for (const each of body) this.visit(each, nested);
      return undefined;
    } else if (variable !== undefined) {
      this.visit(variable, scope);
    }
    for (const each of rest) this.visit(each, inner);
    return method === 'filter' ? left : undefined;
  }

  #select(left: Type, name: string, { input, range }: ASTNode): Type {
    if (left === undefined) return undefined;
    const { node, resource } = left;
    if (node.schema.type !== 'object') return undefined;
    for (const [key, property] of node.properties) {
      if (escapeCelName(key) === name) return key === 'metadata' && resource ? undefined : known(property);
    }
    if (node.additional !== undefined) return known(node.additional);
    const implicit = resource && (name === 'apiVersion' || name === 'kind' || name === 'metadata');
    if (implicit || node.additionalAny) return undefined;
    this.missing ??= { name, at: input.lastIndexOf('.', range.end - name.length) };
    return undefined;
  }
}

function known(node: SchemaNode | undefined): Type {
  return node === undefined ? undefined : { node, resource: node.embedded };
}
