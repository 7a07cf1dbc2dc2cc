import {
  agentIssuerAnnotation,
  agentTrustsAnnotation,
  hubAuthoritiesAnnotation,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import {
  authorityHashes,
  type CertificateAuthority,
  createCertificateAuthority,
  createStopController,
  generateKeyPair,
  issueCertificate,
  publicKeyHash,
  TransportError,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { FakeServer } from './fake-client.fixture.js';
import {
  createHubAuthoritiesFollower,
  type HubAuthoritiesOptions,
  isOfOldAuthority,
} from './hub-authorities.js';

const env0 = createTestEnv();

function newAuthority(atMs = 0): CertificateAuthority {
  return createCertificateAuthority({
    commonName: 'hub',
    validityMs: 86_400_000,
    nowMs: env0.clock.now() + atMs,
    random: env0.random,
  });
}

function issue(ca: CertificateAuthority): string {
  return issueCertificate({
    ca,
    publicKeyDer: generateKeyPair().publicKeyDer,
    subject: { commonName: 'agent' },
    notBeforeMs: env0.clock.now(),
    notAfterMs: env0.clock.now() + 3_600_000,
    usages: ['client auth'],
    random: env0.random,
  });
}

describe('following the authorities of the hub', () => {
  const [old, next] = [newAuthority(), newAuthority(7_200_000)];
  const both = old.certificatePem + next.certificatePem;
  let env: TestEnv;
  let server: FakeServer;
  let trusted: string;
  let tries: number;
  let unreachable: boolean;
  let own: ManagedCluster;
  let changed = (): void => undefined;
  const stop = createStopController();
  after(() => stop.abort(new Error('over')));

  beforeEach(() => {
    env = createTestEnv();
    server = new FakeServer();
    trusted = old.certificatePem;
    tries = 0;
    unreachable = false;
  });

  function start(annotations: Record<string, string>): void {
    own = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1', annotations },
      status: {
        conditions: [
          {
            ...{ type: 'HubAcceptedManagedCluster', status: 'True', reason: 'HubClusterAdminAccepted' },
            ...{ message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          },
        ],
      },
    };
    const follower = createHubAuthoritiesFollower({
      clusterName: 'c1',
      hub: server.client,
      env,
      cluster: {
        cache: { get: () => own },
        onChange: (fn: (event: object) => void) => {
          changed = () => fn({ type: 'updated', object: own, old: own });
        },
      } as unknown as HubAuthoritiesOptions['cluster'], // nothing else is asked for
      trusted: () => trusted,
      certificatePem: () => issue(old),
      prove: async () => {
        tries++;
        if (unreachable) throw new TransportError('ca', 'the hub is not signed by these');
      },
      adopt: async (bundle) => {
        trusted = bundle;
      },
    });
    follower.start(stop.signal);
    follower.enqueue('c1');
  }

  function publish(bundle: string): void {
    const configMap: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: 'c1' },
      data: { 'ca.crt': bundle },
    };
    server.objects.set('configmaps/c1/kube-root-ca.crt', configMap);
  }
  const said = (): Record<string, string | undefined> => {
    const written = server.objects.get('managedclusters//c1');
    return { ...written?.metadata.annotations };
  };

  it('asks nothing of a hub that says nothing of its authorities', async () => {
    start({});
    await env.clock.advance(60_000);
    expect(server.writes).to.deep.equal([]);
  });

  it('says what it trusts and who has issued its certificate', async () => {
    start({ [hubAuthoritiesAnnotation]: authorityHashes(old.certificatePem) });
    await env.clock.advance(1000);
    expect(said()[agentTrustsAnnotation]).to.equal(publicKeyHash(old.certificatePem));
    expect(said()[agentIssuerAnnotation]).to.equal(publicKeyHash(old.certificatePem));
    own = server.objects.get('managedclusters//c1') as ManagedCluster; // as the hub has it
    changed();
    await env.clock.advance(1000);
    expect(server.writes.length).to.equal(1);
    expect(tries).to.equal(0);
  });

  it('takes over what is published, when that is what was named', async () => {
    publish(old.certificatePem);
    start({ [hubAuthoritiesAnnotation]: authorityHashes(both) });
    await env.clock.advance(5000);
    expect(trusted).to.equal(old.certificatePem);
    publish(both);
    await env.clock.advance(5000);
    expect(trusted).to.equal(both);
    expect(said()[agentTrustsAnnotation]).to.equal(authorityHashes(both));
  });

  it('keeps what it has while the hub is not reached with the new ones', async () => {
    unreachable = true;
    publish(next.certificatePem);
    start({ [hubAuthoritiesAnnotation]: authorityHashes(next.certificatePem) });
    await env.clock.advance(5000);
    expect(tries).to.be.greaterThan(0);
    expect(trusted).to.equal(old.certificatePem);
    expect(server.writes).to.deep.equal([]);
    unreachable = false;
    await env.clock.advance(600_000);
    expect(trusted).to.equal(next.certificatePem);
  });

  it('knows a certificate of the old authority', () => {
    expect(isOfOldAuthority(issue(old), both)).to.equal(true);
    expect(isOfOldAuthority(issue(next), both)).to.equal(false);
    expect(isOfOldAuthority(issue(next), next.certificatePem + old.certificatePem)).to.equal(false);
    expect(isOfOldAuthority(issue(old), old.certificatePem)).to.equal(false);
    expect(isOfOldAuthority(issue(newAuthority()), both)).to.equal(false);
  });
});
