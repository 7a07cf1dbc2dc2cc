import { type KubeObject, newForbidden } from '@flotilla/api';
import { createStopController, publicKeyHashOf, TransportError } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { DeniedError } from './bootstrap.js';
import { FakeServer } from './fake-client.fixture.js';
import { requestRenewal } from './renewal.js';
import { KlusterletState } from './state.js';

describe('asking for the next certificate', () => {
  let env: TestEnv;
  let state: KlusterletState;
  let server: FakeServer;
  beforeEach(() => {
    env = createTestEnv();
    state = new KlusterletState(env.files, '/data');
    server = new FakeServer();
  });

  const ask = () =>
    requestRenewal(server.client, {
      ...{ clusterName: 'c1', agentId: 'a1', state, env },
      signal: createStopController().signal,
    });
  const requests = (): KubeObject[] =>
    [...server.objects.entries()]
      .filter(([key]) => key.startsWith('certificatesigningrequests/'))
      .map(([, object]) => object);

  function answer(status: object): void {
    for (const [key, object] of server.objects) {
      if (key.startsWith('certificatesigningrequests/')) server.objects.set(key, { ...object, status });
    }
  }
  const issued = { certificate: Buffer.from('the certificate').toString('base64') };

  it('keeps the key beside the name of its request until the answer is there', async () => {
    const done = ask();
    await env.clock.advance(500);
    const pending = await state.readRenewal();
    expect(requests().map(({ metadata }) => metadata.name)).to.deep.equal([pending?.csrName]);
    answer(issued);
    await env.clock.advance(5000);
    expect(await done).to.deep.equal({
      certificatePem: 'the certificate',
      privateKeyPem: pending?.privateKeyPem,
    });
  });

  it('goes on with the request of an agent that was stopped in between', async () => {
    const first = ask();
    first.catch(() => undefined); // its agent is gone
    await env.clock.advance(500);
    const pending = await state.readRenewal();
    answer(issued);
    const again = await ask();
    expect(again.privateKeyPem).to.equal(pending?.privateKeyPem);
    expect(requests().length).to.equal(1);
  });

  it('asks anew, with another key, when the request is gone or another’s', async () => {
    const stale = { csrName: 'c1-gone', privateKeyPem: 'old' };
    for (const refuse of [false, true]) {
      await state.writeRenewal(stale);
      server = new FakeServer();
      const { client } = server;
      const get = client.get.bind(client);
      const subject = {
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        name: 'c1-gone',
      };
      const asked = {
        ...client,
        get: (ref: Parameters<typeof get>[0], key: Parameters<typeof get>[1]) =>
          refuse && key.name === 'c1-gone' ? Promise.reject(newForbidden(subject, 'no')) : get(ref, key),
      } as typeof client;
      const signal = createStopController().signal;
      const done = requestRenewal(asked, { clusterName: 'c1', agentId: 'a1', state, env, signal });
      await env.clock.advance(500);
      answer(issued);
      await env.clock.advance(5000);
      const { privateKeyPem } = await done;
      expect(publicKeyHashOf(privateKeyPem)).to.match(/^sha256:/);
      expect(requests().length).to.equal(1);
    }
  });

  it('asks again with the same key while answers are lost', async () => {
    const { client } = server;
    const create = client.create.bind(client);
    const deaf = {
      ...client,
      create: async (...given: Parameters<typeof create>) => {
        await create(...given);
        throw new TransportError('timeout', 'no answer');
      },
    } as typeof client;
    const options = { clusterName: 'c1', agentId: 'a1', state, env, signal: createStopController().signal };
    const keys = new Set<string | undefined>();
    for (let i = 0; i < 5; i++) {
      const error = await requestRenewal(deaf, options).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TransportError);
      keys.add((await state.readRenewal())?.privateKeyPem);
    }
    expect(requests().length).to.equal(5);
    const done = ask();
    await env.clock.advance(500);
    answer(issued);
    await env.clock.advance(5000);
    keys.add((await done).privateKeyPem);
    expect(keys.size).to.equal(1);
  });

  it('forgets a request that was refused, and the next asks anew', async () => {
    const done = ask().catch((error: unknown) => error);
    await env.clock.advance(500);
    answer({ conditions: [{ type: 'Denied', status: 'True', message: 'not you' }] });
    await env.clock.advance(5000);
    const error = await done;
    expect(error).to.be.instanceOf(DeniedError);
    expect(String(error)).to.contain('not you');
    expect(await state.readRenewal()).to.equal(undefined);
  });
});
