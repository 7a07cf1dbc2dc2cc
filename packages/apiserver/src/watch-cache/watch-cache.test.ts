import { expect } from 'chai';
import { CompactedError, type Revision } from '../storage/store.js';
import {
  type Kit,
  labelled,
  none,
  prefix,
  Recorder,
  record,
  startCache,
  widgetKey,
} from './testing/cache-kit.js';

const names = (items: readonly { object: { metadata: { name?: string } } }[]): (string | undefined)[] =>
  items.map(({ object }) => object.metadata.name);

describe('the state of a watch cache', () => {
  let kit: Kit;
  beforeEach(async () => {
    kit = await startCache();
  });
  afterEach(() => kit.cache.close());

  it('shows a write as soon as the write resolves', async () => {
    const revision = await kit.put('a/x', 'red');
    const found = kit.cache.get(widgetKey('a/x'));
    expect(found?.revision).to.equal(revision);
    expect([found?.namespace, found?.name]).to.deep.equal(['a', 'x']);
    expect(JSON.parse(found?.json.toString() ?? '')).to.deep.equal({
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'a/x', labels: { l: 'red' }, resourceVersion: String(revision) },
    });
    expect(found?.object.metadata.resourceVersion).to.equal(String(revision));
    expect(found?.object).to.equal(found?.object);
    expect(Object.isFrozen(found?.object.metadata.labels)).to.equal(true);
    expect(kit.cache.currentRevision).to.equal(revision);
    await kit.remove('a/x');
    expect(kit.cache.get(widgetKey('a/x'))).to.equal(undefined);
  });

  it('lists in storage key order, by namespace and by page', async () => {
    for (const name of ['a/y', 'a-b/x', 'b/x', 'a/x']) await kit.put(name);
    expect(names(kit.cache.list(prefix).items)).to.deep.equal(['a-b/x', 'a/x', 'a/y', 'b/x']);
    expect(names(kit.cache.list(prefix, { namespace: 'a' }).items)).to.deep.equal(['a/x', 'a/y']);
    const first = kit.cache.list(prefix, { limit: 3 });
    expect([names(first.items), first.remaining]).to.deep.equal([['a-b/x', 'a/x', 'a/y'], 1]);
    const rest = kit.cache.list(prefix, { limit: 3, startAfter: widgetKey('a/y') });
    expect([names(rest.items), rest.remaining]).to.deep.equal([['b/x'], 0]);
    expect(kit.cache.list('/registry/core/pods/')).to.deep.equal({ items: [], revision: 5n, remaining: 0 });
  });

  it('lists a past state exactly', async () => {
    await kit.put('a/kept', 'old');
    const doomed = await kit.put('a/doomed');
    await kit.put('a/kept', 'new');
    await kit.remove('a/doomed');
    await kit.put('a/born');
    await kit.put('b/other');
    const past = kit.cache.list(prefix, { revision: doomed });
    expect(names(past.items)).to.deep.equal(['a/doomed', 'a/kept']);
    expect(past.items[1]?.object.metadata.labels).to.deep.equal({ l: 'old' });
    expect([past.revision, past.items[1]?.revision]).to.deep.equal([doomed, 2n]);
    const page = kit.cache.list(prefix, { revision: doomed, limit: 1 });
    expect([names(page.items), page.remaining]).to.deep.equal([['a/doomed'], 1]);
    const next = kit.cache.list(prefix, { revision: doomed, limit: 1, startAfter: widgetKey('a/doomed') });
    expect([names(next.items), next.remaining]).to.deep.equal([['a/kept'], 0]);
  });

  it('loads the state and the history that the store still has', async () => {
    await kit.put('a/x', 'one');
    const second = await kit.put('a/x', 'two');
    await kit.put('a/y');
    await kit.remove('a/y');
    await kit.store.compact(second);
    await kit.put('a/x', 'three');
    const loaded = await startCache({}, kit.store);
    expect(names(loaded.cache.list(prefix).items)).to.deep.equal(['a/x']);
    expect(() => loaded.cache.watch(prefix, { after: 2n as Revision }, new Recorder()))
      .to.throw(CompactedError)
      .with.property('compacted', second);
    const { sink } = record(loaded.cache, { after: second });
    expect(sink.seen).to.deep.equal(['ADDED a/y=@4', 'DELETED a/y=@5', 'MODIFIED a/x=three@6']);
    expect(loaded.cache.list(prefix, { revision: second }).items[0]?.object.metadata.labels).to.deep.equal({
      l: 'two',
    });
    expect(loaded.cache.stats()).to.include({ objects: 1, events: 3 });
    loaded.cache.close();
  });

  it('counts what it holds', async () => {
    await kit.put('a/x');
    await kit.put('a/y');
    await kit.put('a/x', 'red');
    await kit.remove('a/y');
    const { objects, objectBytes, events, eventBytes } = kit.cache.stats();
    expect([objects, events]).to.deep.equal([1, 4]);
    expect(objectBytes).to.equal(kit.cache.get(widgetKey('a/x'))?.json.length);
    expect(eventBytes).to.be.greaterThan(4 * 400);
  });

  it('sees revisions of keys that are none of its business', async () => {
    await kit.store.write({ type: 'put', key: '/other', value: Buffer.from('x'), expected: none });
    expect(kit.cache.currentRevision).to.equal(2n);
    expect(kit.cache.stats().objects).to.equal(0);
    expect(await kit.cache.catchUp({ timeoutMs: 1 })).to.equal(true);
  });

  it('waits for a revision, up to a limit, and gives up when aborted', async () => {
    const reached = kit.cache.waitFor(2n as Revision, { timeoutMs: 1000 });
    await kit.put('a/x');
    expect(await reached).to.equal(true);
    expect(await kit.cache.waitFor(2n as Revision, { timeoutMs: 0 })).to.equal(true);
    const late = kit.cache.waitFor(99n as Revision, { timeoutMs: 1000 });
    await kit.clock.advance(1000);
    expect(await late).to.equal(false);
    const abort = new AbortController();
    const aborted = kit.cache.waitFor(99n as Revision, { timeoutMs: 1000, signal: abort.signal });
    abort.abort(new Error('gone'));
    expect(await aborted.catch((error: Error) => error.message)).to.equal('gone');
    const closed = kit.cache.waitFor(99n as Revision, { timeoutMs: 1000 });
    kit.cache.close();
    expect(await closed.catch((error: Error) => error.message)).to.equal('the watch cache is closed');
  });
});

describe('watches of a watch cache', () => {
  let kit: Kit;
  beforeEach(async () => {
    kit = await startCache();
  });
  afterEach(() => kit.cache.close());

  it('tell what happens from now on', async () => {
    await kit.put('a/x');
    const { watch, sink } = record(kit.cache);
    await kit.put('a/x', 'red');
    await kit.put('a/y');
    await kit.remove('a/x');
    expect(sink.seen).to.deep.equal(['MODIFIED a/x=red@3', 'ADDED a/y=@4', 'DELETED a/x=red@5']);
    watch.close();
    await kit.put('a/z');
    expect(sink.events).to.have.length(3);
    expect(sink.ends).to.deep.equal([]);
    expect(kit.cache.stats().watches).to.equal(0);
  });

  it('begin after a revision, and wait to be resumed', async () => {
    const first = await kit.put('a/x');
    await kit.put('a/y');
    const sink = new Recorder();
    const watch = kit.cache.watch(prefix, { after: first }, sink);
    await kit.put('a/z');
    expect(sink.seen).to.deep.equal([]);
    expect(watch.deliveredRevision).to.equal(first);
    watch.resume();
    expect(sink.seen).to.deep.equal(['ADDED a/y=@3', 'ADDED a/z=@4']);
    expect(watch.deliveredRevision).to.equal(4n);
  });

  it('may begin at a revision still to come', async () => {
    const { watch, sink } = record(kit.cache, { after: 3n as Revision });
    for (const name of ['a/1', 'a/2', 'a/3']) await kit.put(name);
    expect(sink.seen).to.deep.equal(['ADDED a/3=@4']);
    expect(watch.deliveredRevision).to.equal(4n);
  });

  it('keep to their namespace and name', async () => {
    const inA = record(kit.cache, { namespace: 'a' });
    const named = record(kit.cache, { namespace: 'a', name: 'x' });
    const anywhere = record(kit.cache, { name: 'x' });
    for (const name of ['a/x', 'a/y', 'b/x', 'b/y']) await kit.put(name);
    expect(inA.sink.seen).to.deep.equal(['ADDED a/x=@2', 'ADDED a/y=@3']);
    expect(named.sink.seen).to.deep.equal(['ADDED a/x=@2']);
    expect(anywhere.sink.seen).to.deep.equal(['ADDED a/x=@2', 'ADDED b/x=@4']);
    for (const each of [inA, named, anywhere]) expect(each.watch.deliveredRevision).to.equal(5n);
  });

  it('catch up on one namespace or one cluster-scoped name among many', async () => {
    for (const name of ['m', 'n', 'm', 'o']) await kit.put(name);
    expect(record(kit.cache, { name: 'm', after: none }).sink.seen).to.deep.equal([
      'ADDED m=@2',
      'MODIFIED m=@4',
    ]);
    expect(record(kit.cache, { namespace: '', after: none }).sink.events).to.have.length(4);
  });

  it('turn changes of what is selected into ADDED and DELETED', async () => {
    const { sink } = record(kit.cache, { select: labelled('red') });
    await kit.put('a/x', 'blue');
    await kit.put('a/x', 'red');
    await kit.put('a/x', 'red');
    await kit.put('a/x', 'blue');
    await kit.put('a/x', 'red');
    await kit.remove('a/x');
    await kit.put('a/y', 'blue');
    await kit.remove('a/y');
    expect(sink.seen).to.deep.equal([
      'ADDED a/x=red@3',
      'MODIFIED a/x=red@4',
      'DELETED a/x=red@5',
      'ADDED a/x=red@6',
      'DELETED a/x=red@7',
    ]);
  });

  it('share one event and its bytes', async () => {
    const first = record(kit.cache);
    const second = record(kit.cache, { namespace: 'a' });
    await kit.put('a/x');
    const [event] = first.sink.events;
    expect(event).to.equal(second.sink.events[0]);
    let built = 0;
    const build = (): Buffer => Buffer.from(`line ${++built}`);
    expect(event?.encode('json', build)).to.equal(event?.encode('json', build));
    event?.encode('table', build);
    expect(built).to.equal(2);
    expect(kit.cache.stats().encodedBytes).to.equal(12);
    await kit.clock.advance(10_000);
    expect(kit.cache.stats().encodedBytes).to.equal(0);
    expect(event?.encode('json', build).toString()).to.equal('line 3');
  });

  it('hold no more encoded bytes than allowed', async () => {
    const small = await startCache({ maxEncodedBytes: 1_000 });
    const { sink } = record(small.cache);
    for (let i = 0; i < 50; i++) await small.put(`a/${i}`);
    for (const event of sink.events) event.encode('json', () => Buffer.alloc(90));
    expect(small.cache.stats().encodedBytes).to.be.at.most(1_000);
    small.cache.close();
  });

  it('hold back while the peer does not keep up', async () => {
    const { watch, sink } = record(kit.cache);
    sink.open = false;
    for (const name of ['a/1', 'a/2', 'a/3']) await kit.put(name);
    expect(sink.seen).to.deep.equal(['ADDED a/1=@2']);
    expect(watch.deliveredRevision).to.equal(2n);
    expect(kit.cache.stats().blockedWatches).to.equal(1);
    sink.open = true;
    watch.resume();
    expect(sink.turns).to.deep.equal([1, 2]);
    expect([kit.cache.stats().blockedWatches, watch.deliveredRevision]).to.deep.equal([0, 4n]);
    await kit.put('a/4');
    expect(sink.seen.at(-1)).to.equal('ADDED a/4=@5');
  });

  it('hold back when they are told to, at whatever point they are, and not for ever', async () => {
    const { watch, sink } = record(kit.cache);
    watch.pause();
    watch.resume();
    await kit.put('a/1');
    watch.pause();
    await kit.put('a/2');
    expect(sink.seen).to.deep.equal(['ADDED a/1=@2']);
    expect([kit.cache.stats().blockedWatches, watch.deliveredRevision]).to.deep.equal([1, 2n]);
    watch.resume();
    watch.resume();
    expect(sink.seen).to.deep.equal(['ADDED a/1=@2', 'ADDED a/2=@3']);
    expect(kit.cache.stats().blockedWatches).to.equal(0);
    watch.pause();
    await kit.clock.advance(36_000);
    expect(sink.ends).to.deep.equal(['slow']);
    watch.pause();
    watch.resume();
    expect(kit.cache.stats()).to.include({ watches: 0, blockedWatches: 0 });
  });

  it('may be resumed or closed from within a delivery', async () => {
    const sink = new Recorder();
    const watch = kit.cache.watch(
      prefix,
      { after: none },
      {
        onEvents: (events) => {
          sink.onEvents(events);
          if (sink.events.length > 3) watch.close();
          else watch.resume();
          return false;
        },
        onEnd: (reason) => sink.onEnd(reason),
      },
    );
    watch.resume();
    for (let i = 0; i < 6; i++) {
      await kit.put(`a/${i}`);
      await kit.clock.advance(0);
    }
    expect(sink.events).to.have.length(4);
    expect(kit.cache.stats()).to.include({ watches: 0, blockedWatches: 0 });
  });

  it('end as slow when the peer takes nothing for too long', async () => {
    const { sink } = record(kit.cache);
    const fast = record(kit.cache);
    sink.open = false;
    await kit.put('a/1');
    await kit.clock.advance(29_000);
    expect(sink.ends).to.deep.equal([]);
    await kit.clock.advance(7_000);
    expect(sink.ends).to.deep.equal(['slow']);
    expect(fast.sink.ends).to.deep.equal([]);
    expect(kit.cache.stats()).to.include({ watches: 1, blockedWatches: 0, droppedWatches: 1 });
  });

  it('end as expired when what they need next has left the window', async () => {
    const small = await startCache({ maxEventsPerResource: 3 });
    const { watch, sink } = record(small.cache);
    sink.open = false;
    for (let i = 0; i < 4; i++) await small.put(`a/${i}`);
    sink.open = true;
    watch.resume();
    expect(sink.events).to.have.length(4);
    sink.open = false;
    for (let i = 4; i < 10; i++) await small.put(`a/${i}`);
    const delivered = watch.deliveredRevision;
    watch.resume();
    expect([sink.events.length, sink.ends, delivered]).to.deep.equal([5, ['expired'], 6n]);
    small.cache.close();
  });

  it('end when the cache closes or the resource is no longer served', async () => {
    const { sink } = record(kit.cache);
    kit.cache.endWatches(prefix);
    expect(sink.ends).to.deep.equal(['closed']);
    const second = record(kit.cache);
    kit.cache.close();
    await kit.put('a/x');
    expect([sink.ends, second.sink.ends, second.sink.events]).to.deep.equal([['closed'], ['closed'], []]);
  });

  it('are served over several turns when there are many', async () => {
    const some = await startCache({ watchesPerTurn: 10 });
    const all = Array.from({ length: 25 }, () => record(some.cache));
    await some.clock.advance(0);
    await some.put('a/x');
    const served = (): number => all.filter(({ sink }) => sink.events.length > 0).length;
    expect(served()).to.equal(10);
    expect(all.at(-1)?.watch.deliveredRevision).to.equal(1n);
    await some.clock.advance(0);
    expect(served()).to.equal(25);
    expect(all.at(-1)?.watch.deliveredRevision).to.equal(2n);
    some.cache.close();
  });

  it('catch up in bounded steps', async () => {
    for (let i = 0; i < 10; i++) await kit.put(`a/${i}`);
    const stepped = await startCache({ eventsPerDelivery: 4 }, kit.store);
    const { sink } = record(stepped.cache, { after: none });
    await stepped.clock.advance(0);
    expect(sink.turns).to.deep.equal([4, 4, 2]);
    const small = await startCache({ bytesPerDelivery: 1 }, kit.store);
    const one = record(small.cache, { after: none });
    await small.clock.advance(0);
    expect(one.sink.turns).to.deep.equal(Array.from({ length: 10 }, () => 1));
    stepped.cache.close();
  });
});
