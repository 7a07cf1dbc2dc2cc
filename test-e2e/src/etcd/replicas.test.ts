/** Several API server processes on one etcd of three members: the same objects, whoever of them is killed. */
import { hasReason, type KubeObject, StatusError } from '@flotilla/api';
import { type EtcdTestCluster, hasEtcd, startEtcdCluster } from '@flotilla/apiserver/testing';
import {
  createClient,
  createFailoverTransport,
  createInformer,
  createStopController,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import { transportFromKubeconfig } from '@flotilla/kube/node';
import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
import { expect } from 'chai';
import { must } from '../support/fleet.js';
import { Link } from '../support/network.js';
import { eventually, Follower, run } from '../support/processes.js';
import { Replica } from './replica.js';

const { configMaps, namespaces } = wellKnown;
const lease = 'flotilla-control-plane';
const services = { group: '', version: 'v1', resource: 'services', namespaced: true };

function configMap(name: string, data: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data };
}

/** True for what a client may be told while a server or etcd is away. */
function isOutage(error: unknown): boolean {
  return error instanceof TransportError || (error instanceof StatusError && (error.status.code ?? 0) >= 500);
}

(hasEtcd() ? describe : describe.skip)('API servers on one etcd', function () {
  this.timeout(120_000);
  let etcd: EtcdTestCluster;
  let a: Replica;
  let b: Replica;

  before(async () => {
    etcd = await startEtcdCluster({ size: 3 });
    [a, b] = [new Replica('a'), new Replica('b')];
    // At once: both find an empty store.
    await Promise.all([a.start('apiserver', etcd.urls), b.start('apiserver', etcd.urls)]);
  });

  after(async () => {
    await Promise.all([a.stop(), b.stop()]);
    await etcd.stop();
  });

  it('share one authority: the admin of one is the admin of the other', async () => {
    for (const [kubeconfig, url] of [
      [a.kubeconfig, b.url],
      [b.kubeconfig, a.url],
    ] as const) {
      const answer = await run('kubectl', [
        '--kubeconfig',
        kubeconfig,
        '--server',
        url,
        'auth',
        'whoami',
        '-o',
        'json',
      ]);
      expect(must(answer)).to.include('"kubernetes-admin"');
    }
  });

  it('show at once what was written on the other', async () => {
    for (let i = 0; i < 50; i++) {
      const [writer, reader] = i % 2 === 0 ? [a.client, b.client] : [b.client, a.client];
      const name = `seen-${i}`;
      const key = { namespace: 'default', name };
      const made = await writer.create(configMaps, configMap(name, { value: 'one' }));
      const read = await reader.get<KubeObject>(configMaps, key);
      expect(read.metadata.resourceVersion).to.equal(made.metadata.resourceVersion);
      const patch = { type: 'merge', body: { data: { value: 'two' } } } as const;
      const patched = await reader.patch<KubeObject>(configMaps, key, patch);
      // What is no change for a server that lags would be lost here.
      const back = await writer.patch<KubeObject>(configMaps, key, {
        type: 'merge',
        body: { data: { value: 'one' } },
      });
      expect(
        BigInt(back.metadata.resourceVersion ?? 0) > BigInt(patched.metadata.resourceVersion ?? 0),
      ).to.equal(true);
      const listed = await reader.list<KubeObject>(configMaps, {
        namespace: 'default',
        fieldSelector: `metadata.name=${name}`,
      });
      expect(listed.items.map((item) => item['data'])).to.deep.equal([{ value: 'one' }]);
      await writer.delete(configMaps, key);
      try {
        await reader.get(configMaps, key);
        expect.fail('it is still there');
      } catch (error) {
        expect(hasReason(error, 'NotFound')).to.equal(true);
      }
    }
  });

  it('go on with a resourceVersion that the other gave', async () => {
    const made = await a.client.create(configMaps, configMap('handed-over'));
    const { resourceVersion = '' } = made.metadata;
    const listed = await b.client.list<KubeObject>(configMaps, { namespace: 'default', resourceVersion });
    expect(listed.items.map(({ metadata }) => metadata.name)).to.include('handed-over');
    const watching = createStopController();
    const events = b.client.watch<KubeObject>(configMaps, {
      namespace: 'default',
      resourceVersion,
      signal: watching.signal,
    });
    await a.client.create(configMaps, configMap('after-that'));
    for await (const { type, object } of events) {
      expect([type, object.metadata.name]).to.deep.equal(['ADDED', 'after-that']);
      break;
    }
    watching.abort();
  });

  it('believe at once the tokens, permissions and definitions that the other gave', async () => {
    for (let i = 0; i < 5; i++) {
      const account = `robot-${i}`;
      must(await a.kubectl('create', 'serviceaccount', account));
      const token = must(await a.kubectl('create', 'token', account)).trim();
      must(
        await a.kubectl(
          'create',
          'rolebinding',
          account,
          '--clusterrole=view',
          `--serviceaccount=default:${account}`,
        ),
      );
      const answer = await run('kubectl', [
        ...['--server', b.url, '--insecure-skip-tls-verify', '--token', token, '-n', 'default'],
        ...['get', 'configmaps', '-o', 'name'],
      ]);
      expect(must(answer)).to.include('configmap/');
    }
    const group = 'shapes.example';
    await a.client.create(wellKnown.customResourceDefinitions, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `circles.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'circles', singular: 'circle', kind: 'Circle', listKind: 'CircleList' },
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        ],
      },
    });
    const circles = { group, version: 'v1', resource: 'circles', namespaced: true };
    const made = await b.client.create<KubeObject>(circles, {
      apiVersion: `${group}/v1`,
      kind: 'Circle',
      metadata: { namespace: 'default', name: 'one' },
    });
    expect(made.metadata.name).to.equal('one');
  });

  it('give every Service an address and a port of its own', async () => {
    const create = async (i: number): Promise<KubeObject> =>
      (i % 2 === 0 ? a : b).client.create<KubeObject>(services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'default', name: `service-${i}` },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      });
    const made = await Promise.all(Array.from({ length: 30 }, (_, i) => create(i)));
    const specs = made.map(
      (service) => service['spec'] as { clusterIP: string; ports: { nodePort: number }[] },
    );
    expect(new Set(specs.map(({ clusterIP }) => clusterIP)).size).to.equal(made.length);
    expect(new Set(specs.map(({ ports }) => ports[0]?.nodePort)).size).to.equal(made.length);
  });

  it('carry the watches of kubectl and of informers on when one is killed', async () => {
    const follower = new Follower('kubectl', [
      ...['--kubeconfig', b.kubeconfig, '-n', 'default', 'get', 'configmaps', '--watch-only', '-o', 'name'],
    ]);
    // Ours knows both addresses, client-node's one behind which a server is replaced.
    const link = new Link(a.port);
    await link.open();
    const server = `https://127.0.0.1:${link.port}`;
    const text = must(
      await run('kubectl', ['--kubeconfig', a.kubeconfig, 'config', 'view', '--raw', '-o', 'json']),
    ).replaceAll(a.url, server);
    const [toA, toB] = await Promise.all([
      transportFromKubeconfig({ file: a.kubeconfig }, { env: a.env }),
      transportFromKubeconfig({ file: b.kubeconfig }, { env: b.env }),
    ]);
    const either = createFailoverTransport([toA.transport, toB.transport]);
    const informer = createInformer<KubeObject>(createClient(either), configMaps, {
      env: a.env,
      namespace: 'default',
      minBackoffMs: 50,
    });
    const seen: string[] = [];
    informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata.name}`));
    informer.start();
    await informer.synced();

    const config = new KubeConfig();
    config.loadFromString(text);
    const path = '/api/v1/namespaces/default/configmaps';
    const core = config.makeApiClient(CoreV1Api);
    const listed = () => core.listNamespacedConfigMap({ namespace: 'default' });
    const theirs = makeInformer(config, path, listed);
    const seenByTheirs: string[] = [];
    theirs.on('add', ({ metadata }) => seenByTheirs.push(metadata?.name ?? ''));
    // As its documentation tells users to.
    theirs.on('error', () => setTimeout(() => void theirs.start(), 200));
    await theirs.start();

    await a.client.create(configMaps, configMap('before-the-kill'));
    await eventually(
      'the informers have seen it',
      () => seen.includes('added before-the-kill') && seenByTheirs.includes('before-the-kill'),
    );
    await a.daemon.stop('SIGKILL');
    link.redirect(b.port);
    await b.client.create(configMaps, configMap('after-the-kill'));
    await eventually(
      'the informers have seen the next',
      () => seen.includes('added after-the-kill') && seenByTheirs.includes('after-the-kill'),
    );
    expect(seen.filter((change) => change.startsWith('deleted'))).to.deep.equal([]);
    for (let line = ''; line !== 'configmap/after-the-kill'; ) line = await follower.line();
    await follower.stop();
    await theirs.stop();
    await informer.close();
    await either.close();
    await link.close();

    await a.launch();
    expect(
      (await a.client.get<KubeObject>(configMaps, { namespace: 'default', name: 'after-the-kill' })).metadata
        .name,
    ).to.equal('after-the-kill');
  });

  it('go on with the loops of the one that leads when it is killed', async () => {
    await eventually('one leads', async () => (await a.holds(lease)) || (await b.holds(lease)));
    const [leader, other] = (await a.holds(lease)) ? [a, b] : [b, a];
    await leader.daemon.stop('SIGKILL');
    // A namespace goes only when a controller has emptied it: the other's begin when the lease has run out.
    must(await other.kubectl('create', 'namespace', 'leaving'));
    must(await other.kubectl('delete', 'namespace', 'leaving', '--timeout=60s'));
    expect(await other.holds(lease)).to.equal(true);
    await leader.launch();
  });

  it('let a server go gently: its loops go on elsewhere within seconds', async () => {
    await eventually('one leads', async () => (await a.holds(lease)) || (await b.holds(lease)));
    const [leader, other] = (await a.holds(lease)) ? [a, b] : [b, a];
    await leader.daemon.stop('SIGTERM');
    await eventually('the other leads', () => other.holds(lease), { timeoutMs: 10_000 });
    await leader.launch();
  });

  for (const which of ['a follower', 'the leader'] as const) {
    it(`go on when ${which} of etcd is killed`, async () => {
      const leader = await etcd.leader();
      const victim = which === 'the leader' ? leader : etcd.members.find((member) => member !== leader);
      const deadline = Date.now() + 60_000;
      const acknowledged: string[] = [];
      let outages = 0;
      const informer = createInformer<KubeObject>(b.client, configMaps, {
        env: b.env,
        namespace: 'default',
        minBackoffMs: 50,
      });
      informer.start();
      await informer.synced();
      for (let i = 0; acknowledged.length < 60; i++) {
        if (Date.now() > deadline)
          throw new Error(`only ${acknowledged.length} writes in a minute, ${outages} outages`);
        if (i === 20) await victim?.signal('SIGKILL');
        const name = `${which.replaceAll(' ', '-')}-${i}`;
        try {
          await a.client.create(configMaps, configMap(name));
          acknowledged.push(name);
        } catch (error) {
          if (!isOutage(error)) throw error;
          outages++;
        }
      }
      await eventually('the informer of the other server has all', () => {
        const names = new Set(informer.cache.list().map(({ metadata }) => metadata.name));
        return acknowledged.every((name) => names.has(name));
      });
      await informer.close();
      await victim?.start();
      await etcd.healthy();
    });
  }

  it('answer with 5xx and do not hang while all of etcd is away, and go on after', async () => {
    await a.client.create(configMaps, configMap('before-the-outage'));
    await Promise.all(etcd.members.map((member) => member.signal('SIGKILL')));
    for (let i = 0; i < 3; i++) {
      for (const call of [
        () => a.client.list(configMaps, { namespace: 'default' }),
        () => b.client.create(configMaps, configMap(`during-${i}`)),
        () => b.client.get(namespaces, { name: 'default' }),
      ]) {
        try {
          await call();
          expect.fail('it was answered');
        } catch (error) {
          expect(error).to.be.instanceOf(StatusError);
          expect((error as StatusError).status.code).to.be.within(500, 504);
        }
      }
    }
    // What is alive says so, and reads that may be old are answered.
    expect((await a.kubectl('get', '--raw', '/livez')).stdout).to.equal('ok');
    const old = await a.client.list<KubeObject>(configMaps, { namespace: 'default', resourceVersion: '0' });
    expect(old.items.map(({ metadata }) => metadata.name)).to.include('before-the-outage');
    await Promise.all(etcd.members.map((member) => member.start()));
    await etcd.healthy();
    await eventually('writes are taken again', async () => {
      await a.client.create(configMaps, configMap('after-the-outage'));
      return true;
    });
    const read = await b.client.get<KubeObject>(configMaps, {
      namespace: 'default',
      name: 'after-the-outage',
    });
    expect(read.metadata.name).to.equal('after-the-outage');
  });

  it('refuse a data directory with the keys of another cluster', async () => {
    const moved = new Replica('moved');
    const first = new Replica('first');
    const another = await startEtcdCluster();
    try {
      await moved.start('apiserver', etcd.urls);
      await moved.daemon.stop();
      await first.start('apiserver', another.urls);
      moved.daemon.start(
        moved.daemon.args.map((arg) => (arg === etcd.urls.join(',') ? another.urls.join(',') : arg)),
      );
      await eventually('it ends', () => !moved.daemon.isRunning);
      expect(moved.daemon.output).to.match(
        /ca\.key is not that of the servers that share this etcd: .*--data-dir/,
      );
    } finally {
      await Promise.all([moved.stop(), first.stop()]);
      await another.stop();
    }
  });
});
