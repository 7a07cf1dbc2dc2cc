/** Writes whose answers get lost, through a member in between that forwards to a real etcd. */

import { createNodeEnv } from '@flotilla/kube/node';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  KVService,
  type TxnRequest,
  type TxnResponse,
  type WatchRequest,
  type WatchResponse,
  WatchService,
} from '../../gen/etcd/etcd.js';
import type { Revision, StoreWrite, WriteResult } from '../../storage/store.js';
import { StoreError } from '../../storage/store-errors.js';
import { type EtcdTestCluster, hasEtcd, startEtcdCluster } from '../../testing/index.js';
import { EtcdConnection } from './etcd-connection.js';
import { EtcdKeys } from './etcd-keys.js';
import { executeWrite } from './etcd-write.js';

const none = 0n as Revision;
const { clock } = createNodeEnv();

/** What becomes of the next transactions: the answer, or the request already, gets lost. */
type Fate = 'answer lost' | 'request lost';

class Middleman {
  readonly fates: Fate[] = [];
  /** Done between a lost transaction and the answer that it is lost. */
  meanwhile: () => Promise<unknown> = async () => undefined;
  readonly #server = new Server();
  readonly #target: Client;
  url = '';

  constructor(target: string) {
    this.#target = new Client(new URL(target).host, credentials.createInsecure());
  }

  async start(): Promise<void> {
    const { txn } = KVService;
    const forward = (request: TxnRequest): Promise<TxnResponse> =>
      new Promise((resolve, reject) => {
        this.#target.makeUnaryRequest(
          txn.path,
          txn.requestSerialize,
          txn.responseDeserialize,
          request,
          (error, response) => (response === undefined ? reject(error) : resolve(response)),
        );
      });
    this.#server.addService(
      { txn },
      {
        txn: (call: { request: TxnRequest }, answer: (error: object | null, value?: TxnResponse) => void) => {
          const fate = this.fates.shift();
          const done = fate === 'request lost' ? Promise.resolve(undefined) : forward(call.request);
          void done.then(async (response) => {
            if (fate === undefined) return answer(null, response);
            await this.meanwhile();
            return answer({ code: status.UNAVAILABLE, details: 'the connection is lost' });
          });
        },
      },
    );
    const { watch } = WatchService;
    this.#server.addService(
      { watch },
      {
        watch: (call: ServerDuplexStream<WatchRequest, WatchResponse>) => {
          const { path, requestSerialize, responseDeserialize } = watch;
          const out = this.#target.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
          call.on('data', (request) => out.write(request));
          call.on('cancelled', () => out.cancel());
          out.on('data', (response) => call.write(response));
          out.on('error', () => call.end());
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.url = `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
    this.#target.close();
  }
}

if (hasEtcd()) {
  describe('a write to etcd whose answer is lost', () => {
    let cluster: EtcdTestCluster;
    let middleman: Middleman;
    let through: EtcdConnection;
    let direct: EtcdConnection;
    const keys = new EtcdKeys('/flotilla');

    before(async () => {
      cluster = await startEtcdCluster();
      middleman = new Middleman(cluster.urls[0] ?? '');
      await middleman.start();
      through = new EtcdConnection({ clock, endpoints: [middleman.url] });
      direct = new EtcdConnection({ clock, endpoints: cluster.urls });
    });
    after(async () => {
      through.close();
      direct.close();
      middleman.stop();
      await cluster.stop();
    });
    beforeEach(() => {
      middleman.meanwhile = async () => undefined;
    });

    let newest = 1n as Revision;
    const write = async (connection: EtcdConnection, wanted: StoreWrite): Promise<WriteResult> => {
      const result = await executeWrite(wanted, { connection, keys, baseline: newest });
      if (result.ok && result.revision > newest) newest = result.revision;
      return result;
    };
    const put = (key: string, value: string, expected: Revision = none): StoreWrite => ({
      type: 'put',
      key,
      value: Buffer.from(value),
      expected,
    });
    const revisionOf = (result: WriteResult): Revision => {
      if (!result.ok) throw new Error('the compare failed');
      return result.revision;
    };

    it('is done once, and said to be done, at the revision at which it was', async () => {
      const before = newest;
      middleman.fates.push('answer lost', 'answer lost', 'answer lost');
      const made = revisionOf(await write(through, put('/a', 'one')));
      expect(made).to.equal(before + 1n);
      middleman.fates.push('answer lost');
      const changed = revisionOf(await write(through, put('/a', 'two', made)));
      expect(changed).to.equal(made + 1n);
      middleman.fates.push('answer lost');
      const removed = revisionOf(await write(through, { type: 'delete', key: '/a', expected: changed }));
      expect(removed).to.equal(changed + 1n);
    });

    it('is done by a later attempt when it was the request that got lost', async () => {
      middleman.fates.push('request lost', 'request lost');
      const before = newest;
      expect(revisionOf(await write(through, put('/b', 'one')))).to.equal(before + 1n);
    });

    it('is known from the history when another has changed the key since', async () => {
      const made = revisionOf(await write(direct, put('/c', 'one')));
      middleman.fates.push('answer lost');
      middleman.meanwhile = () => write(direct, put('/c', 'theirs', (made + 1n) as Revision));
      const ours = revisionOf(await write(through, put('/c', 'ours', made)));
      expect(ours).to.equal(made + 1n);
    });

    it('is known from the history when another has replaced what it created', async () => {
      const before = newest;
      middleman.fates.push('answer lost');
      middleman.meanwhile = async () => {
        const expected = (before + 1n) as Revision;
        await write(direct, { type: 'delete', key: '/d', expected });
        await write(direct, put('/d', 'theirs'));
      };
      const result = await executeWrite(put('/d', 'ours'), { connection: through, keys, baseline: before });
      expect(result).to.deep.equal({ ok: true, revision: before + 1n });
    });

    it('is not taken for done when another came first', async () => {
      const made = revisionOf(await write(direct, put('/e', 'one')));
      for (const wanted of [
        put('/e', 'ours', made),
        { type: 'delete', key: '/e', expected: made } as const,
      ]) {
        middleman.fates.push('request lost');
        middleman.meanwhile = () => write(direct, put('/e', 'theirs', made)); // the second finds it done
        const result = await write(through, wanted);
        expect(result.ok).to.equal(false);
        if (!result.ok) expect(Buffer.from(result.current?.value ?? []).toString()).to.equal('theirs');
      }
    });

    it('is called uncertain while nobody can tell', async () => {
      const hasty = new EtcdConnection({ clock, endpoints: [middleman.url], timeouts: { writeMs: 300 } });
      middleman.fates.push(...Array.from({ length: 50 }, (): Fate => 'answer lost'));
      let failure: unknown;
      await executeWrite(put('/f', 'x'), { connection: hasty, keys, baseline: newest }).catch(
        (error: unknown) => {
          failure = error;
        },
      );
      middleman.fates.length = 0;
      hasty.close();
      expect(failure).to.be.instanceOf(StoreError).with.property('code', 'uncertain');
    });
  });
}
