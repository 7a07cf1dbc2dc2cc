/** Requests' and answers' bodies as the JSON that an audit event shows, within a bound. Pure. */
import { isObject, type JsonObject, parseYaml } from '@flotilla/api';
import { protobufMagic } from '../protobuf/decode.js';
import type { ApiRequest } from '../server/handler.js';

/** Bodies above this are left out of events: as large as the largest request. */
const maxBodyBytes = 3 * 1024 * 1024;

/** The sent object or patch; undefined when it is none, which its answer says too. */
export function requestObject(
  { body, headers }: Pick<ApiRequest, 'body' | 'headers'>,
  decodeProtobuf: (bytes: Uint8Array) => unknown,
): unknown {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  try {
    if (buffer.subarray(0, protobufMagic.length).equals(protobufMagic)) return decodeProtobuf(body);
    const isYaml = String(headers['content-type'] ?? '').includes('yaml');
    return isYaml ? parseYaml(buffer.toString())[0] : JSON.parse(buffer.toString());
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** The answer's object; undefined when it is too large, or no JSON. */
export function answeredObject(body: Uint8Array): unknown {
  if (body.length === 0 || body.length > maxBodyBytes) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function isStatus(object: unknown): object is JsonObject {
  return isObject(object) && object['kind'] === 'Status' && object['apiVersion'] === 'v1';
}

/** Of an object, or of each object of a list. A copy down to what is left out. */
export function withoutManagedFields(object: unknown): unknown {
  if (!isObject(object)) return object;
  const { metadata, items } = object;
  const changed: JsonObject = { ...object };
  if (isObject(metadata) && metadata['managedFields'] !== undefined) {
    const { managedFields: _, ...rest } = metadata;
    changed['metadata'] = rest;
  }
  if (Array.isArray(items)) changed['items'] = items.map(withoutManagedFields);
  return changed;
}

/** Keeps what is streamed, as long as it is not too much. */
export class BodyCapture {
  #chunks: Uint8Array[] = [];
  #size = 0;

  add(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > maxBodyBytes) this.#chunks = [];
    else this.#chunks.push(chunk);
  }

  get bytes(): Uint8Array | undefined {
    return this.#size > maxBodyBytes ? undefined : Buffer.concat(this.#chunks);
  }
}
