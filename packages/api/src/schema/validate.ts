/**
 * Validates an object against a structural schema, with the messages of kube-apiserver: types, bounds, formats,
 * list types, embedded resources, combinators and CEL rules. With `old` (an update) it ratchets: what equals the old
 * value is not held against the writer. Prune and default first. Called by the API server on each write, by CRD
 * admission for defaults, and by the hub for its own kinds.
 */
import { equal, isObject, type JsonObject } from '../json.js';
import type { FieldError } from '../status.js';
import { type Correlated, checkRules, createRuleBudget, type RuleBudget, uncorrelated } from './cel-rules.js';
import { maxDepth, nodeOf, type SchemaNode } from './compile.js';
import { validateEmbeddedResource } from './embedded-resource.js';
import { formatPath, invalid, type PathStack, required, typeInvalid } from './field-errors.js';
import { checkEnum, checkListSize, checkMapSize, checkNumber, checkString } from './keywords.js';
import { findMapItem, hasDuplicates, listTypeErrors } from './list-types.js';
import type { Schema } from './schema.js';

export interface ValidateOptions {
  /** The stored object, on update. Enables ratcheting and transition rules. */
  readonly old?: unknown;
}

/** All violations of the schema, in document order; none for a valid object. */
export function validateObject(object: unknown, schema: Schema, options: ValidateOptions = {}): FieldError[] {
  return validateValue(object, schema, { ...options, path: [], resource: true });
}

/** Validates a value that is not a whole resource (a default, one field); `path` prefixes every error. */
export function validateValue(
  value: unknown,
  schema: Schema,
  {
    old,
    path = [],
    resource = false,
  }: ValidateOptions & { readonly path?: readonly (string | number)[]; readonly resource?: boolean } = {},
): FieldError[] {
  const node = nodeOf(schema);
  const correlated: Correlated = old === undefined ? uncorrelated : { value: old };
  const errors = new Validator({ path, ratchet: false }).run(value, { node, old: correlated, resource });
  if (errors.length === 0 || correlated === uncorrelated) return errors;
  // The strict pass is the common, cheap one. Only a write that fails it pays for comparing with the old object.
  return new Validator({ path, ratchet: true }).run(value, { node, old: correlated, resource });
}

interface Place {
  readonly node: SchemaNode;
  readonly old: Correlated;
  readonly resource: boolean;
}

class Validator {
  readonly #path: PathStack;
  readonly #base: number;
  readonly #ratchet: boolean;
  readonly #budget: RuleBudget = createRuleBudget();
  /** Combinators run their branches with rules and list types off: those belong to the structural part. */
  #values = 0;
  #errors: FieldError[] = [];

  constructor({ path, ratchet }: { readonly path: readonly (string | number)[]; readonly ratchet: boolean }) {
    this.#path = [...path];
    this.#base = path.length;
    this.#ratchet = ratchet;
  }

  run(value: unknown, place: Place): FieldError[] {
    this.#check(value, place);
    return this.#errors;
  }

  #here(): string {
    return formatPath(this.#path);
  }

  #check(value: unknown, place: Place): void {
    const { node, old } = place;
    if (this.#ratchet && old !== uncorrelated && equal(value, old.value)) {
      // Transition rules see unchanged values too; everything else is forgiven.
      if (this.#values === 0) this.#checkTransitions(value, place);
      return;
    }
    if (this.#path.length - this.#base > maxDepth) {
      this.#errors.push(invalid(this.#here(), '...', `must not nest deeper than ${maxDepth} levels`));
      return;
    }
    const { schema } = node;
    const before = this.#errors.length;
    if (!this.#checkType(value, node)) return;
    if (value === null) {
      if (schema.enum !== undefined && !node.nullable) this.#push(checkEnum(value, schema, this.#here()));
      return;
    }
    if (
      schema.anyOf !== undefined ||
      schema.oneOf !== undefined ||
      schema.allOf !== undefined ||
      schema.not
    ) {
      this.#checkCombinators(value, node);
    }
    if (schema.enum !== undefined) this.#push(checkEnum(value, schema, this.#here()));
    switch (typeof value) {
      case 'string':
        checkString(value, schema, { path: this.#path, errors: this.#errors });
        break;
      case 'number':
        checkNumber(value, schema, { path: this.#path, errors: this.#errors });
        break;
      case 'object':
        if (Array.isArray(value)) this.#checkItems(value, place);
        else this.#checkFields(value as JsonObject, place); // JSON: neither null nor array
        break;
      default:
    }
    // A rule may rely on the types that the schema promises, so it runs only where they hold.
    if (this.#values === 0 && schema['x-kubernetes-validations'] !== undefined) {
      const sound = this.#errors.length === before;
      if (sound) this.#checkRules(value, place);
    }
  }

  #push(error: FieldError | undefined): void {
    if (error !== undefined) this.#errors.push(error);
  }

  /** False when the type is wrong, so that nothing else is worth checking. */
  #checkType(value: unknown, node: SchemaNode): boolean {
    const { type } = node.schema;
    if (type === undefined && !node.intOrString) return true;
    if (value === null && node.nullable) return true;
    const actual = jsonType(value);
    if (node.intOrString) {
      if (actual === 'integer' || actual === 'string') return true;
    } else if (actual === type || (type === 'number' && actual === 'integer')) {
      return true;
    }
    const expected = node.intOrString ? 'integer,string' : type;
    const here = this.#here();
    const detail = `${here} in body must be of type ${expected}: ${JSON.stringify(actual)}`;
    this.#errors.push(typeInvalid(here, actual, detail.trimStart()));
    return false;
  }

  #checkFields(map: JsonObject, { node, old, resource }: Place): void {
    const { schema } = node;
    if (schema.minProperties !== undefined || schema.maxProperties !== undefined) {
      checkMapSize(map, schema, { path: this.#path, errors: this.#errors });
    }
    if (schema.required !== undefined) {
      for (const key of schema.required) {
        if (!Object.hasOwn(map, key)) this.#errors.push(required(formatPath([...this.#path, key])));
      }
    }
    if (node.embedded && !resource && this.#values === 0) {
      validateEmbeddedResource(map, { path: this.#path, errors: this.#errors });
    }
    const oldMap = old !== uncorrelated && isObject(old.value) ? old.value : undefined;
    const follows = oldMap !== undefined && schema['x-kubernetes-map-type'] !== 'atomic';
    const { properties, additional } = node;
    for (const key of Object.keys(map)) {
      const child = properties.get(key) ?? additional;
      if (child === undefined) continue;
      this.#path.push(key);
      const oldChild = follows && Object.hasOwn(oldMap, key) ? { value: oldMap[key] } : uncorrelated;
      this.#check(map[key], { node: child, old: oldChild, resource: false });
      this.#path.pop();
    }
  }

  #checkItems(list: readonly unknown[], { node, old }: Place): void {
    const { schema, items } = node;
    checkListSize(list, schema, { path: this.#path, errors: this.#errors });
    const oldList = old !== uncorrelated && Array.isArray(old.value) ? old.value : undefined;
    const keys =
      schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
    if (this.#values === 0 && hasDuplicates(list, schema)) {
      // Duplicates that were stored before do not block other edits.
      if (!(this.#ratchet && oldList !== undefined && hasDuplicates(oldList, schema))) {
        this.#errors.push(...listTypeErrors(list, schema, this.#path));
      }
    }
    if (items === undefined) return;
    for (let i = 0; i < list.length; i++) {
      this.#path.push(i);
      const oldItem =
        oldList !== undefined && keys !== undefined
          ? findMapItem(oldList, list[i], { items, keys })
          : uncorrelated;
      this.#check(list[i], { node: items, old: oldItem, resource: false });
      this.#path.pop();
    }
  }

  #checkCombinators(value: unknown, node: SchemaNode): void {
    const quoted = JSON.stringify(this.#here());
    const fail = (detail: string): void => {
      this.#errors.push(invalid(this.#here(), '', detail));
    };
    if (node.anyOf.length > 0) {
      const best = this.#bestOf(value, node.anyOf);
      if (best.valid === 0) {
        fail(`${quoted} must validate at least one schema (anyOf)`);
        this.#errors.push(...best.errors);
      }
    }
    if (node.oneOf.length > 0) {
      const best = this.#bestOf(value, node.oneOf);
      if (best.valid !== 1) {
        const found = best.valid === 0 ? 'Found none valid' : `Found ${best.valid} valid alternatives`;
        fail(`${quoted} must validate one and only one schema (oneOf). ${found}`);
        if (best.valid === 0) this.#errors.push(...best.errors);
      }
    }
    if (node.allOf.length > 0) {
      const failures = node.allOf.map((branch) => this.#try(value, branch)).filter((each) => each.length > 0);
      if (failures.length > 0) {
        this.#errors.push(...failures.flat());
        fail(`${quoted} must validate all the schemas (allOf)`);
      }
    }
    if (node.not !== undefined && this.#try(value, node.not).length === 0) {
      fail(`${quoted} must not validate the schema (not)`);
    }
  }

  /** How many branches hold, and the errors of the branch that came closest. */
  #bestOf(value: unknown, branches: readonly SchemaNode[]): { valid: number; errors: readonly FieldError[] } {
    let valid = 0;
    let closest: readonly FieldError[] | undefined;
    for (const branch of branches) {
      const errors = this.#try(value, branch);
      if (errors.length === 0) valid++;
      else if (closest === undefined || errors.length < closest.length) closest = errors;
    }
    return { valid, errors: closest ?? [] };
  }

  #try(value: unknown, node: SchemaNode): readonly FieldError[] {
    const outer = this.#errors;
    this.#errors = [];
    this.#values++;
    this.#check(value, { node, old: uncorrelated, resource: false });
    this.#values--;
    const inner = this.#errors;
    this.#errors = outer;
    return inner;
  }

  #checkRules(value: unknown, place: Place): void {
    const { node, old, resource } = place;
    const unchanged = old !== uncorrelated && equal(value, old.value);
    const scope = { node, old, resource, transitionsOnly: unchanged, path: this.#path, budget: this.#budget };
    this.#errors.push(...checkRules(value, scope));
  }

  /** Ratcheted subtrees skip all but transition rules; those sit anywhere below. */
  #checkTransitions(value: unknown, place: Place): void {
    const { node, old } = place;
    if (!node.hasTransitionRules) return;
    if (node.schema['x-kubernetes-validations'] !== undefined) this.#checkRules(value, place);
    if (old === uncorrelated) return;
    if (Array.isArray(value)) {
      const items = node.items;
      if (items === undefined) return;
      const keys =
        node.schema['x-kubernetes-list-type'] === 'map'
          ? node.schema['x-kubernetes-list-map-keys']
          : undefined;
      if (keys === undefined) return;
      value.forEach((item, i) => {
        this.#path.push(i);
        this.#checkTransitions(item, { node: items, old: { value: item }, resource: false });
        this.#path.pop();
      });
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) {
        const child = node.properties.get(key) ?? node.additional;
        if (child === undefined) continue;
        this.#path.push(key);
        this.#checkTransitions(value[key], { node: child, old: { value: value[key] }, resource: false });
        this.#path.pop();
      }
    }
  }
}

/** The JSON Schema type of a value, as error messages name it. */
export function jsonType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
