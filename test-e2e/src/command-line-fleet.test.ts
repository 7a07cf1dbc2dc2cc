import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

interface Listed {
  readonly kind: string;
  readonly items: readonly { readonly kind: string; readonly metadata: { readonly name: string } }[];
}

describe('hub commands on a fleet', () => {
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
      /^NAME +ACCEPTED +JOINED +AVAILABLE +REASON +VERSION +LAST SEEN +AGE\nedge +true +True +True +ManagedClusterAvailable +v1\.32\S* +\d+s ago +\d+s$/m,
      'ManagedCluster',
    ],
    [
      ['works', 'edge'],
      /^CLUSTER +NAME +MANIFESTS +APPLIED +AVAILABLE +HEALTHY +AGE\nedge +first +1 +True/,
      'ManifestWork',
    ],
    [
      ['csr', 'list'],
      /^NAME +CLUSTER +REQUESTOR +SOURCE +FINGERPRINT +KEY +CONDITION +AGE\nedge-\S+ +edge +\S+ +127\.0\.0\.1 +SHA256:\S+ +known +Approved,Issued/,
      'CertificateSigningRequest',
    ],
  ] as const) {
    it(`hub ${command.join(' ')} prints a table, wide or not, JSON, YAML or names`, async () => {
      expect(must(await fleet.hubCommand(...command))).to.match(table);
      const json = JSON.parse(must(await fleet.hubCommand(...command, '-o', 'json'))) as Listed;
      expect(json.kind).to.equal('List');
      expect(json.items.map((item) => item.kind)).to.deep.equal([kind]);
      const yaml = parse(must(await fleet.hubCommand(...command, '-o', 'yaml'))) as Listed;
      expect(yaml.items[0]?.metadata.name).to.equal(json.items[0]?.metadata.name);
      // kubectl understands these names.
      const named = must(await fleet.hubCommand(...command, '-o', 'name')).trim();
      const found = must(
        await fleet.kubectl('get', named, ...(kind === 'ManifestWork' ? ['-n', 'edge'] : [])),
      );
      expect(found).to.contain(json.items[0]?.metadata.name);
      const wide = must(await fleet.hubCommand(...command, '-o', 'wide'));
      expect(wide.startsWith(table.source.slice(1, 5))).to.equal(true);
      if (kind === 'ManagedCluster')
        expect(wide).to.match(/ AGE +SET +LABELS +CPU +MEMORY +MESSAGE\n.* default /);
    });
  }

  it('hub why tells that a work is well, and of one that is not there', async () => {
    expect(must(await fleet.hubCommand('why', 'first', '-n', 'edge'))).to.equal(
      'edge/first is well: all that it asks for is applied, available and healthy\n',
    );
    const absent = await fleet.hubCommand('why', 'nothing', '-n', 'edge');
    expect(absent.code).to.equal(1);
    expect(absent.stderr).to.contain('"nothing" not found in edge');
    expectRefusal(await fleet.hubCommand('why', 'frist', '-n', 'edge'), 1, /did you mean "first"\?/);
    for (const command of [['why'], ['works', 'history'], ['works', 'diff'], ['works', 'undo']])
      expectRefusal(
        await fleet.hubCommand(...command, 'first', '-n', 'egde'),
        1,
        /managedclusters\S* "egde" not found; did you mean "edge"\?/,
      );
    const incomplete = await fleet.hubCommand('why', 'first');
    expect(incomplete.code).to.equal(2);
  });

  it('hub works --manifests has a row for each manifest, and hub works of an unknown cluster is refused', async () => {
    expect(must(await fleet.hubCommand('works', '--manifests'))).to.match(
      /^edge +first +ConfigMap\.v1 default\/kept +True/m,
    );
    for (const more of [[], ['-o', 'json'], ['--watch'], ['--manifests']])
      expectRefusal(
        await fleet.hubCommand('works', 'egde', ...more),
        1,
        /managedclusters\S* "egde" not found; did you mean "edge"\?/,
      );
    expectRefusal(await fleet.hubCommand('works', 'confirm-deletion', 'nobody'), 1, /"nobody" not found\n/);
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
});
