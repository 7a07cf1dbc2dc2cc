import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import { CompactedError, type Revision } from '../storage/store.js';
import { none, prefix, Recorder, record, startCache, writers } from './testing/cache-kit.js';

describe('the bounds of the event window', () => {
  it('count: a busy resource forgets, a quiet one does not', async () => {
    const kit = await startCache({ maxEventsPerResource: 5 });
    await kit.store.write({
      type: 'put',
      key: '/registry/core/quiet/x',
      value: Buffer.from('{"metadata":{}}'),
      expected: none,
    });
    for (let i = 0; i < 20; i++) await kit.put('a/busy', `${i}`);
    expect(() => kit.cache.list(prefix, { revision: 16n as Revision })).to.throw(CompactedError);
    expect(() => kit.cache.watch(prefix, { after: 2n as Revision }, new Recorder())).to.throw(CompactedError);
    expect(kit.cache.list(prefix, { revision: 17n as Revision }).items).to.have.length(1);
    expect(kit.cache.list('/registry/core/quiet/', { revision: 2n as Revision }).items).to.have.length(1);
    expect(kit.cache.stats().events).to.equal(6);
    kit.cache.close();
  });

  it('bytes: all windows together keep to them', async () => {
    const kit = await startCache({ maxEventBytes: 10_000 });
    for (let i = 0; i < 100; i++) await kit.put('a/x', 'y'.repeat(500));
    const { eventBytes, events } = kit.cache.stats();
    expect(eventBytes).to.be.at.most(10_000);
    expect(events).to.be.greaterThan(5);
    kit.cache.close();
  });

  it('age: old events go without new ones coming', async () => {
    const kit = await startCache();
    await kit.put('a/x');
    await kit.clock.advance(4 * 60_000);
    await kit.put('a/x');
    await kit.clock.advance(2 * 60_000);
    expect(kit.cache.stats().events).to.equal(1);
    expect(() => kit.cache.watch(prefix, { after: 1n as Revision }, new Recorder())).to.throw(CompactedError);
    await kit.clock.advance(5 * 60_000);
    expect(kit.cache.stats()).to.include({ events: 0, eventBytes: 0, objects: 1 });
    kit.cache.close();
  });

  it('keeps live watches alive when events they have seen go', async () => {
    const kit = await startCache({ maxEventsPerResource: 2 });
    const { watch, sink } = record(kit.cache, { namespace: 'a' });
    for (let i = 0; i < 10; i++) await kit.put(`b/${i}`);
    await kit.put('a/x');
    expect(sink.seen).to.deep.equal(['ADDED a/x=@12']);
    expect([sink.ends, watch.deliveredRevision]).to.deep.equal([[], 12n]);
    kit.cache.close();
  });

  it('starts where a compaction during the load left it', async () => {
    const store = createMemoryStore();
    const { put } = writers(store);
    for (let i = 0; i < 5; i++) await put('a/x', `${i}`);
    const compactedRevision = store.compactedRevision.bind(store);
    store.compactedRevision = async () => {
      const revision = await compactedRevision();
      await store.compact(4n as Revision);
      return revision;
    };
    const kit = await startCache({}, store);
    expect(() => kit.cache.list(prefix, { revision: 3n as Revision })).to.throw(CompactedError);
    expect(
      kit.cache.list(prefix, { revision: 4n as Revision }).items[0]?.object.metadata.labels,
    ).to.deep.equal({ l: '2' });
    kit.cache.close();
  });
});
