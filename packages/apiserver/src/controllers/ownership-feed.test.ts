import type { KubeObject } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { ResourceDefinition } from '../registry/resource.js';
import { encodeObject } from '../storage/codec.js';
import { createMemoryStore, type MemoryStore } from '../storage/memory-store.js';
import type { Revision } from '../storage/store.js';
import { WatchCache } from '../watch-cache/watch-cache.js';
import { OwnershipFeed } from './ownership-feed.js';

const definition = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  namespaced: true,
} as ResourceDefinition;
const prefix = '/registry/core/configmaps/';

describe('ownership feed', () => {
  let store: MemoryStore;
  let cache: WatchCache;
  let feed: OwnershipFeed;
  let told: string[];
  let gaps: number;

  beforeEach(async () => {
    store = createMemoryStore();
    cache = new WatchCache({ store, clock: createTestEnv().clock });
    await cache.start();
    told = [];
    gaps = 0;
    feed = new OwnershipFeed(definition, {
      cache,
      onChange: ({ type, key, old }) => void told.push(`${type} ${key}${old ? ' again' : ''}`),
      onGap: () => void gaps++,
    });
    feed.start();
  });

  afterEach(() => {
    feed.close();
    cache.close();
  });

  async function put(name: string, metadata: KubeObject['metadata'] = {}): Promise<void> {
    const key = `${prefix}ns/${name}`;
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'ns', uid: `${name}-uid`, ...metadata },
    };
    const expected = (await store.get(key))?.modRevision ?? (0n as Revision);
    await store.write({ type: 'put', key, value: encodeObject(object), expected });
  }

  async function remove(name: string): Promise<void> {
    const key = `${prefix}ns/${name}`;
    const expected = (await store.get(key))?.modRevision ?? (0n as Revision);
    await store.write({ type: 'delete', key, expected });
  }

  const owned = {
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'owner-uid' }],
  };

  it('tells of what has owners while it has them, and of each object that is gone', async () => {
    await put('plain');
    await put('child', owned);
    await put('child', owned);
    await put('child');
    await put('child');
    await remove('plain');
    expect(told).to.deep.equal([
      'added ns/child',
      'updated ns/child again',
      'updated ns/child again',
      'deleted ns/plain',
    ]);
    expect(feed.dependentsOf('owner-uid')).to.deep.equal([]);
    expect(feed.kept.size).to.equal(0);
  });

  it('finds dependents by uid and answers for objects that it does not keep', async () => {
    await put('plain');
    await put('child', owned);
    expect(feed.dependentsOf('owner-uid').map(({ key }) => key)).to.deep.equal(['ns/child']);
    expect(feed.get('ns/plain')?.metadata.uid).to.equal('plain-uid');
    expect([...feed.kept.keys()]).to.deep.equal(['ns/child']);
    expect(feed.get('ns/none')).to.equal(undefined);
  });

  it('keeps the mark of deletion and the finalizers of propagation only', async () => {
    await put('going', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['orphan', 'demo.io/own'] });
    expect(feed.get('ns/going')?.metadata).to.deep.equal({
      name: 'going',
      namespace: 'ns',
      uid: 'going-uid',
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['orphan'],
    });
  });

  it('goes on after its watch has been ended, and says that it may have missed something', async () => {
    await put('child', owned);
    cache.endWatches(prefix);
    expect(gaps).to.equal(1);
    await put('second', owned);
    expect(feed.dependentsOf('owner-uid')).to.have.length(2);
  });
});
