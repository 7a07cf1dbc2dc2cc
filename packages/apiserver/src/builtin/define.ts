/**
 * Makes resource definitions from short facts about a built-in resource: one definition for each API version that the
 * Kubernetes minor serves, with the generic strategy of built-in kinds around what the facts add. The generic part is:
 * Go's canonical form (canonicalize.ts), then the kind's defaults, then the kind's own preparation.
 */
import type { FieldError, JsonObject, KubeObject, Schema } from '@flotilla/api';
import type {
  CustomSubresource,
  PrinterColumn,
  ResourceDefinition,
  ScaleSpec,
  Strategy,
  Verb,
  WriteContext,
} from '../registry/resource.js';
import { canonicalize } from './canonicalize.js';
import { ageColumn, nameColumn } from './columns.js';
import { emptyRequiredFields } from './required-fields.js';
import { builtinSchema } from './schemas.js';
import { servedVersions, storageVersionOf } from './served-versions.js';

export type Profile = 'hub' | 'cluster';

/** What the server's owner decides. */
export interface BuiltinOptions {
  /** `hub` leaves out workloads, nodes and storage. */
  readonly profile: Profile;
  /** Decides which API versions are served. */
  readonly kubernetesVersion: { readonly major: number; readonly minor: number };
  /** Gives Services their addresses; absent: they get none. */
  readonly serviceNetwork?: ServiceNetwork;
  /** Eviction and binding of pods; absent: the two subresources are not served. */
  readonly podActions?: PodActions;
  /** Further subresources, by resource of the core group. */
  readonly streams?: Readonly<Record<string, readonly CustomSubresource[]>>;
}

type SubresourceContext = WriteContext & { readonly name: string; readonly parent: KubeObject | undefined };

/** Effects on a pod that its subresources have. Both answer a Status or throw StatusError. */
export interface PodActions {
  bind(nodeName: string, context: SubresourceContext): Promise<KubeObject>;
  /** Deletes the pod with the given DeleteOptions, unless a disruption budget forbids it (429). */
  evict(deleteOptions: JsonObject, context: SubresourceContext): Promise<KubeObject>;
}

/** Allocation of Service addresses and node ports. Throws StatusError when one is taken or none is left. */
export interface ServiceNetwork {
  /** An address, the requested one if given. With `dryRun` nothing is kept. */
  allocateIp(request: AllocationRequest<string>): string | Promise<string>;
  allocateNodePort(request: AllocationRequest<number>): number | Promise<number>;
}

export interface AllocationRequest<T> {
  readonly requested?: T;
  readonly dryRun: boolean;
  readonly nowMs: number;
}

type Hook = (object: KubeObject, context: WriteContext) => void | Promise<void>;

/** Conversion between a served version and the stored one. */
export interface Conversion {
  toStorage(object: KubeObject): KubeObject;
  fromStorage(object: KubeObject): KubeObject;
}

/** A built-in resource, in all its versions. */
export interface BuiltinFacts {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  /** Served by a hub too. */
  readonly hub?: boolean;
  readonly verbs?: readonly Verb[];
  readonly hasStatus?: boolean;
  readonly takesStatusOnCreate?: boolean;
  readonly scale?: ScaleSpec;
  readonly subresources?: readonly CustomSubresource[];
  readonly columns?: readonly PrinterColumn[];
  readonly selectableFields?: ResourceDefinition['selectableFields'];
  /** Fills in what is absent, on every write. */
  readonly defaults?: (object: KubeObject) => void;
  readonly create?: Hook;
  readonly update?: (object: KubeObject, old: KubeObject, context: WriteContext) => void | Promise<void>;
  readonly validate?: (object: KubeObject, context: WriteContext) => readonly FieldError[];
  readonly validateUpdate?: (
    object: KubeObject,
    old: KubeObject,
    context: WriteContext,
  ) => readonly FieldError[];
  readonly strategy?: Partial<
    Pick<
      Strategy,
      | 'tracksGeneration'
      | 'allowCreateOnUpdate'
      | 'deleteReturnsObject'
      | 'nameRule'
      | 'beforeDelete'
      | 'holdsDeletion'
    >
  >;
  /** By `<group>/<version>`, for versions whose form differs from the stored one. */
  readonly conversions?: Readonly<Record<string, Conversion>>;
  /** Facts that hold in one `<group>/<version>` only. */
  readonly overrides?: Readonly<
    Record<string, Partial<Pick<BuiltinFacts, 'defaults' | 'columns' | 'selectableFields'>>>
  >;
}

const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** The definitions of a resource; none when the profile or the version has no such resource. */
export function define(facts: BuiltinFacts, options: BuiltinOptions): ResourceDefinition[] {
  if (options.profile === 'hub' && facts.hub !== true) return [];
  const served = servedVersions(facts, options.kubernetesVersion.minor);
  const stored = storageVersionOf(facts);
  return served.map(({ group, version, warning }) => {
    const id = `${group}/${version}`;
    const merged = { ...facts, ...facts.overrides?.[id] };
    const { kind } = facts;
    const moved = group !== stored.group;
    const convert = facts.conversions?.[id];
    return {
      group,
      version,
      resource: facts.resource,
      singular: facts.singular ?? kind.toLowerCase(),
      kind,
      listKind: `${kind}List`,
      namespaced: facts.namespaced,
      shortNames: facts.shortNames ?? [],
      categories: facts.categories ?? [],
      verbs: facts.verbs ?? allVerbs,
      get schema(): Schema {
        return builtinSchema(group, version, kind);
      },
      origin: 'builtin',
      columns: merged.columns ?? [nameColumn, ageColumn],
      strategy: strategyOf(merged, { group, version }),
      hasStatus: facts.hasStatus ?? false,
      ...(facts.takesStatusOnCreate === true && { takesStatusOnCreate: true }),
      ...(facts.scale && { scale: facts.scale }),
      subresources: facts.subresources ?? [],
      selectableFields: merged.selectableFields ?? {},
      storageVersion: stored.version,
      ...(moved && { storageGroup: stored.group }),
      ...((convert !== undefined || moved) && {
        convert: withApiVersions(convert, {
          stored: apiVersion(stored),
          served: apiVersion({ group, version }),
        }),
      }),
      ...(warning !== undefined && { deprecationWarning: warning }),
    };
  });
}

function apiVersion({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`;
}

function withApiVersions(
  conversion: Conversion | undefined,
  versions: { stored: string; served: string },
): Conversion {
  return {
    toStorage: (object) => ({
      ...(conversion?.toStorage(object) ?? object),
      apiVersion: versions.stored,
    }),
    fromStorage: (object) => ({
      ...(conversion?.fromStorage(object) ?? object),
      apiVersion: versions.served,
    }),
  };
}

function strategyOf(facts: BuiltinFacts, { group, version }: { group: string; version: string }): Strategy {
  const { defaults, create, update, validate, validateUpdate, kind } = facts;
  const check = (object: KubeObject, context: WriteContext): readonly FieldError[] => {
    const own = validate?.(object, context) ?? [];
    const known = new Set(own.map(({ field }) => field));
    const empty = emptyRequiredFields(object, { group, version, kind }).filter(
      ({ field }) => !known.has(field),
    );
    return [...own, ...empty];
  };
  const complete = (object: KubeObject): void => {
    canonicalize(object, { group, version, kind });
    defaults?.(object);
  };
  return {
    tracksGeneration: false,
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: true,
    deleteReturnsObject: false,
    nameRule: 'subdomain',
    ...facts.strategy,
    complete,
    prepareForCreate(object, context) {
      complete(object);
      return create?.(object, context);
    },
    prepareForUpdate(object, old, context) {
      complete(object);
      // Subresources take only their own part over; nothing else of the object changes there.
      return context.subresource === undefined ? update?.(object, old, context) : undefined;
    },
    validate: check,
    validateUpdate: (object, old, context) => [
      ...check(object, context),
      ...(validateUpdate?.(object, old, context) ?? []),
    ],
  };
}
