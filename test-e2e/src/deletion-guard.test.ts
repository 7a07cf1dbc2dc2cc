/** A wiped namespace on the hub, through real processes and kubectl: nothing is deleted before somebody says so. */
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually, pause } from './support/processes.js';

describe('a wiped namespace on the hub', () => {
  const fleet = new Fleet();
  const names = ['one', 'two', 'three'];
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    for (const name of names) {
      await fleet.apply(work(cluster, name, [configMap(name, { a: '1' })]));
      await fleet.workApplied(cluster, name);
    }
  });
  after(() => fleet.close());

  const inCluster = async (): Promise<string[]> => {
    const { stdout } = await fleet.on(cluster, 'get', 'configmaps', '-n', 'default', '-o', 'name');
    return names.filter((name) => stdout.includes(`configmap/${name}\n`));
  };

  it('has nothing to confirm before', async () => {
    const { code, stderr } = await fleet.hubCommand('works', 'confirm-deletion', 'edge');
    expect(code).to.equal(1);
    expect(stderr).to.contain('the cluster edge holds no deletion back');
  });

  it('deletes nothing until it is confirmed', async () => {
    must(await fleet.kubectl('delete', 'namespace', 'edge', '--wait=false'));
    const why = await eventually('the deletion is held', async () => {
      const { stdout } = await fleet.hubCommand('why', 'one', '-n', 'edge');
      return stdout.includes('3 of 3 works would be deleted') && stdout;
    });
    expect(why).to.contain('hub works confirm-deletion edge');
    await pause(2000);
    expect(await inCluster()).to.deep.equal(names);
    expect(must(await fleet.hubCommand('works', 'confirm-deletion', 'edge'))).to.contain('is confirmed');
    await eventually('all is deleted', async () => (await inCluster()).length === 0);
  });
});
