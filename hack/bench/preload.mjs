// A data directory that holds very many objects already, written through the store's own interface.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openLmdbStore } from '@flotilla/apiserver';

/** ConfigMaps of about `bytes` each, a thousand to a namespace. Returns the seconds it took. */
export async function preload(dataDir, { count, bytes }) {
  const store = await openLmdbStore({ directory: join(dataDir, 'store') });
  const began = performance.now();
  const filler = 'x'.repeat(Math.max(0, bytes - 450));
  let next = 0;
  const writer = async () => {
    while (next < count) {
      const n = next++;
      const { namespace, name } = placeOf(n);
      const value = Buffer.from(JSON.stringify(configMap({ namespace, name, filler })));
      const key = `/registry/core/configmaps/${namespace}/${name}`;
      const { ok } = await store.write({ type: 'put', key, value, expected: 0n });
      if (!ok) throw new Error(`${key} was there already`);
    }
  };
  await Promise.all(Array.from({ length: 1000 }, writer));
  const seconds = (performance.now() - began) / 1000;
  await store.close();
  return seconds;
}

export function placeOf(n) {
  return { namespace: `bench-${Math.floor(n / 1000)}`, name: `object-${String(n % 1000).padStart(3, '0')}` };
}

/** As the server stores it: metadata first, no resourceVersion. */
function configMap({ namespace, name, filler }) {
  const time = '2026-01-01T00:00:00Z';
  const fields = { 'f:data': { '.': {}, 'f:filler': {}, 'f:value': {} } };
  const manager = { manager: 'bench', operation: 'Update', apiVersion: 'v1', time };
  return {
    metadata: {
      name,
      namespace,
      uid: randomUUID(),
      creationTimestamp: time,
      managedFields: [{ ...manager, fieldsType: 'FieldsV1', fieldsV1: fields }],
    },
    apiVersion: 'v1',
    kind: 'ConfigMap',
    data: { filler, value: '0' },
  };
}
