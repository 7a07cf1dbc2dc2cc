/** Server-side apply: ownership, conflicts, lists, migration, and what the server writes into managedFields. */
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
import { type Answer, succeeded, TestServer } from '../support/server.js';

describe('server-side apply', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(() => server.stop());

  const deployments = (namespace: string, name = '') =>
    `/apis/apps/v1/namespaces/${namespace}/deployments${name === '' ? '' : `/${name}`}`;
  const widgets = (namespace: string, name = '') => widgetPath(namespace, 'widgets', name);
  const apply = (path: string, manager: string, body: object, force = false): Promise<Answer> =>
    server.patch(`${path}?fieldManager=${manager}&force=${force}`, 'apply', body);
  const ok = async (answer: Promise<Answer>) => succeeded(await answer).body;
  const owners = (object: unknown) =>
    list(object, 'metadata.managedFields').map(
      (entry) =>
        `${at(entry, 'manager')} ${at(entry, 'operation')}${at(entry, 'subresource') === undefined ? '' : ` ${at(entry, 'subresource')}`}`,
    );
  const fieldsOf = (object: unknown, manager: string) =>
    at(
      list(object, 'metadata.managedFields').find((entry) => at(entry, 'manager') === manager),
      'fieldsV1',
    );

  it('creates with 201, and writes nothing when the same is applied again', async () => {
    const namespace = await server.namespace();
    const first = await apply(configMaps(namespace, 'a'), 'me', configMap('a'));
    expect(first.status, first.text).to.equal(201);
    const second = await apply(configMaps(namespace, 'a'), 'me', configMap('a'));
    expect(second.status).to.equal(200);
    expect(at(second.body, 'metadata.resourceVersion')).to.equal(at(first.body, 'metadata.resourceVersion'));
    const yaml = await server.patch(
      `${configMaps(namespace, 'y')}?fieldManager=me`,
      'apply',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y-1\n'.replace('y-1', '"y"'),
    );
    expect(yaml.status, yaml.text).to.equal(201);
  });

  it('records exactly the fields that were applied, of a deployment and of a custom resource', async () => {
    const namespace = await server.namespace();
    const web = await ok(apply(deployments(namespace, 'web'), 'me', deployment('web')));
    expect(list(web, 'metadata.managedFields')).to.have.length(1);
    expect(at(web, 'metadata.managedFields.0')).to.deep.include({
      manager: 'me',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      fieldsType: 'FieldsV1',
    });
    expect(fieldsOf(web, 'me')).to.deep.equal({
      'f:spec': {
        'f:replicas': {},
        'f:selector': {},
        'f:template': {
          'f:metadata': { 'f:labels': { 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"main"}': {
                '.': {},
                'f:image': {},
                'f:name': {},
                'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
              },
            },
          },
        },
      },
    });
    const spec = {
      size: 1,
      parts: [{ name: 'x', count: 1 }],
      tags: ['t'],
      steps: ['s'],
      free: { deep: { a: 1 } },
    };
    const made = await ok(apply(widgets(namespace, 'w'), 'me', widget('Widget', 'w', spec)));
    expect(fieldsOf(made, 'me')).to.deep.equal({
      'f:spec': {
        'f:size': {},
        'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:name': {}, 'f:count': {} } },
        'f:tags': { 'v:"t"': {} },
        'f:steps': {},
        'f:free': { 'f:deep': { '.': {}, 'f:a': {} } },
      },
    });
  });

  it('refuses a conflict by naming the owner, shares equal values, and gives up by omission', async () => {
    const namespace = await server.namespace();
    const path = configMaps(namespace, 'a');
    await ok(apply(path, 'one', configMap('a', { x: '1', y: '1' })));
    const conflict = await apply(path, 'two', configMap('a', { x: '2' }));
    expect(conflict.status).to.equal(409);
    expect(conflict.body).to.deep.include({
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "one": .data.x',
    });
    expect(at(conflict.body, 'details.causes')).to.deep.equal([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
    ]);
    const both = await apply(path, 'two', configMap('a', { x: '2', y: '2' }));
    expect(text(both.body, 'message')).to.equal(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\n- .data.y',
    );
    const shared = await ok(apply(path, 'two', configMap('a', { x: '1' })));
    expect(owners(shared)).to.deep.equal(['one Apply', 'two Apply']);
    const givenUp = await ok(apply(path, 'one', configMap('a', { y: '1' })));
    expect(at(givenUp, 'data')).to.deep.equal({ x: '1', y: '1' });
    const removed = await ok(apply(path, 'two', configMap('a', {})));
    expect(at(removed, 'data')).to.deep.equal({ y: '1' });
    const forced = await ok(apply(path, 'two', configMap('a', { y: '2' }), true));
    expect(at(forced, 'data')).to.deep.equal({ y: '2' });
    expect(fieldsOf(forced, 'one')).to.equal(undefined);
  });

  it('prints the conflict and the ways out of it through kubectl', async () => {
    const namespace = await server.namespace();
    await ok(apply(configMaps(namespace, 'a'), 'one', configMap('a', { x: '1' })));
    const other = configMap('a', { x: '2' }, { namespace });
    const refused = await server.feed(other, 'apply', '--server-side');
    expect(refused.stderr)
      .to.contain('Apply failed with 1 conflict: conflict with "one": .data.x')
      .and.to.contain('--force-conflicts');
    expect((await server.feed(other, 'apply', '--server-side', '--force-conflicts')).stdout).to.equal(
      'configmap/a serverside-applied\n',
    );
  });

  it('hands a field to who updates it, and keeps status and scale as entries of their own', async () => {
    const namespace = await server.namespace();
    const path = widgets(namespace, 'w');
    await ok(apply(path, 'one', widget('Widget', 'w', { size: 1, replicas: 1, color: 'red' })));
    const updated = await ok(server.patch(`${path}?fieldManager=hand`, 'merge', { spec: { size: 2 } }));
    expect(owners(updated)).to.deep.equal(['one Apply', 'hand Update']);
    expect(fieldsOf(updated, 'hand')).to.deep.equal({ 'f:spec': { 'f:size': {} } });
    await ok(server.patch(`${path}/status?fieldManager=boss`, 'merge', { status: { phase: 'Up' } }));
    await ok(server.patch(`${path}/scale?fieldManager=scaler`, 'merge', { spec: { replicas: 4 } }));
    const stored = await server.read(path);
    expect(owners(stored)).to.have.members([
      'one Apply',
      'hand Update',
      'boss Update status',
      'scaler Update scale',
    ]);
    expect(fieldsOf(stored, 'scaler')).to.deep.equal({ 'f:spec': { 'f:replicas': {} } });
    const conflict = await apply(path, 'one', widget('Widget', 'w', { size: 1 }));
    expect(text(conflict.body, 'message')).to.match(
      /^Apply failed with 1 conflict: conflict with "hand" using demo\.flotilla\.dev\/v1 at \d{4}-\S+Z: \.spec\.size$|^Apply failed with 1 conflict: conflict with "hand" using demo\.flotilla\.dev\/v1: \.spec\.size$/,
    );
  });

  it('lets kubectl move from client-side apply without a conflict, and nobody else', async () => {
    const namespace = await server.namespace();
    const one = configMap('a', { x: '1', y: '1' }, { namespace });
    expect((await server.feed(one, 'apply')).code).to.equal(0);
    const stranger = await apply(configMaps(namespace, 'a'), 'stranger', configMap('a', { x: '2' }));
    expect(stranger.status).to.equal(409);
    const moved = await server.feed(configMap('a', { x: '2' }, { namespace }), 'apply', '--server-side');
    expect(moved.code, moved.stderr).to.equal(0);
    const stored = await server.read(configMaps(namespace, 'a'));
    expect(at(stored, 'data')).to.deep.equal({ x: '2' });
    expect(
      text(stored, 'metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration'),
    ).to.contain('"x":"2"');
  });

  it('goes back to client-side apply, which changes nothing but its annotation', async () => {
    const namespace = await server.namespace();
    const one = configMap('a', { x: '1' }, { namespace });
    await server.feed(one, 'apply');
    await server.feed(one, 'apply', '--server-side');
    const back = await server.feed(one, 'apply');
    expect(back.stdout, back.stderr).to.equal('configmap/a configured\n'); // its annotation only
    expect((await server.feed(one, 'apply')).stdout).to.equal('configmap/a unchanged\n');
    expect(at(await server.read(configMaps(namespace, 'a')), 'data')).to.deep.equal({ x: '1' });
  });

  it('refuses what no apply may say', async () => {
    const namespace = await server.namespace();
    const path = configMaps(namespace, 'a');
    expect((await apply(path, 'me', { ...configMap('a'), apiVersion: 'v2' })).status).to.equal(400);
    const managed = await apply(path, 'me', configMap('a', {}, { managedFields: [{ manager: 'x' }] }));
    expect([managed.status, at(managed.body, 'message')]).to.deep.equal([
      400,
      'metadata.managedFields must be nil',
    ]);
    const anonymous = await server.patch(path, 'apply', configMap('a'));
    expect(anonymous.status).to.equal(422);
    expect(text(anonymous.body, 'message')).to.contain(
      'fieldManager: Required value: is required for apply patch',
    );
    await server.create(configMaps(namespace), configMap('b'));
    expect((await server.patch(`${configMaps(namespace, 'b')}?force=true`, 'merge', {})).status).to.equal(
      422,
    );
    expect((await apply(path, 'x'.repeat(129), configMap('a'))).status).to.equal(422);
    expect((await apply(path, 'me', configMap('other'))).status).to.equal(400);
    const uid = await apply(path, 'me', configMap('a', {}, { uid: 'ghost' }));
    expect(uid.status).to.equal(409);
  });

  it('refuses a key that comes twice in an applied list, and merges sets but not atomic lists', async () => {
    const namespace = await server.namespace();
    const path = widgets(namespace, 'w');
    const twice = await apply(path, 'one', widget('Widget', 'w', { parts: [{ name: 'x' }, { name: 'x' }] }));
    expect(twice.status, twice.text).to.equal(400);
    expect(text(twice.body, 'message')).to.contain('duplicate entries for key [name="x"]');
    const container = { name: 'main', image: 'i' };
    const doubled = { metadata: { labels: { app: 'd' } }, spec: { containers: [container, container] } };
    const builtin = await apply(deployments(namespace, 'd'), 'one', deployment('d', { template: doubled }));
    expect([builtin.status, text(builtin.body, 'message')].join(' ')).to.match(
      /^4.*duplicate entries for key \[name="main"\]/,
    );
    await ok(
      apply(path, 'one', widget('Widget', 'w', { tags: ['a'], parts: [{ name: 'x' }], steps: ['1'] })),
    );
    const merged = await ok(
      apply(path, 'two', widget('Widget', 'w', { tags: ['b'], parts: [{ name: 'y' }] })),
    );
    expect(at(merged, 'spec.tags')).to.have.members(['a', 'b']);
    expect(each(merged, 'name', 'spec.parts')).to.have.members(['x', 'y']);
    expect((await apply(path, 'two', widget('Widget', 'w', { steps: ['2'] }))).status).to.equal(409);
    const less = await ok(apply(path, 'one', widget('Widget', 'w', { steps: ['1'] })));
    expect(less).to.have.nested.property('metadata');
    expect(each(less, 'name', 'spec.parts')).to.deep.equal(['y']);
  });

  it('forgets all owners on reset, and gathers the oldest of many updaters', async () => {
    const namespace = await server.namespace();
    const path = configMaps(namespace, 'a');
    await ok(apply(path, 'one', configMap('a')));
    const reset = await ok(
      server.patch(`${path}?fieldManager=hand`, 'merge', { metadata: { managedFields: [{}] } }),
    );
    expect(at(reset, 'metadata.managedFields')).to.equal(undefined);
    const again = await ok(apply(path, 'one', configMap('a', { k: 'new' }), true));
    expect(owners(again)).to.include('one Apply');
    const other = configMaps(namespace, 'b');
    await server.create(`${configMaps(namespace)}?fieldManager=u0`, configMap('b'));
    for (let index = 1; index <= 11; index++) {
      await ok(server.patch(`${other}?fieldManager=u${index}`, 'merge', { data: { [`k${index}`]: 'v' } }));
    }
    const managers = each(await server.read(other), 'manager', 'metadata.managedFields');
    expect(managers).to.include('ancient-changes');
    expect(managers.length).to.be.at.most(11);
  });

  it('stores nothing in a dry run', async () => {
    const namespace = await server.namespace();
    const dry = await server.patch(
      `${configMaps(namespace, 'a')}?fieldManager=me&dryRun=All`,
      'apply',
      configMap('a'),
    );
    expect(dry.status, dry.text).to.equal(201);
    expect((await server.get(configMaps(namespace, 'a'))).status).to.equal(404);
    await ok(apply(configMaps(namespace, 'a'), 'me', configMap('a', { k: '1' })));
    const change = await server.patch(
      `${configMaps(namespace, 'a')}?fieldManager=me&dryRun=All`,
      'apply',
      configMap('a', { k: '2' }),
    );
    expect(at(change.body, 'data.k')).to.equal('2');
    expect(at(await server.read(configMaps(namespace, 'a')), 'data.k')).to.equal('1');
  });
});
