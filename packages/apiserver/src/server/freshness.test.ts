/** Two servers on one store, one of which sees the other's writes late. */
import { hasReason, type KubeObject } from '@flotilla/api';
import {
  createCertificateAuthority,
  createClient,
  generateKeyPair,
  type KubeClient,
  sleep,
  wellKnown,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createMemoryStore, type MemoryStore } from '../storage/memory-store.js';
import type { OnStoreEvents, Store } from '../storage/store.js';
import { CompactedError, type Revision } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { type ApiServer, createApiServer } from './api-server.js';

const { configMaps, namespaces } = wellKnown;
const lagMs = 500;

/** A store as a further process sees it: its events come late, though its own writes wait for theirs. */
interface LateStore extends Store {
  fail: StoreError | undefined;
  /** Ends the watch as one that was away for too long. */
  lose(): void;
}

function lateView(store: MemoryStore, env: TestEnv): LateStore {
  let seen = 0n;
  let lose: () => void = () => undefined;
  const view: LateStore = {
    isShared: true,
    fail: undefined,
    lose: () => lose(),
    revision: async () => {
      if (view.fail !== undefined) throw view.fail;
      return store.revision();
    },
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    write: async (write) => {
      if (view.fail !== undefined) throw view.fail;
      const result = await store.write(write);
      while (result.ok && seen < result.revision) await sleep(env.clock, 10);
      return result;
    },
    watch: async (prefix, after, onEvents: OnStoreEvents) => {
      let isLost = false;
      let isOpen = false;
      const watch = await store.watch(prefix, after, (events, revision) => {
        const deliver = (): void => {
          if (isLost) return;
          onEvents(events, revision);
          seen = revision;
        };
        if (isOpen) env.clock.setTimer(lagMs, deliver);
        else deliver();
      });
      isOpen = true;
      const lost = new Promise<CompactedError>((resolve) => {
        lose = () => {
          isLost = true;
          watch.close();
          resolve(new CompactedError(1n as Revision));
        };
      });
      return { lost, close: () => watch.close() };
    },
    compact: (revision) => store.compact(revision),
    compactedRevision: () => store.compactedRevision(),
    close: () => store.close(),
  };
  return view;
}

describe('a server whose store others write to, too', () => {
  let env: TestEnv;
  let view: LateStore;
  let servers: ApiServer[];
  let other: KubeClient;
  let late: KubeClient;

  beforeEach(async () => {
    env = createTestEnv();
    const store = createMemoryStore();
    view = lateView(store, env);
    const ca = createCertificateAuthority({
      commonName: 'ca',
      validityMs: 1e10,
      nowMs: env.clock.now(),
      random: env.random,
    });
    servers = [store, view].map((each) =>
      createApiServer({
        store: each,
        env,
        profile: 'cluster',
        kubernetesVersion: { major: 1, minor: 35, patch: 0 },
        advertiseUrl: 'https://hub.example:6443',
        clientCa: () => ca.certificatePem,
        serviceAccountKey: generateKeyPair().privateKeyPem,
      }),
    );
    const clients: KubeClient[] = [];
    for (const server of servers) {
      await server.start();
      clients.push(createClient(server.transport()));
    }
    [other, late] = clients as [KubeClient, KubeClient]; // one for each server
    await other.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    await env.clock.advance(lagMs);
  });
  afterEach(() => {
    for (const server of servers) server.close();
  });

  /** Lets time pass until the call is answered. */
  async function answered<T>(call: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = call.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    await env.clock.runUntil(() => isSettled, { limitMs: 60_000 });
    return settled;
  }

  const key = { namespace: 'default', name: 'a' };
  const make = (data: Record<string, string> = {}): Promise<KubeObject> =>
    other.create<KubeObject>(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key }, data });

  it('reads, lists, changes and deletes what another server has just acknowledged', async () => {
    const made = await make({ value: 'one' });
    const read = await answered(late.get<KubeObject>(configMaps, key));
    expect(read.metadata.uid).to.equal(made.metadata.uid);
    await other.patch(configMaps, key, { type: 'merge', body: { data: { value: 'two' } } });
    const { items } = await answered(late.list<KubeObject>(configMaps, { namespace: 'default' }));
    expect(items.map((item) => item['data'])).to.deep.equal([{ value: 'two' }]);
    await other.patch(configMaps, key, { type: 'merge', body: { data: { value: 'three' } } });
    // For a server that still sees `two` this would be no change, and `three` would stay.
    const back = await answered(
      late.patch<KubeObject>(configMaps, key, { type: 'merge', body: { data: { value: 'two' } } }),
    );
    expect(back['data']).to.deep.equal({ value: 'two' });
    expect((await other.get<KubeObject>(configMaps, key))['data']).to.deep.equal({ value: 'two' });
    await other.delete(configMaps, key);
    const gone = await answered(late.get(configMaps, key).catch((error: unknown) => error));
    expect(hasReason(gone, 'NotFound')).to.equal(true);
    await make();
    await answered(late.delete(configMaps, key));
  });

  it('answers at once from what it has when a resourceVersion says that this is enough', async () => {
    await make();
    const { items } = await late.list<KubeObject>(configMaps, { namespace: 'default', resourceVersion: '0' });
    expect(items).to.deep.equal([]);
  });

  it('looks again before it says that something named with a resourceVersion does not exist', async () => {
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'circles.example.org' },
      spec: {
        group: 'example.org',
        scope: 'Cluster',
        names: { plural: 'circles', singular: 'circle', kind: 'Circle', listKind: 'CircleList' },
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        ],
      },
    };
    await other.create(wellKnown.customResourceDefinitions, crd);
    const circles = { group: 'example.org', version: 'v1', resource: 'circles', namespaced: false };
    const list = await answered(late.list<KubeObject>(circles, { resourceVersion: '0' }));
    expect(list.kind).to.equal('CircleList');
  });

  it('says 503 or 504 while the store is away, and answers what may be old', async () => {
    await make();
    await env.clock.advance(lagMs);
    const cases = [
      ['unavailable', 503],
      ['uncertain', 504],
    ] as const;
    for (const [code, status] of cases) {
      view.fail = new StoreError(code, 'the store is away');
      const calls = [
        () => late.get(configMaps, key),
        () => late.list(configMaps),
        () =>
          late.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key, name: 'b' } }),
      ];
      for (const call of calls) {
        const error = await answered(call().catch((failure: unknown) => failure));
        expect(error).to.have.nested.property('status.code', status);
      }
      const old = await late.list<KubeObject>(configMaps, { namespace: 'default', resourceVersion: '0' });
      expect(old.items).to.have.length(1);
      for (const [path, expected] of [
        ['/livez', 'ok'],
        ['/readyz/etcd', 'internal server error: etcd failed'],
      ] as const) {
        const answer = await late.getText(path).catch((error: unknown) => String(error));
        expect(answer).to.include(expected);
      }
    }
    view.fail = undefined;
    expect(await late.getText('/readyz/etcd')).to.equal('ok');
  });

  it('learns what it missed when it was away for longer than history is kept', async () => {
    await make({ value: 'one' });
    await env.clock.advance(lagMs);
    const events: string[] = [];
    const watching = new AbortController();
    const watch = (async () => {
      const stream = late.watch<KubeObject>(configMaps, { namespace: 'default', signal: watching.signal });
      for await (const { type, object } of stream) events.push(`${type} ${object.metadata.name}`);
    })().catch(() => undefined);
    await env.clock.advance(lagMs);
    await other.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key, name: 'b' } });
    await other.patch(configMaps, key, { type: 'merge', body: { data: { value: 'two' } } });
    await other.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    view.lose();
    await env.clock.advance(10);
    expect(events).to.deep.equal(['ADDED a', 'ADDED b', 'MODIFIED a']);
    await other.delete(configMaps, key);
    view.lose();
    await env.clock.advance(10);
    expect(events.at(-1)).to.equal('DELETED a');
    // And it follows the store again.
    await make();
    await env.clock.advance(lagMs);
    expect(events.at(-1)).to.equal('ADDED a');
    watching.abort();
    await watch;
  });
});
