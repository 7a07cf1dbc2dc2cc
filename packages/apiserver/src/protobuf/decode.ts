/**
 * Request bodies in `application/vnd.kubernetes.protobuf`, decoded into the JSON form of the object by the rules of
 * apiserver.md 7.3: inlined messages are flattened, special messages get their JSON spelling, and empty values of
 * fields that Go would leave out of JSON are left out. Unknown fields are ignored, as Kubernetes does.
 *
 * Built-in kinds and the options kinds of meta.k8s.io/v1 only. Called by the request decoder.
 */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  newBadRequest,
  parseApiVersion,
  setKey,
} from '@flotilla/api';
import {
  type FieldFacts,
  type FieldType,
  kindStruct,
  type StructType,
  structType,
} from '../builtin/type-table.js';
import {
  bytesOf,
  durationOf,
  int32Of,
  int64Of,
  intOrStringOf,
  jsonOf,
  quantityOf,
  rawOf,
  textOf,
  timeOf,
  varintOf,
} from './scalars.js';
import { readFields, readPacked, WireError, type WireValue } from './wire.js';

/** The four bytes that begin every body: `k8s` and a zero. */
export const protobufMagic: Buffer = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/** Deeper than any real object, CRD schemas included. */
const maxDepth = 128;

/** Options kinds that clients send in their own group's version or in meta's. */
const metaKinds: ReadonlySet<string> = new Set(['DeleteOptions', 'ListOptions']);

/**
 * Decodes a body.
 * @throws StatusError 400 when it is not an envelope, its kind is not known, or its bytes are malformed.
 */
export function decodeProtobufObject(bytes: Uint8Array): KubeObject {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return decodeEnvelope(body, 0);
  } catch (error) {
    if (error instanceof WireError) {
      throw newBadRequest(`the object provided is not a valid protobuf message: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function decodeEnvelope(body: Buffer, depth: number): KubeObject {
  if (!body.subarray(0, 4).equals(protobufMagic)) {
    throw newBadRequest(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  let contentType = '';
  readFields(body.subarray(4), (number, value) => {
    if (number === 1) {
      readFields(bytesOf(value), (part, text) => {
        if (part === 1) apiVersion = textOf(text);
        else if (part === 2) kind = textOf(text);
      });
    } else if (number === 2) raw = bytesOf(value);
    else if (number === 4) contentType = textOf(value);
  });
  if (contentType === 'application/json') return withType(jsonOf(raw), { apiVersion, kind });
  const struct = structOf(apiVersion, kind);
  if (struct === undefined) {
    throw newBadRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  }
  return withType(decodeStruct(raw, struct, depth), { apiVersion, kind });
}

function structOf(apiVersion: string, kind: string): StructType | undefined {
  if (metaKinds.has(kind)) return structType('meta/v1', kind);
  const { group, version } = parseApiVersion(apiVersion);
  return kindStruct(group, version, kind);
}

function withType(value: unknown, type: { apiVersion: string; kind: string }): KubeObject {
  const object = isObject(value) ? value : {};
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  return { ...type, metadata: isObject(metadata) ? metadata : {}, ...rest };
}

function decodeStruct(bytes: Buffer, struct: StructType, depth: number): unknown {
  if (depth > maxDepth) throw new WireError('message is nested too deeply');
  const object: JsonObject = {};
  readFields(bytes, (number, value) => {
    const field = struct.byNumber.get(number);
    if (field !== undefined) decodeField(object, field, { value, depth });
  });
  for (const field of struct.fields) tidy(object, field);
  return unionOf(object, struct);
}

interface Occurrence {
  readonly value: WireValue;
  readonly depth: number;
}

function decodeField(object: JsonObject, field: FieldFacts, { value, depth }: Occurrence): void {
  const { name, type } = field;
  switch (type.is) {
    case 'list':
      object[name] = [...listSoFar(object, name), ...decodeItems(value, type, depth)];
      return;
    case 'map': {
      const map = isObject(object[name]) ? object[name] : {};
      const [key, entry] = decodeEntry(value, type.values, depth);
      setKey(map, key, entry);
      object[name] = map;
      return;
    }
    case 'struct': {
      const decoded = decodeStruct(bytesOf(value), type.struct, depth + 1);
      if (!field.inline) object[name] = decoded;
      else if (isObject(decoded)) Object.assign(object, decoded);
      return;
    }
    case 'scalar':
      object[name] = decodeScalar(value, type, depth);
  }
}

function listSoFar(object: JsonObject, name: string): readonly unknown[] {
  const list = object[name];
  return Array.isArray(list) ? list : [];
}

function decodeItems(
  value: WireValue,
  { items, wrapped }: Extract<FieldType, { is: 'list' }>,
  depth: number,
): unknown[] {
  if (wrapped) return decodeWrapped(value, items, depth);
  if (value.wire === 'bytes' && isVarintScalar(items)) {
    return readPacked(value.value).map((packed) =>
      decodeValue({ wire: 'varint', value: packed }, items, depth),
    );
  }
  return [decodeValue(value, items, depth)];
}

/** A named list type is a message of its own: {1 items}. */
function decodeWrapped(value: WireValue, items: FieldType, depth: number): unknown[] {
  const list: unknown[] = [];
  readFields(bytesOf(value), (number, item) => {
    if (number === 1) list.push(decodeValue(item, items, depth));
  });
  return list;
}

function isVarintScalar(type: FieldType): boolean {
  return type.is === 'scalar' && ['int32', 'int64', 'uint32', 'uint64', 'bool'].includes(type.name);
}

function decodeEntry(value: WireValue, values: FieldType, depth: number): [string, unknown] {
  let key = '';
  let entry: WireValue | undefined;
  readFields(bytesOf(value), (number, part) => {
    if (number === 1) key = textOf(part);
    else if (number === 2) entry = part;
  });
  const decoded = entry === undefined ? emptyValue(values) : decodeValue(entry, values, depth);
  return [key, decoded === undefined ? null : decoded];
}

function emptyValue(type: FieldType): unknown {
  if (type.is === 'list') return [];
  if (type.is !== 'scalar') return {};
  if (type.name === 'string' || type.name === 'bytes') return '';
  if (type.name === 'bool') return false;
  return type.name === 'quantity' ? '0' : 0;
}

function decodeValue(value: WireValue, type: FieldType, depth: number): unknown {
  switch (type.is) {
    case 'struct':
      return decodeStruct(bytesOf(value), type.struct, depth + 1);
    case 'list':
      return decodeItems(value, type, depth);
    case 'map':
      throw new WireError('a map inside a list or a map has no protobuf form');
    case 'scalar':
      return decodeScalar(value, type, depth);
  }
}

function decodeScalar(
  value: WireValue,
  { name }: Extract<FieldType, { is: 'scalar' }>,
  depth: number,
): unknown {
  switch (name) {
    case 'string':
      return textOf(value);
    case 'bool':
      return varintOf(value) !== 0n;
    case 'int32':
      return int32Of(value);
    case 'int64':
      return int64Of(value);
    case 'uint32':
    case 'uint64':
      return Number(varintOf(value));
    case 'double':
      if (value.wire !== 'fixed64') throw new WireError(`wrong wireType ${value.wire} for a double`);
      return value.value.readDoubleLE();
    case 'bytes':
      return bytesOf(value).toString('base64');
    case 'time':
      return timeOf(value, 'seconds');
    case 'microTime':
      return timeOf(value, 'micros');
    case 'duration':
      return durationOf(value);
    case 'quantity':
      return quantityOf(value);
    case 'intOrString':
      return intOrStringOf(value);
    case 'fields':
    case 'json': {
      const raw = rawOf(value);
      return raw.length === 0 ? undefined : jsonOf(raw);
    }
    case 'raw': {
      const raw = rawOf(value);
      if (raw.length === 0) return undefined;
      if (raw.subarray(0, 4).equals(protobufMagic)) {
        if (depth > maxDepth) throw new WireError('message is nested too deeply');
        return decodeEnvelope(raw, depth + 1);
      }
      return jsonOf(raw);
    }
  }
}

/** Takes out what Go's JSON encoder would leave out. */
function tidy(object: JsonObject, field: FieldFacts): void {
  const { name } = field;
  const value = object[name];
  if (value === undefined) {
    delete object[name];
    return;
  }
  if (field.pointer || field.inline) return;
  if (field.type.is === 'struct') {
    if (field.omitZero && isObject(value) && Object.keys(value).length === 0) delete object[name];
    return;
  }
  const isZero = value === '' || value === 0 || value === false;
  if (isZero && (field.omitEmpty || !field.required) && !isKeptZero(field)) delete object[name];
}

/** An int-or-string 0 is a value: `maxSurge: 0`. */
function isKeptZero({ type }: FieldFacts): boolean {
  return type.is === 'scalar' && type.name === 'intOrString';
}

/** CRD schema nodes that are one thing or another in JSON, and a message with a field for each on the wire. */
function unionOf(object: JsonObject, struct: StructType): unknown {
  if (struct.packageId !== 'apiextensions/v1') return object;
  switch (struct.name) {
    case 'JSONSchemaPropsOrBool':
      return object['schema'] ?? object['allows'] ?? false;
    case 'JSONSchemaPropsOrArray':
      return object['schema'] ?? object['jSONSchemas'] ?? [];
    case 'JSONSchemaPropsOrStringArray':
      return object['schema'] ?? object['property'] ?? [];
    default:
      return object;
  }
}
