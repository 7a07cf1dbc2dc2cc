/** The hub's authority is put in the place of another while the fleet runs: by the command, through real TLS. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorityHashes, issuerHash, splitCertificates } from '@flotilla/kube';
import { expect } from 'chai';
import { configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually } from '../support/processes.js';

describe('the roll of the authority', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    for (const name of ['r1', 'r2']) await fleet.join(await fleet.startCluster(name));
  });
  after(() => fleet.close());

  const cluster = (index: number) => fleet.clusters[index] ?? expect.fail('no cluster');
  const authority = (): string => readFileSync(join(fleet.directory, 'hub', 'pki', 'ca.crt'), 'utf8');
  const agentTrusts = (index: number): string =>
    (JSON.parse(readFileSync(join(cluster(index).dataDir, 'config.json'), 'utf8')) as { hubCa: string })
      .hubCa;
  const agentCertificate = (index: number): string =>
    readFileSync(join(cluster(index).dataDir, 'hub', 'tls.crt'), 'utf8');

  it('waits for every klusterlet, also for one that is away, and locks nobody out', async () => {
    const old = authority();
    await cluster(1).klusterlet.stop();
    await eventually('all but the one that is away have followed', async () => {
      const early = await fleet.hubCommand('ca', 'roll', '--wait', '3s');
      expect(early.code).not.to.equal(0);
      return early.stderr.includes('these clusters have not followed yet: r2;');
    });
    expect(must(await fleet.hubCommand('ca'))).to.contain('a new authority is being made known');
    expect(splitCertificates(agentTrusts(0)).length).to.equal(2);
    expect(issuerHash(agentCertificate(0), old)).to.equal(undefined);

    cluster(1).klusterlet.start(['run', '--data-dir', cluster(1).dataDir]);
    const done = must(await fleet.hubCommand('ca', 'roll', '--wait', '60s'));
    expect(done).to.contain('the hub serves with its new authority');
    expect(authorityHashes(authority())).not.to.equal(authorityHashes(old));
    expect((await fleet.hubCommand('ca')).stdout).to.contain('"hub ca finish"');

    expect(must(await fleet.hubCommand('ca', 'finish'))).to.contain('not trusted any more');
    await eventually('both trust the new one alone', () =>
      [0, 1].every((index) => authorityHashes(agentTrusts(index)) === authorityHashes(authority())),
    );
  });

  it('holds for connections and processes that begin after it', async () => {
    for (const { klusterlet, dataDir } of fleet.clusters) {
      await klusterlet.stop();
      klusterlet.start(['run', '--data-dir', dataDir]);
    }
    await fleet.hub.stop();
    fleet.hub.start();
    await fleet.hubReady();
    for (const one of fleet.clusters) {
      await fleet.apply(work(one, 'after', [configMap('after', { v: '1' })]));
      await fleet.workApplied(one, 'after');
    }
    await fleet.join(await fleet.startCluster('r3'));
  });

  it('is followed in the second copy too', async () => {
    const secret = await fleet.get<{ data: { kubeconfig: string } }>(
      cluster(0),
      'secret',
      'hub-kubeconfig-secret',
      '-n',
      'open-cluster-management-agent',
    );
    const kubeconfig = Buffer.from(secret.data.kubeconfig, 'base64').toString();
    expect(kubeconfig).to.contain(Buffer.from(authority()).toString('base64'));
  });
});
