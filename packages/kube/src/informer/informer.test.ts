import { type KubeObject, newExpired, newStatusError } from '@flotilla/api';
import { expect } from 'chai';
import type { ResourceRef } from '../client/client.js';
import { createClient } from '../client/kube-client.js';
import { createSimulatedNetwork } from '../testing/simulated-network.js';
import { createTestEnv } from '../testing/test-env.js';
import { CollectionServer, snapshotOf } from './collection-server.fixture.js';
import { createInformer, type Informer, type InformerOptions } from './informer.js';

const configMaps: ResourceRef = { group: '', version: 'v1', resource: 'configmaps', namespaced: true };

function setUp(options: Partial<InformerOptions<KubeObject>> = {}) {
  const env = createTestEnv();
  const server = new CollectionServer();
  const informer = createInformer(createClient(server), configMaps, { env, ...options });
  const changes: string[] = [];
  informer.onChange(({ type, object, old }) => {
    const before = old === undefined ? '' : `${dataOf(old)}->`;
    changes.push(`${type} ${object.metadata.name} ${before}${dataOf(object)}`);
  });
  return { env, server, informer, changes };
}

function dataOf(object: KubeObject): string {
  return String((object['data'] as { value: string }).value);
}

describe('informer', () => {
  const running: Informer<KubeObject>[] = [];

  afterEach(async () => {
    for (const informer of running.splice(0)) await informer.close();
  });

  function start(informer: Informer<KubeObject>): void {
    running.push(informer);
    informer.start();
  }

  for (const sendInitialEvents of [false, true]) {
    describe(sendInitialEvents ? 'with initial events' : 'with lists', () => {
      it('fills its cache, then follows changes', async () => {
        const { env, server, informer, changes } = setUp({ sendInitialEvents, pageSize: 2 });
        for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(name, '1');
        start(informer);
        expect(informer.isSynced).to.equal(false);
        await informer.synced();
        expect(server.counts.lists).to.equal(sendInitialEvents ? 0 : 3);
        expect(informer.cache.size).to.equal(5);
        await env.clock.settle();
        changes.splice(0);
        server.put('a', '2');
        server.delete('b');
        server.put('f', '1');
        await env.clock.settle();
        expect(changes).to.deep.equal(['updated a 1->2', 'deleted b 1', 'added f 1']);
        expect(informer.cache.get('ns/a')).to.deep.include({ data: { value: '2' } });
        expect(informer.cache.get({ namespace: 'ns', name: 'b' })).to.equal(undefined);
        expect(informer.cache.list('ns').length).to.equal(5);
        expect(informer.cache.list('other')).to.deep.equal([]);
        expect(snapshotOf(informer.cache.list())).to.deep.equal(server.snapshot());
      });

      it('reports what vanished while its place was lost, and nothing twice', async () => {
        const { env, server, informer, changes } = setUp({ sendInitialEvents });
        server.put('stays', '1');
        server.put('goes', '1');
        server.put('changes', '1');
        start(informer);
        await informer.synced();
        await env.clock.settle();
        changes.splice(0);
        server.failures.push(newExpired('too old'));
        server.endWatches();
        server.delete('goes');
        server.put('changes', '2');
        server.put('comes', '1');
        server.compact();
        await env.clock.runUntil(() => changes.length === 3);
        expect(changes.sort()).to.deep.equal(['added comes 1', 'deleted goes 1', 'updated changes 1->2']);
      });
    });
  }

  it('falls back to lists where initial events are refused', async () => {
    const { env, server, informer } = setUp({ sendInitialEvents: true });
    server.sendsInitialEvents = false;
    server.put('a', '1');
    start(informer);
    await informer.synced();
    expect(server.counts.lists).to.equal(1);
    expect(env.log.find('server sends no initial events, listing instead').length).to.equal(1);
    expect(env.log.find('list or watch failed').length).to.equal(0);
  });

  it('resumes after a watch that ended, without a list', async () => {
    const { env, server, informer, changes } = setUp();
    start(informer);
    await informer.synced();
    for (let i = 0; i < 5; i++) {
      await env.clock.advance(5000);
      server.endWatches();
      server.put('a', String(i)); // while nobody watches
      await env.clock.advance(5000);
    }
    expect(server.counts.lists).to.equal(1);
    expect(changes.length).to.equal(5);
  });

  it('takes its place from bookmarks, so that quiet collections need no list', async () => {
    const { env, server, informer } = setUp();
    start(informer);
    await informer.synced();
    await env.clock.settle();
    const before = informer.lastSyncResourceVersion;
    server.put('x', '1');
    server.delete('x');
    server.bookmark();
    await env.clock.settle();
    expect(informer.lastSyncResourceVersion).not.to.equal(before);
    server.compact();
    server.endWatches();
    await env.clock.advance(60_000);
    expect(server.counts.lists).to.equal(1);
  });

  it('never gives up, whatever the server says, and says each failure once', async () => {
    const { env, server, informer } = setUp();
    server.put('a', '1');
    for (const code of [403, 404, 500, 503, 429, 400, 410]) {
      server.failures.push(newStatusError(code, 'InternalError', { message: `failure ${code}` }));
    }
    start(informer);
    await env.clock.runUntil(() => informer.isSynced);
    expect(env.log.find('list or watch failed').length).to.equal(7);
    expect(informer.cache.size).to.equal(1);
  });

  it('waits as long as the server asks', async () => {
    const { env, server, informer } = setUp();
    const details = { retryAfterSeconds: 20 };
    server.failures.push(newStatusError(429, 'TooManyRequests', { message: 'busy', details }));
    start(informer);
    await env.clock.advance(19_000);
    expect(informer.isSynced).to.equal(false);
    await env.clock.advance(2000);
    expect(informer.isSynced).to.equal(true);
  });

  it('backs off from a server that ends each watch at once', async () => {
    const { env, server, informer } = setUp();
    start(informer);
    await informer.synced();
    for (let i = 0; i < 600; i++) {
      server.endWatches();
      await env.clock.advance(100);
    }
    expect(server.counts.watches).to.be.lessThan(12);
  });

  it('lists at once when its place is lost, and backs off from a server that forgets every place', async () => {
    const { env, server, informer } = setUp();
    start(informer);
    await informer.synced();
    await env.clock.settle();
    const { request } = server;
    server.request = async (call) => {
      if (call.path.includes('watch=')) throw newExpired('the place is forgotten');
      return request.call(server, call);
    };
    server.endWatches();
    await env.clock.advance(1000);
    expect(server.counts.lists).to.equal(2);
    await env.clock.advance(60_000);
    expect(server.counts.lists).to.be.within(4, 12);
    server.request = request;
    await env.clock.advance(60_000);
    server.put('a', '1');
    await env.clock.settle();
    expect(informer.cache.size).to.equal(1);
    const lists = server.counts.lists;
    server.failures.push(newExpired('the place is forgotten'));
    server.endWatches();
    await env.clock.settle();
    expect(server.counts.lists).to.equal(lists + 1);
  });

  it('goes on listing when a page expires under it', async () => {
    const { server, informer } = setUp({ pageSize: 2 });
    for (const name of ['a', 'b', 'c']) server.put(name, '1');
    const { request } = server;
    let pages = 0;
    server.request = (call) => {
      if (++pages === 2) server.put('d', '1'); // between the pages
      return request.call(server, call);
    };
    start(informer);
    await informer.synced();
    expect(informer.cache.keys().length).to.equal(4);
  });

  it('tells a deletion and a creation when the object was replaced unseen', async () => {
    const { env, server, informer, changes } = setUp();
    server.put('a', '1');
    start(informer);
    await informer.synced();
    await env.clock.settle();
    changes.splice(0);
    server.endWatches();
    server.delete('a');
    server.put('a', '2');
    server.compact();
    await env.clock.runUntil(() => changes.length === 2);
    expect(changes).to.deep.equal(['deleted a 1', 'added a 2']);
  });

  it('gives late handlers what is there, and survives handlers that throw', async () => {
    const { env, server, informer, changes } = setUp();
    server.put('a', '1');
    informer.onChange(() => {
      throw new Error('broken handler');
    });
    start(informer);
    await informer.synced();
    const late: string[] = [];
    const unsubscribe = informer.onChange(({ type, object }) => late.push(`${type} ${object.metadata.name}`));
    unsubscribe();
    server.put('a', '2');
    await env.clock.settle();
    expect(late).to.deep.equal(['added a']);
    expect(changes).to.deep.equal(['added a 1', 'updated a 1->2']);
    expect(env.log.find('informer handler failed').length).to.equal(2);
  });

  it('keeps only what it is asked to, in its first list and afterwards', async () => {
    const wanted = new Set(['a', 'c']);
    const keep = ({ metadata }: KubeObject): boolean => wanted.has(metadata.name ?? '');
    const { env, server, informer, changes } = setUp({ keep });
    for (const name of ['a', 'b']) server.put(name, '1');
    start(informer);
    await informer.synced();
    for (const name of ['b', 'c', 'd']) server.put(name, '2');
    server.delete('b');
    server.delete('d');
    await env.clock.settle();
    expect(changes).to.deep.equal(['added a 1', 'added c 2']);
    expect([...informer.cache.keys()].sort()).to.deep.equal(['ns/a', 'ns/c']);
    server.endWatches();
    server.put('b', '3');
    server.delete('c');
    server.compact();
    await env.clock.runUntil(() => changes.length === 3);
    expect(changes[2]).to.equal('deleted c 2');
    expect(informer.cache.keys()).to.deep.equal(['ns/a']);
  });

  it('tells the end of what it was taught, and of what it came to be wanted for, also after a new list', async () => {
    const wanted = new Set<string>();
    const keep = ({ metadata }: KubeObject): boolean => wanted.has(metadata.name ?? '');
    const { env, server, informer, changes } = setUp({ keep });
    for (const name of ['a', 'b', 'c']) server.put(name, '1');
    start(informer);
    await informer.synced();
    for (const name of ['a', 'b', 'c']) wanted.add(name);
    const read = (name: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'ns', resourceVersion: '1' },
      data: { value: '1' },
    });
    informer.teach(read('a'));
    informer.teach(read('b'));
    expect(informer.cache.keys()).to.deep.equal(['ns/a', 'ns/b']);
    server.delete('a');
    server.delete('c');
    await env.clock.settle();
    expect(changes).to.deep.equal(['deleted a 1', 'deleted c 1']);
    server.endWatches();
    server.delete('b');
    server.compact();
    await env.clock.runUntil(() => changes.length === 3);
    expect(changes[2]).to.match(/^deleted b/);
    informer.teach(read('d'));
    informer.drop('ns/d');
    expect(informer.cache.keys()).to.deep.equal([]);
  });

  it('keeps transformed objects and files them in added indexes', async () => {
    const { env, server, informer } = setUp({
      transform: (object) => ({ ...object, data: { value: dataOf(object).toUpperCase() } }),
    });
    const byValue = informer.cache.addIndex((object) => [dataOf(object)]);
    server.put('a', 'x');
    server.put('b', 'x');
    start(informer);
    await informer.synced();
    server.put('b', 'y');
    await env.clock.settle();
    expect(byValue('X').map((object) => object.metadata.name)).to.deep.equal(['a']);
    expect(byValue('Y').map((object) => object.metadata.name)).to.deep.equal(['b']);
    server.delete('a');
    await env.clock.settle();
    expect(byValue('X')).to.deep.equal([]);
  });

  it('stops at its signal and closes its watch', async () => {
    const { env, server, informer } = setUp();
    const stop = new AbortController();
    informer.start(stop.signal);
    await informer.synced();
    await env.clock.settle();
    expect(server.watchCount).to.equal(1);
    stop.abort(new Error('shutdown'));
    await informer.close();
    expect(server.watchCount).to.equal(0);
    expect(env.clock.pending).to.equal(0);
    expect(env.log.entries.filter((entry) => entry.level !== 'debug')).to.deep.equal([]);
  });

  it('rejects waiting for a sync that cannot come', async () => {
    const { informer } = setUp();
    const waiting = informer.synced().catch((error: unknown) => (error as Error).message);
    await informer.close();
    expect(await waiting).to.equal('the informer of configmaps was stopped');
  });

  for (let seed = 1; seed <= 25; seed++) {
    it(`converges over a bad network (seed ${seed})`, async () => {
      const env = createTestEnv({ seed });
      const { clock, random } = env;
      const server = new CollectionServer();
      const faults = { loseRequest: 0.1, loseResponse: 0.1, breakStream: 0.05, latencyMs: [1, 500] as const };
      const network = createSimulatedNetwork({ clock, random, faults });
      const sendInitialEvents = seed % 2 === 0;
      const client = createClient(network.link('hub', server));
      const informer = createInformer(client, configMaps, { env, sendInitialEvents, pageSize: 3 });
      const mirror = new Map<string, KubeObject>();
      informer.onChange(({ type, object }) => {
        const key = object.metadata.name ?? '';
        expect(mirror.has(key), `${type} ${key}`).to.equal(type !== 'added');
        if (type === 'deleted') mirror.delete(key);
        else mirror.set(key, object);
      });
      start(informer);
      for (let step = 0; step < 120; step++) {
        const name = `o${Math.floor(random.next() * 12)}`;
        const dice = random.next();
        if (dice < 0.6) server.put(name, String(step));
        else if (dice < 0.8) server.delete(name);
        else if (dice < 0.85) server.compact();
        else if (dice < 0.9) server.endWatches();
        else if (dice < 0.94) network.cut('hub', random.next() < 0.5 ? 'drop' : 'refuse');
        else network.heal('hub');
        await clock.advance(random.next() * 20_000);
      }
      network.healAll();
      network.setFaults({ loseRequest: 0, loseResponse: 0, breakStream: 0 });
      await clock.advance(15 * 60_000);
      expect(snapshotOf(informer.cache.list())).to.deep.equal(server.snapshot());
      expect(snapshotOf([...mirror.values()])).to.deep.equal(server.snapshot());
      expect(env.log.find('informer handler failed')).to.deep.equal([]);
    });
  }
});
