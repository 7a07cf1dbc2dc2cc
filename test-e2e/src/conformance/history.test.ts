/** What is older than the history that is kept: in process, on a virtual clock, as minutes have to pass. */
import { StatusError } from '@flotilla/api';
import {
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type MemoryStore,
} from '@flotilla/apiserver';
import { createClient, generateKeyPair, type KubeClient, wellKnown } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { strangeAuthority } from '../support/credentials.js';
import { configMap } from '../support/objects.js';

describe('history that is no longer kept', () => {
  let env: TestEnv;
  let store: MemoryStore;
  let server: ApiServer;
  let client: KubeClient;

  beforeEach(async () => {
    env = createTestEnv();
    store = createMemoryStore();
    const ca = strangeAuthority();
    server = createApiServer({
      store,
      env,
      profile: 'cluster',
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: 'https://history.test',
      clientCa: () => ca.certificatePem,
      serviceAccountKey: generateKeyPair().privateKeyPem,
    });
    await server.start();
    client = createClient(server.transport());
    await client.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ns' },
    });
    for (const name of ['a', 'b', 'c', 'd']) await client.create(wellKnown.configMaps, inNamespace(name));
  });
  afterEach(async () => {
    server.close();
    await store.close();
  });

  const inNamespace = (name: string) => configMap(name, {}, { namespace: 'ns' });
  const forget = async () => {
    await client.create(wellKnown.configMaps, inNamespace('e'));
    await env.clock.advance(20 * 60_000);
    await client.create(wellKnown.configMaps, inNamespace('f'));
    await env.clock.advance(20 * 60_000);
  };
  const statusOf = async (call: Promise<unknown>) => {
    try {
      await call;
    } catch (error) {
      if (error instanceof StatusError) return error.status;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  it('answers 410 to a page of it, with a token by which the list goes on as of now', async () => {
    const first = await client.list(wellKnown.configMaps, { namespace: 'ns', limit: 2 });
    await forget();
    const options = { namespace: 'ns', limit: 2 };
    const status = await statusOf(
      client.list(wellKnown.configMaps, { ...options, continue: first.metadata.continue ?? '' }),
    );
    expect(status).to.include({ code: 410, reason: 'Expired' });
    const token = status.metadata.continue ?? '';
    expect(JSON.parse(Buffer.from(token, 'base64url').toString())).to.include({
      v: 'meta.k8s.io/v1',
      rv: -1,
    });
    const names: (string | undefined)[] = [];
    let next = token;
    while (next !== '') {
      const page = await client.list(wellKnown.configMaps, { ...options, continue: next });
      names.push(...page.items.map(({ metadata }) => metadata.name));
      next = page.metadata.continue ?? '';
    }
    expect(names).to.deep.equal(['c', 'd', 'e', 'f']);
  });

  it('answers 410 to an exact list and to a watch of it', async () => {
    const { metadata } = await client.list(wellKnown.configMaps, { namespace: 'ns' });
    const resourceVersion = metadata.resourceVersion ?? '';
    await forget();
    const listed = await statusOf(
      client.list(wellKnown.configMaps, { namespace: 'ns', limit: 2, resourceVersion }),
    );
    expect(listed).to.include({ code: 410, reason: 'Expired' });
    const watched = await statusOf(
      (async () => {
        for await (const _ of client.watch(wellKnown.configMaps, { namespace: 'ns', resourceVersion })) break;
      })(),
    );
    expect(watched).to.include({ code: 410, reason: 'Expired' });
    expect(watched.message).to.match(/^too old resource version: \d+ \(\d+\)$/);
  });
});
