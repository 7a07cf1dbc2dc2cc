/**
 * What happens to a klusterlet's identity, with real processes, real TLS and the commands that a user types. None of it
 * needs a person but where a person has said no, or something new asks to come in. Faults of time: `short-lives.test.ts`;
 * of the authority: `authority-roll.test.ts`; of clocks: `clocks.test.ts`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from '../support/fleet.js';
import { freePort } from '../support/network.js';
import { eventually, ours } from '../support/processes.js';

describe('faults of identity, through processes', () => {
  const fleet = new Fleet();
  let round = 0;
  before(async () => {
    await fleet.startHub();
    await fleet.join(await fleet.startCluster('f1'));
  });
  after(() => fleet.close());

  const cluster = (name: string): Cluster =>
    fleet.clusters.find((one) => one.name === name) ?? expect.fail(`no cluster ${name}`);
  const f1 = (): Cluster => cluster('f1');
  const path = (one: Cluster, ...parts: string[]): string => join(one.dataDir, ...parts);
  const read = (one: Cluster, name: string): string => readFileSync(path(one, 'hub', name), 'utf8');
  const run = (one: Cluster): void =>
    one.klusterlet.start(['run', '--data-dir', one.dataDir, '--kubeconfig', one.kubeconfig]);
  const secret = ['secret', 'hub-kubeconfig-secret', '-n', 'open-cluster-management-agent'] as const;

  /** A work goes from the hub to the cluster, and its status back. */
  async function isWell(one: Cluster): Promise<void> {
    round++;
    await fleet.apply(work(one, 'held', [configMap('held', { v: String(round) })]));
    await fleet.workApplied(one, 'held');
    const shown = await fleet.get<{ data: { v: string } }>(one, 'configmap', 'held');
    expect(shown.data.v).to.equal(String(round));
  }

  async function driftIsCorrected(one: Cluster): Promise<void> {
    must(await fleet.on(one, 'delete', 'configmap', 'held'));
    await eventually(
      'drift is corrected',
      async () => (await fleet.on(one, 'get', 'configmap', 'held')).code === 0,
    );
  }

  it('lost data directory: goes on from the copy in its cluster, as the same agent', async () => {
    await isWell(f1());
    await f1().klusterlet.stop();
    const agent = read(f1(), 'agent-name');
    rmSync(f1().dataDir, { recursive: true });
    run(f1());
    await isWell(f1());
    expect(read(f1(), 'agent-name')).to.equal(agent);
  });

  it('lost Secret: the copy is written again while the klusterlet runs', async () => {
    must(await fleet.on(f1(), 'delete', ...secret));
    await eventually('the copy is back', async () => (await fleet.on(f1(), 'get', ...secret)).code === 0, {
      timeoutMs: 60_000,
    });
    await isWell(f1());
  });

  it('key file truncated: goes on from the copy in its cluster', async () => {
    await f1().klusterlet.stop();
    writeFileSync(path(f1(), 'hub', 'tls.key'), '-----BEGIN EC');
    run(f1());
    await isWell(f1());
    expect(read(f1(), 'tls.key')).to.contain('END EC PRIVATE KEY');
  });

  it('key file truncated and the copy lost: holds its cluster and says what to do', async () => {
    await f1().klusterlet.stop();
    const key = read(f1(), 'tls.key');
    writeFileSync(path(f1(), 'hub', 'tls.key'), '');
    must(await fleet.on(f1(), 'delete', ...secret));
    run(f1());
    await eventually('it says so', async () => {
      const { stdout } = await ours('klusterlet', ['status', '--data-dir', f1().dataDir]);
      return (
        stdout.includes('the hub certificate is lost') && stdout.includes('hub token create --cluster f1')
      );
    });
    await driftIsCorrected(f1());
    await f1().klusterlet.stop();
    writeFileSync(path(f1(), 'hub', 'tls.key'), key);
    run(f1());
    await isWell(f1());
  });

  it('denied, then accepted: nothing is lost in the cluster, and no new join is needed', async () => {
    must(await fleet.hubCommand('deny', 'f1'));
    await driftIsCorrected(f1());
    must(await fleet.hubCommand('approve', 'f1', '--wait', '0s'));
    await isWell(f1());
  });

  it('approval while the agent was down: it goes on with the request that was approved', async () => {
    const one = await fleet.startCluster('f2');
    const token = must(await fleet.hubCommand('token', 'create', '--cluster', 'f2')).trim();
    const join = ['join', token, '--name', 'f2', '--kubeconfig', one.kubeconfig, '--data-dir', one.dataDir];
    one.klusterlet.start(join);
    const request = await eventually(
      'it has asked',
      () => /certificate request (f2-\S+)\)/.exec(one.klusterlet.output)?.[1],
    );
    await one.klusterlet.stop('SIGKILL');
    expect(must(await fleet.hubCommand('approve', 'f2'))).to.contain(request);
    run(one);
    await fleet.available(one);
    await isWell(one);
    const names = must(
      await fleet.kubectl('get', 'csr', '-l', 'open-cluster-management.io/cluster-name=f2', '-o', 'name'),
    );
    expect(names.trim().split('\n').length).to.equal(1);
  });

  /** Nothing is left of the former one but the pair that somebody took. */
  async function rebuild(name: string): Promise<{ rebuilt: Cluster; stolen: string }> {
    const old = cluster(name);
    round++;
    const stolen = path(old, '..', `old-${name}-${round}`);
    await old.klusterlet.stop('SIGKILL');
    mkdirSync(stolen);
    for (const file of ['tls.crt', 'tls.key']) writeFileSync(join(stolen, file), read(old, file));
    await old.server.stop('SIGKILL');
    rmSync(old.dataDir, { recursive: true });
    fleet.clusters.splice(fleet.clusters.indexOf(old), 1);
    await old.link.close();
    rmSync(join(fleet.directory, name), { recursive: true });
    return { rebuilt: await fleet.startCluster(name), stolen };
  }

  async function takesItsPlace(rebuilt: Cluster): Promise<void> {
    await fleet.workApplied(rebuilt, 'held');
    await eventually(
      'its works are there',
      async () => (await fleet.on(rebuilt, 'get', 'configmap', 'held')).code === 0,
    );
  }

  it('name reused by a rebuilt cluster: the new one takes its place and its works, the old one is shut out', async () => {
    const { rebuilt, stolen } = await rebuild('f2');
    must(await fleet.hubCommand('clusters', 'revoke', 'f2'));
    const token = must(await fleet.hubCommand('token', 'create', '--cluster', 'f2')).trim();
    rebuilt.klusterlet.start([
      ...['join', token, '--name', 'f2', '--kubeconfig', rebuilt.kubeconfig, '--data-dir', rebuilt.dataDir],
    ]);
    await eventually('its key is approved', async () => {
      const { stdout } = await fleet.hubCommand('approve', 'f2', '--wait', '0s');
      return /approved \(key .* the cluster had the key/.test(stdout);
    });
    await takesItsPlace(rebuilt);
    const asOld = await fleet.kubectl(
      ...['get', 'managedcluster', 'f2', '--client-certificate', join(stolen, 'tls.crt')],
      ...['--client-key', join(stolen, 'tls.key')],
    );
    expect(asOld.code).not.to.equal(0);
  });

  it('name reused by a rebuilt cluster, with a token that carries the approval: without a person', async () => {
    // What a person, or the tool that rebuilds clusters, makes beforehand and puts into the new cluster.
    const token = must(await fleet.hubCommand('token', 'create', '--cluster', 'f2', '--approve')).trim();
    const { rebuilt } = await rebuild('f2');
    rebuilt.klusterlet.start([
      ...['join', token, '--name', 'f2', '--kubeconfig', rebuilt.kubeconfig, '--data-dir', rebuilt.dataDir],
    ]);
    await eventually('it has a certificate of its own', () =>
      rebuilt.klusterlet.output.includes('joined the hub at'),
    );
    await takesItsPlace(rebuilt);
    await isWell(rebuilt);
  });

  it('hub moved to another address: goes on with the next that it was told', async () => {
    const port = await freePort();
    const one = await fleet.startCluster('f3');
    const token = must(
      await fleet.hubCommand(
        ...['token', 'create', '--cluster', 'f3', '--server', `https://127.0.0.1:${one.link.port}`],
        ...['--server', `https://127.0.0.1:${port}`],
      ),
    ).trim();
    one.klusterlet.start(['join', token, '--kubeconfig', one.kubeconfig, '--data-dir', one.dataDir]);
    must(await fleet.hubCommand('approve', 'f3', '--wait', '30s'));
    await fleet.available(one);
    one.link.cut();
    await fleet.moveHub(port);
    await isWell(one);
  });
});
