/** Joining by the commands, through real TLS: directly, through proxies, with several bootstrap kubeconfigs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJoinString } from '@flotilla/api';
import { loadKubeconfig, writeKubeconfig } from '@flotilla/kube';
import { expect } from 'chai';
import { ConnectProxy } from '../support/connect-proxy.js';
import { type Cluster, type Conditioned, Fleet, isTrue, must } from '../support/fleet.js';
import { eventually, ours } from '../support/processes.js';

interface Secret {
  readonly data: Readonly<Record<string, string>>;
}

describe('joining through the commands', () => {
  const fleet = new Fleet();
  const proxies = { http: new ConnectProxy('http'), https: new ConnectProxy('https') };
  before(async () => {
    await fleet.startHub();
    for (const proxy of Object.values(proxies)) await proxy.start();
  });
  after(async () => {
    await fleet.close();
    for (const proxy of Object.values(proxies)) await proxy.close();
  });

  const hubUrl = (): string => `https://127.0.0.1:${fleet.hubPort}`;

  /** As an OCM hub hands it out: the hub's authorities, a proxy and its authority, a token. */
  async function bootstrapKubeconfig(
    cluster: string,
    proxy?: ConnectProxy,
    server = hubUrl(),
  ): Promise<string> {
    const { token } = parseJoinString(must(await fleet.hubCommand('token', 'create', '--cluster', cluster)));
    const { caData = '' } = loadKubeconfig(readFileSync(fleet.hubKubeconfig, 'utf8')).cluster;
    const file = join(fleet.directory, `${cluster}-${Math.random()}.bootstrap`);
    const text = writeKubeconfig({
      server,
      ca: proxy === undefined ? caData : `${caData}${proxy.ca}`,
      credential: { token },
      ...(proxy && { proxyUrl: proxy.url }),
    });
    writeFileSync(file, text);
    return file;
  }

  async function startJoin(name: string, ...args: string[]): Promise<Cluster> {
    const cluster = await fleet.startCluster(name);
    cluster.klusterlet.start([
      ...['join', '--name', name, '--kubeconfig', cluster.kubeconfig, '--data-dir', cluster.dataDir],
      ...args,
    ]);
    await eventually(`${name} asks to join`, async () => {
      if (!cluster.klusterlet.isRunning) throw new Error(cluster.klusterlet.output);
      // Its certificate request comes a moment after the cluster: who does not wait for it would have to approve again.
      return (await fleet.hubCommand('approve', name, '--wait', '20s')).code === 0;
    });
    await fleet.available(cluster);
    return cluster;
  }

  async function secretOf(cluster: Cluster): Promise<Record<string, string>> {
    const secret = await eventually('the secret is there', async () => {
      const found = await fleet.on(
        cluster,
        ...['get', 'secret', 'hub-kubeconfig-secret', '-n', 'open-cluster-management-agent', '-o', 'json'],
      );
      return found.code === 0 && (JSON.parse(found.stdout) as Secret);
    });
    return Object.fromEntries(
      Object.entries(secret.data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  }

  it('directly: request, approval, namespace, rights, secret', async () => {
    const cluster = await startJoin('direct', '--bootstrap-kubeconfig', await bootstrapKubeconfig('direct'));
    const object = await fleet.hubGet<Conditioned>('managedcluster', 'direct');
    for (const type of ['HubAcceptedManagedCluster', 'ManagedClusterJoined']) {
      expect(isTrue(object, type), type).to.equal(true);
    }
    must(await fleet.kubectl('get', 'namespace', 'direct'));
    must(await fleet.kubectl('get', 'clusterrole', 'open-cluster-management:managedcluster:direct'));
    const secret = await secretOf(cluster);
    expect(Object.keys(secret)).to.have.members([
      ...['cluster-name', 'agent-name', 'kubeconfig', 'tls.crt', 'tls.key'],
    ]);
    expect(secret['cluster-name']).to.equal('direct');
    expect(secret['kubeconfig']).not.to.contain('proxy-url');
  });

  for (const scheme of ['http', 'https'] as const) {
    it(`through a proxy, by CONNECT, the secret naming it: ${scheme}`, async () => {
      const proxy = proxies[scheme];
      const name = `by-${scheme}`;
      const file = await bootstrapKubeconfig(name, proxy);
      const cluster = await startJoin(name, '--bootstrap-kubeconfig', file);
      expect(proxy.targets).to.contain(`127.0.0.1:${fleet.hubPort}`);
      expect(loadKubeconfig((await secretOf(cluster))['kubeconfig'] ?? '').cluster.proxyUrl).to.equal(
        proxy.url,
      );
      // So does what has joined, when it starts again.
      const before = proxy.targets.length;
      await cluster.klusterlet.stop();
      cluster.klusterlet.start(['run', '--data-dir', cluster.dataDir]);
      await eventually('it comes through the proxy again', async () => proxy.targets.length > before);
    });
  }

  it('by a join string through a proxy that a flag names, with settings for the agent', async () => {
    const token = must(await fleet.hubCommand('token', 'create', '--cluster', 'flagged')).trim();
    const before = proxies.http.targets.length;
    await startJoin(
      'flagged',
      ...[token, '--proxy-url', proxies.http.url],
      ...['--cluster-annotations', 'agent.open-cluster-management.io/site=north,other=x'],
      ...['--client-cert-expiration-seconds', '7200', '--max-custom-cluster-claims', '3'],
    );
    // One to look at the certificate, and then those of the agent.
    expect(proxies.http.targets.length).to.be.greaterThan(before + 1);
    const { metadata } = await fleet.hubGet<{ metadata: { annotations: Record<string, string> } }>(
      'managedcluster',
      'flagged',
    );
    expect(metadata.annotations['agent.open-cluster-management.io/site']).to.equal('north');
    expect(metadata.annotations).not.to.have.property('other');
    const csrs = await fleet.hubGet<{ items: { spec: { expirationSeconds?: number } }[] }>(
      'csr',
      '-l',
      'open-cluster-management.io/cluster-name=flagged',
    );
    expect(csrs.items.map(({ spec }) => spec.expirationSeconds)).to.deep.equal([7200]);
  });

  it('with several bootstrap kubeconfigs: takes the first hub that would have it', async () => {
    const dead = await bootstrapKubeconfig('choosing', undefined, 'https://127.0.0.1:9');
    const good = await bootstrapKubeconfig('choosing');
    await startJoin('choosing', '--bootstrap-kubeconfig', dead, '--bootstrap-kubeconfig', good);
  });

  it('with another name is a new cluster, once the directory has left its hub', async () => {
    const cluster = fleet.clusters.find(({ name }) => name === 'direct') ?? expect.fail('no cluster');
    await cluster.klusterlet.stop();
    const file = await bootstrapKubeconfig('renamed');
    const join = (name: string): string[] => [
      ...['join', '--name', name, '--bootstrap-kubeconfig', file, '--kubeconfig', cluster.kubeconfig],
      ...['--data-dir', cluster.dataDir],
    ];
    const refused = await ours('klusterlet', join('renamed'));
    expect(refused.code).not.to.equal(0);
    expect(refused.stderr).to.contain('belongs to direct');
    must(await ours('klusterlet', ['leave', '--data-dir', cluster.dataDir]));
    cluster.klusterlet.start(join('renamed'));
    await eventually('renamed asks to join', async () => {
      if (!cluster.klusterlet.isRunning) throw new Error(cluster.klusterlet.output);
      return (await fleet.hubCommand('approve', 'renamed', '--wait', '20s')).code === 0;
    });
    await fleet.available({ ...cluster, name: 'renamed' });
    expect((await secretOf(cluster))['cluster-name']).to.equal('renamed');
  });
});
