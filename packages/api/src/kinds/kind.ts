/**
 * What a kind is to the rest of the system, and the function in which each kind is put together from the
 * schemas of its spec and status. Pure data.
 */
import type { ObjectMeta } from '../object.js';
import { obj, required, str, type TypedSchema } from '../schema/dsl.js';
import type { Schema } from '../schema/schema.js';

/** One entry of a CRD's additionalPrinterColumns. */
export interface KindColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly format?: string;
  /** Above 0: shown with `-o wide` only. */
  readonly priority?: number;
}

/** One kind in one version. */
export interface KindDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  /** The whole object, apiVersion, kind and metadata included. */
  readonly schema: Schema;
  readonly columns: readonly KindColumn[];
}

/** What the author of a kind says; the rest follows from it. */
export interface KindSource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly namespaced: boolean;
  readonly description: string;
  readonly spec: Schema;
  /** An object without a spec is refused. */
  readonly requiresSpec?: boolean;
  /** Absent: the kind has no status, and no status subresource. */
  readonly status?: Schema;
  readonly columns?: readonly KindColumn[];
}

/** The TypeScript type of a kind's objects. Neither spec nor status need be there. */
export type KindObject<Spec, Status = never> = {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: Spec;
} & ([Status] extends [never] ? unknown : { status?: Status });

const apiVersion = str({ description: 'Group and version of this object, for example `apps/v1`.' });
const kindField = str({ description: 'Kind of this object. It cannot be changed.' });
const metadata: TypedSchema<ObjectMeta> = { type: 'object', description: 'Standard object metadata.' };

/** Completes a kind. */
export function defineKind(source: KindSource): KindDefinition {
  const { spec, status, description, requiresSpec = false, ...names } = source;
  return {
    ...names,
    listKind: `${source.kind}List`,
    singular: source.kind.toLowerCase(),
    shortNames: source.shortNames ?? [],
    hasStatus: status !== undefined,
    schema: obj(
      {
        apiVersion,
        kind: kindField,
        metadata,
        spec: requiresSpec ? required(spec) : spec,
        ...(status && { status }),
      },
      { description },
    ),
    columns: source.columns ?? [],
  };
}

/** Where the objects of a kind are served: what a client needs to address them. */
export function resourceOf(kind: KindDefinition): {
  group: string;
  version: string;
  resource: string;
  namespaced: boolean;
} {
  return { group: kind.group, version: kind.version, resource: kind.plural, namespaced: kind.namespaced };
}

/** The column that almost every kind ends with. */
export const ageColumn: KindColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was created.',
};

/** A column that shows the status of one condition. */
export function conditionColumn(name: string, type: string, description: string): KindColumn {
  return { name, type: 'string', jsonPath: `.status.conditions[?(@.type=="${type}")].status`, description };
}
