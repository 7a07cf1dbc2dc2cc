/**
 * Components of OpenAPI documents, from schemas. A schema node that carries `x-flotilla-ref` becomes a component and a
 * `$ref`; everything else is written in place. CRDs are published as one component with their whole schema. Collects
 * as it goes; one collector per document.
 */
import type { JsonObject, Schema } from '@flotilla/api';
import { requiredFields, structSchema } from '../builtin/schemas.js';
import { metaStruct } from '../builtin/type-table.js';
import type { ResourceDefinition } from '../registry/resource.js';

const metaRef = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Components whose published form is not that of the schema we validate with. */
const fixedComponents: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { oneOf: [{ type: 'string' }, { type: 'number' }] },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
  },
  [`${metaRef}.FieldsV1`]: { type: 'object' },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object' },
};

/** Swagger 2 has no oneOf. */
const fixedComponentsV2: Readonly<Record<string, JsonObject>> = {
  ...fixedComponents,
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
};

/** Keywords that Swagger 2 does not have. */
const notInV2: ReadonlySet<string> = new Set([
  'nullable',
  'oneOf',
  'anyOf',
  'not',
  'x-kubernetes-validations',
]);

export class ComponentCollector {
  readonly #components = new Map<string, JsonObject>();
  readonly #v2: boolean;

  constructor(options: { readonly v2: boolean }) {
    this.#v2 = options.v2;
  }

  /** All components so far, by name. */
  components(): JsonObject {
    return Object.fromEntries([...this.#components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Publishes a kind and its list; answers their names. */
  addKind(definition: ResourceDefinition): { kind: string; list: string } {
    const kind = componentName(definition);
    const list = `${kind}List`;
    if (this.#components.has(kind)) return { kind, list };
    const { group, version } = definition;
    const gvk = (name: string): JsonObject[] => [{ group, version, kind: name }];
    this.#components.set(kind, {});
    const body =
      definition.origin === 'crd'
        ? this.#customKind(definition.schema)
        : this.#structure(definition.schema, kind);
    this.#components.set(kind, { ...body, 'x-kubernetes-group-version-kind': gvk(definition.kind) });
    this.#components.set(list, {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.meta('ListMeta'),
        items: { type: 'array', items: this.ref(kind) },
      },
      'x-kubernetes-group-version-kind': gvk(definition.listKind),
    });
    return { kind, list };
  }

  /** A `$ref` to a structure of meta.k8s.io/v1, which is published along. */
  meta(name: string): JsonObject {
    return this.#referTo(`${metaRef}.${name}`, structSchema(metaStruct(name)));
  }

  /** A `$ref` to a published component. */
  ref(name: string): JsonObject {
    return { $ref: `${this.#v2 ? '#/definitions/' : '#/components/schemas/'}${name}` };
  }

  #referTo(name: string, schema: Schema): JsonObject {
    if (!this.#components.has(name)) {
      const fixed = (this.#v2 ? fixedComponentsV2 : fixedComponents)[name];
      this.#components.set(name, fixed ?? {});
      if (fixed === undefined) this.#components.set(name, this.#structure(schema, name));
    }
    return this.ref(name);
  }

  /** The root of a component: written out, whatever its own name. */
  #structure(schema: Schema, name: string): JsonObject {
    const { 'x-flotilla-ref': _, 'x-kubernetes-group-version-kind': _gvk, ...rest } = schema;
    const required = requiredFields(name);
    return { ...this.#node(rest), ...(required.length > 0 && { required }) };
  }

  /** A node in its place: a reference where it is a component, with its own extensions beside. */
  #node(schema: Schema): JsonObject {
    const { 'x-flotilla-ref': name, ...rest } = schema;
    if (name === undefined) return this.#plain(rest);
    const reference = this.#referTo(name, schema);
    const extras = extrasOf(rest);
    if (Object.keys(extras).length === 0) return reference;
    // Swagger 2 clients take a reference for what it is only when it is not wrapped.
    return this.#v2 ? { ...reference, ...extras } : { allOf: [reference], ...extras };
  }

  #plain(schema: Schema): JsonObject {
    const out: JsonObject = {};
    const record = schema as JsonObject; // keywords are copied by name
    for (const key of Object.keys(record)) {
      if (record[key] === undefined || (this.#v2 && notInV2.has(key))) continue;
      out[key] = this.#keyword(key, record[key]);
    }
    if (this.#v2 && schema['x-kubernetes-preserve-unknown-fields'] === true) {
      // Swagger clients would refuse what the properties do not name.
      delete out['properties'];
      delete out['items'];
    }
    return out;
  }

  #keyword(key: string, value: unknown): unknown {
    switch (key) {
      case 'properties':
        return mapValues(value as Record<string, Schema>, (child) => this.#node(child));
      case 'items':
      case 'not':
        return this.#node(value as Schema);
      case 'additionalProperties':
        return typeof value === 'object' ? this.#node(value as Schema) : value;
      case 'allOf':
      case 'anyOf':
      case 'oneOf':
        return (value as Schema[]).map((child) => this.#node(child));
      default:
        return value;
    }
  }

  /** A CRD's schema with the metadata that every object has. */
  #customKind(schema: Schema): JsonObject {
    const body = this.#plain(schema);
    const properties = (body['properties'] ?? {}) as JsonObject; // made by #plain from a schema
    if (body['properties'] === undefined && schema['x-kubernetes-preserve-unknown-fields'] === true)
      return body;
    return {
      ...body,
      type: 'object',
      properties: {
        ...properties,
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.meta('ObjectMeta'),
      },
    };
  }
}

/** What a field says beyond its type. */
function extrasOf(schema: Schema): JsonObject {
  const out: JsonObject = {};
  for (const key of ['default', 'x-kubernetes-patch-strategy', 'x-kubernetes-patch-merge-key'] as const) {
    if (schema[key] !== undefined) out[key] = schema[key];
  }
  return out;
}

function mapValues(record: Readonly<Record<string, Schema>>, fn: (child: Schema) => JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([key, child]) => [key, fn(child)]));
}

/** `io.k8s.api.apps.v1.Deployment`, or `com.example.v1.Widget` for a CRD of example.com. */
export function componentName({ group, version, kind, schema }: ResourceDefinition): string {
  const own = schema['x-flotilla-ref'];
  if (own !== undefined) return own;
  return [...group.split('.').reverse(), version, kind].filter((part) => part !== '').join('.');
}
