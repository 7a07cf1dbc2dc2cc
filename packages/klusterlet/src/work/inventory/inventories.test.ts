import { type AppliedManifestWork, type ManifestWork, newStatusError } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type AppliedResource, recordedResources } from './applied-resources.js';
import { createInventories } from './inventories.js';

const a: AppliedResource = { group: '', version: 'v1', resource: 'configmaps', namespace: 'n', name: 'a' };
const b: AppliedResource = { ...a, name: 'b' };
const work: ManifestWork = {
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name: 'web', namespace: 'c1' },
  spec: { workload: { manifests: [] } },
};
const { signal } = new AbortController();

/** Inventories in a cluster that holds one, with `a` and `b` in its list. */
async function open(answer: (list: () => void) => Promise<never> | undefined) {
  let stored: AppliedManifestWork | undefined;
  let reads = 0;
  const client = {
    create: async (_ref: unknown, object: AppliedManifestWork) => {
      stored = { ...object, metadata: { ...object.metadata, uid: 'u1' } };
      return stored;
    },
    get: async () => {
      reads++;
      return stored;
    },
    patch: async (_ref: unknown, _key: unknown, { body }: { body: Partial<AppliedManifestWork> }) => {
      const write = (): void => {
        if (stored !== undefined) stored = { ...stored, ...(body.status && { status: body.status }) };
      };
      const hasList = stored !== undefined && recordedResources(stored).length > 0;
      const failure = hasList ? answer(write) : undefined;
      if (failure !== undefined) return failure;
      write();
      return stored;
    },
  } as unknown as KubeClient; // nothing else is asked for
  const inventories = createInventories({
    env: createTestEnv(),
    client,
    hubServer: 'https://hub',
    agentId: 'agent',
    onChange: () => undefined,
  });
  const made = await inventories.ensure(work, { intent: () => [], signal });
  return { inventories, inventory: await inventories.record(made, [a, b], signal), reads: () => reads };
}

describe('inventories', () => {
  it('are read again before anything is made that a failed write of the list may have taken out of it', async () => {
    const { inventories, inventory } = await open((write) => {
      write();
      return Promise.reject(newStatusError(500, 'InternalError', { message: 'carried out all the same' }));
    });
    const failure = await inventories.record(inventory, [a], signal).catch((error: unknown) => error);
    expect(String(failure)).to.contain('carried out');
    const next = await inventories.ensure(work, { intent: () => [], signal });
    expect(recordedResources(next)).to.deep.equal([a]);
  });

  it('are believed when a write of the list was refused', async () => {
    const { inventories, inventory, reads } = await open(() =>
      Promise.reject(newStatusError(403, 'Forbidden', { message: 'no' })),
    );
    await inventories.record(inventory, [a], signal).catch(() => undefined);
    const next = await inventories.ensure(work, { intent: () => [], signal });
    expect(recordedResources(next)).to.deep.equal([a, b]);
    expect(reads()).to.equal(0);
  });
});
