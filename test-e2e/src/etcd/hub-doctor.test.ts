import { type EtcdTestCluster, hasEtcd, startEtcdCluster } from '@flotilla/apiserver/testing';
import { type Diagnosis, examine, expectFailure } from '../support/doctor.js';
import { eventually } from '../support/processes.js';
import { Replica } from './replica.js';

(hasEtcd() ? describe : describe.skip)('hub doctor on etcd', function () {
  this.timeout(180_000);
  let etcd: EtcdTestCluster;
  const replicas: Replica[] = [];

  before(async () => {
    etcd = await startEtcdCluster();
    const hub = new Replica('hub');
    const bare = new Replica('bare');
    replicas.push(hub, bare);
    await hub.start('hub', etcd.urls);
    await eventually(
      'the hub leads',
      async () => (await hub.kubectl('-n', 'kube-system', 'get', 'lease', 'flotilla-hub')).code === 0,
    );
    // An API server that serves what the hub has stored, without its controllers.
    await bare.start('apiserver', etcd.urls);
    await hub.stop();
  });
  after(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await etcd?.stop();
  });
  const doctor = (): Promise<Diagnosis> =>
    examine('hub', [
      '--kubeconfig',
      replicas[1]?.kubeconfig ?? '',
      '--data-dir',
      replicas[1]?.directory ?? '',
    ]);

  it('says that no hub runs the controllers', async () => {
    expectFailure(await doctor(), 'controllers', /no hub runs the controllers/, /start "hub serve" anew/);
  });
  it('says that the store is away', async () => {
    await etcd.stop();
    expectFailure(await doctor(), 'store', /the hub is not ready: .*etcd/, /quorum/);
  });
});
