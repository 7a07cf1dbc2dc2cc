/**
 * A manifest as it is sent and compared: without what only a server sets, and with a secret's plain strings encoded,
 * since a server never shows them as they were written. Pure.
 */
import { isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';

const serverFields = [
  'uid',
  'resourceVersion',
  'generation',
  'selfLink',
  'managedFields',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'creationTimestamp',
  'generateName',
] as const;

export function normalizeManifest(manifest: KubeObject, namespace: string): KubeObject {
  const metadata = { ...manifest.metadata };
  for (const field of serverFields) delete metadata[field];
  if (namespace === '') delete metadata.namespace;
  else metadata.namespace = namespace;
  const plain = dropCreationTimes(manifest) as KubeObject; // same shape but for null times
  const object: KubeObject = { ...plain, metadata };
  delete object['status'];
  return manifest.apiVersion === 'v1' && manifest.kind === 'Secret' ? foldStringData(object) : object;
}

/** Go writes a null `creationTimestamp` into every pod template; sent to a server it would look like a change. */
function dropCreationTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropCreationTimes);
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const key of Object.keys(value)) {
    if (key === 'creationTimestamp' && value[key] === null) continue;
    setKey(out, key, dropCreationTimes(value[key]));
  }
  return out;
}

function foldStringData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  if (!isObject(stringData)) return secret;
  const data: JsonObject = isObject(rest['data']) ? { ...rest['data'] } : {};
  for (const key of Object.keys(stringData)) {
    const text = stringData[key];
    if (typeof text !== 'string') return secret; // the server says what is wrong with it
    setKey(data, key, Buffer.from(text, 'utf8').toString('base64'));
  }
  return { ...rest, data } as KubeObject; // apiVersion, kind and metadata are in the rest
}
