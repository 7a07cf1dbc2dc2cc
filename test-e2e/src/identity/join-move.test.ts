/** `klusterlet join --move`: from one hub to another, and back, with the same data directory and the commands of a user. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, type Work, work } from '../support/fleet.js';
import { eventually, ours, type Result } from '../support/processes.js';
import { expectRefusal } from '../support/refusals.js';

describe('klusterlet join --move', () => {
  const [first, second] = [new Fleet(), new Fleet()];
  let cluster: Cluster;
  let toSecond = '';

  before(async () => {
    await first.startHub();
    await second.startHub();
    cluster = await first.startCluster('edge');
    await first.join(cluster);
    await first.apply(work(cluster, 'of-first', [configMap('of-first', { v: '1' })]));
    await first.workApplied(cluster, 'of-first');
    await cluster.klusterlet.stop();
    toSecond = must(await second.hubCommand('token', 'create')).trim();
  });
  after(async () => {
    await first.close();
    await second.close();
  });

  const args = (token: string, name: string, ...more: string[]): string[] => [
    ...['join', token, '--name', name, '--kubeconfig', cluster.kubeconfig],
    ...['--data-dir', cluster.dataDir, ...more],
  ];
  const refused = (name: string, ...more: string[]): Promise<Result> =>
    ours('klusterlet', args(toSecond, name, ...more), { timeoutMs: 30_000 });
  const agent = (): string => readFileSync(join(cluster.dataDir, 'hub', 'agent-name'), 'utf8');
  const has = async (name: string): Promise<boolean> =>
    (await first.on(cluster, 'get', 'configmap', name)).code === 0;
  const status = async (): Promise<string> =>
    must(await ours('klusterlet', ['status', '--data-dir', cluster.dataDir]));

  it('is asked for: another hub alone is refused, and so is another name', async () => {
    expectRefusal(
      await refused('edge'),
      2,
      /belongs to edge on https:\S+: .*move to the other one \(--move\)/,
    );
    expectRefusal(await refused('other', '--move'), 2, /belongs to edge on https:\S+/);
    expect(await status()).to.contain(`127.0.0.1:${cluster.link.port}`);
  });

  it('makes the same agent ask the other hub, and leaves what was applied', async () => {
    const before = agent();
    cluster.klusterlet.start(args(toSecond, 'edge', '--move'));
    must(await second.hubCommand('approve', 'edge', '--wait', '30s'));
    await second.available(cluster);
    expect(agent()).to.equal(before);
    expect(await status()).to.contain(`127.0.0.1:${second.hubPort}`);
    await second.apply(work(cluster, 'of-second', [configMap('of-second', { v: '2' })]));
    await second.workApplied(cluster, 'of-second');
    expect([await has('of-first'), await has('of-second')]).to.deep.equal([true, true]);
  });

  it('needs nothing more after a restart', async () => {
    await cluster.klusterlet.stop();
    cluster.klusterlet.start(['run', '--data-dir', cluster.dataDir]);
    await second.apply(work(cluster, 'of-second', [configMap('of-second', { v: '3' })]));
    await second.workApplied(cluster, 'of-second');
  });

  it('goes back with the credentials that it has kept: nobody approves again', async () => {
    await cluster.klusterlet.stop();
    const server = `https://127.0.0.1:${cluster.link.port}`;
    const token = must(
      await first.hubCommand('token', 'create', '--cluster', 'edge', '--server', server),
    ).trim();
    const requests = async (): Promise<string> => must(await first.kubectl('get', 'csr', '-o', 'name'));
    const before = await requests();
    await first.apply(work(cluster, 'of-first', [configMap('of-first', { v: '4' })]));
    cluster.klusterlet.start(args(token, 'edge', '--move'));
    await first.workApplied(cluster, 'of-first');
    await first.available(cluster);
    expect(await requests()).to.equal(before);
    await eventually('the newest is there', async () => {
      const { data } = await first.get<{ data: { v: string } }>(cluster, 'configmap', 'of-first');
      return data.v === '4';
    });
    const { metadata } = await second.hubGet<Work>('manifestwork', 'of-second', '-n', 'edge');
    expect(metadata.name).to.equal('of-second');
  });
});
