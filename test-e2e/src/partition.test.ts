import { expect } from 'chai';
import { type Conditioned, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually, pause } from './support/processes.js';

interface ConfigMap extends Conditioned {
  readonly data: Record<string, string>;
}

describe('processes that are killed and links that are cut', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    await fleet.join(await fleet.startCluster('cluster1'));
  });
  after(() => fleet.close());
  const cluster = () => fleet.clusters[0] ?? expect.fail('no cluster');

  const value = async (name: string): Promise<string | undefined> => {
    const result = await fleet.on(cluster(), 'get', 'configmap', name, '-o', 'json');
    return result.code === 0 ? (JSON.parse(result.stdout) as ConfigMap).data['v'] : undefined;
  };
  const holds = (name: string, wanted: string | undefined) =>
    eventually(`${name} is ${wanted}`, async () => (await value(name)) === wanted);

  it('keeps what it acknowledged when the hub is killed, and goes on', async () => {
    await fleet.apply(work(cluster(), 'first', [configMap('first', { v: '1' })]));
    await fleet.workApplied(cluster(), 'first');
    await fleet.apply(work(cluster(), 'second', [configMap('second', { v: '1' })]));
    await fleet.hub.stop('SIGKILL');
    fleet.hub.start();
    await fleet.hubReady();
    await fleet.workApplied(cluster(), 'second');
    await holds('second', '1');
    await fleet.available(cluster());
  });

  it('corrects drift while the hub is gone, also after the klusterlet was killed', async () => {
    await fleet.hub.stop('SIGKILL');
    must(await fleet.on(cluster(), 'delete', 'configmap', 'first'));
    await holds('first', '1');
    await cluster().klusterlet.stop('SIGKILL');
    must(
      await fleet.on(
        cluster(),
        'patch',
        'configmap',
        'first',
        '--type=merge',
        '-p',
        '{"data":{"v":"wrong"}}',
      ),
    );
    cluster().klusterlet.start();
    await holds('first', '1');
    fleet.hub.start();
    await fleet.hubReady();
    await fleet.apply(work(cluster(), 'first', [configMap('first', { v: '2' })]));
    await fleet.workApplied(cluster(), 'first');
    await holds('first', '2');
  });

  it('converges after a cut link: spec, status and deletions', async () => {
    await fleet.apply(work(cluster(), 'gone', [configMap('gone', { v: '1' })]));
    await fleet.workApplied(cluster(), 'gone');
    cluster().link.cut();
    await fleet.apply(work(cluster(), 'first', [configMap('first', { v: '3' })]));
    must(await fleet.kubectl('delete', 'manifestwork', 'gone', '-n', 'cluster1', '--wait=false'));
    await pause(500);
    expect(await value('first')).to.equal('2');
    expect(await value('gone')).to.equal('1');
    cluster().link.heal();
    await holds('first', '3');
    await holds('gone', undefined);
    await fleet.workApplied(cluster(), 'first');
    await eventually(
      'the work is gone',
      async () => (await fleet.kubectl('get', 'manifestwork', 'gone', '-n', 'cluster1')).code === 1,
    );
  });

  it('survives a kill of the managed cluster', async () => {
    await cluster().server.stop('SIGKILL');
    cluster().server.start();
    await eventually('the cluster answers', async () => (await value('first')) === '3');
    must(await fleet.on(cluster(), 'delete', 'configmap', 'first'));
    await holds('first', '3');
  });

  it('ends at once on SIGTERM, every process, with exit code 0', async () => {
    expect(await cluster().klusterlet.stop()).to.equal(0);
    expect(await fleet.hub.stop()).to.equal(0);
    expect(await cluster().server.stop()).to.equal(0);
  });
});
