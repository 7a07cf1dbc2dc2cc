/** Who is let in, and who is shut out, by the commands and through real TLS. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { keyFingerprint } from '@flotilla/api';
import { createClient, publicKeyHashOf, type Transport, wellKnown } from '@flotilla/kube';
import { createHttpsTransport, createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import { configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually, ours } from '../support/processes.js';

describe('membership', () => {
  const fleet = new Fleet();
  const env = createNodeEnv({ logLevel: 'error' });
  before(async () => {
    await fleet.startHub();
    await fleet.startCluster('m1');
  });
  after(() => fleet.close());
  const m1 = () => fleet.clusters[0] ?? expect.fail('no cluster');
  const file = (name: string): string => readFileSync(join(m1().dataDir, 'hub', name), 'utf8');

  /** The hub has two addresses: through the link, and its own. */
  function newToken() {
    const servers = [m1().link.port, fleet.hubPort].flatMap((port) => [
      '--server',
      `https://127.0.0.1:${port}`,
    ]);
    return fleet.hubCommand('token', 'create', '--cluster', 'm1', ...servers);
  }

  /** What the agent could do, done by somebody who has its files. */
  function asAgent(): Transport {
    const cert = file('tls.crt');
    const key = file('tls.key');
    return createHttpsTransport({
      server: `https://127.0.0.1:${fleet.hubPort}`,
      clock: env.clock,
      insecureSkipVerify: true,
      clientCertificate: () => ({ cert, key }),
    });
  }

  it('approves the key that the klusterlet printed, and no other', async () => {
    const token = await newToken();
    expect(token.stdout).to.contain(`&also=https%3A%2F%2F127.0.0.1%3A${fleet.hubPort}`);
    m1().klusterlet.start([
      ...['join', token.stdout.trim(), '--name', 'm1', '--kubeconfig', m1().kubeconfig],
      ...['--data-dir', m1().dataDir],
    ]);
    const printed = await eventually('it prints its key', async () => {
      return /the key of this klusterlet is (SHA256:[0-9a-f:]+)/.exec(m1().klusterlet.output)?.[1];
    });
    const listed = must(await fleet.hubCommand('csr', 'list'));
    expect(listed).to.contain(printed).and.contain('127.0.0.1').and.contain('first');
    const wrong = await fleet.hubCommand('approve', 'm1', '--fingerprint', 'SHA256:00:11');
    expect(wrong.code).not.to.equal(0);
    expect(wrong.stderr).to.contain(`has the key ${printed}, from 127.0.0.1`);
    const done = must(await fleet.hubCommand('approve', 'm1', '--fingerprint', printed));
    expect(done).to.contain(`(key ${printed} from 127.0.0.1)`);
    await fleet.available(m1());
    expect(keyFingerprint(publicKeyHashOf(file('tls.key')))).to.equal(printed);
  });

  it('revokes within seconds, on an open watch too, and lets the cluster in again with a new token', async () => {
    await fleet.apply(work(m1(), 'held', [configMap('held', { v: '1' })]));
    await fleet.workApplied(m1(), 'held');
    const thief = asAgent();
    const client = createClient(thief);
    const list = await client.list(wellKnown.manifestWorks, { namespace: 'm1' });
    const resourceVersion = list.metadata.resourceVersion ?? '';
    let isOver = false;
    const watching = (async () => {
      for await (const _event of client.watch(wellKnown.manifestWorks, { namespace: 'm1', resourceVersion }));
    })()
      .catch(() => undefined) // cut: that is what is waited for
      .finally(() => {
        isOver = true;
      });
    const startMs = performance.now();
    must(await fleet.hubCommand('clusters', 'revoke', 'm1'));
    await eventually('the watch has ended', async () => isOver);
    expect(performance.now() - startMs).to.be.lessThan(5000);
    await watching;
    const refused = await client
      .get(wellKnown.managedClusters, { name: 'm1' })
      .catch((error: unknown) => String(error));
    expect(refused).to.contain('revoked the certificates of this cluster');
    await thief.close();

    await eventually('the klusterlet says so', async () => {
      const { stdout } = await ours('klusterlet', ['status', '--data-dir', m1().dataDir]);
      return stdout.includes('the hub refuses the certificate');
    });
    must(await fleet.on(m1(), 'delete', 'configmap', 'held'));
    await eventually('drift is still corrected', async () => {
      return (await fleet.on(m1(), 'get', 'configmap', 'held')).code === 0;
    });
    await m1().klusterlet.stop();
    const token = await newToken();
    const rejoin = ['join', token.stdout.trim(), '--kubeconfig', m1().kubeconfig, '--data-dir', m1().dataDir];
    m1().klusterlet.start(rejoin);
    await eventually('its new key is approved', async () => {
      if (!m1().klusterlet.isRunning) throw new Error(m1().klusterlet.output);
      const { stdout } = await fleet.hubCommand('approve', 'm1', '--wait', '0s');
      return /approved \(key .* the cluster had the key/.test(stdout);
    });
    await eventually('it is known again', async () => !(await asAgentSees()).includes('Unauthorized'));
  });

  it('denies and accepts again without a new join', async () => {
    expect(must(await fleet.hubCommand('deny', 'm1'))).to.contain('m1: no longer accepted');
    await eventually('the hub says so', async () => {
      const result = await asAgentSees();
      return result.includes('forbidden');
    });
    must(await fleet.hubCommand('approve', 'm1', '--wait', '0s'));
    await fleet.workApplied(m1(), 'held');
    await eventually('its rights are back', async () => !(await asAgentSees()).includes('forbidden'));
  });

  async function asAgentSees(): Promise<string> {
    const transport = asAgent();
    try {
      await createClient(transport).get(wellKnown.leases, { namespace: 'm1', name: 'managed-cluster-lease' });
      return 'the lease';
    } catch (error) {
      return String(error);
    } finally {
      await transport.close();
    }
  }

  it('goes on with the next address when one does not answer', async () => {
    m1().link.cut();
    await fleet.apply(work(m1(), 'held', [configMap('held', { v: '3' })]));
    await fleet.workApplied(m1(), 'held');
    m1().link.heal();
  });

  it('goes on after its data directory was lost, as the same agent', async () => {
    await m1().klusterlet.stop();
    const agent = file('agent-name');
    rmSync(m1().dataDir, { recursive: true });
    m1().klusterlet.start(['run', '--data-dir', m1().dataDir, '--kubeconfig', m1().kubeconfig]);
    await fleet.apply(work(m1(), 'held', [configMap('held', { v: '2' })]));
    await fleet.workApplied(m1(), 'held');
    expect(file('agent-name')).to.equal(agent);
  });

  it('removes a cluster whose klusterlet is dead only by force, and says what that means', async () => {
    await m1().klusterlet.stop('SIGKILL');
    const patient = await fleet.hubCommand('clusters', 'remove', 'm1', '--wait', '1s');
    expect(patient.code).not.to.equal(0);
    expect(patient.stderr).to.contain('waits for its works and add-ons to be cleaned up: held');
    const forced = await fleet.hubCommand('clusters', 'remove', 'm1', '--force');
    expect(forced.stderr).to.contain('what its works applied stays in the cluster');
    expect(must(forced)).to.contain('m1: removed');
    expect((await fleet.kubectl('get', 'managedcluster', 'm1')).code).not.to.equal(0);
    expect(await asAgentSees()).to.contain('revoked the certificates');
  });
});
