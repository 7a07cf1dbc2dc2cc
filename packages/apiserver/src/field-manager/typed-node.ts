/**
 * A schema as field management reads it: which maps and lists are one value, by what list items are told apart,
 * which fields are named. Built lazily and once per schema. Object metadata has the same form in every kind, so it is
 * taken from here, whatever a CRD says about it. Pure.
 */
import type { JsonObject, Schema } from '@flotilla/api';

const string: Schema = { type: 'string' };
const strings: Schema = { type: 'object', additionalProperties: string };

/** metav1.ObjectMeta with the extensions that merging needs. */
export const objectMetaSchema: Schema = {
  type: 'object',
  properties: {
    annotations: strings,
    creationTimestamp: string,
    deletionGracePeriodSeconds: { type: 'integer' },
    deletionTimestamp: string,
    finalizers: {
      type: 'array',
      items: string,
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    generateName: string,
    generation: { type: 'integer' },
    labels: strings,
    managedFields: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'atomic' },
    name: string,
    namespace: string,
    ownerReferences: {
      type: 'array',
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: string,
          blockOwnerDeletion: { type: 'boolean' },
          controller: { type: 'boolean' },
          kind: string,
          name: string,
          uid: string,
        },
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'uid',
    },
    resourceVersion: string,
    selfLink: string,
    uid: string,
  },
};

/** Fields whose owner is the server: they are in nobody's set. */
const untrackedRoot: ReadonlySet<string> = new Set(['apiVersion', 'kind']);
const untrackedMeta: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);
const nothing: ReadonlySet<string> = new Set();

/** A tree of fields that a built-in object always has, filled or not; nobody becomes their owner by writing into them. */
interface Implied {
  readonly [field: string]: Implied;
}

const template: Implied = { metadata: {}, spec: { containers: {} } };
const impliedBuiltin: Implied = {
  spec: {
    containers: {},
    strategy: {},
    updateStrategy: {},
    template,
    jobTemplate: { metadata: {}, spec: { template } },
  },
  status: { loadBalancer: {} },
};

/** How field management treats the values at one place of a schema. */
export class TypedNode {
  /** True: a map or list here is one value, owned and replaced as a whole. */
  readonly atomicMap: boolean;
  /** Absent: a list here is one value. Empty: a set. Else the sorted key fields of a map list. */
  readonly listKeys: readonly string[] | undefined;
  /** True: the node itself is never owned, only what is in it. */
  readonly untracked: boolean;
  /** True: an update does not own the node itself; an apply that names it empty does. */
  readonly implied: boolean;
  /** Fields below that are in nobody's set. */
  readonly untrackedFields: ReadonlySet<string>;
  /** True when a null here stands for an empty map or list that is merged by its parts. */
  readonly granular: boolean;
  readonly #schema: Schema;
  readonly #implied: Implied | undefined;
  readonly #root: boolean;
  readonly #fields = new Map<string, TypedNode>();
  #items: TypedNode | undefined;
  #defaults: Readonly<JsonObject> | undefined;

  constructor(
    schema: Schema,
    options: { role?: 'root' | 'metadata'; implied?: Implied; inside?: boolean } = {},
  ) {
    this.#schema = schema;
    this.#root = options.role === 'root' || schema['x-kubernetes-embedded-resource'] === true;
    this.#implied = options.implied;
    this.atomicMap = schema['x-kubernetes-map-type'] === 'atomic';
    this.listKeys = listKeysOf(schema);
    this.untracked = options.role === 'metadata';
    this.implied = options.inside === true;
    this.untrackedFields =
      options.role === 'root' ? untrackedRoot : options.role === 'metadata' ? untrackedMeta : nothing;
    this.granular = schema.type === 'array' ? this.listKeys !== undefined : !this.atomicMap;
  }

  /** Values of the key fields that an item may leave out. */
  get keyDefaults(): Readonly<JsonObject> {
    this.#defaults ??= Object.fromEntries(
      (this.listKeys ?? []).flatMap((key) => {
        const value = this.#schema.items?.properties?.[key]?.default;
        return value === undefined ? [] : [[key, value]];
      }),
    );
    return this.#defaults;
  }

  get items(): TypedNode {
    this.#items ??= this.#schema.items === undefined ? deduced : typedNode(this.#schema.items);
    return this.#items;
  }

  /** True for a field that the schema names, false for a map's key. */
  isNamed(field: string): boolean {
    const properties = this.#schema.properties;
    if (properties !== undefined && Object.hasOwn(properties, field)) return true;
    return this.#root && (field === 'metadata' || field === 'apiVersion' || field === 'kind');
  }

  field(name: string): TypedNode {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const { properties, additionalProperties } = this.#schema;
    if (this.#root && name === 'metadata') {
      // Only the outermost metadata is the server's; that of an embedded object is data.
      const node = this.untrackedFields === untrackedRoot ? rootMetadata : typedNode(objectMetaSchema);
      this.#fields.set(name, node);
      return node;
    }
    if (properties !== undefined && Object.hasOwn(properties, name)) {
      const schema = properties[name] ?? {};
      const implied =
        this.#implied !== undefined && Object.hasOwn(this.#implied, name) ? this.#implied[name] : undefined;
      const node =
        implied === undefined ? typedNode(schema) : new TypedNode(schema, { implied, inside: true });
      this.#fields.set(name, node);
      return node;
    }
    // Not remembered by name: the keys of a map are unbounded.
    return typeof additionalProperties === 'object' ? typedNode(additionalProperties) : deduced;
  }
}

function listKeysOf(schema: Schema): readonly string[] | undefined {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return [];
    case 'map':
      return [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
    default:
      return undefined;
  }
}

/** Where the schema says nothing: maps by their fields, lists as one value. */
const deduced = new TypedNode({});
const rootMetadata = new TypedNode(objectMetaSchema, { role: 'metadata' });
const nodes = new WeakMap<Schema, TypedNode>();
const roots = new WeakMap<Schema, TypedNode>();

function typedNode(schema: Schema): TypedNode {
  let node = nodes.get(schema);
  if (node === undefined) {
    node = new TypedNode(schema);
    nodes.set(schema, node);
  }
  return node;
}

/** The root of a kind's schema. Kinds with a published component name are the built-in ones. */
export function rootNode(schema: Schema): TypedNode {
  let node = roots.get(schema);
  if (node === undefined) {
    const builtin = schema['x-flotilla-ref'] !== undefined;
    node = new TypedNode(schema, { role: 'root', ...(builtin && { implied: impliedBuiltin }) });
    roots.set(schema, node);
  }
  return node;
}
