/** Klusterlets whose clock is wrong, as real processes: a preloaded module shifts their Date, TLS and the hub are as ever. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type Cluster, type Conditioned, configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually, ours, pause, root } from '../support/processes.js';

const hourMs = 3_600_000;
const available = 'ManagedClusterConditionAvailable';
const clockSynced = 'ManagedClusterConditionClockSynced';

function skewedBy(ms: number): Readonly<Record<string, string>> {
  const module = pathToFileURL(join(root, 'test-e2e', 'dist', 'support', 'skewed-clock.js'));
  return { NODE_OPTIONS: `--import=${module}`, FLOTILLA_TEST_CLOCK_SKEW_MS: String(ms) };
}

describe('clocks that are wrong', () => {
  const fleet = new Fleet();
  let round = 0;
  before(async () => {
    await fleet.startHub(['--heartbeat-grace', '3']);
    await fleet.join(await fleet.startCluster('k1'));
    // A heartbeat every two seconds: ten seconds are too much for clocks, six of silence for an agent.
    const patch = JSON.stringify({ spec: { leaseDurationSeconds: 2 } });
    must(await fleet.kubectl('patch', 'managedcluster', 'k1', '--type', 'merge', '-p', patch));
  });
  after(() => fleet.close());

  const k1 = (): Cluster => fleet.clusters[0] ?? expect.fail('no cluster');
  const condition = async (type: string) => {
    const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'k1');
    return status?.conditions?.find((one) => one.type === type);
  };
  const becomes = (type: string, status: string) =>
    eventually(`${type} is ${status}`, async () => {
      const found = await condition(type);
      return found?.status === status && found;
    });

  async function runSkewed(ms: number): Promise<void> {
    await k1().klusterlet.stop('SIGKILL');
    k1().klusterlet.start(['run', '--data-dir', k1().dataDir], ms === 0 ? {} : skewedBy(ms));
  }

  async function isWell(): Promise<void> {
    round++;
    await fleet.apply(work(k1(), 'held', [configMap('held', { v: String(round) })]));
    await fleet.workApplied(k1(), 'held');
  }

  const requests = async (): Promise<number> =>
    must(await fleet.kubectl('get', 'csr', '-o', 'name'))
      .trim()
      .split('\n').length;

  for (const [side, ms] of [
    ['ahead of', hourMs],
    ['behind', -hourMs],
  ] as const) {
    it(`an hour ${side} the hub's: measured and told, and the cluster is as available as it is`, async () => {
      await runSkewed(ms);
      const { message, reason } = await becomes(clockSynced, 'False');
      expect(reason).to.equal('ManagedClusterClockOutOfSync');
      const [, seconds] = new RegExp(`The agent's clock is (\\d+) s ${side} the hub's`).exec(message) ?? [];
      expect(Number(seconds)).to.be.within(3590, 3610);
      const shown = await ours('klusterlet', ['status', '--data-dir', k1().dataDir], { env: skewedBy(ms) });
      expect(must(shown)).to.match(new RegExp(`(3599|3600|3601) s ${side} the hub's`));
      const listed = must(await fleet.hubCommand('clusters'));
      expect(listed).to.match(/\bk1\b.* [0-9]s ago/);
      await isWell();
      for (const untilMs = performance.now() + 8000; performance.now() < untilMs; await pause(500)) {
        expect((await condition(available))?.status).to.equal('True');
      }
      await k1().klusterlet.stop('SIGKILL');
      const silent = await becomes(available, 'Unknown');
      expect(silent.reason).to.equal('ManagedClusterLeaseUpdateStopped');
      await runSkewed(ms);
      await becomes(available, 'True');
      await runSkewed(0);
      expect((await becomes(clockSynced, 'True')).message).not.to.contain('clock is');
      await isWell();
    });
  }

  it('years ahead of the hub, beyond the end of the certificate: works on, and asks for no other', async () => {
    const before = await requests();
    await runSkewed(2 * 365 * 24 * hourMs);
    await becomes(clockSynced, 'False');
    await isWell();
    await pause(3000);
    expect(await requests()).to.equal(before);
    await runSkewed(0);
    await becomes(clockSynced, 'True');
  });
});
