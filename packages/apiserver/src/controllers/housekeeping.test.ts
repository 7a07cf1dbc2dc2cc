import { formatTime } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { ref, startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { secrets, events } = wellKnown;
const hourMs = 3_600_000;

describe('housekeeping', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'hub' });
  });

  afterEach(async () => {
    expect(cluster.env.log.find('reconcile failed')).to.deep.equal([]);
    await cluster.close();
  });

  function makeToken(id: string, expiresInMs: number | undefined) {
    const now = cluster.env.clock.now();
    return cluster.make(secrets, {
      metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': id,
        'token-secret': '0123456789abcdef',
        ...(expiresInMs !== undefined && { expiration: formatTime(now + expiresInMs) }),
      },
    });
  }

  it('removes a bootstrap token an hour after it expired', async () => {
    await makeToken('aaaaaa', hourMs);
    await makeToken('bbbbbb', 3 * hourMs);
    await makeToken('cccccc', undefined);
    await cluster.pass(1.9 * hourMs);
    expect((await cluster.names(secrets, 'kube-system')).length).to.equal(3);
    await cluster.pass(0.2 * hourMs);
    expect(await cluster.names(secrets, 'kube-system')).to.deep.equal([
      'bootstrap-token-bbbbbb',
      'bootstrap-token-cccccc',
    ]);
    await cluster.pass(2 * hourMs);
    expect(await cluster.names(secrets, 'kube-system')).to.deep.equal(['bootstrap-token-cccccc']);
  });

  it('leaves a token that was prolonged', async () => {
    await makeToken('aaaaaa', hourMs);
    await cluster.pass(hourMs);
    const stringData = { expiration: formatTime(cluster.env.clock.now() + 5 * hourMs) };
    const key = { namespace: 'kube-system', name: 'bootstrap-token-aaaaaa' };
    await cluster.client.patch(secrets, key, { type: 'merge', body: { stringData } });
    await cluster.pass(3 * hourMs);
    expect((await cluster.names(secrets, 'kube-system')).length).to.equal(1);
  });

  it('removes events an hour after they happened last', async () => {
    const involvedObject = { kind: 'Namespace', name: 'x' };
    for (const name of ['once', 'again']) {
      await cluster.make(events, {
        metadata: { namespace: 'default', name },
        involvedObject,
        reason: 'Test',
      });
    }
    await cluster.pass(0.9 * hourMs);
    const key = { namespace: 'default', name: 'again' };
    await cluster.client.patch(events, key, { type: 'merge', body: { count: 2 } });
    await cluster.pass(0.3 * hourMs);
    expect(await cluster.names(events)).to.deep.equal(['again']);
    await cluster.pass(hourMs);
    expect(await cluster.names(events)).to.deep.equal([]);
  });

  it('keeps the service of the API in the stand-in cluster', async () => {
    const services = ref('', 'v1', 'services');
    await cluster.close();
    cluster = await startTestCluster({ profile: 'cluster' });
    const made = await cluster.find(services, 'kubernetes', 'default');
    expect(made?.['spec']).to.deep.include({ clusterIP: '10.96.0.1', type: 'ClusterIP' });
    await cluster.client.delete(services, { namespace: 'default', name: 'kubernetes' });
    await cluster.pass(100);
    expect(await cluster.find(services, 'kubernetes', 'default')).to.be.an('object');
  });
});
