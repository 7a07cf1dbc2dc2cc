/** Two hubs on one etcd behind one address: clusters join one, and go on with the other when it is killed. */
import { type EtcdTestCluster, hasEtcd, startEtcdCluster } from '@flotilla/apiserver/testing';
import { expect } from 'chai';
import { type Conditioned, isTrue, must, type Work } from '../support/fleet.js';
import { freePort, Link } from '../support/network.js';
import { Daemon, eventually, ours, run } from '../support/processes.js';
import { Replica } from './replica.js';

const cluster = 'edge';
const lease = 'flotilla-hub';

function work(name: string): object {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { namespace: cluster, name },
    spec: {
      workload: {
        manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name } }],
      },
    },
  };
}

(hasEtcd() ? describe : describe.skip)('Two hubs on one etcd', function () {
  this.timeout(180_000);
  let etcd: EtcdTestCluster;
  let hubs: readonly Replica[];
  let link: Link;
  let server: Daemon;
  let klusterlet: Daemon;

  before(async () => {
    etcd = await startEtcdCluster();
    hubs = [new Replica('hub-1'), new Replica('hub-2')];
    await Promise.all(hubs.map((hub) => hub.start('hub', etcd.urls)));
    // What a load balancer or a name that is moved is in earnest.
    link = new Link(hubs[0]?.port ?? 0);
    await link.open();
  });

  after(async () => {
    await klusterlet?.stop();
    await server?.stop();
    await Promise.all(hubs.map((hub) => hub.stop()));
    await link?.close();
    await etcd?.stop();
  });

  async function apply(hub: Replica, object: object): Promise<void> {
    const args = ['--kubeconfig', hub.kubeconfig, 'apply', '-f', '-'];
    must(await run('kubectl', args, { input: JSON.stringify(object) }));
  }

  async function applied(hub: Replica, name: string): Promise<void> {
    await eventually(`${name} is applied`, async () => {
      const answer = await hub.kubectl('-n', cluster, 'get', 'manifestwork', name, '-o', 'json');
      return isTrue(JSON.parse(must(answer)) as Work, 'Applied');
    });
  }

  it('take a cluster in on one and approve it on the other', async () => {
    const [one, two] = hubs as readonly [Replica, Replica]; // as made above
    const directory = one.directory;
    const port = await freePort();
    const kubeconfig = `${directory}/edge.kubeconfig`;
    server = new Daemon(cluster, 'apiserver', [
      ...['--profile', 'cluster', '--data-dir', `${directory}/edge`, '--kubeconfig', kubeconfig],
      ...['--listen', `127.0.0.1:${port}`],
    ]);
    server.start();
    await eventually('the cluster is ready', async () => {
      const answer = await run('kubectl', ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz']);
      return answer.stdout === 'ok';
    });
    const address = `https://127.0.0.1:${link.port}`;
    // Of the second's making, used at the first at once.
    const token = must(
      await ours('hub', [
        ...['token', 'create', '--cluster', cluster, '--server', address, '--kubeconfig', two.kubeconfig],
      ]),
    );
    klusterlet = new Daemon('klusterlet', 'klusterlet', [
      ...['join', token.trim(), '--name', cluster, '--kubeconfig', kubeconfig],
      ...['--data-dir', `${directory}/klusterlet`],
    ]);
    klusterlet.start();
    await eventually('the cluster asks to join', async () => {
      if (!klusterlet.isRunning) throw new Error(`the klusterlet ended: ${klusterlet.output}`);
      return (await ours('hub', ['approve', cluster, '--kubeconfig', two.kubeconfig])).code === 0;
    });
    await eventually('the cluster is available', async () => {
      const answer = await two.kubectl('get', 'managedcluster', cluster, '-o', 'json');
      const object = JSON.parse(must(answer)) as Conditioned;
      return isTrue(object, 'ManagedClusterJoined') && isTrue(object, 'ManagedClusterConditionAvailable');
    });
    await apply(two, work('first'));
    await applied(two, 'first');
  });

  it('roll the authority that they share; one that is down meanwhile has it when it is back', async () => {
    const [one, two] = hubs as readonly [Replica, Replica]; // as made above
    const hub = (at: Replica, ...args: string[]) => ours('hub', [...args, '--kubeconfig', at.kubeconfig]);
    const state = async (at: Replica): Promise<string> => must(await hub(at, 'ca'));
    const authorities = async (at: Replica): Promise<string> =>
      (await state(at)).match(/sha256:\w+/g)?.join() ?? '';
    const before = await authorities(one);
    await two.daemon.stop('SIGKILL');
    must(await hub(one, 'ca', 'roll', '--wait', '90s'));
    const both = await authorities(one);
    expect(both)
      .to.match(/^sha256:\w+,sha256:\w+$/)
      .and.contain(before);
    await two.launch();
    expect(await authorities(two)).to.equal(both);
    must(await hub(two, 'ca', 'finish'));
    const after = await authorities(two);
    expect(both).to.equal(`${after},${before}`);
    await eventually('the first has followed', async () => {
      return (await authorities(one)) === after && (await state(one)).includes('one authority');
    });
    for (const [index, at] of [two, one].entries()) {
      link.redirect(at.port);
      await apply(at, work(`rolled-${index}`));
      await applied(at, `rolled-${index}`);
    }
  });

  it('go on with the clusters of one that is killed', async () => {
    const [one, two] = hubs as readonly [Replica, Replica]; // as made above
    await eventually('one leads', async () => (await one.holds(lease)) || (await two.holds(lease)));
    const [victim, other] = (await one.holds(lease)) ? [one, two] : [two, one];
    link.redirect(victim.port);
    await apply(other, work('before'));
    await applied(other, 'before');
    await victim.daemon.stop('SIGKILL');
    link.redirect(other.port);
    await apply(other, work('second'));
    await applied(other, 'second');
    // The controllers come over, too: a cluster that is made anew gets its namespace.
    await apply(other, {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'another' },
      spec: { hubAcceptsClient: true },
    });
    await eventually('its namespace is made', async () => {
      return (await other.kubectl('get', 'namespace', 'another')).code === 0;
    });
    expect(await other.holds(lease)).to.equal(true);
    expect(klusterlet.isRunning).to.equal(true);
    await victim.launch();
    await applied(victim, 'second');
  });
});
