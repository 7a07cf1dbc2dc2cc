/** Creating: names, what the server sets itself, what it refuses. */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { configMap, configMaps, deployment } from '../support/objects.js';
import { TestServer } from '../support/server.js';

describe('creating', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  it('generates names of at most 63 characters with five random ones, a thousand of them unique', async () => {
    const namespace = await server.namespace();
    const create = (generateName: string) =>
      server.create(configMaps(namespace), {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { generateName },
      });
    const names = new Set<string>();
    for (let batch = 0; batch < 20; batch++) {
      const made = await Promise.all(Array.from({ length: 50 }, () => create('gen-')));
      for (const one of made) names.add(text(one, 'metadata.name'));
    }
    expect(names.size).to.equal(1000);
    for (const name of names) expect(name).to.match(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(text(await create('x'.repeat(80)), 'metadata.name')).to.match(/^x{58}.{5}$/);
  });

  it('refuses a body that does not fit its URL, and says in what', async () => {
    const namespace = await server.namespace();
    const post = async (object: object) => {
      const answer = await server.send('POST', configMaps(namespace), { body: object });
      return [answer.status, at(answer.body, 'message')];
    };
    expect(await post(configMap('a', {}, { namespace: 'other' }))).to.deep.equal([
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ]);
    expect(await post({ ...configMap('a'), apiVersion: 'v2' })).to.deep.equal([
      400,
      'the API version in the data (v2) does not match the expected API version (v1)',
    ]);
    expect((await post({ ...configMap('a'), kind: 'Secret' }))[0]).to.equal(400);
    expect(await post({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} })).to.deep.equal([
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ]);
    expect((await post(configMap('Not_A_Name')))[0]).to.equal(422);
    await server.create(configMaps(namespace), configMap('a'));
    const put = await server.send('PUT', configMaps(namespace, 'b'), { body: configMap('a') });
    expect([put.status, at(put.body, 'message')]).to.deep.equal([
      400,
      'the name of the object (a) does not match the name on the URL (b)',
    ]);
    const filled = await server.create(configMaps(namespace), { metadata: { name: 'bare' } });
    expect(filled).to.deep.include({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('refuses a name that exists, also while its object is terminating', async () => {
    const namespace = await server.namespace();
    const held = configMap('a', {}, { finalizers: ['test.flotilla.dev/hold'] });
    await server.create(configMaps(namespace), held);
    const again = () => server.send('POST', configMaps(namespace), { body: held });
    expect((await again()).body).to.deep.include({ code: 409, reason: 'AlreadyExists' });
    await server.send('DELETE', configMaps(namespace, 'a'));
    expect((await again()).body).to.deep.include({
      code: 409,
      reason: 'AlreadyExists',
      message: 'object is being deleted: configmaps "a" already exists',
    });
  });

  it('sets uid, creation time and status itself', async () => {
    const namespace = await server.namespace();
    const made = await server.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      ...deployment(
        'web',
        {},
        {
          uid: 'mine',
          creationTimestamp: '2001-01-01T00:00:00Z',
          deletionTimestamp: '2001-01-01T00:00:00Z',
          generation: 7,
          selfLink: '/x',
        },
      ),
      status: { replicas: 9 },
    });
    expect(text(made, 'metadata.uid')).to.match(/^[0-9a-f-]{36}$/);
    expect(text(made, 'metadata.creationTimestamp'))
      .to.match(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      .and.not.match(/^2001/);
    expect(at(made, 'metadata.deletionTimestamp')).to.equal(undefined);
    expect(at(made, 'metadata.generation')).to.equal(1);
    expect(at(made, 'metadata.selfLink')).to.equal(undefined);
    expect(at(made, 'status.replicas')).to.equal(undefined);
  });

  it('creates nothing in a namespace that is missing or terminating', async () => {
    const missing = await server.send('POST', configMaps('nowhere'), { body: configMap('a') });
    expect(missing.body).to.deep.include({ code: 404, message: 'namespaces "nowhere" not found' });
    const namespace = await server.namespace();
    await server.create(
      configMaps(namespace),
      configMap('held', {}, { finalizers: ['test.flotilla.dev/hold'] }),
    );
    await server.send('DELETE', `/api/v1/namespaces/${namespace}`);
    const terminating = await server.send('POST', configMaps(namespace), { body: configMap('a') });
    expect(terminating.body).to.deep.include({
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "a" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    });
    expect(at(terminating.body, 'details.causes.0')).to.deep.equal({
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    });
    await server.patch(configMaps(namespace, 'held'), 'merge', { metadata: { finalizers: null } });
  });
});
