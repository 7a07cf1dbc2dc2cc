/** dryRun, fieldValidation, the Status of errors as kubectl prints it, limits, warnings, overload. */
import { connect } from 'node:http2';
import { expect } from 'chai';
import { at, each, text } from '../support/json.js';
import {
  configMap,
  configMaps,
  crdPath,
  deployment,
  widget,
  widgetCrd,
  widgetGroup,
  widgetPath,
} from '../support/objects.js';
import { succeeded, TestServer } from '../support/server.js';

describe('options and errors', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
    await server.create(crdPath, oldCrd);
  });
  after(() => server.stop());

  const widgets = (namespace: string, name = '') => widgetPath(namespace, 'widgets', name);

  it('runs every verb dry: the answer is whole, nothing is stored', async () => {
    const namespace = await server.namespace();
    const created = await server.send('POST', `${configMaps(namespace)}?dryRun=All`, {
      body: configMap('a'),
    });
    expect(created.status).to.equal(201);
    expect(text(created.body, 'metadata.uid')).to.have.length(36);
    expect(at(created.body, 'metadata.resourceVersion') ?? '').to.equal('');
    expect((await server.get(configMaps(namespace, 'a'))).status).to.equal(404);
    const stored = await server.create(configMaps(namespace), configMap('a'));
    const revision = at(stored, 'metadata.resourceVersion');
    const path = `${configMaps(namespace, 'a')}?dryRun=All`;
    const updated = succeeded(await server.send('PUT', path, { body: configMap('a', { k: '2' }) }));
    expect(at(updated.body, 'data.k')).to.equal('2');
    expect(at(updated.body, 'metadata.resourceVersion')).to.equal(revision);
    succeeded(await server.patch(path, 'merge', { data: { k: '3' } }));
    succeeded(await server.send('DELETE', path));
    succeeded(await server.send('DELETE', configMaps(namespace, 'a'), { body: { dryRun: ['All'] } }));
    succeeded(await server.send('DELETE', `${configMaps(namespace)}?dryRun=All`));
    expect(await server.read(configMaps(namespace, 'a'))).to.deep.equal(stored);
    for (const [method, to] of [
      ['POST', configMaps(namespace)],
      ['PUT', configMaps(namespace, 'a')],
      ['DELETE', configMaps(namespace, 'a')],
      ['DELETE', configMaps(namespace)],
    ] as const) {
      const answer = await server.send(
        method,
        `${to}?dryRun=Some`,
        method === 'DELETE' ? {} : { body: configMap('a') },
      );
      expect(answer.status, method).to.equal(422);
    }
    const patched = await server.patch(`${configMaps(namespace, 'a')}?dryRun=Some`, 'merge', {});
    expect(patched.status).to.equal(422);
    const evicted = `/api/v1/namespaces/${namespace}/pods`;
    await server.create(evicted, {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    succeeded(
      await server.send('POST', `${evicted}/p/eviction?dryRun=All`, {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace } },
      }),
    );
    expect((await server.get(`${evicted}/p`)).status).to.equal(200);
  });

  it('ignores, warns of, or refuses unknown and repeated fields, of built-in and custom kinds', async () => {
    const namespace = await server.namespace();
    const repeated =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"data":{"k":"1","k":"2"},"odd":1}';
    const post = (path: string, body: string | object, validation: string) =>
      server.send('POST', `${path}?fieldValidation=${validation}`, { body });
    const ignored = await post(configMaps(namespace), repeated.replace('NAME', 'a'), 'Ignore');
    expect([ignored.status, ignored.headers['warning']]).to.deep.equal([201, undefined]);
    const warned = await post(configMaps(namespace), repeated.replace('NAME', 'b'), 'Warn');
    expect(warned.status).to.equal(201);
    expect(warned.headers['warning']).to.equal(
      '299 - "duplicate field \\"data.k\\"", 299 - "unknown field \\"odd\\""',
    );
    const strict = await post(configMaps(namespace), repeated.replace('NAME', 'c'), 'Strict');
    expect(strict.body).to.deep.include({
      code: 400,
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.k", unknown field "odd"',
    });
    const nested = { ...widget('Widget', 'w', { parts: [{ name: 'x', odd: 1 }], other: { deep: 1 } }) };
    expect(text((await post(widgets(namespace), nested, 'Strict')).body, 'message')).to.equal(
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.other", unknown field "spec.parts[0].odd"',
    );
    const pruned = await post(widgets(namespace), nested, 'Ignore');
    expect(at(pruned.body, 'spec')).to.deep.equal({ parts: [{ name: 'x' }], replicas: 1 });
    expect((await post(widgets(namespace), nested, 'Maybe')).status).to.equal(422);
    const path = `${widgets(namespace, 'w')}?fieldValidation=Strict`;
    const patched = await server.patch(path, 'merge', { spec: { odd: 1 } });
    expect(patched.status).to.equal(422);
    expect(at(patched.body, 'details.causes.0.field')).to.equal('patch');
    const applied = await server.patch(`${path}&fieldManager=me`, 'apply', widget('Widget', 'w', { odd: 1 }));
    expect([applied.status, text(applied.body, 'message')]).to.deep.equal([
      400,
      `failed to create typed patch object (${namespace}/w; ${widgetGroup}/v1, Kind=Widget): .spec.odd: field not declared in schema`,
    ]);
    const kubectl = await server.feed(
      { ...configMap('d', {}, { namespace }), odd: 1 },
      'create',
      '--validate=warn',
    );
    expect(kubectl.stderr).to.equal('Warning: unknown field "odd"\n');
    expect(kubectl.stdout).to.equal('configmap/d created\n');
  });

  it('tells which integers it cannot keep, rather than changing them in silence', async () => {
    const namespace = await server.namespace();
    const body = JSON.stringify(widget('Widget', 'w', { free: { n: 0, kept: 9007199254740991 } }));
    const large = body.replace('"n":0', '"n":9007199254740993');
    const warned = await server.send('POST', widgets(namespace), { body: large });
    expect(warned.headers['warning']).to.equal(
      '299 - "integer out of range, its last digits are lost: field \\"spec.free.n\\""',
    );
    expect(at(warned.body, 'spec.free.kept')).to.equal(9007199254740991);
    const strict = await server.send('POST', `${widgets(namespace)}?fieldValidation=Strict`, { body: large });
    expect(strict.status).to.equal(400);
    const yaml = await server.send('POST', `${widgets(namespace)}?fieldValidation=Strict`, {
      body: 'apiVersion: demo.flotilla.dev/v1\nkind: Widget\nmetadata: {name: large}\nspec: {free: {large: 9007199254740993}}\n',
      contentType: 'application/yaml',
    });
    expect([yaml.status, text(yaml.body, 'message')].join(' ')).to.match(
      /^400 .*last digits are lost: field "spec\.free\.large"/,
    );
  });

  it('reports one fault and several so that kubectl prints each with its field', async () => {
    const namespace = await server.namespace();
    const one = await server.feed(widget('Widget', 'w', { size: 0 }, { namespace }), 'create');
    expect(one.stderr).to.equal(
      'The Widget "w" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1\n',
    );
    const several = await server.feed(
      widget('Widget', 'w', { size: 0, color: 'green' }, { namespace }),
      'create',
    );
    expect(several.stderr.split('\n').slice(0, 1)).to.deep.equal(['The Widget "w" is invalid: ']);
    expect(several.stderr)
      .to.contain('* spec.size: Invalid value: 0')
      .and.to.contain('* spec.color: Unsupported value: "green": supported values: "red", "blue"');
    const wrongType = await server.send('POST', widgets(namespace), {
      body: widget('Widget', 'w', { size: 'big' }),
    });
    expect(wrongType.body).to.deep.include({
      code: 422,
      message:
        'Widget.demo.flotilla.dev "w" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    });
    expect(at(wrongType.body, 'details')).to.deep.include({
      name: 'w',
      group: 'demo.flotilla.dev',
      kind: 'Widget',
    });
    const builtin = await server.feed(
      deployment('web', { selector: { matchLabels: { app: 'other' } } }, { namespace }),
      'create',
    );
    expect(builtin.stderr).to.match(
      /^The Deployment "web" is invalid: spec\.template\.metadata\.labels: Invalid value: /,
    );
    const type = await server.send('POST', configMaps(namespace), {
      body: { metadata: { name: 'x' }, data: { k: 1 } },
    });
    expect(type.status).to.equal(400);
    expect(text(type.body, 'message')).to.match(
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number/,
    );
  });

  it('bounds bodies, annotations and objects', async () => {
    const namespace = await server.namespace();
    const post = (object: object) => server.send('POST', configMaps(namespace), { body: object });
    const big = await post(configMap('a', { k: 'x'.repeat(3 * 1024 * 1024) }));
    expect(big.body).to.deep.include({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
    const annotated = await post(configMap('a', {}, { annotations: { note: 'x'.repeat(256 * 1024) } }));
    expect(annotated.status).to.equal(422);
    expect(text(annotated.body, 'message')).to.contain(
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    );
    const data = await post(configMap('a', { k: 'x'.repeat(1024 * 1024 + 1) }));
    expect(data.status).to.equal(422);
    expect(text(data.body, 'message')).to.contain('Too long: may not be more than 1048576 bytes');
    const free = await server.send('POST', widgets(namespace), {
      body: widget('Widget', 'w', { free: { text: 'x'.repeat(1024 * 1024 + 400 * 1024) } }),
    });
    expect(free.status, free.text.slice(0, 300)).to.equal(201);
    const large = await server.send('POST', widgets(namespace), {
      body: widget('Widget', 'x', { free: { text: 'x'.repeat(2 * 1024 * 1024) } }),
    });
    expect(large.status, large.text.slice(0, 300)).to.equal(413);
    expect((await server.get(widgets(namespace, 'x'))).status).to.equal(404);
  });

  it('warns of a deprecated version, each warning once', async () => {
    const namespace = await server.namespace();
    const path = widgetPath(namespace, 'olds').replace('/v1/', '/v1beta1/');
    const made = await server.send('POST', path, {
      body: { ...widget('Old', 'o', { odd: 1 }), apiVersion: 'demo.flotilla.dev/v1beta1' },
    });
    expect(made.status, made.text).to.equal(201);
    expect(made.headers['warning']).to.contain('299 - "demo.flotilla.dev/v1beta1 Old is deprecated"');
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u' };
    const twice = await server.send('POST', configMaps(namespace), {
      body: configMap('owned', {}, { ownerReferences: [owner, owner, owner] }),
    });
    expect(at(twice.body, 'metadata.ownerReferences')).to.have.length(1);
    expect(String(twice.headers['warning']).match(/299/g)).to.have.length(1);
    const printed = await server.kubectl('get', 'olds.v1beta1.demo.flotilla.dev', '-n', namespace);
    expect(printed.stderr).to.equal('Warning: demo.flotilla.dev/v1beta1 Old is deprecated\n');
    expect((await server.kubectl('get', 'olds.v1.demo.flotilla.dev', '-n', namespace)).stderr).to.equal('');
  });

  it('answers 429 with Retry-After when too much is asked at once, and kubectl tries again', async () => {
    const session = connect(server.url, {
      ca: server.ca,
      cert: server.admin.certificate,
      key: server.admin.key,
    });
    // A list at a revision that is not there yet waits in its place; members of system:masters need none.
    const ask = (path: string) =>
      new Promise<{ status: number; retryAfter: unknown }>((resolve, reject) => {
        const stream = session.request({
          ':path': path,
          'impersonate-user': 'reader',
          'impersonate-group': 'readers',
        });
        stream.once('error', reject);
        stream.once('response', (headers) =>
          resolve({ status: Number(headers[':status']), retryAfter: headers['retry-after'] }),
        );
        stream.resume();
      });
    await server.k('create', 'clusterrolebinding', 'readers', '--clusterrole=view', '--group=readers');
    const waiting = Array.from({ length: 400 }, () =>
      ask('/api/v1/namespaces/default/configmaps?resourceVersion=99999999'),
    );
    const refused = await ask('/api/v1/namespaces/default/configmaps');
    expect(refused).to.deep.equal({ status: 429, retryAfter: '1' });
    const patient = await server.k(
      'get',
      'configmaps',
      '-n',
      'default',
      '--as=reader',
      '--as-group=readers',
      '-o',
      'name',
    );
    expect(patient).to.contain('configmap/kube-root-ca.crt');
    expect((await server.get('/api/v1/namespaces/default/configmaps')).status).to.equal(200);
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(statuses).to.include(504);
    expect(statuses.filter((status) => status !== 504 && status !== 429)).to.deep.equal([]);
    session.close();
  });

  it('prints refusals, absences and conflicts in the words that kubectl users know', async () => {
    const namespace = await server.namespace();
    const nobody = ['--as=nobody', '-n', namespace];
    expect(await server.refused('get', 'configmaps', ...nobody)).to.equal(
      `Error from server (Forbidden): configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"\n`,
    );
    expect(await server.refused('get', 'nodes', 'n', '--as=nobody')).to.equal(
      'Error from server (Forbidden): nodes "n" is forbidden: User "nobody" cannot get resource "nodes" in API group "" at the cluster scope\n',
    );
    expect(await server.refused('get', '--raw', '/metrics', '--as=nobody')).to.equal(
      'Error from server (Forbidden): forbidden: User "nobody" cannot get path "/metrics"\n',
    );
    expect(await server.refused('get', 'widget', 'w', '-n', namespace)).to.equal(
      'Error from server (NotFound): widgets.demo.flotilla.dev "w" not found\n',
    );
    const token = await server.get('/api/v1/namespaces', { as: { token: 'bad' } });
    expect(token.body).to.deep.include({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
    expect(each((await server.get('/api/v1/namespaces?limit=1')).body, 'kind')).to.have.length(1);
  });
});

const oldCrd = (() => {
  const crd = widgetCrd('olds', { version: { served: true } });
  const [version] = crd.spec.versions;
  const beta = { ...version, name: 'v1beta1', storage: false, deprecated: true };
  return { ...crd, spec: { ...crd.spec, versions: [version, beta] } };
})();
