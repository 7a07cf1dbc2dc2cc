/** The contract of stores on a real etcd, and what is particular to a store that others share. */
import { createCertificateAuthority, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import { type ContractSubject, storeContract } from '../../storage/store.contract.js';
import type { Revision, Store, StoreEvent, WriteResult } from '../../storage/store.js';
import { StoreError } from '../../storage/store-errors.js';
import { type EtcdTestCluster, hasEtcd, startEtcdCluster } from '../../testing/index.js';
import { type EtcdStoreOptions, openEtcdStore } from './etcd-store.js';

const none = 0n as Revision;
const { clock, random } = createNodeEnv();

function put(store: Store, key: string, value: string, expected: Revision = none): Promise<WriteResult> {
  return store.write({ type: 'put', key, value: Buffer.from(value), expected });
}

async function refusal(promise: Promise<unknown>): Promise<StoreError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

if (hasEtcd()) {
  /** Every subject needs an etcd that begins at revision 1; the next one starts while a test runs. */
  let next: Promise<EtcdTestCluster> | undefined;
  const takeCluster = (): Promise<EtcdTestCluster> => {
    const taken = next ?? startEtcdCluster();
    next = startEtcdCluster();
    return taken;
  };
  after(async () => (await next)?.stop());

  const subjectOn = async (cluster: EtcdTestCluster): Promise<ContractSubject> => {
    const store = await openEtcdStore({ clock, random, endpoints: cluster.urls, prefix: '/flotilla' });
    return {
      store,
      reopen: async () => {
        await store.close();
        return subjectOn(cluster);
      },
      dispose: async () => {
        await store.close();
        await cluster.stop();
      },
    };
  };
  storeContract('etcd', async () => subjectOn(await takeCluster()));

  describe('an etcd store that others share', () => {
    let cluster: EtcdTestCluster;
    let store: Store;
    let other: Store;
    beforeEach(async () => {
      cluster = await takeCluster();
      store = await openEtcdStore({ clock, random, endpoints: cluster.urls, prefix: '/flotilla' });
      other = await openEtcdStore({ clock, random, endpoints: cluster.urls, prefix: '/flotilla' });
    });
    afterEach(async () => {
      await Promise.all([store.close(), other.close()]);
      await cluster.stop();
    });

    it('sees the writes of another in its watch and its reads', async () => {
      const seen: StoreEvent[] = [];
      let arrived: () => void = () => undefined;
      const both = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      await store.watch('/a/', none, (events) => {
        seen.push(...events);
        if (seen.length === 2) arrived();
      });
      expect(await put(other, '/a/1', 'one')).to.deep.equal({ ok: true, revision: 2n });
      await put(other, '/b/1', 'no concern of the watch');
      await put(other, '/a/2', 'two');
      await both;
      expect(seen.map(({ key, revision }) => `${key}@${revision}`)).to.deep.equal(['/a/1@2', '/a/2@4']);
      expect(Buffer.from((await store.get('/a/1'))?.value ?? []).toString()).to.equal('one');
      expect(await store.revision()).to.equal(4n);
    });

    it('keeps to its prefix, and brings its watch up to revisions that others made', async () => {
      const foreign = await openEtcdStore({ clock, random, endpoints: cluster.urls, prefix: '/other' });
      let upTo = none;
      await store.watch('', none, (_, revision) => {
        upTo = revision;
      });
      for (let i = 0; i < 5; i++) await put(foreign, `/k${i}`, 'x');
      const newest = await store.revision();
      expect(newest).to.equal(6n);
      while (upTo < newest) await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await store.range('')).items.map(({ key }) => key)).to.deep.equal(['/touch']);
      await foreign.close();
    });

    it('reads a range of many pages at one revision while others write', async () => {
      const count = 1_800;
      await Promise.all(Array.from({ length: count }, (_, i) => put(store, `/r/${i}`, 'before')));
      const reading = store.range('/r/');
      const overwritten = await other.get('/r/999');
      await put(other, '/r/999', 'after', overwritten?.modRevision ?? none);
      const { items, revision } = await reading;
      expect(items).to.have.length(count);
      for (const item of items) expect(item.modRevision <= revision).to.equal(true);
    });

    it('says that it is unavailable while no member answers, and goes on when one does', async () => {
      const seen: string[] = [];
      await store.watch('', none, (events) => seen.push(...events.map(({ key }) => key)));
      await put(store, '/before', 'x');
      const [member] = cluster.members;
      await member?.signal('SIGKILL');
      expect((await refusal(put(store, '/during', 'x'))).code).to.be.oneOf(['unavailable', 'uncertain']);
      expect((await refusal(store.revision())).code).to.equal('unavailable');
      await member?.start();
      await cluster.healthy();
      for (;;) {
        try {
          await put(store, '/after', 'x');
          break;
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
        }
      }
      expect(seen.filter((key) => key !== '/touch' && key !== '/during')).to.deep.equal([
        '/before',
        '/after',
      ]);
    }).timeout(60_000);
  });

  describe('an etcd store on three members', () => {
    let cluster: EtcdTestCluster;
    before(async () => {
      cluster = await startEtcdCluster({ size: 3 });
    });
    after(() => cluster.stop());

    for (const how of ['SIGKILL', 'SIGSTOP'] as const) {
      it(`loses no acknowledged write and no event when the leader gets ${how}`, async () => {
        const store = await openEtcdStore({ clock, random, endpoints: cluster.urls, prefix: `/${how}` });
        const start = await store.revision();
        const seen = new Map<string, bigint>();
        let order = 0n;
        await store.watch('/w/', start, (events) => {
          for (const { key, revision } of events) {
            expect(revision > order).to.equal(true);
            expect(seen.has(key)).to.equal(false);
            order = revision;
            seen.set(key, revision);
          }
        });
        const acknowledged = new Map<string, bigint>();
        let stopAt = Number.POSITIVE_INFINITY;
        const writer = async (name: number): Promise<void> => {
          for (let i = 0; Date.now() < stopAt; i++) {
            const key = `/w/${name}-${i}`;
            try {
              const result = await put(store, key, key);
              // Nobody else writes this key: a compare that fails would be a write of ours denied.
              if (!result.ok) throw new Error(`${key} was said to exist`);
              acknowledged.set(key, result.revision);
            } catch (error) {
              if (!(error instanceof StoreError)) throw error;
              expect(error.code).to.be.oneOf(['unavailable', 'uncertain']);
            }
          }
        };
        const writers = Array.from({ length: 8 }, (_, i) => writer(i));
        await new Promise((resolve) => setTimeout(resolve, 300));
        const leader = await cluster.leader();
        await leader.signal(how);
        const before = acknowledged.size;
        while (acknowledged.size < before + 200) await new Promise((resolve) => setTimeout(resolve, 20));
        stopAt = Date.now();
        await Promise.all(writers);
        if (how === 'SIGKILL') await leader.start();
        else await leader.signal('SIGCONT');
        const { items } = await store.range('/w/');
        const stored = new Map(items.map(({ key, modRevision }) => [key, modRevision as bigint]));
        for (const [key, revision] of acknowledged) {
          expect(stored.get(key), key).to.equal(revision);
          expect(seen.get(key), key).to.equal(revision);
        }
        await store.close();
      }).timeout(90_000);
    }
  });

  describe('opening an etcd store', () => {
    it('says which server does not answer', async () => {
      const error = await refusal(
        openEtcdStore({ clock, random, endpoints: ['http://127.0.0.1:1'], prefix: '/flotilla' }),
      );
      expect(error.code).to.equal('unavailable');
      expect(error.message).to.equal(
        'no etcd server answers (--etcd-servers): http://127.0.0.1:1: the connection is refused; is etcd running there?',
      );
    });

    it('goes on with the members that answer', async () => {
      const cluster = await takeCluster();
      const endpoints = ['http://127.0.0.1:1', ...cluster.urls];
      const store = await openEtcdStore({ clock, random, endpoints, prefix: '/flotilla' });
      expect((await put(store, '/a', 'x')).ok).to.equal(true);
      await store.close();
      await cluster.stop();
    });

    it('refuses members of different clusters', async () => {
      const [one, two] = [await takeCluster(), await takeCluster()];
      const endpoints = [...one.urls, ...two.urls];
      const error = await refusal(openEtcdStore({ clock, random, endpoints, prefix: '/flotilla' }));
      expect(error.message).to.include('belong to different clusters');
      await Promise.all([one.stop(), two.stop()]);
    });

    it('speaks TLS with a client certificate, and says what of it is wrong', async () => {
      const nowMs = Date.now();
      const { random } = createNodeEnv();
      const ca = createCertificateAuthority({ commonName: 'etcd-ca', validityMs: 3_600_000, nowMs, random });
      const keys = generateKeyPair();
      const certificate = issueCertificate({
        ca,
        publicKeyDer: keys.publicKeyDer,
        subject: { commonName: 'etcd' },
        notBeforeMs: nowMs - 60_000,
        notAfterMs: nowMs + 3_600_000,
        usages: ['digital signature', 'server auth', 'client auth'],
        ipAddresses: ['127.0.0.1'],
        random,
      });
      const tls = { ca: ca.certificatePem, certificate, key: keys.privateKeyPem };
      const cluster = await startEtcdCluster({ tls });
      const { urls: endpoints } = cluster;
      try {
        const store = await openEtcdStore({ clock, random, endpoints, prefix: '/flotilla', tls });
        const seen: string[] = [];
        await store.watch('', none, (events) => seen.push(...events.map(({ key }) => key)));
        await put(store, '/a', 'x');
        expect(seen).to.deep.equal(['/a']);
        await store.close();
        const stranger = createCertificateAuthority({ commonName: 'x', validityMs: 1e7, nowMs, random });
        const { ca: _, ...withoutCa } = tls;
        const wrong: readonly (readonly [Omit<EtcdStoreOptions, 'clock' | 'random'>, string])[] = [
          [
            { endpoints, prefix: '/f', tls: { ca: tls.ca } },
            'client certificate that it knows: --etcd-certfile',
          ],
          [{ endpoints, prefix: '/f', tls: withoutCa }, 'give its authority with --etcd-cafile'],
          [{ endpoints, prefix: '/f', tls: { ...tls, ca: stranger.certificatePem } }, '--etcd-cafile'],
          [
            { endpoints: endpoints.map((url) => url.replace('https', 'http')), prefix: '/f' },
            'give it as https://',
          ],
          [
            { endpoints: endpoints.map((url) => url.replace('127.0.0.1', 'localhost')), prefix: '/f', tls },
            'its certificate is for other names',
          ],
        ];
        for (const [options, text] of wrong) {
          const error = await refusal(openEtcdStore({ clock, random, ...options }));
          expect(error.message, text).to.include(text);
          expect(error.message).not.to.include('\n');
        }
      } finally {
        await cluster.stop();
      }
    });
  });
} else {
  describe('etcd as a store', () => {
    it('is not tested: no etcd on this machine (Debian: apt-get install etcd-server)');
  });
}
