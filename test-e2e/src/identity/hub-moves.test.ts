/**
 * A hub that moves from address to address, with real processes and TLS: it tells its clusters beforehand, and nobody
 * does anything at the clusters.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { examine, expectWarning } from '../support/doctor.js';
import { type FalseHub, newAuthority, startTlsHub } from '../support/false-hubs.js';
import { type Cluster, configMap, Fleet, must, work } from '../support/fleet.js';
import { freePort } from '../support/network.js';
import { Daemon, eventually, ours } from '../support/processes.js';

const url = (port: number): string => `https://127.0.0.1:${port}`;

describe('a hub that moves', () => {
  const fleet = new Fleet();
  let [second, third] = [0, 0];
  let thief: FalseHub;
  let round = 0;
  const m1 = (): Cluster => fleet.clusters[0] ?? expect.fail('no cluster');

  before(async () => {
    [second, third] = [await freePort(), await freePort()];
    const strange = newAuthority('strange');
    thief = await startTlsHub({ signer: strange, shown: strange, fromMs: Date.now() - 60_000 });
    await fleet.startHub((port) => advertise(port, thief.port, second));
    await fleet.join(await fleet.startCluster('m1'));
  });
  after(async () => {
    await fleet.close();
    await thief.close();
  });

  function advertise(...ports: readonly number[]): string[] {
    return ports.flatMap((port) => ['--advertise', url(port)]);
  }

  function told(...ports: readonly number[]): Promise<unknown> {
    return eventually(`the klusterlet knows ${ports.join(', ')}`, () => {
      const config = JSON.parse(readFileSync(join(m1().dataDir, 'config.json'), 'utf8')) as {
        readonly hubAdvertised?: readonly string[];
      };
      return config.hubAdvertised?.join() === ports.map(url).join();
    });
  }

  async function isWell(): Promise<void> {
    round++;
    await fleet.apply(work(m1(), 'held', [configMap('held', { v: String(round) })]));
    await fleet.workApplied(m1(), 'held');
    const shown = await fleet.get<{ data: { v: string } }>(m1(), 'configmap', 'held');
    expect(shown.data.v).to.equal(String(round));
  }

  it('tells its clusters where it is and will be', async () => {
    await told(fleet.hubPort, thief.port, second);
    const { stdout } = await ours('klusterlet', ['status', '--data-dir', m1().dataDir]);
    expect(stdout).to.contain(`${url(fleet.hubPort)}, ${url(thief.port)}, ${url(second)}`);
    await isWell();
  });

  it('is told of by both doctors where it is not, or not yet', async () => {
    const hub = await examine('hub', [
      ...['--data-dir', join(fleet.directory, 'hub'), '--kubeconfig', fleet.hubKubeconfig],
    ]);
    const advertised = hub.checks.filter(({ check }) => check === 'advertised addresses');
    expect(advertised.map(({ verdict }) => verdict)).to.deep.equal(['ok', 'warn', 'warn']);
    expectWarning(hub, 'advertised addresses', /were told .* does not show the authority/, /without it/);
    expectWarning(hub, 'advertised addresses', new RegExp(`:${second}: connection refused`), /--advertise/);
    expect(hub.code).to.equal(0);
    const klusterlet = await examine('klusterlet', ['--data-dir', m1().dataDir]);
    const at = (port: number): string => `127.0.0.1:${port}`;
    expectWarning(klusterlet, `hub ca ${at(thief.port)}`, /the certificate is not signed/, /new join string/);
    expectWarning(klusterlet, `hub route ${at(second)}`, /connection refused/, /see whether the hub runs/);
    expect(klusterlet.code).to.equal(0);
  });

  it('is found at the next address by a klusterlet that runs, and not taken for who is at another', async () => {
    m1().link.cut();
    await fleet.moveHub(second);
    await isWell();
    expect(thief.visits()).to.be.greaterThan(0);
    expect(thief.heard()).to.equal(0);
  });

  it('is found there by a klusterlet that starts, too', async () => {
    await m1().klusterlet.stop('SIGKILL');
    m1().klusterlet.start(['run', '--data-dir', m1().dataDir]);
    await isWell();
  });

  it('tells of another one from there, and moves once more', async () => {
    await fleet.hub.stop();
    fleet.hub = new Daemon('hub', 'hub', [...fleet.hub.args, ...advertise(third)]);
    fleet.hub.start();
    await fleet.hubReady();
    await told(second, thief.port, third);
    await fleet.moveHub(third);
    await isWell();
    await told(third, thief.port);
  });

  it('takes nothing back when it advertises nothing', async () => {
    await fleet.hub.stop();
    fleet.hub.start(fleet.hub.args.filter((arg) => arg !== '--advertise' && !arg.startsWith('https://')));
    await fleet.hubReady();
    await isWell();
    const cluster = await fleet.kubectl('get', 'managedcluster', 'm1', '-o', 'yaml');
    expect(must(cluster)).not.to.contain('hub-addresses');
    await told(third, thief.port);
  });
});
