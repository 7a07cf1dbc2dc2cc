import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually, run } from './support/processes.js';

interface Revisions {
  readonly items: readonly { readonly spec: { readonly workName: string; readonly generation: number } }[];
}

describe('history of works', () => {
  const fleet = new Fleet();
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    for (const [at, value] of ['one', 'two', 'three'].entries()) {
      const manifests = [configMap('app', { value }), ...(at === 1 ? [configMap('extra', {})] : [])];
      await fleet.apply(work(cluster, 'web', [...manifests, secret(value)]));
    }
    await fleet.workApplied(cluster, 'web');
  });
  after(() => fleet.close());

  const secret = (value: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'default' },
    stringData: { key: `secret-${value}` },
  });
  const works = (...args: string[]) => fleet.hubCommand('works', ...args, '-n', 'edge');
  const valueInCluster = async (): Promise<string | undefined> =>
    (await fleet.get<{ data: Record<string, string> }>(cluster, 'configmap', 'app')).data['value'];

  it('is listed with who changed what, when', async () => {
    const lines = must(await works('history', 'web'))
      .trim()
      .split('\n');
    expect(lines[0]).to.match(/^GENERATION +AGE +BY +MANIFESTS +CHANGE$/);
    expect(lines.slice(1).map((line) => line.replaceAll(/ +/g, ' '))).to.satisfy((rows: string[]) =>
      [
        /^3 \d+s \S+ 2 ~ConfigMap default\/app, ~Secret default\/key, -ConfigMap default\/extra$/,
        /^2 \d+s \S+ 3 ~ConfigMap default\/app, \+ConfigMap default\/extra, ~Secret default\/key$/,
        /^1 \d+s \S+ 2 created$/,
      ].every((pattern, at) => pattern.test(rows[at] ?? '')),
    );
    const listed = JSON.parse(must(await works('history', 'web', '-o', 'json'))) as {
      items: { kind: string }[];
    };
    expect(listed.items.map(({ kind }) => kind)).to.deep.equal([
      'ManifestWork',
      'ManifestWorkRevision',
      'ManifestWorkRevision',
    ]);
  });

  it('shows what differs, without the values of secrets', async () => {
    const latest = must(await works('diff', 'web'));
    expect(latest).to.contain(
      '--- ConfigMap default/app (generation 2)\n+++ ConfigMap default/app (generation 3)\n',
    );
    expect(latest).to.contain('-  value: two\n+  value: three\n');
    expect(latest).to.contain('-  key: "*** (before)"\n+  key: "*** (after)"\n');
    expect(latest).not.to.contain('secret-');
    const chosen = must(await works('diff', 'web', '--from', '1', '--to', '3', '--show-secrets'));
    expect(chosen).to.contain('-  value: one\n+  value: three\n');
    expect(chosen).to.contain('-  key: secret-one\n+  key: secret-three\n');
    expect(chosen).not.to.contain('extra');
    expect(await works('diff', 'web', '--from', '9')).to.deep.include({
      code: 1,
      stdout: '',
      stderr: 'error: generation 9 of edge/web is not kept; there are 3, 2, 1\n',
    });
    expect((await works('diff', 'web', '--from', 'two')).code).to.equal(2);
  });

  it('is no business of the cluster that the works are for', async () => {
    const agent = `system:open-cluster-management:edge:agent`;
    const groups = ['system:open-cluster-management:edge', 'system:open-cluster-management:managed-clusters'];
    const as = ['--as', agent, ...groups.flatMap((group) => ['--as-group', group]), '-n', 'edge'];
    const asked = await fleet.kubectl('get', 'manifestworkrevisions.flotilla.dev', ...as);
    expect(asked.stderr).to.contain('Forbidden');
    expect(must(await fleet.kubectl('get', 'manifestworks', ...as))).to.contain('web');
  });

  it('goes back to a generation as a new one, which the cluster then has', async () => {
    expect(must(await works('undo', 'web', '--to', '1'))).to.equal(
      'edge/web is as in generation 1 again, as generation 4\n',
    );
    await fleet.workApplied(cluster, 'web');
    await eventually('the old value is back', async () => (await valueInCluster()) === 'one');
    expect(must(await works('undo', 'web', '--to', '1'))).to.equal(
      'edge/web is as in generation 1 already\n',
    );
    expect(must(await works('undo', 'web'))).to.equal(
      'edge/web is as in generation 3 again, as generation 5\n',
    );
    await eventually('the new value is back', async () => (await valueInCluster()) === 'three');
    // Generation 4 was as 1: both numbers lead to the one that is kept.
    expect(must(await works('history', 'web'))).to.match(/^4 \(as 1\) /m);
    expect(must(await works('diff', 'web', '--from', '1', '--to', '4'))).to.contain('are the same');
  });

  it('is not written by what leaves the spec as it is, nor by a dry run', async () => {
    const count = async (): Promise<number> =>
      (await fleet.hubGet<Revisions>('manifestworkrevisions', '-n', 'edge')).items.length;
    const before = await count();
    must(await fleet.kubectl('label', 'manifestwork', 'web', '-n', 'edge', 'a=b'));
    const patch = ['patch', 'manifestwork', 'web', '-n', 'edge', '--type', 'merge'];
    must(
      await fleet.kubectl(
        ...patch,
        '--dry-run=server',
        '-p',
        '{"spec":{"executor":null,"deleteOption":{"propagationPolicy":"Orphan"}}}',
      ),
    );
    expect(await count()).to.equal(before);
  });

  it('is as long as the work says, and goes with it', async () => {
    const limited = (value: number, limit: string): Promise<string> => {
      const object = work(cluster, 'short', [configMap('short', { value: `${value}` })]) as {
        metadata: object;
      };
      return fleet.apply({
        ...object,
        metadata: { ...object.metadata, annotations: { 'flotilla.dev/history-limit': limit } },
      });
    };
    const kept = async (): Promise<number[]> =>
      (await fleet.hubGet<Revisions>('manifestworkrevisions', '-n', 'edge')).items
        .filter(({ spec }) => spec.workName === 'short')
        .map(({ spec }) => spec.generation);
    for (const value of [1, 2, 3, 4, 5]) await limited(value, '2');
    expect(await kept()).to.deep.equal([3, 4]);
    expect(await limited(6, 'many').catch((error: Error) => error.message)).to.contain(
      'metadata.annotations[flotilla.dev/history-limit]: must be a whole number from 0 to 100, not "many"',
    );
    must(await fleet.kubectl('delete', 'manifestwork', 'short', '-n', 'edge', '--timeout=60s'));
    await eventually('the history is gone', async () => (await kept()).length === 0);
  });

  it('tells the user, not the one whom the manifest names', async () => {
    const object = work(cluster, 'signed', [configMap('signed', {})]) as { metadata: object };
    const annotations = { 'flotilla.dev/changed-by': 'somebody else' };
    await fleet.apply({ ...object, metadata: { ...object.metadata, annotations } });
    expect(must(await works('history', 'signed'))).not.to.contain('somebody else');
    const input = JSON.stringify({ spec: { workload: { manifests: [configMap('signed', { a: 'b' })] } } });
    const patch = ['patch', 'manifestwork', 'signed', '-n', 'edge', '--type', 'merge', '-p', input];
    must(
      await run('kubectl', [
        ...['--kubeconfig', fleet.hubKubeconfig, '--as', 'ann', '--as-group', 'system:masters', ...patch],
      ]),
    );
    expect(must(await works('history', 'signed'))).to.match(/^2 +\S+ +ann +1 +~ConfigMap default\/signed$/m);
  });
});
