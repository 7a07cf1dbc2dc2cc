import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, type Conditioned, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually, ours, pause, type Result } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

interface Listed {
  readonly kind: string;
  readonly items: readonly { readonly kind: string; readonly metadata: { readonly name: string } }[];
}

describe('commands on a fleet', () => {
  const fleet = new Fleet();
  const joiners: Joiner[] = [];
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    await fleet.apply(work(cluster, 'first', [configMap('kept', { a: '1' })]));
    await fleet.workApplied(cluster, 'first');
  });
  after(async () => {
    for (const joiner of joiners) await joiner.stop();
    await fleet.close();
  });

  function newJoiner(): Joiner {
    const joiner = new Joiner(fleet, cluster);
    joiners.push(joiner);
    return joiner;
  }

  async function csrOf(name: string): Promise<string> {
    return eventually(`${name} has a request`, async () => {
      const { stdout } = await fleet.hubCommand('csr', 'list');
      return new RegExp(`^(${name}-\\S+) .*Pending`, 'm').exec(stdout)?.[1];
    });
  }

  for (const [command, table, kind] of [
    [
      ['clusters'],
      /^NAME +ACCEPTED +JOINED +AVAILABLE +VERSION +AGE\nedge +true +True +True +v1\.32/,
      'ManagedCluster',
    ],
    [
      ['works', 'edge'],
      /^CLUSTER +NAME +MANIFESTS +APPLIED +AVAILABLE +AGE\nedge +first +1 +True/,
      'ManifestWork',
    ],
    [
      ['csr', 'list'],
      /^NAME +CLUSTER +REQUESTOR +CONDITION +AGE\nedge-\S+ +edge +\S+ +Approved,Issued/,
      'CertificateSigningRequest',
    ],
  ] as const) {
    it(`hub ${command.join(' ')} prints a table, JSON or YAML`, async () => {
      expect(must(await fleet.hubCommand(...command))).to.match(table);
      const json = JSON.parse(must(await fleet.hubCommand(...command, '-o', 'json'))) as Listed;
      expect(json.kind).to.equal('List');
      expect(json.items.map((item) => item.kind)).to.deep.equal([kind]);
      const yaml = parse(must(await fleet.hubCommand(...command, '-o', 'yaml'))) as Listed;
      expect(yaml.items[0]?.metadata.name).to.equal(json.items[0]?.metadata.name);
    });
  }

  it('hub works --manifests has a row for each manifest, and hub works of nobody says so', async () => {
    expect(must(await fleet.hubCommand('works', '--manifests'))).to.match(
      /^edge +first +ConfigMap\.v1 default\/kept +True/m,
    );
    expect(must(await fleet.hubCommand('works', 'nobody'))).to.equal(
      'the cluster nobody has no ManifestWork\n',
    );
  });

  it('hub approve says the second time that nothing is to be done', async () => {
    const again = await fleet.hubCommand('approve', 'edge');
    expect(again).to.deep.include({
      code: 0,
      stderr: '',
      stdout: 'edge: was already accepted, no certificate request is pending\n',
    });
  });

  it('hub approve waits for a cluster that has not asked yet, as long as it is told', async () => {
    const at = (wait: string) => fleet.hubCommand('approve', 'stranger', '--wait', wait);
    const missing =
      /the cluster "stranger" has not asked to join \(no cluster is waiting\); run "klusterlet join"/;
    const none = await at('0');
    expectRefusal(none, 1, missing);
    expect(none.stderr).not.to.contain('waiting up to');
    const some = await at('1s');
    expectRefusal(some, 1, missing);
    expect(some.stderr).to.match(/^waiting up to 1s for stranger to ask to join\n/);
  });

  it('hub approve accepts a cluster that somebody made by hand, and says what is missing', async () => {
    const made = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'by-hand' },
      spec: { hubAcceptsClient: false },
    };
    await fleet.apply(made);
    const { code, stdout, stderr } = await fleet.hubCommand('approve', 'by-hand', '--wait', '500ms');
    expect(stderr).to.equal('waiting up to 1s for the certificate request of by-hand\n');
    expect(stdout).to.match(
      /^by-hand: accepted, no certificate request is pending; run "hub approve by-hand" again/,
    );
    expect(code).to.equal(0);
  });

  it('hub csr deny ends the klusterlet with the reason, and it may ask again', async () => {
    const joiner = newJoiner();
    const token = await joinString(fleet);
    const refused = joiner.join(token, 'denied');
    const csr = await csrOf('denied');
    expect(must(await fleet.hubCommand('csr', 'deny', csr))).to.equal(
      `certificatesigningrequest ${csr} denied\n`,
    );
    expectRefusal(
      await refused,
      1,
      new RegExp(`the hub refused the certificate request ${csr} \\(Denied\\): denied by hub csr deny`),
    );
    joiner.expectFree();
    expect(must(await fleet.hubCommand('csr', 'deny', csr))).to.contain('was already denied');
    expectRefusal(await fleet.hubCommand('csr', 'approve', csr), 1, /was already denied, which is final/);
    await joiner.joined(token, 'denied');
  });

  it('hub csr approve of what is not there names it', async () => {
    expectRefusal(await fleet.hubCommand('csr', 'approve', 'none'), 1, /\(NotFound\).*"none" not found/);
  });

  it('hub token create takes the URL and the time that it is given', async () => {
    const text = await joinString(
      fleet,
      '--cluster',
      'a',
      '--ttl',
      '2h',
      '--server',
      'https://hub.example:6443',
    );
    const [, id = ''] =
      /^https:\/\/hub\.example:6443\/\?token=(.{6})\..{16}&ca=sha256:.{64}&cluster=a$/.exec(text) ?? [];
    const secret = await fleet.hubGet<{ data: Record<string, string> }>(
      'secret',
      `bootstrap-token-${id}`,
      '-n',
      'kube-system',
    );
    const expiration = Date.parse(Buffer.from(secret.data['expiration'] ?? '', 'base64').toString());
    expect(expiration - Date.now()).to.be.within(7_000_000, 7_300_000);
  });

  it('klusterlet status tells what it knows, in all forms', async () => {
    const status = (...more: string[]) => statusOf(cluster.dataDir, ...more);
    const table = must(await status());
    expect(table)
      .to.match(/^WHAT +VALUE\ncluster +edge\nhub +https:/)
      .and.to.match(/^hubAnswers +yes$/m);
    expect(JSON.parse(must(await status('-o', 'json')))).to.include({ cluster: 'edge', available: 'True' });
    expect(parse(must(await status('-o', 'yaml')))).to.include({ cluster: 'edge', savedWorks: '1' });
  });

  it('a klusterlet whose cluster is denied is told so, and comes back with hub approve', async () => {
    const accept = (yes: boolean) =>
      fleet.kubectl(
        'patch',
        'managedcluster',
        'edge',
        '--type=merge',
        '-p',
        `{"spec":{"hubAcceptsClient":${yes}}}`,
      );
    must(await accept(false));
    await eventually('the hub has shut it out', async () => {
      const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'edge');
      return status?.conditions?.some(
        ({ type, status }) => type === 'HubAcceptedManagedCluster' && status === 'False',
      );
    });
    const joiner = newJoiner();
    joiner.start(await joinString(fleet, '--cluster', 'edge'), 'edge');
    await eventually('it is told', () =>
      joiner.output.includes(
        'the hub has denied the cluster edge: its certificate request stays unanswered until',
      ),
    );
    await joiner.stop();
    must(await accept(true));
    await fleet.available(cluster);
  });

  describe('while the hub is away', () => {
    before(() => fleet.hub.stop());
    after(async () => {
      fleet.hub.start();
      await fleet.hubReady();
    });

    for (const args of [['clusters'], ['works'], ['csr', 'list'], ['approve', 'edge'], ['token', 'create']]) {
      it(`hub ${args.join(' ')} says so`, async () => {
        const away = /^error: cannot reach hub at 127\.0\.0\.1:\d+: connection refused \(TCP\)\n$/;
        expectRefusal(await fleet.hubCommand(...args), 1, away);
      });
    }

    it('klusterlet status still tells what it knows', async () => {
      const { code, stdout } = await statusOf(cluster.dataDir);
      expect(stdout)
        .to.match(/^certificate +valid until 20/m)
        .and.to.match(/^hubAnswers +no: .*hub/m);
      expect(code).to.equal(0);
    });

    it('a klusterlet that has joined starts, also while its own cluster is away, and goes on when both are back', async () => {
      await cluster.klusterlet.stop();
      await cluster.server.stop();
      cluster.klusterlet.start();
      await eventually('it tries', () => cluster.klusterlet.output.includes('managed cluster not ready'));
      expect(cluster.klusterlet.isRunning).to.equal(true);
      cluster.server.start();
      await eventually(
        'the cluster is back',
        async () => (await fleet.on(cluster, 'get', 'namespaces')).code === 0,
      );
      must(await fleet.on(cluster, 'delete', 'configmap', 'kept'));
      await eventually(
        'drift is corrected',
        async () => (await fleet.on(cluster, 'get', 'configmap', 'kept')).code === 0,
      );
    });
  });

  describe('klusterlet leave', () => {
    it('keeps the workloads, and another hub may have the cluster', async () => {
      await cluster.klusterlet.stop();
      const left = await leaveOf(cluster.dataDir);
      expect(left.stdout).to.match(
        /^left https:\S+: 1 work disowned; .*kubectl delete managedcluster edge\n$/,
      );
      expect(left.code).to.equal(0);
      const kept = await fleet.get<Conditioned & { metadata: { ownerReferences?: unknown[] } }>(
        cluster,
        'configmap',
        'kept',
      );
      expect(kept.metadata.ownerReferences ?? []).to.deep.equal([]);
      await pause(500);
      must(await fleet.on(cluster, 'get', 'configmap', 'kept'));
      expect(must(await fleet.on(cluster, 'get', 'appliedmanifestworks', '-o', 'name'))).not.to.contain(
        'first',
      );
      expectRefusal(await leaveOf(cluster.dataDir), 2, /no klusterlet has joined/);
    });

    it('deletes them when it is told to', async () => {
      const second = new Fleet();
      try {
        await second.startHub();
        const token = await joinString(second);
        const { klusterlet, kubeconfig, dataDir } = cluster;
        klusterlet.start([
          'join',
          token,
          '--name',
          'edge',
          '--kubeconfig',
          kubeconfig,
          '--data-dir',
          dataDir,
        ]);
        expect((await second.hubCommand('approve', 'edge')).code).to.equal(0);
        await second.available(cluster);
        await second.apply(work(cluster, 'other', [configMap('gone', { a: '1' })]));
        await second.workApplied(cluster, 'other');
        must(await fleet.on(cluster, 'get', 'configmap', 'gone'));
        await klusterlet.stop();
        await second.hub.stop();
        const left = await leaveOf(dataDir, '--delete-workloads');
        expect(left.stdout).to.match(/1 work deleted/);
        await eventually(
          'it is gone',
          async () => (await fleet.on(cluster, 'get', 'configmap', 'gone')).code === 1,
        );
        must(await fleet.on(cluster, 'get', 'configmap', 'kept'));
      } finally {
        await second.close();
      }
    });
  });
});

function statusOf(dataDir: string, ...more: string[]): Promise<Result> {
  return ours('klusterlet', ['status', '--data-dir', dataDir, ...more]);
}

function leaveOf(dataDir: string, ...more: string[]): Promise<Result> {
  return ours('klusterlet', ['leave', '--data-dir', dataDir, ...more]);
}
