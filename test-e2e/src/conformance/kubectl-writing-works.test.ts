/** What somebody writes with kubectl who manages clusters and works, against CRDs of ours as the hub serves them. */
import { expect } from 'chai';
import { at, each } from '../support/json.js';
import { TestServer } from '../support/server.js';
import {
  clusters,
  installCrds,
  lastTransitionTime,
  managedCluster,
  manifestWork,
  withWork,
  workPath,
  works,
} from '../support/works.js';

describe('kubectl, writing clusters and works', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await installCrds(server);
  });
  after(() => server.stop());

  it('creates, refusing what exists already and fields that are unknown', async () => {
    const namespace = await server.namespace('cluster');
    const work = manifestWork('w', { namespace });
    expect((await server.feed(work, 'create')).stdout).to.equal(
      'manifestwork.work.open-cluster-management.io/w created\n',
    );
    expect((await server.feed(work, 'create')).stderr).to.equal(
      'Error from server (AlreadyExists): error when creating "STDIN": manifestworks.work.open-cluster-management.io "w" already exists\n',
    );
    const odd = { ...manifestWork('odd', { namespace }), spec: { workload: { manifests: [] }, odd: 1 } };
    expect((await server.feed(odd, 'create')).stderr).to.equal(
      'Error from server (BadRequest): error when creating "STDIN": ManifestWork in version "v1" cannot be handled as a ManifestWork: strict decoding error: unknown field "spec.odd"\n',
    );
    expect((await server.feed(odd, 'create', '--validate=warn')).stderr).to.equal(
      'Warning: unknown field "spec.odd"\n',
    );
    expect(at(await server.read(workPath(namespace, 'odd')), 'spec.odd')).to.equal(undefined);
  });

  it('applies three times: created, configured, unchanged, and removes what is no longer said', async () => {
    const namespace = await server.namespace('cluster');
    const apply = async (work: object) => {
      const { stdout, stderr } = await server.feed(work, 'apply');
      return stdout.trim().split(' ')[1] ?? stderr;
    };
    expect(await apply(manifestWork('w', { namespace, labels: { a: '1', b: '2' } }))).to.equal('created');
    expect(await apply(manifestWork('w', { namespace, labels: { a: '3' } }))).to.equal('configured');
    expect(await apply(manifestWork('w', { namespace, labels: { a: '3' } }))).to.equal('unchanged');
    expect(at(await server.read(workPath(namespace)), 'metadata.labels')).to.deep.equal({ a: '3' });
  });

  it('shows differences by exit code 1, and none by 0', async () => {
    const namespace = await server.namespace('cluster');
    const file = server.file(manifestWork('w', { namespace, labels: { a: '1' } }));
    expect((await server.kubectl('diff', '-f', file)).code).to.equal(1);
    await server.k('apply', '-f', file);
    expect((await server.kubectl('diff', '-f', file)).code).to.equal(0);
    const changed = server.file(manifestWork('w', { namespace, labels: { a: '2' } }));
    const diff = await server.kubectl('diff', '-f', changed);
    expect(diff.code, diff.stderr).to.equal(1);
    expect(diff.stdout)
      .to.match(/-\s+a: "1"/)
      .and.to.match(/\+\s+a: "2"/);
    const diffServerSide = await server.kubectl('diff', '--server-side', '-f', changed);
    expect(diffServerSide.code, diffServerSide.stderr).to.equal(1);
    expect(at(await server.read(workPath(namespace)), 'metadata.labels.a')).to.equal('1');
  });

  it('applies on the server, names who else owns a field, and takes it when forced', async () => {
    const namespace = await server.namespace('cluster');
    const apply = (value: string, ...args: string[]) =>
      server.feed(manifestWork('w', { namespace, labels: { a: value } }), 'apply', '--server-side', ...args);
    expect((await apply('1', '--field-manager=one')).stdout).to.contain('serverside-applied');
    const refused = await apply('2', '--field-manager=two');
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(
      /^error: Apply failed with 1 conflict: conflict with "one": \.metadata\.labels\.a/,
    );
    expect((await apply('2', '--field-manager=two', '--force-conflicts')).code).to.equal(0);
    expect(at(await server.read(workPath(namespace)), 'metadata.labels.a')).to.equal('2');
  });

  it('goes from client-side to server-side apply and back', async () => {
    const namespace = await server.namespace('cluster');
    const work = manifestWork('w', { namespace, labels: { a: '1' } });
    expect((await server.feed(work, 'apply')).code).to.equal(0);
    const moved = await server.feed(work, 'apply', '--server-side');
    expect(moved.code, moved.stderr).to.equal(0);
    const changed = manifestWork('w', { namespace, labels: { a: '2' } });
    const applied = await server.feed(changed, 'apply', '--server-side');
    expect(applied.code, applied.stderr).to.equal(0);
    const back = await server.feed(changed, 'apply');
    expect(back.code, back.stderr).to.equal(0);
    expect(at(await server.read(workPath(namespace)), 'metadata.labels')).to.deep.equal({ a: '2' });
  });

  it('prunes what was applied before and is no longer named', async () => {
    const namespace = await server.namespace('cluster');
    const prune = [
      'apply',
      ...['--prune', '-l', 'app=p', '-n', namespace],
      '--prune-allowlist=work.open-cluster-management.io/v1/ManifestWork',
    ];
    const labels = { app: 'p' };
    const both = [manifestWork('kept', { labels }), manifestWork('dropped', { labels })];
    const first = await server.feed(both, ...prune);
    expect(first.code, first.stderr).to.equal(0);
    expect((await server.feed(both.slice(0, 1), ...prune)).stdout).to.contain('dropped pruned');
    expect(each(await server.read(`${works}/${namespace}/manifestworks`), 'metadata.name')).to.deep.equal([
      'kept',
    ]);
  });

  it('edits with an editor, and replaces', async () => {
    const namespace = await withWork(server);
    const editor = server.script(
      `fs.writeFileSync(args[0], fs.readFileSync(args[0], 'utf8').replace('k: v', 'k: edited'));`,
    );
    const edited = await server.kubectlWith(
      { env: { EDITOR: editor } },
      ...['edit', 'manifestwork', 'w', '-n', namespace],
    );
    expect(edited.stdout, edited.stderr).to.equal('manifestwork.work.open-cluster-management.io/w edited\n');
    expect(at(await server.read(workPath(namespace)), 'spec.workload.manifests.0.data.k')).to.equal('edited');
    const replaced = await server.feed(manifestWork('w', { namespace }), 'replace');
    expect(replaced.stdout, replaced.stderr).to.contain('replaced');
    const uid = at(await server.read(workPath(namespace)), 'metadata.uid');
    const forced = await server.feed(manifestWork('w', { namespace }), 'replace', '--force');
    expect(forced.code, forced.stderr).to.equal(0);
    expect(at(await server.read(workPath(namespace)), 'metadata.uid')).not.to.equal(uid);
  });

  it('labels and annotates, overwriting only when told to', async () => {
    const namespace = await withWork(server);
    const target = ['manifestwork', 'w', '-n', namespace];
    expect(await server.k('label', ...target, 'a=1')).to.contain('labeled');
    expect(await server.refused('label', ...target, 'a=2')).to.contain('--overwrite is false');
    expect(await server.k('label', ...target, 'a=2', '--overwrite')).to.contain('labeled');
    expect(await server.k('label', ...target, 'a-')).to.contain('unlabeled');
    expect(await server.k('annotate', ...target, 'note=x y')).to.contain('annotated');
    const { labels, annotations } = at(await server.read(workPath(namespace)), 'metadata') as {
      labels?: object;
      annotations?: object;
    };
    expect(labels).to.equal(undefined);
    expect(annotations).to.deep.equal({ note: 'x y' });
  });

  it('patches by merge and json patch, in the status as well, and refuses a strategic patch', async () => {
    const namespace = await withWork(server);
    const patch = (...args: string[]) =>
      server.kubectl('patch', 'manifestwork', 'w', '-n', namespace, ...args);
    expect((await patch('--type=merge', '-p', '{"metadata":{"labels":{"m":"1"}}}')).stdout).to.contain(
      'patched',
    );
    const jsonPatch =
      '[{"op":"add","path":"/metadata/labels/j","value":"2"},{"op":"test","path":"/metadata/labels/m","value":"1"}]';
    expect((await patch('--type=json', '-p', jsonPatch)).stdout).to.contain('patched');
    expect((await patch('--type=json', '-p', jsonPatch)).stdout).to.contain('patched (no change)');
    const status = JSON.stringify({
      status: {
        conditions: [{ type: 'Applied', status: 'True', reason: 'T', message: '', lastTransitionTime }],
      },
    });
    expect((await patch('--subresource=status', '--type=merge', '-p', status)).stdout).to.contain('patched');
    const work = await server.read(workPath(namespace));
    expect(at(work, 'metadata.labels')).to.deep.equal({ m: '1', j: '2' });
    expect(at(work, 'status.conditions.0.type')).to.equal('Applied');
    expect(at(work, 'metadata.generation')).to.equal(1);
    expect((await patch('-p', '{"metadata":{"labels":{"s":"1"}}}')).stderr).to.equal(
      'error: application/strategic-merge-patch+json is not supported by work.open-cluster-management.io/v1, Kind=ManifestWork: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml\n',
    );
  });

  it('accepts a cluster by patch', async () => {
    await server.create(clusters, managedCluster('accepted'));
    await server.k(
      'patch',
      'managedcluster',
      'accepted',
      '--type=merge',
      '-p',
      '{"spec":{"hubAcceptsClient":true}}',
    );
    expect(await server.k('get', 'managedcluster', 'accepted')).to.match(/HUB ACCEPTED.*\naccepted +true/s);
  });

  it('names the field of a value that is not allowed', async () => {
    const namespace = await server.namespace('cluster');
    const work = manifestWork('w', { namespace });
    const odd = { ...work, spec: { ...work.spec, deleteOption: { propagationPolicy: 'Never' } } };
    expect((await server.feed(odd, 'create')).stderr).to.match(
      /^The ManifestWork "w" is invalid: spec\.deleteOption\.propagationPolicy: Unsupported value: "Never": supported values: "Foreground", "Orphan", "SelectivelyOrphan"/,
    );
  });
});
