/** An agent from its first request on: heartbeats, certificates, restarts, and what it comes back from by itself. */
import {
  clusterCondition,
  findCondition,
  type KubeObject,
  type ManagedCluster,
  managedClusterLeaseName,
  parseAgentUserName,
} from '@flotilla/api';
import { type AgentSettings, KlusterletState } from '@flotilla/klusterlet';
import { parseCertificate, wellKnown, writeKubeconfig } from '@flotilla/kube';
import { expect } from 'chai';
import { clusterName, JoinWorld } from './join-world.js';

const hourMs = 3_600_000;

describe("an agent's life", () => {
  let world: JoinWorld;
  afterEach(() => {
    world.close();
    expect(world.failures).to.deep.equal([]);
  });

  async function start(agent: Partial<AgentSettings> = {}): Promise<void> {
    world = new JoinWorld({ agent: { clientCertExpirationSeconds: 3600, ...agent } });
    await world.start();
  }

  async function startJoined(): Promise<void> {
    await start();
    await world.join();
    await world.joined();
  }

  const condition = async (type: string) => findCondition((await world.seen()).status?.conditions, type);
  const available = async (): Promise<string | undefined> =>
    (await condition(clusterCondition.available))?.status;
  const certificate = async () => parseCertificate(await world.file('hub/tls.crt'));
  const agentName = async () => parseAgentUserName((await certificate()).subject.commonName)?.agent;
  const renewTime = async (): Promise<number> => {
    const key = { namespace: clusterName, name: managedClusterLeaseName };
    const lease = await world.passing(world.hub.client.get<KubeObject>(wellKnown.leases, key));
    return Date.parse((lease['spec'] as { renewTime: string }).renewTime);
  };
  const requests = async (): Promise<KubeObject[]> =>
    (await world.passing(world.hub.client.list<KubeObject>(wellKnown.certificateSigningRequests))).items;
  const patch = (body: object) =>
    world.passing(
      world.hub.client.patch<ManagedCluster>(
        wellKnown.managedClusters,
        { name: clusterName },
        { type: 'merge', body },
      ),
    );

  it('joins: request, approval, namespace, rights, credentials, Joined', async () => {
    await start();
    await world.join();
    await world.until('it has asked', async () => (await requests()).length === 1);
    const asked = await world.seen();
    expect(asked.spec?.hubAcceptsClient ?? false).to.equal(false);
    expect(asked.status?.conditions ?? []).to.deep.equal([]);
    await world.clock.advance(60_000);
    expect(await world.file('hub/tls.crt')).to.equal('');
    await world.joined();
    expect(await requests()).to.have.length(1);
    expect((await condition(clusterCondition.hubAccepted))?.status).to.equal('True');
    const { client } = world.hub;
    await world.passing(client.get(wellKnown.namespaces, { name: clusterName }));
    const role = `open-cluster-management:managedcluster:${clusterName}`;
    await world.passing(client.get(wellKnown.clusterRoleBindings, { name: role }));
    for (const what of ['registration', 'work']) {
      const key = { namespace: clusterName, name: `${role}:${what}` };
      await world.passing(client.get(wellKnown.roleBindings, key));
    }
    const { notBeforeMs, notAfterMs } = await certificate();
    expect(notAfterMs - world.clock.now()).to.be.lessThan(hourMs);
    expect(notBeforeMs).to.be.lessThan(world.clock.now());
  });

  it('beats: its lease is renewed again and again, more often when it is to be shorter', async () => {
    await startJoined();
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      times.push(await renewTime());
      await world.clock.advance(80_000);
    }
    expect([...new Set(times)].sort((a, b) => a - b)).to.deep.equal(times);
    await patch({ spec: { leaseDurationSeconds: 5 } });
    await world.clock.advance(1000);
    const before = await renewTime();
    await world.clock.advance(7000);
    expect(await renewTime()).to.be.greaterThan(before);
  });

  it('is unknown when it beats no more, and available again when it does', async () => {
    await startJoined();
    world.klusterlet.crash();
    await world.clock.advance(330_000);
    expect(await available()).to.equal('Unknown');
    world.klusterlet.revive();
    await world.untilAvailable();
  });

  it('is available again when its cluster was deleted on the hub and made anew', async () => {
    await startJoined();
    const { client } = world.hub;
    await world.passing(client.delete(wellKnown.managedClusters, { name: clusterName }));
    await world.until('it is gone', async () => {
      const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
      return items.length === 0;
    });
    await world.clock.advance(30_000);
    const again: ManagedCluster = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: clusterName },
      spec: { hubAcceptsClient: true },
    };
    await world.passing(client.create(wellKnown.managedClusters, again));
    await world.untilAvailable();
    const before = await renewTime();
    await world.clock.advance(80_000);
    expect(await renewTime()).to.be.greaterThan(before);
  });

  it('renews its certificate in the last quarter of its life, and says so', async () => {
    await startJoined();
    const first = await certificate();
    const name = await agentName();
    await world.clock.advance(0.7 * hourMs);
    expect((await certificate()).serialNumber).to.equal(first.serialNumber);
    await world.clock.advance(0.15 * hourMs);
    const second = await certificate();
    expect(second.notAfterMs).to.be.greaterThan(first.notAfterMs);
    expect(second.publicKeyHash).not.to.equal(first.publicKeyHash);
    expect(await agentName()).to.equal(name);
    const rotated = await condition(clusterCondition.certificateRotated);
    expect(rotated).to.include({ status: 'True', reason: 'ClientCertificateUpdated' });
    expect(rotated?.message).to.contain(new Date(second.notAfterMs).toISOString().replace('.000Z', 'Z'));
    // Through another life, and nobody approves anything.
    await world.clock.advance(hourMs);
    expect(await available()).to.equal('True');
    expect((await certificate()).notAfterMs).to.be.greaterThan(world.clock.now());
  });

  it('keeps its names through a restart, and renews without an operator', async () => {
    await startJoined();
    const name = await agentName();
    world.klusterlet.crash();
    await world.clock.advance(0.9 * hourMs);
    const restartedMs = world.clock.now();
    world.klusterlet.revive();
    await world.untilAvailable();
    await world.until(
      'another certificate',
      async () => (await certificate()).notBeforeMs > restartedMs - 600_000,
    );
    await world.clock.advance(5000);
    expect(await agentName()).to.equal(name);
    expect((await certificate()).notAfterMs).to.be.greaterThan(world.clock.now() + 0.9 * hourMs);
    expect(await world.file('hub/cluster-name')).to.equal(clusterName);
  });

  it('joins once a hub that could not be reached at first can be', async () => {
    await start();
    const token = await world.token(world.hub);
    world.hub.process.crash();
    await world.passing(world.klusterlet.configure(token));
    world.klusterlet.start();
    await world.clock.advance(30_000);
    expect(world.exits.at(-1)).to.contain('cannot reach');
    world.hub.process.start();
    await world.until('it has asked', async () => (await requests()).length === 1);
    await world.joined();
  });

  it('joins with another token when its first one was refused', async () => {
    await start();
    await world.passing(world.klusterlet.configure('abcdef.0123456789abcdef'));
    world.klusterlet.start();
    await world.clock.advance(10_000);
    expect(world.exits.at(-1)).to.contain('refused the token');
    await world.passing(world.klusterlet.configure(await world.token(world.hub)));
    await world.until('it has asked', async () => (await requests()).length === 1);
    await world.joined();
  });

  it('comes back by a new token when its certificate is expired and its credentials are lost', async () => {
    await startJoined();
    const [first] = await requests();
    world.klusterlet.crash();
    const state = new KlusterletState(world.klusterlet.files, '/data');
    await world.passing(
      state.writeCredentials(
        { certificatePem: await world.file('hub/tls.crt'), privateKeyPem: 'damaged' },
        { kubeconfig: '', clusterName, agentId: 'gone' },
      ),
    );
    const secret = { namespace: 'open-cluster-management-agent', name: 'hub-kubeconfig-secret' };
    await world.passing(world.managed.delete(wellKnown.secrets, secret));
    await world.clock.advance(2 * hourMs);
    expect(await available()).to.equal('Unknown');
    world.klusterlet.revive();
    await world.until('it says what it needs', async () =>
      (await world.file('problem.json')).includes('the hub certificate is lost'),
    );
    // What another `klusterlet join` leaves behind; the agent runs meanwhile.
    const { url } = world.hub.process;
    const token = await world.token(world.hub);
    const kubeconfig = writeKubeconfig({
      server: url,
      ca: world.hub.ca.certificatePem,
      credential: { token },
    });
    await world.passing(state.writeBootstrapKubeconfig(kubeconfig));
    await world.until('it asks again', async () => {
      return (await requests()).some(({ metadata }) => metadata.name !== first?.metadata.name);
    });
    await world.joined();
  });

  it('comes back by itself when its certificate expired while the hub was down', async () => {
    await startJoined();
    world.hub.process.crash();
    await world.clock.advance(1.5 * hourMs);
    expect((await certificate()).notAfterMs).to.be.lessThan(world.clock.now());
    world.hub.process.start();
    await world.until('the hub is ready', async () => world.hub.process.isReady);
    await world.until('it has another', async () => (await certificate()).notAfterMs > world.clock.now());
    await world.untilAvailable();
  });
});
