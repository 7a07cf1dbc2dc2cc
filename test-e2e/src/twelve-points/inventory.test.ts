/**
 * Inventory first, and the last desired state survives: a klusterlet that is killed between any two of its steps, or
 * that cannot reach its hub, leaves nothing behind and forgets nothing.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { FaultProxy, type ProxiedRequest } from '../support/fault-proxy.js';
import { configMap, Fleet } from '../support/fleet.js';
import { ManagedWorks } from '../support/managed.js';
import { eventually, pause } from '../support/processes.js';

const isWrite = ({ method }: ProxiedRequest): boolean => method !== 'GET';
const isOfConfigMaps = ({ path }: ProxiedRequest): boolean => path.includes('/namespaces/default/configmaps');
const isOfInventory = ({ path }: ProxiedRequest): boolean => path.includes('/appliedmanifestworks');

describe('a klusterlet that is killed between two steps', function () {
  this.timeout(180_000);
  const fleet = new Fleet();
  let proxy: FaultProxy;
  let works: ManagedWorks;

  before(async () => {
    await fleet.startHub();
    const klusterletFlags = ['--appliedmanifestwork-eviction-grace-period', '1s'];
    const cluster = await fleet.startCluster('edge', { klusterletFlags });
    works = new ManagedWorks(fleet, cluster);
    proxy = new FaultProxy(cluster);
    await proxy.start();
    const kubeconfig = join(fleet.directory, 'klusterlet.kubeconfig');
    proxy.writeKubeconfig(kubeconfig);
    await fleet.join(cluster, kubeconfig);
  });
  after(async () => {
    await fleet.close();
    await proxy.stop();
  });

  const klusterlet = () => works.cluster.klusterlet;
  const restart = (): void => {
    proxy.fault = () => undefined;
    klusterlet().start();
  };
  /** A new inventory is made with its intention in an annotation: its status can only be written afterwards. */
  const recorded = async (name: string): Promise<readonly string[]> => {
    const found = await works.inventory(name);
    const intent = JSON.parse(found?.metadata.annotations?.['flotilla.dev/intent'] ?? '[]') as {
      name: string;
    }[];
    return (found?.status?.appliedResources ?? intent).map((each) => each.name).sort();
  };

  it('has recorded what it is about to apply, before it is there', async () => {
    proxy.fault = (request) => (isWrite(request) && isOfConfigMaps(request) ? 'hold' : undefined);
    await works.apply('intended', [configMap('one', { a: '1' }), configMap('two', { a: '1' })]);
    await eventually('it begins to apply', () =>
      proxy.requests.some((each) => isWrite(each) && isOfConfigMaps(each)),
    );
    expect(await recorded('intended')).to.deep.equal(['one', 'two']);
    expect(await works.has('configmap', 'one')).to.equal(false);
    await klusterlet().stop('SIGKILL');
    await works.delete('intended');
    restart();
    await works.untilDeleted('intended');
    await eventually('the inventory is gone', async () => (await works.inventory('intended')) === undefined);
  });

  it('leaves nothing behind when it never learned that it had applied', async () => {
    proxy.fault = (request) => (isWrite(request) && isOfConfigMaps(request) ? 'lose' : undefined);
    await works.apply('unheard', [configMap('heard', { a: '1' }), configMap('of', { a: '1' })]);
    await eventually('both are there', async () => {
      const names = await works.k('get', 'configmaps', '-o', 'name');
      return names.includes('configmap/heard') && names.includes('configmap/of');
    });
    await klusterlet().stop('SIGKILL');
    // The work is taken away on the hub without any trace while the klusterlet is dead.
    await works.delete('unheard');
    const patch = '{"metadata":{"finalizers":null}}';
    await fleet.kubectl('patch', 'manifestwork', 'unheard', '-n', 'edge', '--type=merge', '-p', patch);
    await works.untilDeleted('unheard');
    restart();
    await works.untilGone('configmap', 'heard');
    await works.untilGone('configmap', 'of');
  });

  it('leaves nothing behind when the result could not be recorded', async () => {
    let writes = 0;
    proxy.fault = (request) => {
      if (!isWrite(request)) return undefined;
      if (isOfConfigMaps(request)) writes++;
      return isOfInventory(request) && writes > 0 ? 'hold' : undefined;
    };
    await works.apply('unrecorded', [configMap('unrecorded', { a: '1' })]);
    await eventually('it is there', () => works.has('configmap', 'unrecorded'));
    await klusterlet().stop('SIGKILL');
    // Another manifest in its place: the old object must go all the same.
    await works.apply('unrecorded', [configMap('instead', { a: '1' })]);
    restart();
    await fleet.workApplied(works.cluster, 'unrecorded');
    await works.untilGone('configmap', 'unrecorded');
    await works.delete('unrecorded');
    await works.untilDeleted('unrecorded');
    await works.untilGone('configmap', 'instead');
  });

  it('leaves nothing behind wherever it is killed, again and again', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `loop-${index}`);
    for (let round = 0; round < 10; round++) {
      await works.apply(
        `round-${round}`,
        names.map((name) => configMap(`${name}-${round}`, { a: '1' })),
      );
      // Later in each round: from before the inventory until after the status.
      await pause(round * 12);
      await klusterlet().stop('SIGKILL');
      await works.delete(`round-${round}`);
      klusterlet().start();
    }
    for (let round = 0; round < 10; round++) await works.untilDeleted(`round-${round}`);
    // Of a work that went before it had its finalizer the rest is evicted, a second after the last start.
    await eventually('nothing is left', async () => {
      expect(await works.k('get', 'configmaps', '-o', 'name')).not.to.contain('loop-');
      expect(await works.k('get', 'appliedmanifestworks', '-o', 'name')).not.to.contain('round-');
      return true;
    });
  });

  it('records by UID what it makes anew while the hub cannot be reached', async () => {
    await works.send('apart', [configMap('apart', { a: '1' })]);
    const old = (await works.get('configmap', 'apart')).metadata.uid;
    works.cluster.link.cut();
    await works.k('delete', 'configmap', 'apart');
    await eventually('the inventory has the new UID', async () => {
      const entry = (await works.inventory('apart'))?.status?.appliedResources?.[0];
      const live = (await works.get('configmap', 'apart')).metadata.uid;
      return live !== old && entry?.uid === live;
    });
  });

  it('goes on with the last desired state when it starts without the hub, and evicts nothing however long', async () => {
    await klusterlet().stop('SIGKILL');
    await works.merge(['configmap', 'apart'], { data: { a: 'wrong' } });
    klusterlet().start();
    const holds = () =>
      eventually(
        'the drift is corrected',
        async () => (await works.get('configmap', 'apart')).data?.['a'] === '1',
      );
    await holds();
    // Several times the grace period of an eviction.
    await pause(5000);
    expect((await works.inventory('apart'))?.status).not.to.have.property('evictionStartTime');
    await works.k('delete', 'configmap', 'apart');
    await eventually('it is made anew', () => works.has('configmap', 'apart'));
    works.cluster.link.heal();
    await fleet.available(works.cluster);
    await works.send('apart', [configMap('apart', { a: '2' })]);
    await eventually(
      'the new word counts',
      async () => (await works.get('configmap', 'apart')).data?.['a'] === '2',
    );
  });

  it('evicts on the word of a hub that can be reached, after the grace period', async () => {
    const patch = '{"metadata":{"finalizers":null}}';
    await klusterlet().stop('SIGKILL');
    await works.delete('apart');
    await fleet.kubectl('patch', 'manifestwork', 'apart', '-n', 'edge', '--type=merge', '-p', patch);
    await works.untilDeleted('apart');
    works.cluster.link.cut();
    klusterlet().start();
    await pause(3000);
    expect(await works.has('configmap', 'apart')).to.equal(true);
    works.cluster.link.heal();
    await works.untilGone('configmap', 'apart');
  });
});
