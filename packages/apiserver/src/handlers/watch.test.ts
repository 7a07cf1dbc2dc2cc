import { expect } from 'chai';
import { configMaps, TestServer, type TestSink, widgets } from './testing/handler-test-kit.js';

const end = 'k8s.io/initial-events-end';

describe('watch', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
  });
  afterEach(() => server.close());

  const add = (name: string, labels: Record<string, string> = {}): Promise<unknown> =>
    server.call(configMaps, 'create', 'c1/', { metadata: { name, labels } });
  const seen = (sink: TestSink): string[] =>
    sink.events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());
  const revision = async (): Promise<string> => String(await server.store.revision());

  it('replays the state for revision 0 and for none, then follows', async () => {
    await add('a');
    for (const query of ['', 'resourceVersion=0']) {
      const sink = await server.watch(configMaps, 'c1/', { query });
      expect(seen(sink)).to.deep.equal(['ADDED a']);
    }
    const sink = await server.watch(configMaps, 'c1/');
    await add('b');
    await server.call(configMaps, 'patch', 'c1/b', { data: { k: 'v' } });
    await server.call(configMaps, 'delete', 'c1/b');
    expect(seen(sink)).to.deep.equal(['ADDED a', 'ADDED b', 'MODIFIED b', 'DELETED b']);
    const last = sink.events.at(-1)?.object;
    expect(last?.metadata.resourceVersion).to.equal(await revision());
    expect(last).to.deep.include({ apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'v' } });
  });

  it('starts after a given revision', async () => {
    await add('a');
    const after = await revision();
    await add('b');
    const sink = await server.watch(configMaps, 'c1/', { query: `resourceVersion=${after}` });
    expect(seen(sink)).to.deep.equal(['ADDED b']);
  });

  it('sends the state and a bookmark that ends it', async () => {
    await add('a');
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const sink = await server.watch(configMaps, 'c1/', { query });
    await add('b');
    expect(seen(sink)).to.deep.equal(['ADDED a', 'BOOKMARK', 'ADDED b']);
    const bookmark = sink.events[1]?.object;
    expect(bookmark).to.deep.include({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(bookmark?.metadata.annotations).to.deep.equal({ [end]: 'true' });
    expect(bookmark?.metadata).to.have.property('creationTimestamp', null);
  });

  it('begins with the one object that it names, if that is selected', async () => {
    await add('a', { on: 'yes' });
    await add('b', { on: 'yes' });
    const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = (query: string): Promise<TestSink> =>
      server.watch(configMaps, 'c1/', { query: `${initial}&${query}` });
    const one = await watch('fieldSelector=metadata.name%3Da&labelSelector=on%3Dyes');
    const none = await watch('fieldSelector=metadata.name%3Da&labelSelector=on%3Dno');
    await server.call(configMaps, 'patch', 'c1/a', { metadata: { labels: { on: 'no' } } });
    expect(seen(one)).to.deep.equal(['ADDED a', 'BOOKMARK', 'DELETED a']);
    expect(seen(none)).to.deep.equal(['BOOKMARK', 'ADDED a']);
  });

  it('sends only what comes with sendInitialEvents=false', async () => {
    await add('a');
    const query = 'sendInitialEvents=false&resourceVersionMatch=NotOlderThan';
    const sink = await server.watch(configMaps, 'c1/', { query });
    await add('b');
    expect(seen(sink)).to.deep.equal(['ADDED b']);
  });

  it('answers an ERROR event and ends when the revision is too old', async () => {
    const other = await TestServer.start();
    for (let i = 0; i < 3; i++) {
      await other.call(configMaps, 'create', 'c1/', { metadata: { name: `a-${i}` } });
    }
    const current = await other.store.revision();
    await other.store.compact(current);
    await other.env.clock.advance(600_000);
    const sink = await other.watch(configMaps, 'c1/', { query: 'resourceVersion=1' });
    expect(sink.events.map(({ type }) => type)).to.deep.equal(['ERROR']);
    expect(sink.events[0]?.object).to.deep.include({ kind: 'Status', code: 410, reason: 'Expired' });
    expect(String(sink.events[0]?.object['message'])).to.match(/^too old resource version: 1 \(\d+\)$/);
    expect(sink.isEnded).to.equal(true);
    await other.close();
  });

  it('turns selector transitions into ADDED and DELETED', async () => {
    const sink = await server.watch(configMaps, 'c1/', { query: 'labelSelector=on%3Dyes' });
    await add('a');
    const label = (on: string): Promise<unknown> =>
      server.call(configMaps, 'patch', 'c1/a', { metadata: { labels: { on } } });
    await label('yes');
    await server.call(configMaps, 'patch', 'c1/a', { data: { k: 'v' } });
    await label('no');
    expect(seen(sink)).to.deep.equal(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const gone = sink.events[2]?.object;
    expect(gone?.metadata.labels).to.deep.equal({ on: 'yes' });
    expect(gone?.metadata.resourceVersion).to.equal(await revision());
  });

  it('keeps to one namespace and to one name', async () => {
    const one = await server.watch(configMaps, 'c1/', { query: 'fieldSelector=metadata.name%3Da' });
    const all = await server.watch(configMaps, '');
    const elsewhere = await server.watch(configMaps, 'c2/');
    await add('a');
    await add('b');
    expect(seen(one)).to.deep.equal(['ADDED a']);
    expect(seen(all)).to.deep.equal(['ADDED a', 'ADDED b']);
    expect(seen(elsewhere)).to.deep.equal([]);
  });

  it('sends bookmarks that advance without traffic, and ends at the timeout', async () => {
    const sink = await server.watch(configMaps, 'c1/', {
      query: 'allowWatchBookmarks=true&timeoutSeconds=100',
    });
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 1 } });
    await server.env.clock.advance(60_000);
    expect(seen(sink)).to.deep.equal(['BOOKMARK']);
    expect(sink.events[0]?.object.metadata.resourceVersion).to.equal(await revision());
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'x' }, spec: { size: 1 } });
    await server.env.clock.advance(38_000);
    expect(seen(sink)).to.deep.equal(['BOOKMARK', 'BOOKMARK']);
    expect(sink.isEnded).to.equal(false);
    await server.env.clock.advance(2_000);
    expect(sink.isEnded).to.equal(true);
  });

  it('waits for a peer that does not read, and goes on where it was', async () => {
    await add('a');
    const sink = await server.watch(configMaps, 'c1/');
    sink.isOpen = false;
    await add('b');
    await add('c');
    await add('d');
    expect(seen(sink)).to.deep.equal(['ADDED a', 'ADDED b']);
    sink.drain();
    expect(seen(sink)).to.deep.equal(['ADDED a', 'ADDED b', 'ADDED c', 'ADDED d']);
  });

  it('writes nothing more to a peer that a bookmark has filled, and gives it up as any other', async () => {
    const query = 'allowWatchBookmarks=true&timeoutSeconds=600';
    const [slow, stuck] = [
      await server.watch(configMaps, 'c1/', { query }),
      await server.watch(configMaps, 'c1/', {
        query: `${query}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
      }),
    ];
    await add('a');
    for (const sink of [slow, stuck]) sink.isOpen = false;
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 1 } });
    await server.env.clock.advance(60_000);
    await add('b');
    expect(seen(slow)).to.deep.equal(['ADDED a', 'BOOKMARK']);
    expect(seen(stuck)).to.deep.equal(['BOOKMARK', 'ADDED a', 'BOOKMARK']);
    slow.drain();
    expect(seen(slow)).to.deep.equal(['ADDED a', 'BOOKMARK', 'ADDED b']);
    await server.env.clock.advance(40_000);
    expect([slow.isEnded, stuck.isEnded]).to.deep.equal([false, true]);
  });

  it('gives up a peer that never reads, and holds nothing for one that is gone', async () => {
    const stuck = await server.watch(configMaps, 'c1/');
    const gone = await server.watch(configMaps, 'c1/');
    expect(server.cache.stats().watches).to.equal(2);
    gone.hangUp();
    expect(server.cache.stats().watches).to.equal(1);
    stuck.isOpen = false;
    await add('a');
    await server.env.clock.advance(60_000);
    expect(stuck.isEnded).to.equal(true);
    expect(server.cache.stats().watches).to.equal(0);
  });

  it('sends Tables, the columns only once, and metadata', async () => {
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 3 } });
    const table = await server.watch(widgets, 'c1/', { as: 'Table' });
    const metadata = await server.watch(widgets, 'c1/', { as: 'PartialObjectMetadata' });
    await server.call(widgets, 'patch', 'c1/w', { spec: { size: 4 } });
    const [first, second] = table.events.map(({ object }) => object);
    expect(first).to.have.property('columnDefinitions');
    expect(second).not.to.have.property('columnDefinitions');
    const rows = (second?.['rows'] ?? []) as { cells: unknown[] }[];
    expect(rows[0]?.cells.slice(0, 2)).to.deep.equal(['w', 4]);
    expect(metadata.events[1]).to.deep.include({ type: 'MODIFIED' });
    expect(metadata.events[1]?.object).to.have.all.keys('kind', 'apiVersion', 'metadata');
  });

  const refused: readonly [string, string][] = [
    ['sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    ['sendInitialEvents=true&resourceVersionMatch=Exact', 'Unsupported value: "Exact"'],
  ];
  for (const [query, message] of refused) {
    it(`refuses ${query}`, async () => {
      const status = await server.fail(configMaps, 'watch', 'c1/', undefined, { query });
      expect(status.code).to.equal(422);
      expect(status.message).to.contain(message);
    });
  }
});
