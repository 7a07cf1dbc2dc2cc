import { expect } from 'chai';
import { configMaps, TestServer, widgets } from './testing/handler-test-kit.js';

const json = { contentType: 'application/json-patch+json' };
const strategic = { contentType: 'application/strategic-merge-patch+json' };
const apply = (manager: string, more = '') => ({
  contentType: 'application/apply-patch+yaml',
  query: `fieldManager=${manager}${more}`,
});

describe('patch', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
    await server.call(configMaps, 'create', 'c1/', { metadata: { name: 'a' }, data: { k: 'v' } });
  });
  afterEach(() => server.close());

  it('applies the patch types', async () => {
    const patched = await server.call(
      configMaps,
      'patch',
      'c1/a',
      [{ op: 'add', path: '/data/x', value: 'y' }],
      json,
    );
    expect(patched['data']).to.deep.equal({ k: 'v', x: 'y' });
    const merged = await server.call(configMaps, 'patch', 'c1/a', { data: { k: null } }, strategic);
    expect(merged['data']).to.deep.equal({ x: 'y' });
  });

  it('refuses what is no patch', async () => {
    const cases: readonly [unknown, object, number][] = [
      [[{ op: 'test', path: '/data/k', value: 'other' }], json, 422],
      [{ op: 'add' }, json, 400],
      ['[1', json, 400],
      [[], {}, 400],
      [{}, { contentType: 'text/plain' }, 415],
      [{}, { query: 'force=true' }, 422],
    ];
    for (const [body, options, code] of cases) {
      expect((await server.fail(configMaps, 'patch', 'c1/a', body, options)).code).to.equal(code);
    }
    expect((await server.fail(configMaps, 'patch', 'c1/none', {})).message).to.equal(
      'configmaps "none" not found',
    );
  });

  it('takes resourceVersion and uid in a patch as preconditions', async () => {
    const stale = await server.fail(configMaps, 'patch', 'c1/a', { metadata: { resourceVersion: '1' } });
    expect(stale).to.include({ code: 409, reason: 'Conflict' });
    const other = await server.fail(configMaps, 'patch', 'c1/a', { metadata: { uid: 'x' } });
    expect(other.message).to.contain('Precondition failed: UID in precondition: x, UID in object meta: ');
  });

  it('cannot rename', async () => {
    const status = await server.fail(configMaps, 'patch', 'c1/a', { metadata: { name: 'b' } });
    expect(status.message).to.equal(
      'ConfigMap "a" is invalid: metadata.name: Invalid value: "b": field is immutable',
    );
  });

  it('tries again when another write comes between', async () => {
    const writes = Array.from({ length: 20 }, (_, i) =>
      server.call(configMaps, 'patch', 'c1/a', { data: { [`key-${i}`]: 'x' } }),
    );
    await Promise.all(writes);
    const object = await server.call(configMaps, 'get', 'c1/a');
    expect(Object.keys(object['data'] as object)).to.have.length(21);
  });

  it('refuses unknown fields only when asked to', async () => {
    const body = { bogus: 1 };
    const strict = await server.fail(configMaps, 'patch', 'c1/a', body, { query: 'fieldValidation=Strict' });
    expect(strict).to.include({ code: 422 });
    expect(strict.message).to.contain(
      'patch: Invalid value: "{\\"bogus\\":1}": strict decoding error: unknown field "bogus"',
    );
    const warned = await server.send(configMaps, 'patch', 'c1/a', { body });
    expect(warned.headers['warning']).to.deep.equal(['299 - "unknown field \\"bogus\\""']);
    const ignored = await server.send(configMaps, 'patch', 'c1/a', { body, query: 'fieldValidation=Ignore' });
    expect(ignored.headers).not.to.have.property('warning');
  });

  it('creates and changes by server-side apply, with ownership and conflicts', async () => {
    const body = 'apiVersion: demo.io/v1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  size: 1\n';
    const created = await server.send(widgets, 'patch', 'c1/w', { body, ...apply('one') });
    expect(created.status).to.equal(201);
    const object = await server.call(widgets, 'get', 'c1/w');
    expect(object.metadata.managedFields?.[0]).to.include({ manager: 'one', operation: 'Apply' });
    expect(object['spec']).to.deep.equal({ size: 1, color: 'blue' });
    const again = await server.send(widgets, 'patch', 'c1/w', { body, ...apply('one') });
    expect(again.status).to.equal(200);
    expect((await server.call(widgets, 'get', 'c1/w')).metadata.resourceVersion).to.equal(
      object.metadata.resourceVersion,
    );
    const other = body.replace('size: 1', 'size: 2');
    const conflict = await server.fail(widgets, 'patch', 'c1/w', other, apply('two'));
    expect(conflict).to.include({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "one": .spec.size',
    });
    const forced = await server.call(widgets, 'patch', 'c1/w', other, apply('two', '&force=true'));
    expect(forced['spec']).to.deep.include({ size: 2 });
  });

  it('checks an apply before it applies', async () => {
    const body = { apiVersion: 'demo.io/v1', kind: 'Widget', metadata: { name: 'w' }, spec: { size: 1 } };
    const cases: readonly [unknown, object, number, string][] = [
      [
        body,
        { contentType: 'application/apply-patch+yaml' },
        422,
        'fieldManager: Required value: is required for apply patch',
      ],
      [{ ...body, apiVersion: 'demo.io/v9' }, apply('one'), 400, 'does not match the expected API version'],
      [{ ...body, metadata: { name: 'x' } }, apply('one'), 400, 'does not match the name on the URL'],
      [
        { ...body, metadata: { name: 'w', managedFields: [{}] } },
        apply('one'),
        400,
        'metadata.managedFields must be nil',
      ],
      [{ ...body, metadata: { name: 'w', uid: 'u' } }, apply('one'), 409, 'uid mismatch'],
      [
        { ...body, bogus: 1, spec: { size: 1, odd: 2 } },
        apply('one', '&fieldValidation=Ignore'),
        400,
        'failed to create typed patch object (c1/w; demo.io/v1, Kind=Widget): errors:\n  .bogus: field not declared in schema\n  .spec.odd: field not declared in schema',
      ],
      [
        { ...body, status: { odd: 1 } },
        { ...apply('one'), subresource: 'status' },
        400,
        'Kind=Widget): .status.odd: field not declared in schema',
      ],
      [
        '{"apiVersion":"demo.io/v1","kind":"Widget","spec":{"size":1,"size":2}}',
        apply('one', '&fieldValidation=Strict'),
        400,
        'error strict decoding patch: duplicate field "spec.size"',
      ],
    ];
    for (const [sent, options, code, message] of cases) {
      const status = await server.fail(widgets, 'patch', 'c1/w', sent, options);
      expect(status.code, status.message).to.equal(code);
      expect(status.message).to.contain(message);
    }
  });
});

describe('scale', () => {
  let server: TestServer;
  const scale = { subresource: 'scale' };
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 1, replicas: 2 } });
    await server.call(
      widgets,
      'patch',
      'c1/w',
      { status: { replicas: 1, selector: 'app=w' } },
      { subresource: 'status' },
    );
  });
  afterEach(() => server.close());

  it('shows and changes the number of replicas alone', async () => {
    const shown = await server.call(widgets, 'get', 'c1/w', undefined, scale);
    expect(shown).to.deep.include({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 2 } });
    expect(shown['status']).to.deep.equal({ replicas: 1, selector: 'app=w' });
    const updated = await server.call(widgets, 'update', 'c1/w', { ...shown, spec: { replicas: 5 } }, scale);
    expect(updated['spec']).to.deep.equal({ replicas: 5 });
    const patched = await server.call(widgets, 'patch', 'c1/w', { spec: { replicas: 6 } }, scale);
    expect(patched['spec']).to.deep.equal({ replicas: 6 });
    const object = await server.call(widgets, 'get', 'c1/w');
    expect(object['spec']).to.deep.include({ size: 1, replicas: 6 });
    expect(object.metadata.generation).to.equal(3);
    expect(object.metadata.managedFields?.some((entry) => entry.subresource === 'scale')).to.equal(true);
    const stale = await server.fail(widgets, 'update', 'c1/w', { ...shown, spec: { replicas: 7 } }, scale);
    expect(stale.code).to.equal(409);
  });

  it('refuses a negative number, and a custom resource without any', async () => {
    const negative = await server.fail(widgets, 'patch', 'c1/w', { spec: { replicas: -1 } }, scale);
    expect(negative.message).to.contain(
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'x' }, spec: { size: 1 } });
    const missing = await server.fail(widgets, 'get', 'c1/x', undefined, scale);
    expect(missing).to.include({ code: 500 });
    expect(missing.message).to.contain('the spec replicas field ".spec.replicas" does not exist');
  });

  it('owns the replicas by server-side apply', async () => {
    const body = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'w' },
      spec: { replicas: 9 },
    };
    const applied = await server.call(widgets, 'patch', 'c1/w', body, {
      ...scale,
      ...apply('hpa', '&force=true'),
    });
    expect(applied['spec']).to.deep.equal({ replicas: 9 });
    const object = await server.call(widgets, 'get', 'c1/w');
    expect(object['spec']).to.deep.include({ replicas: 9 });
    expect(object.metadata.managedFields?.find((entry) => entry.manager === 'hpa')).to.include({
      operation: 'Apply',
      apiVersion: 'demo.io/v1',
      subresource: 'scale',
    });
  });
});
