/**
 * How an object becomes bytes in the store and bytes on the wire. Stored values are JSON without
 * metadata.resourceVersion (the key's revision is the resourceVersion) and always begin with `{"metadata":{`, so the
 * wire form is had by splicing the resourceVersion in, without parsing. What is written now also ends with kind and
 * apiVersion, which lists of built-in kinds leave out; values of older versions have them anywhere. Pure.
 */
import type { KubeObject } from '@flotilla/api';
import type { Revision } from './store.js';

const head = Buffer.from('{"metadata":{');
const closingBrace = 0x7d;

/** The bytes to store. metadata.resourceVersion is left out; fields that are `undefined` are absent. */
export function encodeObject(object: KubeObject): Uint8Array {
  const { metadata, kind, apiVersion, ...rest } = object;
  const { resourceVersion: _, ...kept } = metadata ?? {};
  const tail = JSON.stringify({ ...rest, kind, apiVersion });
  const separator = tail === '{}' ? '' : ',';
  return Buffer.from(`{"metadata":${JSON.stringify(kept)}${separator}${tail.slice(1)}`);
}

/** The wire form: the stored bytes with `resourceVersion` spliced in. Throws on bytes that encodeObject did not make. */
export function wireBytes(value: Uint8Array, revision: Revision): Buffer {
  if (value.length <= head.length || head.compare(value, 0, head.length) !== 0) {
    throw new TypeError('stored value does not begin with {"metadata":{');
  }
  return splice(value, head.length, revision);
}

/** The wire form of an object that is not stored as it is shown. */
export function typeLast(object: KubeObject): Buffer {
  const { kind, apiVersion, ...rest } = object;
  return Buffer.from(JSON.stringify({ ...rest, kind, apiVersion }));
}

/** How the wire form of an object of this type ends. */
export function typeSuffix({ kind, apiVersion }: { kind: string; apiVersion: string }): Buffer {
  return Buffer.from(`,"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)}}`);
}

/** The wire form up to that suffix, without a closing brace; undefined when it ends otherwise. */
export function withoutType(wire: Buffer, suffix: Buffer): Buffer | undefined {
  const end = wire.length - suffix.length;
  return end > 0 && suffix.compare(wire, end) === 0 ? wire.subarray(0, end) : undefined;
}

/** The wire form of the same object at another revision. */
export function rewireBytes(wire: Uint8Array, from: Revision, to: Revision): Buffer {
  const rest = head.length + resourceVersionField(from).length;
  return splice(wire, wire[rest] === closingBrace ? rest : rest + 1, to);
}

/** The object a stored value holds, metadata.resourceVersion filled in. */
export function decodeObject(value: Uint8Array, revision: Revision): KubeObject {
  return parseWire(wireBytes(value, revision));
}

/** The object in a wire form. */
export function parseWire(wire: Buffer): KubeObject {
  return JSON.parse(wire.toString('utf8')) as KubeObject; // only encodeObject's output is ever stored
}

function resourceVersionField(revision: Revision): string {
  return `"resourceVersion":"${revision}"`;
}

/** `rest` is where the fields after resourceVersion begin in `bytes`. */
function splice(bytes: Uint8Array, rest: number, revision: Revision): Buffer {
  const field = resourceVersionField(revision);
  const comma = bytes[rest] === closingBrace ? '' : ',';
  const restLength = bytes.length - rest;
  // Not from Node's shared pool: these buffers live long, and each would pin a slab of others' garbage.
  const out = Buffer.allocUnsafeSlow(head.length + field.length + comma.length + restLength);
  out.set(head, 0);
  let at = head.length;
  at += out.write(field + comma, at, 'latin1');
  out.set(bytes.subarray(rest), at);
  return out;
}
