/**
 * Reads the generated table of built-in types (gen/builtin-types.ts): structures with the JSON name, protobuf number,
 * type, presence rules and list rules of each field. Expanded one structure at a time, when first asked for.
 * Schemas, canonical form, protobuf and OpenAPI are all derived from it. Pure; holds nothing but the table.
 *
 * The letters of a type in the table: `s` string, `b` bool, `i` int32, `l` int64, `u` uint32, `w` uint64, `d` double,
 * `B` bytes, `T` Time, `M` MicroTime, `D` Duration, `F` FieldsV1, `Q` Quantity, `I` IntOrString, `R` RawExtension,
 * `J` JSON of a CRD schema, `#name` structure, `ename` closed set of strings; before another type: `[` list, `{` map
 * from string, `~` list that has a message of its own on the wire. Flags: `p` pointer, `o` omitempty, `z` omitzero,
 * `r` required, `i` inlined into its parent in JSON.
 */
import { builtinTypesJson } from '../gen/builtin-types.js';

export type ScalarName =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'fields'
  | 'quantity'
  | 'intOrString'
  | 'raw'
  | 'json';

/** The type of a field. */
export type FieldType =
  | { readonly is: 'scalar'; readonly name: ScalarName; readonly values?: readonly string[] }
  | { readonly is: 'list'; readonly items: FieldType; readonly wrapped: boolean }
  | { readonly is: 'map'; readonly values: FieldType }
  | { readonly is: 'struct'; readonly struct: StructType };

/** One field of a structure, by Go's rules of presence. */
export interface FieldFacts {
  readonly name: string;
  /** Protobuf field number; 0: not on the wire. */
  readonly number: number;
  readonly type: FieldType;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly required: boolean;
  readonly inline: boolean;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic';
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly default?: unknown;
}

interface FieldExtras {
  readonly lt?: 'atomic' | 'set' | 'map';
  readonly lk?: readonly string[];
  readonly mt?: 'atomic';
  readonly ps?: string;
  readonly pk?: string;
  readonly d?: unknown;
}

type FieldEntry = readonly [string, number, string, string, FieldExtras?];

interface PackageEntry {
  readonly ref: string;
  readonly types: Readonly<Record<string, readonly FieldEntry[]>>;
  readonly enums?: Readonly<Record<string, readonly string[]>>;
  readonly atomic?: readonly string[];
}

const scalarNames: Readonly<Record<string, ScalarName>> = {
  s: 'string',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  u: 'uint32',
  w: 'uint64',
  d: 'double',
  B: 'bytes',
  T: 'time',
  M: 'microTime',
  D: 'duration',
  F: 'fields',
  Q: 'quantity',
  I: 'intOrString',
  R: 'raw',
  J: 'json',
};

let table: Readonly<Record<string, PackageEntry>> | undefined;

function packageEntry(id: string): PackageEntry | undefined {
  table ??= JSON.parse(builtinTypesJson) as Readonly<Record<string, PackageEntry>>; // our own generated text
  return Object.hasOwn(table, id) ? table[id] : undefined;
}

/** A structure of the table. One instance per structure. */
export class StructType {
  /** Package in the table, e.g. `core/v1`. */
  readonly packageId: string;
  readonly name: string;
  /** OpenAPI component, e.g. `io.k8s.api.core.v1.PodSpec`. */
  readonly ref: string;
  /** An apply replaces it whole. */
  readonly atomic: boolean;
  readonly #entries: readonly FieldEntry[];
  #fields: readonly FieldFacts[] | undefined;
  #byNumber: ReadonlyMap<number, FieldFacts> | undefined;

  constructor(id: { packageId: string; name: string }, entry: PackageEntry) {
    this.packageId = id.packageId;
    this.name = id.name;
    this.ref = `${entry.ref}.${id.name}`;
    this.atomic = entry.atomic?.includes(id.name) ?? false;
    this.#entries = entry.types[id.name] ?? [];
  }

  get fields(): readonly FieldFacts[] {
    this.#fields ??= this.#entries.map((entry) => readField(entry, this.packageId));
    return this.#fields;
  }

  get byNumber(): ReadonlyMap<number, FieldFacts> {
    this.#byNumber ??= new Map(
      this.fields.filter((field) => field.number > 0).map((field) => [field.number, field]),
    );
    return this.#byNumber;
  }
}

/** Structures in Go that write themselves as one value. */
const structScalars: ReadonlySet<ScalarName> = new Set([
  'time',
  'microTime',
  'duration',
  'quantity',
  'intOrString',
  'raw',
  'fields',
  'json',
]);

/** Whether Go's type is a structure, which `omitempty` never leaves out. */
export function isGoStruct(type: FieldType): boolean {
  return type.is === 'struct' || (type.is === 'scalar' && structScalars.has(type.name));
}

/** Whether Go leaves the field out of JSON when it was not given. */
export function mayBeAbsent({ type, pointer, omitEmpty, omitZero }: FieldFacts): boolean {
  return omitZero || (omitEmpty && (pointer || !isGoStruct(type)));
}

function readField([name, number, type, flags, extras = {}]: FieldEntry, packageId: string): FieldFacts {
  return {
    name,
    number,
    type: readType(type, packageId),
    pointer: flags.includes('p'),
    omitEmpty: flags.includes('o'),
    omitZero: flags.includes('z'),
    required: flags.includes('r'),
    inline: flags.includes('i'),
    ...(extras.lt && { listType: extras.lt }),
    ...(extras.lk && { listMapKeys: extras.lk }),
    ...(extras.mt && { mapType: extras.mt }),
    ...(extras.ps && { patchStrategy: extras.ps }),
    ...(extras.pk && { patchMergeKey: extras.pk }),
    ...(extras.d !== undefined && { default: extras.d }),
  };
}

function readType(text: string, packageId: string): FieldType {
  const rest = text.slice(1);
  switch (text[0]) {
    case '[':
      return { is: 'list', items: readType(rest, packageId), wrapped: false };
    case '~': {
      const list = readType(rest, packageId);
      if (list.is !== 'list') throw new Error(`type table: ${text} wraps something that is not a list`);
      return { ...list, wrapped: true };
    }
    case '{':
      return { is: 'map', values: readType(rest, packageId) };
    case '#': {
      const id = qualified(rest, packageId);
      const struct = structType(id.packageId, id.name);
      if (struct === undefined) throw new Error(`type table: no structure ${rest} in ${packageId}`);
      return { is: 'struct', struct };
    }
    case 'e': {
      const id = qualified(rest, packageId);
      return { is: 'scalar', name: 'string', values: packageEntry(id.packageId)?.enums?.[id.name] ?? [] };
    }
    default: {
      const name = scalarNames[text];
      if (name === undefined) throw new Error(`type table: unknown type ${text} in ${packageId}`);
      return { is: 'scalar', name };
    }
  }
}

function qualified(text: string, packageId: string): { packageId: string; name: string } {
  const dot = text.indexOf('.');
  return dot < 0 ? { packageId, name: text } : { packageId: text.slice(0, dot), name: text.slice(dot + 1) };
}

const structs = new Map<string, StructType>();

/** The structure of a package, or undefined when the table does not have it. */
export function structType(packageId: string, name: string): StructType | undefined {
  const key = `${packageId}.${name}`;
  const known = structs.get(key);
  if (known !== undefined) return known;
  const entry = packageEntry(packageId);
  if (entry === undefined || !Object.hasOwn(entry.types, name)) return undefined;
  const struct = new StructType({ packageId, name }, entry);
  structs.set(key, struct);
  return struct;
}

/** The Kubernetes API groups whose package is not named after their first label. */
const packageNames: Readonly<Record<string, string>> = { '': 'core', 'rbac.authorization.k8s.io': 'rbac' };

/** The structure of a kind, e.g. `apps`, `v1`, `Deployment`. */
export function kindStruct(group: string, version: string, kind: string): StructType | undefined {
  const own = Object.hasOwn(packageNames, group) ? packageNames[group] : group.split('.', 1)[0];
  return structType(`${own}/${version}`, kind);
}

/** The same, for the meta kinds that every group version accepts (DeleteOptions and its like). */
export function metaStruct(name: string): StructType {
  const struct = structType('meta/v1', name);
  if (struct === undefined) throw new Error(`type table: no structure ${name} in meta/v1`);
  return struct;
}
