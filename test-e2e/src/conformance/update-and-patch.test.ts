/** PUT and PATCH: conflicts, generation, no-ops, the status split, immutability, and the patch types. */
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import {
  configMap,
  configMaps,
  crdPath,
  deployment,
  widget,
  widgetCrd,
  widgetPath,
} from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { succeeded, TestServer } from '../support/server.js';

describe('updating and patching', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(() => server.stop());

  const deployments = (namespace: string, name = '') =>
    `/apis/apps/v1/namespaces/${namespace}/deployments${name === '' ? '' : `/${name}`}`;
  const widgets = (namespace: string, name = '') => widgetPath(namespace, 'widgets', name);
  const put = (path: string, body: object) => server.send('PUT', path, { body });

  it('refuses an update of what has changed since, and one without a revision for a custom resource', async () => {
    const namespace = await server.namespace();
    const old = (await server.create(configMaps(namespace), configMap('a'))) as object;
    await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: '2' } });
    const stale = await put(configMaps(namespace, 'a'), old);
    expect(stale.body).to.deep.include({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    });
    expect((await put(configMaps(namespace, 'a'), configMap('a', { k: '3' }))).status).to.equal(200);
    await server.create(widgets(namespace), widget('Widget', 'w'));
    const blind = await put(widgets(namespace, 'w'), widget('Widget', 'w', { size: 1 }));
    expect(blind.status).to.equal(422);
    expect(text(blind.body, 'message')).to.contain(
      'metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
    const precondition = await server.patch(configMaps(namespace, 'a'), 'merge', {
      metadata: { resourceVersion: at(old, 'metadata.resourceVersion') },
      data: { k: '4' },
    });
    expect(precondition.status).to.equal(409);
  });

  it('raises the generation for the spec only, and once for a deletion that waits', async () => {
    const namespace = await server.namespace();
    await server.create(
      widgets(namespace),
      widget('Widget', 'w', { size: 1 }, { finalizers: ['test.flotilla.dev/hold'] }),
    );
    const generation = async () => at(await server.read(widgets(namespace, 'w')), 'metadata.generation');
    expect(await generation()).to.equal(1);
    await server.patch(widgets(namespace, 'w'), 'merge', { metadata: { labels: { a: '1' } } });
    expect(await generation()).to.equal(1);
    await server.patch(widgets(namespace, 'w'), 'merge', { spec: { size: 2 } });
    expect(await generation()).to.equal(2);
    succeeded(await server.patch(`${widgets(namespace, 'w')}/status`, 'merge', { status: { phase: 'Up' } }));
    expect(await generation()).to.equal(2);
    await server.send('DELETE', widgets(namespace, 'w'));
    expect(await generation()).to.equal(3);
    await server.send('DELETE', widgets(namespace, 'w'));
    expect(await generation()).to.equal(3);
  });

  it('writes nothing and tells no watcher when nothing changes', async () => {
    const namespace = await server.namespace();
    const made = await server.create(configMaps(namespace), configMap('a'));
    const revision = text(made, 'metadata.resourceVersion');
    const watch = await server.watch(
      `${configMaps(namespace)}?watch=1&resourceVersion=${revision}&fieldSelector=metadata.name%3Da`,
    );
    for (const answer of [
      await put(configMaps(namespace, 'a'), made as object),
      await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: 'v' } }),
      await server.patch(configMaps(namespace, 'a'), 'strategic', { data: { k: 'v' } }),
      await server.patch(configMaps(namespace, 'a'), 'json', []),
    ]) {
      expect(text(succeeded(answer).body, 'metadata.resourceVersion')).to.equal(revision);
    }
    await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: 'changed' } });
    expect(at((await watch.next()).object, 'data.k')).to.equal('changed');
    watch.close();
  });

  it('keeps spec and status apart in both directions', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), {
      ...widget('Widget', 'w', { size: 1 }),
      status: { phase: 'Lie' },
    });
    await server.patch(widgets(namespace, 'w'), 'merge', { spec: { size: 2 }, status: { phase: 'Lie' } });
    await server.patch(`${widgets(namespace, 'w')}/status`, 'merge', {
      metadata: { labels: { a: '1' } },
      spec: { size: 3 },
      status: { phase: 'True' },
    });
    const stored = await server.read(widgets(namespace, 'w'));
    expect(at(stored, 'spec.size')).to.equal(2);
    expect(at(stored, 'status.phase')).to.equal('True');
    expect(at(stored, 'metadata.labels')).to.equal(undefined);
    expect(at(await server.read(`${widgets(namespace, 'w')}/status`), 'status.phase')).to.equal('True');
  });

  it('refuses to change what is immutable', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), { ...configMap('fixed'), immutable: true });
    expect(
      (await server.patch(configMaps(namespace, 'fixed'), 'merge', { data: { k: '2' } })).status,
    ).to.equal(422);
    expect(
      (await server.patch(configMaps(namespace, 'fixed'), 'merge', { immutable: false })).status,
    ).to.equal(422);
    expect(
      (await server.patch(configMaps(namespace, 'fixed'), 'merge', { metadata: { labels: { a: '1' } } }))
        .status,
    ).to.equal(200);
    const uid = await server.patch(configMaps(namespace, 'fixed'), 'merge', { metadata: { uid: 'other' } });
    expect(uid.status, uid.text).to.equal(409);
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    await server.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      stringData: { a: 'b' },
    });
    const secret = await server.read(`${secrets}/s`);
    expect(secret).to.deep.include({ type: 'Opaque', data: { a: 'Yg==' } });
    expect(await server.k('get', 'secret', 's', '-n', namespace)).to.match(/Opaque +1/);
    expect((await server.patch(`${secrets}/s`, 'merge', { type: 'kubernetes.io/tls' })).status).to.equal(422);
    await server.create(deployments(namespace), deployment('web'));
    const selector = await server.patch(deployments(namespace, 'web'), 'merge', {
      spec: {
        selector: { matchLabels: { app: 'other' } },
        template: { metadata: { labels: { app: 'other' } } },
      },
    });
    expect(selector.status).to.equal(422);
    expect(text(selector.body, 'message')).to.contain('spec.selector').and.to.contain('field is immutable');
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    await server.create(bindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'b' },
      roleRef,
      subjects: [],
    });
    const moved = await server.patch(`${bindings}/b`, 'merge', { roleRef: { name: 'edit' } });
    expect(moved.status).to.equal(422);
    expect(text(moved.body, 'message')).to.contain('cannot change roleRef');
  });

  it('patches by JSON patch: tests, escaped keys, the end of lists, and a limit', async () => {
    const namespace = await server.namespace();
    await server.create(
      configMaps(namespace),
      configMap('a', { k: 'v' }, { annotations: { 'a/b': '1' }, finalizers: ['x.dev/a'] }),
    );
    const patch = (operations: unknown) => server.patch(configMaps(namespace, 'a'), 'json', operations);
    expect((await patch([{ op: 'test', path: '/data/k', value: 'other' }])).status).to.equal(422);
    expect((await patch([{ op: 'remove', path: '/data/missing' }])).status).to.equal(422);
    expect((await patch({ op: 'remove' })).status).to.equal(400);
    expect((await patch('not json')).status).to.equal(400);
    const good = await patch([
      { op: 'replace', path: '/metadata/annotations/a~1b', value: '2' },
      { op: 'add', path: '/metadata/finalizers/-', value: 'x.dev/b' },
      { op: 'copy', from: '/data/k', path: '/data/copied' },
      { op: 'move', from: '/data/k', path: '/data/moved' },
    ]);
    expect(at(good.body, 'metadata.annotations'), good.text).to.deep.equal({ 'a/b': '2' });
    expect(at(good.body, 'metadata.finalizers')).to.deep.equal(['x.dev/a', 'x.dev/b']);
    expect(at(good.body, 'data')).to.deep.equal({ copied: 'v', moved: 'v' });
    await server.create(widgets(namespace), widget('Widget', 'w', { free: { 'a/b~c': 1 } }));
    const tilde = await server.patch(widgets(namespace, 'w'), 'json', [
      { op: 'replace', path: '/spec/free/a~1b~0c', value: 2 },
    ]);
    expect(at(tilde.body, 'spec.free')).to.deep.equal({ 'a/b~c': 2 });
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/moved', value: 'v' }));
    expect((await patch(many)).status).to.equal(413);
  });

  it('patches by merge patch: null removes, lists are replaced', async () => {
    const namespace = await server.namespace();
    await server.create(
      widgets(namespace),
      widget('Widget', 'w', { size: 1, color: 'red', steps: ['a', 'b'] }),
    );
    const patched = await server.patch(widgets(namespace, 'w'), 'merge', {
      spec: { color: null, steps: ['c'], free: { deep: { x: 1 } } },
    });
    expect(at(patched.body, 'spec')).to.deep.equal({
      size: 1,
      steps: ['c'],
      free: { deep: { x: 1 } },
      replicas: 1,
    });
  });

  it('patches strategically: lists by key, directives, order, and what is atomic', async () => {
    const namespace = await server.namespace();
    await server.create(
      deployments(namespace),
      deployment('web', {
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              { name: 'a', image: 'a:1', ports: [{ containerPort: 80 }] },
              { name: 'b', image: 'b:1' },
            ],
            tolerations: [{ key: 'old', operator: 'Exists' }],
          },
        },
      }),
    );
    const patch = async (spec: object) => {
      const answer = succeeded(await server.patch(deployments(namespace, 'web'), 'strategic', { spec }));
      return at(answer.body, 'spec');
    };
    const containers = (spec: unknown) => each(spec, 'image', 'template.spec.containers');
    const inPod = (podSpec: object) => patch({ template: { spec: podSpec } });
    expect(containers(await inPod({ containers: [{ name: 'b', image: 'b:2' }] }))).to.deep.equal([
      'a:1',
      'b:2',
    ]);
    expect(
      containers(
        await inPod({
          containers: [
            { name: 'c', image: 'c:1' },
            { name: 'b', $patch: 'delete' },
          ],
        }),
      ),
    ).to.have.members(['a:1', 'c:1']);
    expect(
      containers(
        await inPod({
          '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }],
          containers: [{ name: 'a', image: 'a:2' }],
        }),
      ),
    ).to.deep.equal(['c:1', 'a:2']);
    const ports = await inPod({
      containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }],
    });
    const a = list(ports, 'template.spec.containers').find((container) => at(container, 'name') === 'a');
    expect(each(a, 'containerPort', 'ports')).to.have.members([80, 81]);
    expect(
      at(await inPod({ tolerations: [{ key: 'new', operator: 'Exists' }] }), 'template.spec.tolerations'),
    ).to.have.length(1);
    expect(
      at(await patch({ strategy: { $retainKeys: ['type'], type: 'Recreate' } }), 'strategy'),
    ).to.deep.equal({ type: 'Recreate' });
    expect(
      at(
        await inPod({ $patch: 'replace', containers: [{ name: 'only', image: 'o:1' }] }),
        'template.spec.containers',
      ),
    ).to.have.length(1);
  });

  it('takes no strategic patch for a custom resource, and names the types it takes', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), widget('Widget', 'w'));
    const strategic = await server.patch(widgets(namespace, 'w'), 'strategic', {});
    expect(strategic.body).to.deep.include({
      code: 415,
      reason: 'UnsupportedMediaType',
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    });
    const unknown = await server.send('PATCH', configMaps(namespace, 'kube-root-ca.crt'), {
      body: {},
      contentType: 'application/json',
    });
    expect(unknown.status).to.equal(415);
    expect(text(unknown.body, 'message')).to.contain('application/strategic-merge-patch+json');
    expect((await server.patch(configMaps(namespace, 'missing'), 'merge', {})).status).to.equal(404);
  });

  it('lets kubectl edit, label, annotate, set images, scale, taint and cordon', async () => {
    const namespace = await server.namespace();
    const on = ['-n', namespace];
    await server.create(deployments(namespace), deployment('web'));
    const editor = server.script(
      `fs.writeFileSync(args[0], fs.readFileSync(args[0], 'utf8').replace('replicas: 1', 'replicas: 2'));`,
    );
    const edited = await server.kubectlWith({ env: { EDITOR: editor } }, 'edit', 'deployment', 'web', ...on);
    expect(edited.stdout, edited.stderr).to.equal('deployment.apps/web edited\n');
    await server.k('label', 'deployment', 'web', 'a=1', ...on);
    await server.k('annotate', 'deployment', 'web', 'b=2', ...on);
    await server.k('set', 'image', 'deployment/web', 'main=nginx:2', ...on);
    await server.k('set', 'env', 'deployment/web', 'KEY=value', ...on);
    const stored = await server.read(deployments(namespace, 'web'));
    expect(at(stored, 'spec.replicas')).to.equal(2);
    expect(at(stored, 'metadata.labels.a')).to.equal('1');
    expect(at(stored, 'metadata.annotations.b')).to.equal('2');
    expect(at(stored, 'spec.template.spec.containers.0.image')).to.equal('nginx:2');
    expect(at(stored, 'spec.template.spec.containers.0.env')).to.deep.equal([
      { name: 'KEY', value: 'value' },
    ]);
    await server.k('scale', 'deployment', 'web', '--replicas=5', ...on);
    expect(at(await server.read(deployments(namespace, 'web')), 'spec.replicas')).to.equal(5);
    await server.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
    await server.k('taint', 'node', 'node-1', 'key=value:NoSchedule');
    await server.k('cordon', 'node-1');
    const node = await server.read('/api/v1/nodes/node-1');
    expect(at(node, 'spec.unschedulable')).to.equal(true);
    expect(each(node, 'key', 'spec.taints')).to.include('key');
    await server.k('uncordon', 'node-1');
    await server.k('taint', 'node', 'node-1', 'key-');
    expect(await server.k('get', 'node', 'node-1')).to.match(/^NAME +STATUS/);
  });

  it('lets kubectl apply, prune and diff built-in kinds', async () => {
    const namespace = await server.namespace();
    const labels = { app: 'p' };
    const one = deployment('web', {}, { namespace, labels });
    const allow = ['--prune-allowlist=apps/v1/Deployment', '--prune-allowlist=core/v1/Service'];
    const apply = async (...objects: object[]) => {
      const done = await server.feed(objects, 'apply', '--prune', '-l', 'app=p', '-n', namespace, ...allow);
      expect(done.code, done.stderr).to.equal(0);
      return done.stdout;
    };
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace, labels },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    };
    expect(await apply(one, service)).to.equal('deployment.apps/web created\nservice/web created\n');
    expect(await apply(one, service)).to.equal('deployment.apps/web unchanged\nservice/web unchanged\n');
    const changed = deployment('web', { replicas: 3 }, { namespace, labels });
    expect((await server.feed([changed, service], 'diff')).code).to.equal(1);
    expect(await apply(changed)).to.equal('deployment.apps/web configured\nservice/web pruned\n');
    expect((await server.feed([changed], 'diff')).code).to.equal(0);
    const { template } = one.spec;
    const fewer = { ...changed, spec: { selector: one.spec.selector, template, minReadySeconds: 3 } };
    await apply(fewer);
    expect(at(await server.read(deployments(namespace, 'web')), 'spec.replicas')).to.equal(1);
  });

  it('lets kubectl replace, and replace by force', async () => {
    const namespace = await server.namespace();
    const make = (value: string) => configMap('a', { k: value }, { namespace });
    await server.create(configMaps(namespace), make('1'));
    const replaced = await server.feed(make('2'), 'replace');
    expect(replaced.stdout, replaced.stderr).to.equal('configmap/a replaced\n');
    const before = await server.read(configMaps(namespace, 'a'));
    expect(at(before, 'data.k')).to.equal('2');
    const forced = await server.feed(make('3'), 'replace', '--force');
    expect(forced.code, forced.stderr).to.equal(0);
    await eventually('it is another object', async () => {
      const after = await server.read(configMaps(namespace, 'a'));
      return at(after, 'metadata.uid') !== at(before, 'metadata.uid') && at(after, 'data.k') === '3';
    });
  });
});
