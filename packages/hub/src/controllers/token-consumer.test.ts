import { clusterNameLabel, type KubeObject, type ManagedCluster, tokenUsedByAnnotation } from '@flotilla/api';
import type { ChangeHandler } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { HubContext } from './context.js';
import { createTokenConsumer } from './token-consumer.js';

/** A hub with the token `abcdef`, and a request of c1 by it. */
function open() {
  const env = createTestEnv();
  const secret = { metadata: { annotations: {} as Record<string, string> } };
  const told = new Map<string, ChangeHandler<KubeObject>>();
  const informer = (name: string) => ({
    onChange: (fn: ChangeHandler<KubeObject>) => told.set(name, fn),
    cache: { get: () => cluster },
  });
  let cluster: ManagedCluster | undefined;
  const context = {
    env,
    client: {
      get: async () => secret,
      patch: async (_ref: unknown, _key: unknown, { body }: { body: typeof secret }) => {
        Object.assign(secret.metadata.annotations, body.metadata.annotations);
      },
    },
    clusters: informer('clusters'),
    csrs: informer('csrs'),
    leases: informer('leases'),
  } as unknown as HubContext; // the rest is not asked
  const consumer = createTokenConsumer(context);
  consumer.start();
  const iso = (): string => new Date(env.clock.now()).toISOString();
  const csr = (status: object): KubeObject => ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c1-x', labels: { [clusterNameLabel]: 'c1' }, creationTimestamp: iso() },
    spec: { username: 'system:bootstrap:abcdef' },
    status,
  });
  const issued = csr({
    certificate: 'any',
    conditions: [{ type: 'Approved', status: 'True', lastUpdateTime: iso() }],
  });
  const lease = (renewTime: string, namespace: string): KubeObject => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name: 'managed-cluster-lease' },
    spec: { renewTime },
  });
  return {
    isUsed: async (): Promise<boolean> => {
      await env.clock.settle();
      return secret.metadata.annotations[tokenUsedByAnnotation] === 'c1';
    },
    pass: (ms: number) => env.clock.advance(ms),
    asks: () => told.get('csrs')?.({ type: 'added', object: csr({}) }),
    gets: () => told.get('csrs')?.({ type: 'updated', object: issued }),
    isCleared: () => told.get('csrs')?.({ type: 'deleted', object: issued }),
    beats: ({ of = 'c1' } = {}) =>
      told.get('leases')?.({ type: 'updated', object: lease(iso(), of), old: lease('before', of) }),
    reports: () => {
      const status = { conditions: [{ type: 'ManagedClusterJoined', status: 'True' }] };
      const metadata = { name: 'c1', annotations: { 'flotilla.dev/bootstrap-token-id': 'abcdef' } };
      cluster = { metadata, status } as unknown as ManagedCluster; // the rest is not read
      told.get('clusters')?.({ type: 'updated', object: cluster });
    },
  };
}

describe('the end of a bootstrap token', () => {
  it('comes with the first report of the cluster that it made', async () => {
    const hub = open();
    hub.gets();
    expect(await hub.isUsed()).to.equal(false);
    hub.reports();
    expect(await hub.isUsed()).to.equal(true);
  });

  it('comes with a heartbeat of a cluster that joined again', async () => {
    const hub = open();
    hub.gets();
    hub.beats(); // perhaps of the agent that it replaces
    await hub.pass(61_000);
    expect(await hub.isUsed()).to.equal(false);
    hub.beats({ of: 'c2' });
    expect(await hub.isUsed()).to.equal(false);
    hub.beats();
    expect(await hub.isUsed()).to.equal(true);
  });

  it('waits for a klusterlet that is cut off before it has its certificate, as long as that can be fetched', async () => {
    const hub = open();
    hub.gets();
    await hub.pass(50 * 60_000);
    expect(await hub.isUsed()).to.equal(false);
    hub.isCleared();
    expect(await hub.isUsed()).to.equal(true);
  });

  it('does not come while there is no certificate', async () => {
    const hub = open();
    hub.asks();
    await hub.pass(61_000);
    hub.beats();
    expect(await hub.isUsed()).to.equal(false);
  });
});
