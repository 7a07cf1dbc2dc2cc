/**
 * The compiled form of a schema node: what the walkers (prune, default, validate) need, looked up once per node
 * and kept in a WeakMap, so that it lives exactly as long as the schema. Children are compiled at first use, which
 * makes recursive schemas (a Schema object that contains itself) legal and start-up cheap.
 * Schemas must not be changed after their first use. Pure.
 */
import type { Schema } from './schema.js';

/** How deep an object may nest. Beyond it the validator refuses the object; nothing recurses further. */
export const maxDepth = 512;

/** One schema node with its children and flags resolved. */
export class SchemaNode {
  readonly schema: Schema;
  /** x-kubernetes-preserve-unknown-fields. */
  readonly preserve: boolean;
  /** x-kubernetes-embedded-resource. */
  readonly embedded: boolean;
  readonly intOrString: boolean;
  readonly nullable: boolean;
  /** True for `additionalProperties: true`: any value is allowed under any key. */
  readonly additionalAny: boolean;
  #properties: ReadonlyMap<string, SchemaNode> | undefined;
  #defaulted: readonly (readonly [string, SchemaNode])[] | undefined;
  #items: SchemaNode | undefined;
  #additional: SchemaNode | undefined;
  #allOf: readonly SchemaNode[] | undefined;
  #anyOf: readonly SchemaNode[] | undefined;
  #oneOf: readonly SchemaNode[] | undefined;
  #not: SchemaNode | undefined;
  #transitions: boolean | undefined;

  constructor(schema: Schema) {
    this.schema = schema;
    this.preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
    this.embedded = schema['x-kubernetes-embedded-resource'] === true;
    this.intOrString = schema['x-kubernetes-int-or-string'] === true;
    this.nullable = schema.nullable === true;
    this.additionalAny = schema.additionalProperties === true;
  }

  get properties(): ReadonlyMap<string, SchemaNode> {
    this.#properties ??= new Map(
      Object.entries(this.schema.properties ?? {}).map(([key, child]) => [key, nodeOf(child)]),
    );
    return this.#properties;
  }

  /** The properties that have a default. */
  get defaulted(): readonly (readonly [string, SchemaNode])[] {
    this.#defaulted ??= [...this.properties].filter(([, node]) => hasDefault(node.schema));
    return this.#defaulted;
  }

  get items(): SchemaNode | undefined {
    if (this.schema.items === undefined) return undefined;
    this.#items ??= nodeOf(this.schema.items);
    return this.#items;
  }

  /** The schema of undeclared keys, when there is one. */
  get additional(): SchemaNode | undefined {
    const schema = this.schema.additionalProperties;
    if (typeof schema !== 'object') return undefined;
    this.#additional ??= nodeOf(schema);
    return this.#additional;
  }

  get allOf(): readonly SchemaNode[] {
    this.#allOf ??= (this.schema.allOf ?? []).map(nodeOf);
    return this.#allOf;
  }

  get anyOf(): readonly SchemaNode[] {
    this.#anyOf ??= (this.schema.anyOf ?? []).map(nodeOf);
    return this.#anyOf;
  }

  get oneOf(): readonly SchemaNode[] {
    this.#oneOf ??= (this.schema.oneOf ?? []).map(nodeOf);
    return this.#oneOf;
  }

  /** True when this node or one below it has a rule that compares with `oldSelf`. */
  get hasTransitionRules(): boolean {
    this.#transitions ??= findTransitions(this, new Set());
    return this.#transitions;
  }

  get not(): SchemaNode | undefined {
    if (this.schema.not === undefined) return undefined;
    this.#not ??= nodeOf(this.schema.not);
    return this.#not;
  }
}

const nodes = new WeakMap<Schema, SchemaNode>();

/** The compiled node of a schema; the same object for the same schema. */
export function nodeOf(schema: Schema): SchemaNode {
  let node = nodes.get(schema);
  if (node === undefined) {
    node = new SchemaNode(schema);
    nodes.set(schema, node);
  }
  return node;
}

/** True when the node has a default; an explicit null is none, as in Kubernetes. */
export function hasDefault(schema: Schema): boolean {
  return schema.default !== undefined && schema.default !== null;
}

/** True when a CEL rule compares with the old value. */
export function isTransitionRule(rule: string): boolean {
  return /\boldSelf\b/.test(rule);
}

function findTransitions(node: SchemaNode, seen: Set<SchemaNode>): boolean {
  if (seen.has(node)) return false;
  seen.add(node);
  if (node.schema['x-kubernetes-validations']?.some(({ rule }) => isTransitionRule(rule))) return true;
  for (const child of node.properties.values()) if (findTransitions(child, seen)) return true;
  if (node.items !== undefined && findTransitions(node.items, seen)) return true;
  return node.additional !== undefined && findTransitions(node.additional, seen);
}
