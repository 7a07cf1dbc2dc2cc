/** Whether what the hub says of a cluster's health is true, and who is at fault: real processes and TLS. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateAuthority, createCertificateAuthority } from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import { servingCertificate } from '../support/credentials.js';
import { examine, expectWarning } from '../support/doctor.js';
import { type Cluster, type Conditioned, Fleet, must } from '../support/fleet.js';
import { eventually } from '../support/processes.js';

const available = 'ManagedClusterConditionAvailable';
const expiring = 'CertificateExpiring';
const dayMs = 86_400_000;

function waitFor(fleet: Fleet, name: string) {
  return (type: string, status: string, reason?: string) =>
    eventually(
      `${type} is ${status} ${reason ?? ''}`,
      async () => {
        const object = await fleet.hubGet<Conditioned>('managedcluster', name);
        const found = object.status?.conditions?.find((one) => one.type === type);
        return found?.status === status && (reason === undefined || found.reason === reason) && found;
      },
      { timeoutMs: 60_000 },
    );
}

async function reasonsOfEvents(fleet: Fleet, namespace: string): Promise<string[]> {
  const { items } = await fleet.hubGet<{ items: { reason: string }[] }>('events', '-n', namespace);
  return items.map(({ reason }) => reason);
}

describe('the health of a cluster', () => {
  const fleet = new Fleet();
  const becomes = waitFor(fleet, 'h1');
  before(async () => {
    await fleet.startHub(['--heartbeat-grace', '3']);
    await fleet.join(await fleet.startCluster('h1'));
    const patch = JSON.stringify({ spec: { leaseDurationSeconds: 2 } });
    must(await fleet.kubectl('patch', 'managedcluster', 'h1', '--type', 'merge', '-p', patch));
  });
  after(() => fleet.close());
  const h1 = (): Cluster => fleet.clusters[0] ?? expect.fail('no cluster');
  const run = (): void => h1().klusterlet.start(['run', '--data-dir', h1().dataDir]);
  const metric = async (line: RegExp): Promise<number> =>
    Number(line.exec(must(await fleet.kubectl('get', '--raw', '/metrics')))?.[1]);

  it('says that the API server of the cluster is at fault', async () => {
    await h1().server.stop('SIGKILL');
    const { message } = await becomes(available, 'False', 'ManagedClusterKubeAPIServerUnavailable');
    expect(message).to.contain('The kube-apiserver is not ok');
    h1().server.start();
    await becomes(available, 'True', 'ManagedClusterAvailable');
  });

  it('says that the heartbeat stopped, by when it arrived, and counts and tells a cluster that comes and goes', async () => {
    const before = await metric(/hub_cluster_available_changes_total\{to="Unknown"\} (\d+)/);
    await h1().klusterlet.stop('SIGKILL');
    await becomes(available, 'Unknown', 'ManagedClusterLeaseUpdateStopped');
    expect(await metric(/hub_clusters\{available="Unknown"\} (\d+)/)).to.equal(1);
    run();
    await becomes(available, 'True');
    expect(await metric(/hub_cluster_available_changes_total\{to="Unknown"\} (\d+)/)).to.be.greaterThan(
      before,
    );
    const reasons = await eventually('the flapping is told', async () => {
      const found = await reasonsOfEvents(fleet, 'h1');
      return found.includes('AvailableFlapping') && found;
    });
    expect(reasons).to.include.members(['AvailableUnknown', 'Unavailable', 'Available']);
    expect(reasons.filter((reason) => reason === 'AvailableFlapping').length).to.equal(1);
    expect(await metric(/hub_clusters_flapping (\d+)/)).to.equal(1);
  });

  it('says that the agent has been shut out', async () => {
    must(await fleet.hubCommand('clusters', 'revoke', 'h1'));
    const { message } = await becomes(available, 'Unknown', 'ManagedClusterAgentRevoked');
    expect(message).to.contain('it has to join again');
  });
});

describe('certificates that end soon', () => {
  const { random } = createNodeEnv({ logLevel: 'silent' });
  /** As if made most of a year ago. */
  const oldAuthority = (leftMs: number): CertificateAuthority =>
    createCertificateAuthority({
      commonName: 'flotilla-hub-ca',
      nowMs: Date.now() - 330 * dayMs,
      validityMs: 330 * dayMs + leftMs,
      random,
    });

  it('are told by the hub: its authority, until it is rolled', async () => {
    const fleet = new Fleet();
    try {
      const pki = join(fleet.directory, 'hub', 'pki');
      mkdirSync(pki, { recursive: true });
      const authority = oldAuthority(20 * dayMs);
      writeFileSync(join(pki, 'ca.crt'), authority.certificatePem);
      writeFileSync(join(pki, 'ca.key'), authority.privateKeyPem, { mode: 0o600 });
      await fleet.startHub();
      await fleet.join(await fleet.startCluster('e1'));
      const becomes = waitFor(fleet, 'e1');
      const { message } = await becomes(expiring, 'True', 'HubAuthorityExpiring');
      expect(message).to.contain('make another with "hub ca roll"');
      const listed = await fleet.hubCommand('clusters');
      expect(must(listed) + listed.stderr).to.contain(`warning: e1: ${message}`);
      expect(must(await fleet.hubCommand('ca'))).to.contain('(19 days)');
      const hub = ['--data-dir', join(fleet.directory, 'hub'), '--kubeconfig', fleet.hubKubeconfig];
      expectWarning(await examine('hub', hub), 'expiry', /^e1: A certificate authority/, /hub ca roll/);
      await eventually('an event tells it', async () =>
        (await reasonsOfEvents(fleet, 'e1')).includes('HubAuthorityExpiring'),
      );
      must(await fleet.hubCommand('ca', 'roll', '--wait', '60s'));
      must(await fleet.hubCommand('ca', 'finish'));
      await becomes(expiring, 'False', 'CertificatesInTime');
    } finally {
      await fleet.close();
    }
  });

  it("are told by the hub: an operator's serving certificate, and the agent's that was not renewed", async () => {
    const fleet = new Fleet();
    try {
      const [certificateFile, keyFile] = [join(fleet.directory, 'tls.crt'), join(fleet.directory, 'tls.key')];
      const authority = oldAuthority(400 * dayMs);
      const serve = (lifeMs: number): void => {
        const { certificate, key } = servingCertificate(authority, 'hub', { lifeMs, ageMs: 330 * dayMs });
        writeFileSync(keyFile, key);
        writeFileSync(certificateFile, certificate);
      };
      serve(20 * dayMs);
      await fleet.startHub([
        ...['--tls-cert-file', certificateFile, '--tls-private-key-file', keyFile],
        ...['--cluster-signing-duration', '20s'],
      ]);
      const cluster = await fleet.startCluster('e2');
      await fleet.join(cluster);
      const becomes = waitFor(fleet, 'e2');
      const { message } = await becomes(expiring, 'True', 'HubServingCertificateExpiring');
      expect(message).to.contain('no agent can connect').and.not.contain('of the agent');
      const hub = ['--data-dir', join(fleet.directory, 'hub'), '--kubeconfig', fleet.hubKubeconfig];
      expectWarning(await examine('hub', hub), 'expiry', /^e2: The serving certificate/, /--tls-cert-file/);
      const here = await examine('klusterlet', ['--data-dir', cluster.dataDir]);
      expectWarning(here, 'membership', /serving certificate of the hub ends/, /"hub doctor"/);
      await cluster.klusterlet.stop('SIGKILL');
      const both = await becomes(expiring, 'True', 'ClientCertificateExpiring');
      expect(both.message).to.contain('has not been renewed').and.contain('no agent can connect');
      await eventually('an event tells it', async () =>
        (await reasonsOfEvents(fleet, 'e2')).includes('ClientCertificateExpiring'),
      );
      cluster.klusterlet.start(['run', '--data-dir', cluster.dataDir]);
      await becomes(expiring, 'True', 'HubServingCertificateExpiring');
      serve(300 * dayMs);
      await becomes(expiring, 'False', 'CertificatesInTime');
    } finally {
      await fleet.close();
    }
  });
});
