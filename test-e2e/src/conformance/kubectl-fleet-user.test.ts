/** What somebody does with kubectl who manages clusters and works, against CRDs of ours as the hub serves them. */
import { expect } from 'chai';
import { at, each, text } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const works = '/apis/work.open-cluster-management.io/v1/namespaces';
const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';

describe('kubectl, for a user of clusters and works', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.k('apply', '-f', 'deploy/crds');
    await server.k('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
  });
  after(() => server.stop());

  async function withWork(name = 'w'): Promise<string> {
    const namespace = await server.namespace('cluster');
    await server.create(`${works}/${namespace}/manifestworks`, manifestWork(name));
    return namespace;
  }

  function workPath(namespace: string, name = 'w'): string {
    return `${works}/${namespace}/manifestworks/${name}`;
  }

  async function setApplied(namespace: string, status: 'True' | 'False', name = 'w'): Promise<void> {
    const condition = { type: 'Applied', status, reason: 'Test', message: '', lastTransitionTime };
    const answer = await server.patch(`${workPath(namespace, name)}/status`, 'merge', {
      status: { conditions: [condition] },
    });
    expect(answer.status, answer.text).to.equal(200);
  }

  describe('reading', () => {
    it('gets works with the columns of their CRD, and wider ones with -o wide', async () => {
      const namespace = await withWork();
      await setApplied(namespace, 'True');
      const narrow = (await server.k('get', 'manifestworks', '-n', namespace)).split('\n');
      expect(narrow[0]).to.match(/^NAME +APPLIED +AVAILABLE +AGE *$/);
      expect(narrow[1]).to.match(/^w +True +\d+s *$/);
      expect(await server.k('get', 'manifestwork', 'w', '-n', namespace, '-o', 'wide')).to.match(/^NAME/);
    });

    it('prints yaml, json, jsonpath, custom columns and names', async () => {
      const namespace = await withWork();
      const get = (output: string) => server.k('get', 'manifestwork', 'w', '-n', namespace, '-o', output);
      expect(await get('yaml'))
        .to.contain('kind: ManifestWork\n')
        .and.to.contain('  generation: 1\n');
      expect(at(JSON.parse(await get('json')), 'metadata.name')).to.equal('w');
      expect(await get('jsonpath={.spec.workload.manifests[*].metadata.name}')).to.equal('one');
      expect(await get('jsonpath={.spec.workload.manifests[?(@.kind=="ConfigMap")].data.k}')).to.equal('v');
      expect(await get('custom-columns=N:.metadata.name,G:.metadata.generation')).to.match(/^N +G\nw +1\n$/);
      expect(await get('name')).to.equal('manifestwork.work.open-cluster-management.io/w\n');
      expect(await get('go-template={{.kind}}')).to.equal('ManifestWork');
    });

    it('lists all namespaces, by label, sorted, with labels, and in chunks', async () => {
      const namespace = await server.namespace('cluster');
      for (const name of ['c', 'a', 'b']) {
        const labels = { set: 'chunks', odd: String(name !== 'b') };
        await server.create(`${works}/${namespace}/manifestworks`, manifestWork(name, { labels }));
      }
      const names = async (...args: string[]) =>
        (await server.k('get', 'manifestworks', '-n', namespace, '-o', 'name', ...args))
          .trim()
          .split('\n')
          .map((line) => line.split('/')[1]);
      expect(await names('-l', 'odd=true')).to.deep.equal(['a', 'c']);
      expect(await names('-l', 'odd notin (true)')).to.deep.equal(['b']);
      expect(await names('--field-selector', 'metadata.name=c')).to.deep.equal(['c']);
      expect(await names('--chunk-size=1')).to.deep.equal(['a', 'b', 'c']);
      expect(await names('--sort-by', '{.metadata.resourceVersion}')).to.deep.equal(['c', 'a', 'b']);
      expect(await server.k('get', 'manifestworks', '-A', '-l', 'set=chunks', '--show-labels')).to.match(
        /^NAMESPACE +NAME .*LABELS\n.*set=chunks/s,
      );
    });

    it('describes a work and a cluster', async () => {
      const namespace = await withWork();
      await setApplied(namespace, 'True');
      const described = await server.k('describe', 'manifestwork', 'w', '-n', namespace);
      expect(described).to.match(/^Name: +w\n/);
      expect(described).to.match(/Type: +Applied\n/);
      await server.create(clusters, managedCluster('described'));
      expect(await server.k('describe', 'managedcluster', 'described')).to.match(
        /Hub Accepts Client: +false/,
      );
    });

    it('explains fields, nested and recursively', async () => {
      expect(await server.k('explain', 'manifestwork.spec.workload.manifests')).to.match(
        /FIELD: manifests <\[\]Object>/,
      );
      expect(await server.k('explain', 'managedcluster', '--recursive')).to.match(/leaseDurationSeconds/);
      expect(await server.k('explain', 'managedcluster.spec.taints.effect')).to.match(/enum|ENUM/);
    });

    it('watches: what is there first, then each change', async () => {
      const namespace = await withWork();
      const watch = server.follow(
        ...['get', 'manifestworks', '-n', namespace, '-w', '--no-headers', '--output-watch-events'],
      );
      expect(await watch.line()).to.match(/^ADDED +w /);
      await server.create(`${works}/${namespace}/manifestworks`, manifestWork('second'));
      expect(await watch.line()).to.match(/^ADDED +second /);
      await setApplied(namespace, 'True');
      expect(await watch.line()).to.match(/^MODIFIED +w /);
      await server.send('DELETE', workPath(namespace, 'second'));
      expect(await watch.line()).to.match(/^DELETED +second /);
      await watch.stop();
    });

    it('lists the resources with their short names and verbs', async () => {
      const wide = await server.k(
        'api-resources',
        '-o',
        'wide',
        '--api-group=work.open-cluster-management.io',
      );
      expect(wide).to.match(
        /manifestworks +work\.open-cluster-management\.io\/v1 +true +ManifestWork +create,delete,deletecollection,get,list,patch,update,watch/,
      );
      expect(await server.k('api-versions')).to.contain('cluster.open-cluster-management.io/v1\n');
    });

    it('gets a raw path', async () => {
      const namespace = await withWork();
      const raw: unknown = JSON.parse(await server.k('get', '--raw', workPath(namespace)));
      expect(at(raw, 'kind')).to.equal('ManifestWork');
    });
  });

  describe('writing', () => {
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
        server.feed(
          manifestWork('w', { namespace, labels: { a: value } }),
          'apply',
          '--server-side',
          ...args,
        );
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
      const namespace = await withWork();
      const editor = server.script(
        `fs.writeFileSync(args[0], fs.readFileSync(args[0], 'utf8').replace('k: v', 'k: edited'));`,
      );
      const edited = await server.kubectlWith(
        { env: { EDITOR: editor } },
        ...['edit', 'manifestwork', 'w', '-n', namespace],
      );
      expect(edited.stdout, edited.stderr).to.equal(
        'manifestwork.work.open-cluster-management.io/w edited\n',
      );
      expect(at(await server.read(workPath(namespace)), 'spec.workload.manifests.0.data.k')).to.equal(
        'edited',
      );
      const replaced = await server.feed(manifestWork('w', { namespace }), 'replace');
      expect(replaced.stdout, replaced.stderr).to.contain('replaced');
      const uid = at(await server.read(workPath(namespace)), 'metadata.uid');
      const forced = await server.feed(manifestWork('w', { namespace }), 'replace', '--force');
      expect(forced.code, forced.stderr).to.equal(0);
      expect(at(await server.read(workPath(namespace)), 'metadata.uid')).not.to.equal(uid);
    });

    it('labels and annotates, overwriting only when told to', async () => {
      const namespace = await withWork();
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
      const namespace = await withWork();
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
      expect((await patch('--subresource=status', '--type=merge', '-p', status)).stdout).to.contain(
        'patched',
      );
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

  describe('waiting and deleting', () => {
    it('waits for a condition, for a field and for creation', async () => {
      const namespace = await withWork();
      const target = ['manifestwork/w', '-n', namespace, '--timeout=20s'];
      const waiting = server.k('wait', '--for=condition=Applied', ...target);
      await setApplied(namespace, 'False');
      await setApplied(namespace, 'True');
      expect(await waiting).to.equal('manifestwork.work.open-cluster-management.io/w condition met\n');
      expect(await server.k('wait', '--for=jsonpath={.metadata.generation}=1', ...target)).to.contain(
        'condition met',
      );
      const created = server.k('wait', '--for=create', 'manifestwork/late', '-n', namespace, '--timeout=20s');
      await server.create(`${works}/${namespace}/manifestworks`, manifestWork('late'));
      expect(await created).to.contain('condition met');
      expect(
        await server.refused(
          'wait',
          '--for=condition=Never',
          'manifestwork/w',
          '-n',
          namespace,
          '--timeout=1s',
        ),
      ).to.contain('timed out waiting for the condition');
    });

    it('waits for the deletion, which ends only when the last finalizer is gone', async () => {
      const namespace = await server.namespace('cluster');
      const work = manifestWork('w', { finalizers: ['test.flotilla.dev/hold'] });
      await server.create(`${works}/${namespace}/manifestworks`, work);
      const waiting = server.k('wait', '--for=delete', 'manifestwork/w', '-n', namespace, '--timeout=20s');
      let isDeleted = false;
      const deleting = server.k('delete', 'manifestwork', 'w', '-n', namespace).then((output) => {
        isDeleted = true;
        return output;
      });
      await eventually(
        'it is terminating',
        async () => at(await server.read(workPath(namespace)), 'metadata.deletionTimestamp') !== undefined,
      );
      expect(isDeleted).to.equal(false);
      await server.patch(workPath(namespace), 'merge', { metadata: { finalizers: null } });
      expect(await deleting).to.equal('manifestwork.work.open-cluster-management.io "w" deleted\n');
      expect(await waiting).to.contain('condition met');
    });

    it('deletes by label, all of them, and says what is not there', async () => {
      const namespace = await server.namespace('cluster');
      for (const name of ['a', 'b', 'c']) {
        const labels = { first: String(name === 'a') };
        await server.create(`${works}/${namespace}/manifestworks`, manifestWork(name, { labels }));
      }
      expect(await server.k('delete', 'manifestworks', '-n', namespace, '-l', 'first=true')).to.match(
        /^\S+ "a" deleted/,
      );
      expect(
        (await server.k('delete', 'manifestworks', '-n', namespace, '--all')).split('\n'),
      ).to.have.length(3);
      expect(await server.refused('delete', 'manifestwork', 'a', '-n', namespace)).to.equal(
        'Error from server (NotFound): manifestworks.work.open-cluster-management.io "a" not found\n',
      );
      expect(await server.k('delete', 'manifestwork', 'a', '-n', namespace, '--ignore-not-found')).to.equal(
        '',
      );
      expect((await server.kubectl('get', 'manifestworks', '-n', namespace)).stderr).to.equal(
        `No resources found in ${namespace} namespace.\n`,
      );
    });

    it('deletes the namespace of a cluster with all works in it', async () => {
      const namespace = await withWork();
      await server.k('delete', 'namespace', namespace, '--timeout=20s');
      expect((await server.get(workPath(namespace))).status).to.equal(404);
    });

    it('dry-runs a creation and a deletion on the server', async () => {
      const namespace = await withWork();
      const dry = await server.feed(
        manifestWork('dry', { namespace }),
        'create',
        '--dry-run=server',
        '-o',
        'yaml',
      );
      expect(dry.stdout, dry.stderr).to.contain('uid:');
      expect((await server.get(workPath(namespace, 'dry'))).status).to.equal(404);
      expect(await server.k('delete', 'manifestwork', 'w', '-n', namespace, '--dry-run=server')).to.contain(
        'server dry run',
      );
      expect((await server.get(workPath(namespace))).status).to.equal(200);
    });
  });

  describe('workloads and access', () => {
    it('scales a deployment, sets its image, and follows the rollout', async () => {
      const namespace = await server.namespace();
      const on = ['-n', namespace];
      await server.k('create', 'deployment', 'web', '--image=nginx:1', '--replicas=2', ...on);
      expect(await server.k('scale', 'deployment/web', '--replicas=3', ...on)).to.contain('scaled');
      expect(
        await server.k('scale', 'deployment/web', '--replicas=1', '--current-replicas=3', ...on),
      ).to.contain('scaled');
      expect(await server.k('set', 'image', 'deployment/web', 'nginx=nginx:2', ...on)).to.contain(
        'image updated',
      );
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      const deployment = await server.read(path);
      expect(at(deployment, 'spec.replicas')).to.equal(1);
      expect(at(deployment, 'spec.template.spec.containers.0.image')).to.equal('nginx:2');
      const following = server.k('rollout', 'status', 'deployment/web', '--timeout=20s', ...on);
      expect(await following).to.contain('successfully rolled out');
      expect(await server.k('rollout', 'restart', 'deployment/web', ...on)).to.contain('restarted');
      expect(await server.k('describe', 'deployment', 'web', ...on)).to.match(/Image: +nginx:2/);
    });

    it('answers who may do what', async () => {
      expect(await server.k('auth', 'can-i', 'create', 'manifestworks')).to.equal('yes\n');
      expect(
        (await server.kubectl('auth', 'can-i', 'create', 'manifestworks', '--as=nobody')).stdout,
      ).to.equal('no\n');
      expect(await server.k('auth', 'can-i', '--list')).to.match(/\*\.\*/);
      expect(await server.k('auth', 'whoami')).to.match(/system:masters/);
    });

    it('creates a token that logs in, and no more than its bindings allow', async () => {
      const namespace = await server.namespace();
      await server.k('create', 'serviceaccount', 'agent', '-n', namespace);
      const token = (await server.k('create', 'token', 'agent', '-n', namespace, '--duration=10m')).trim();
      const who = await server.k('auth', 'whoami', '-o', 'json');
      expect(who).to.contain('kubernetes-admin');
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      expect((await server.get(path, { as: { token } })).status).to.equal(403);
      await server.k('create', 'role', 'reader', '--verb=get,list', '--resource=configmaps', '-n', namespace);
      await server.k(
        'create',
        'rolebinding',
        'reader',
        '--role=reader',
        `--serviceaccount=${namespace}:agent`,
        '-n',
        namespace,
      );
      await eventually(
        'the binding counts',
        async () => (await server.get(path, { as: { token } })).status === 200,
      );
    });

    it('prints events of a work in describe', async () => {
      const namespace = await withWork();
      const { uid } = at(await server.read(workPath(namespace)), 'metadata') as { uid: string };
      await server.create(`/api/v1/namespaces/${namespace}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: 'w.1' },
        involvedObject: {
          apiVersion: 'work.open-cluster-management.io/v1',
          kind: 'ManifestWork',
          name: 'w',
          namespace,
          uid,
        },
        reason: 'Tested',
        message: 'seen in describe',
        type: 'Normal',
        source: { component: 'test' },
        firstTimestamp: lastTransitionTime,
        lastTimestamp: lastTransitionTime,
        count: 1,
      });
      expect(await server.k('describe', 'manifestwork', 'w', '-n', namespace)).to.match(
        /Normal +Tested .* test +seen in describe/,
      );
      expect(
        text(await server.read(`/apis/events.k8s.io/v1/namespaces/${namespace}/events/w.1`), 'note'),
      ).to.equal('seen in describe');
      expect(await server.k('events', '-n', namespace)).to.contain('seen in describe');
    });
  });
});

const lastTransitionTime = '2026-01-02T03:04:05Z';

function manifestWork(name: string, metadata: object = {}) {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, ...metadata },
    spec: {
      workload: {
        manifests: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'one', namespace: 'default' },
            data: { k: 'v' },
          },
        ],
      },
    },
  };
}

function managedCluster(name: string) {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name },
    spec: { hubAcceptsClient: false },
  };
}
