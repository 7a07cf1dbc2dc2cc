import { expect } from 'chai';
import { configMaps, essence, namespaces, TestServer, widgets } from './testing/handler-test-kit.js';

const configMap = (name: string, data: Record<string, string> = { k: 'v' }): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

const widget = (name: string, spec: object = { size: 1 }): object => ({
  apiVersion: 'demo.io/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
});

describe('create, get, update, patch, delete', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
  });
  afterEach(() => server.close());

  it('creates an object with what the server decides, and reads it back', async () => {
    const made = await server.call(configMaps, 'create', 'c1/', configMap('a'));
    expect(made.metadata.uid).to.match(/^[0-9a-f-]{36}$/);
    expect(made.metadata.namespace).to.equal('c1');
    expect(made.metadata.creationTimestamp).to.match(/Z$/);
    expect(made.metadata.resourceVersion).to.match(/^\d+$/);
    expect(made.metadata.managedFields).to.have.length(1);
    expect(made.metadata.managedFields?.[0]).to.include({
      manager: 'tester',
      operation: 'Update',
      apiVersion: 'v1',
    });
    expect(await server.call(configMaps, 'get', 'c1/a')).to.deep.equal(made);
  });

  it('refuses a name that is taken', async () => {
    await server.call(configMaps, 'create', 'c1/', configMap('a'));
    const status = await server.fail(configMaps, 'create', 'c1/', configMap('a'));
    expect(status).to.include({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "a" already exists',
    });
  });

  it('refuses a namespace that does not exist or is going away', async () => {
    const missing = await server.fail(configMaps, 'create', 'nowhere/', configMap('a'));
    expect(missing).to.include({ code: 404, message: 'namespaces "nowhere" not found' });
    await server.call(namespaces, 'patch', 'c1', { metadata: { finalizers: ['x.io/hold'] } });
    await server.call(namespaces, 'delete', 'c1');
    const terminating = await server.fail(configMaps, 'create', 'c1/', configMap('a'));
    expect(terminating.message).to.equal(
      'configmaps "a" is forbidden: unable to create new content in namespace c1 because it is being terminated',
    );
    expect(terminating.details?.causes?.[0]?.reason).to.equal('NamespaceTerminating');
  });

  it('makes up a name from generateName', async () => {
    const body = { metadata: { generateName: 'job-' } };
    const first = await server.call(configMaps, 'create', 'c1/', body);
    const second = await server.call(configMaps, 'create', 'c1/', body);
    expect(first.metadata.name).to.match(/^job-[a-z0-9]{5}$/);
    expect(second.metadata.name).not.to.equal(first.metadata.name);
  });

  it('updates, keeps what a client cannot change, and refuses an old resourceVersion', async () => {
    const made = await server.call(configMaps, 'create', 'c1/', configMap('a'));
    const changed = {
      ...made,
      metadata: { name: 'a', resourceVersion: made.metadata.resourceVersion },
      data: { k: 'w' },
    };
    const updated = await server.call(configMaps, 'update', 'c1/a', changed);
    expect(updated['data']).to.deep.equal({ k: 'w' });
    expect(updated.metadata.uid).to.equal(made.metadata.uid);
    expect(updated.metadata.creationTimestamp).to.equal(made.metadata.creationTimestamp);
    const stale = await server.fail(configMaps, 'update', 'c1/a', changed);
    expect(stale).to.include({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    });
  });

  it('writes nothing when nothing changes', async () => {
    const made = await server.call(configMaps, 'create', 'c1/', configMap('a'));
    const before = await server.store.revision();
    const again = await server.call(configMaps, 'update', 'c1/a', configMap('a'));
    expect(again.metadata.resourceVersion).to.equal(made.metadata.resourceVersion);
    await server.call(configMaps, 'patch', 'c1/a', { data: { k: 'v' } });
    expect(await server.store.revision()).to.equal(before);
  });

  it('counts the generation for changes of the spec only', async () => {
    const made = await server.call(widgets, 'create', 'c1/', widget('w'));
    expect(made.metadata.generation).to.equal(1);
    expect(made['spec']).to.deep.equal({ size: 1, color: 'blue' });
    const labelled = await server.call(widgets, 'patch', 'c1/w', { metadata: { labels: { a: 'b' } } });
    expect(labelled.metadata.generation).to.equal(1);
    const grown = await server.call(widgets, 'patch', 'c1/w', { spec: { size: 2 } });
    expect(grown.metadata.generation).to.equal(2);
    const ready = await server.call(
      widgets,
      'patch',
      'c1/w',
      { status: { ready: true } },
      { subresource: 'status' },
    );
    expect(ready.metadata.generation).to.equal(2);
    expect(ready['status']).to.deep.equal({ ready: true });
  });

  it('keeps the status apart from the rest', async () => {
    await server.call(widgets, 'create', 'c1/', { ...widget('w'), status: { ready: true } });
    expect(await server.call(widgets, 'get', 'c1/w')).not.to.have.property('status');
    const sub = { subresource: 'status' };
    const both = { metadata: { labels: { a: 'b' } }, spec: { size: 9 }, status: { ready: true } };
    const viaStatus = await server.call(widgets, 'patch', 'c1/w', both, sub);
    expect(essence(viaStatus)).to.deep.include({ spec: { size: 1, color: 'blue' }, status: { ready: true } });
    expect(viaStatus.metadata.labels).to.equal(undefined);
    const viaMain = await server.call(widgets, 'patch', 'c1/w', {
      spec: { size: 3 },
      status: { ready: false },
    });
    expect(viaMain['status']).to.deep.equal({ ready: true });
    expect(viaMain['spec']).to.deep.equal({ size: 3, color: 'blue' });
  });

  it('needs a resourceVersion for the update of a custom resource', async () => {
    await server.call(widgets, 'create', 'c1/', widget('w'));
    const status = await server.fail(widgets, 'update', 'c1/w', widget('w', { size: 5 }));
    expect(status.message).to.equal(
      'Widget.demo.io "w" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
  });

  it('says what is invalid, by the rules of the schema', async () => {
    const status = await server.fail(widgets, 'create', 'c1/', widget('w', { size: 0 }));
    expect(status.message).to.equal(
      'Widget.demo.io "w" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1',
    );
    expect(status.details).to.deep.include({ name: 'w', group: 'demo.io', kind: 'Widget' });
  });

  it('deletes at once, or when the last finalizer goes', async () => {
    await server.call(configMaps, 'create', 'c1/', configMap('a'));
    const status = await server.call(configMaps, 'delete', 'c1/a');
    expect(status).to.deep.include({ kind: 'Status', status: 'Success' });
    expect((await server.fail(configMaps, 'get', 'c1/a')).message).to.equal('configmaps "a" not found');

    await server.call(widgets, 'create', 'c1/', {
      ...widget('w'),
      metadata: { name: 'w', finalizers: ['x.io/f'] },
    });
    const marked = await server.call(widgets, 'delete', 'c1/w');
    expect(marked.metadata.deletionTimestamp).to.be.a('string');
    expect(marked.metadata).to.include({ deletionGracePeriodSeconds: 0, generation: 2 });
    const again = await server.call(widgets, 'delete', 'c1/w');
    expect(again.metadata.resourceVersion).to.equal(marked.metadata.resourceVersion);
    const refused = await server.fail(widgets, 'patch', 'c1/w', {
      metadata: { finalizers: ['x.io/f', 'x.io/g'] },
    });
    expect(refused.message).to.contain('no new finalizers can be added if the object is being deleted');
    await server.call(widgets, 'patch', 'c1/w', { metadata: { finalizers: null } });
    expect((await server.fail(widgets, 'get', 'c1/w')).code).to.equal(404);
  });

  it('puts the finalizer of a propagation policy on', async () => {
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ]) {
      await server.call(configMaps, 'create', 'c1/', configMap('a'));
      const marked = await server.call(configMaps, 'delete', 'c1/a', { propagationPolicy: policy });
      expect(marked.metadata.finalizers).to.deep.equal([finalizer]);
      await server.call(configMaps, 'patch', 'c1/a', { metadata: { finalizers: [] } });
    }
  });

  it('does nothing on a dry run', async () => {
    const before = await server.store.revision();
    const made = await server.call(configMaps, 'create', 'c1/', configMap('a'), { query: 'dryRun=All' });
    expect(made.metadata.uid).to.be.a('string');
    expect(made.metadata.resourceVersion).to.equal(undefined);
    expect(await server.store.revision()).to.equal(before);
    await server.call(configMaps, 'create', 'c1/', configMap('a'));
    const patched = await server.call(
      configMaps,
      'patch',
      'c1/a',
      { data: { k: 'x' } },
      { query: 'dryRun=All' },
    );
    expect(patched['data']).to.deep.equal({ k: 'x' });
    await server.call(configMaps, 'delete', 'c1/a', undefined, { query: 'dryRun=All' });
    expect((await server.call(configMaps, 'get', 'c1/a'))['data']).to.deep.equal({ k: 'v' });
  });
});
