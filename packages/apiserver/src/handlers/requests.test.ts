import { expect } from 'chai';
import type { AdmissionPlugin } from '../admission/admission.js';
import { configMaps, namespaces, TestServer, testDefinition, widgets } from './testing/handler-test-kit.js';

describe('request bodies', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
    await server.call(configMaps, 'create', 'c1/', { metadata: { name: 'a' } });
  });
  afterEach(() => server.close());

  it('reads YAML, and JSON without a media type', async () => {
    const yaml = 'metadata:\n  name: yaml\ndata:\n  k: v\n';
    const made = await server.call(configMaps, 'create', 'c1/', yaml, { contentType: 'application/yaml' });
    expect(made['data']).to.deep.equal({ k: 'v' });
    await server.call(configMaps, 'create', 'c1/', '{"metadata":{"name":"z"}}', { contentType: '' });
    const charset = { contentType: 'application/json; charset=utf-8' };
    await server.call(configMaps, 'create', 'c1/', '{"metadata":{"name":"q"}}', charset);
  });

  const refused: readonly [string, unknown, number, string][] = [
    ['broken JSON', '{"metadata":', 400, 'the object provided is unrecognized (must be of type ConfigMap)'],
    ['no object', '[]', 400, 'the object provided is unrecognized'],
    ['an empty body', '', 400, 'the object provided is unrecognized'],
    ['bytes that are no text', Uint8Array.of(0x7b, 0xff), 400, 'not valid UTF-8'],
    [
      'a body over the limit',
      `{"data":"${'x'.repeat(3 << 20)}"}`,
      413,
      'Request entity too large: limit is 3145728',
    ],
    [
      'another apiVersion',
      { apiVersion: 'v2', metadata: { name: 'b' } },
      400,
      'the API version in the data (v2) does not match the expected API version (v1)',
    ],
    ['another kind', { kind: 'Secret', metadata: { name: 'b' } }, 400, 'cannot be handled as a ConfigMap'],
    [
      'another namespace',
      { metadata: { name: 'b', namespace: 'c2' } },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'a resourceVersion',
      { metadata: { name: 'b', resourceVersion: '5' } },
      400,
      'resourceVersion should not be set on objects to be created',
    ],
    ['no name', { metadata: {} }, 422, 'metadata.name: Required value: name or generateName is required'],
    ['a bad name', { metadata: { name: 'Not_Good' } }, 422, 'a lowercase RFC 1123 subdomain must consist of'],
    [
      'a bad label',
      { metadata: { name: 'b', labels: { a: '-' } } },
      422,
      'metadata.labels: Invalid value: "-"',
    ],
    [
      'a wrong type in metadata',
      { metadata: { name: 'b', labels: { a: 1 } } },
      400,
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'a wrong type elsewhere',
      { metadata: { name: 'b' }, data: 'text' },
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal string into Go struct field data of type struct',
    ],
    [
      'an owner without a name',
      { metadata: { name: 'b', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', uid: 'u' }] } },
      422,
      'metadata.ownerReferences.name: Invalid value: "": must not be empty',
    ],
    [
      'two controllers',
      {
        metadata: {
          name: 'b',
          ownerReferences: ['x', 'y'].map((name) => ({
            apiVersion: 'v1',
            kind: 'Pod',
            name,
            uid: name,
            controller: true,
          })),
        },
      },
      422,
      'Only one reference can have Controller set to true. Found "true" in references for x and y',
    ],
  ];
  for (const [what, body, code, message] of refused) {
    it(`refuses ${what}`, async () => {
      const status = await server.fail(configMaps, 'create', 'c1/', body);
      expect(status.code, status.message).to.equal(code);
      expect(status.message).to.contain(message);
    });
  }

  it('minds a resourceVersion on a new object last, and not in a dry run', async () => {
    const metadata = { name: 'b', resourceVersion: '5' };
    const invalid = await server.fail(configMaps, 'create', 'c1/', { metadata: { ...metadata, name: 'B' } });
    expect(invalid.code).to.equal(422);
    const dry = await server.call(configMaps, 'create', 'c1/', { metadata }, { query: 'dryRun=All' });
    expect(dry.metadata.name).to.equal('b');
    await server.call(configMaps, 'create', 'c1/', { metadata: { ...metadata, resourceVersion: '0' } });
  });

  it('drops the namespace of an object that is in none', async () => {
    const body = (labels: object) => ({ metadata: { name: 'n', namespace: 'c1', labels } });
    const made = await server.call(namespaces, 'create', '', body({ a: '1' }));
    expect(made.metadata).not.to.have.property('namespace');
    const updated = await server.call(namespaces, 'update', 'n', body({ a: '2' }));
    expect(updated.metadata)
      .to.deep.include({ labels: { a: '2' } })
      .and.not.have.property('namespace');
    const patched = await server.call(namespaces, 'patch', 'n', body({ a: '3' }));
    expect(patched.metadata)
      .to.deep.include({ labels: { a: '3' } })
      .and.not.have.property('namespace');
    const applied = await server.call(
      namespaces,
      'patch',
      'n',
      { apiVersion: 'v1', kind: 'Namespace', ...body({ b: '4' }) },
      { contentType: 'application/apply-patch+yaml', query: 'fieldManager=m' },
    );
    expect(applied.metadata)
      .to.deep.include({ labels: { a: '3', b: '4' } })
      .and.not.have.property('namespace');
    expect((await server.call(namespaces, 'get', 'n')).metadata).not.to.have.property('namespace');
  });

  it('refuses media types it cannot read', async () => {
    const status = await server.fail(configMaps, 'create', 'c1/', {}, { contentType: 'text/html' });
    expect(status).to.include({
      code: 415,
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    });
  });

  it('reports duplicate keys as asked', async () => {
    const body = '{"metadata":{"name":"d"},"data":{"k":"1","k":"2"}}';
    const strict = await server.fail(configMaps, 'create', 'c1/', body, { query: 'fieldValidation=Strict' });
    expect(strict.message).to.equal(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.k"',
    );
    const response = await server.send(configMaps, 'create', 'c1/', { body });
    expect(response.headers['warning']).to.deep.equal(['299 - "duplicate field \\"data.k\\""']);
  });

  it('drops repeated owners with a warning', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' };
    const body = { metadata: { name: 'o', ownerReferences: [owner, { ...owner }] } };
    const response = await server.send(configMaps, 'create', 'c1/', { body });
    expect(String(response.headers['warning'])).to.contain('duplicate UID(s) observed: u1');
    expect((await server.call(configMaps, 'get', 'c1/o')).metadata.ownerReferences).to.deep.equal([owner]);
  });

  it('checks the name of an update against the URL', async () => {
    const status = await server.fail(configMaps, 'update', 'c1/a', { metadata: { name: 'b' } });
    expect(status.message).to.equal('the name of the object (b) does not match the name on the URL (a)');
  });

  const options: readonly [string, string][] = [
    ['dryRun=Some', 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value:'],
    [
      'fieldValidation=Maybe',
      'fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [`fieldManager=${'x'.repeat(129)}`, 'fieldManager: Too long: may not be more than 128 bytes'],
  ];
  for (const [query, message] of options) {
    it(`refuses ${query.slice(0, 30)}`, async () => {
      const status = await server.fail(configMaps, 'create', 'c1/', { metadata: { name: 'b' } }, { query });
      expect(status.code).to.equal(422);
      expect(status.message).to.contain(message);
    });
  }
});

describe('delete options', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
    await server.call(configMaps, 'create', 'c1/', { metadata: { name: 'a' } });
  });
  afterEach(() => server.close());

  it('holds preconditions against the object', async () => {
    const { metadata } = await server.call(configMaps, 'get', 'c1/a');
    const uid = await server.fail(configMaps, 'delete', 'c1/a', { preconditions: { uid: 'x' } });
    expect(uid).to.include({ code: 409 });
    expect(uid.message).to.contain(
      `the UID in the precondition (x) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
    const version = await server.fail(configMaps, 'delete', 'c1/a', {
      preconditions: { resourceVersion: '1' },
    });
    expect(version.message).to.contain(
      'the ResourceVersion in the precondition (1) does not match the ResourceVersion in record',
    );
    await server.call(configMaps, 'delete', 'c1/a', { preconditions: { uid: metadata.uid } });
  });

  it('refuses contradictions and unknown policies', async () => {
    const both = await server.fail(configMaps, 'delete', 'c1/a', {
      orphanDependents: true,
      propagationPolicy: 'Orphan',
    });
    expect(both.message).to.contain('orphanDependents and deletionPropagation cannot be both set');
    const unknown = await server.fail(configMaps, 'delete', 'c1/a', undefined, {
      query: 'propagationPolicy=Later',
    });
    expect(unknown.message).to.contain('propagationPolicy: Unsupported value: "Later"');
    const kind = await server.fail(configMaps, 'delete', 'c1/a', { kind: 'ConfigMap' });
    expect(kind.code).to.equal(400);
  });

  it('answers 202 while the deletion waits, only for orphanDependents=false', async () => {
    await server.call(configMaps, 'patch', 'c1/a', { metadata: { finalizers: ['x.io/f'] } });
    const waits = await server.send(configMaps, 'delete', 'c1/a', { query: 'orphanDependents=false' });
    expect(waits.status).to.equal(202);
    expect((await server.send(configMaps, 'delete', 'c1/a')).status).to.equal(200);
  });

  it('gives pods their grace period, which can only be shortened', async () => {
    const pods = testDefinition({
      resource: 'pods',
      kind: 'Pod',
      hasStatus: true,
      schema: {
        type: 'object',
        properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    });
    server.registry.set('pods', [pods]);
    await server.call(pods, 'create', 'c1/', {
      metadata: { name: 'p' },
      spec: { nodeName: 'n1', terminationGracePeriodSeconds: 40 },
    });
    const marked = await server.call(pods, 'delete', 'c1/p');
    expect(marked.metadata.deletionGracePeriodSeconds).to.equal(40);
    const longer = await server.call(pods, 'delete', 'c1/p', { gracePeriodSeconds: 60 });
    expect(longer.metadata.deletionGracePeriodSeconds).to.equal(40);
    const shorter = await server.call(pods, 'delete', 'c1/p', { gracePeriodSeconds: 10 });
    expect(shorter.metadata.deletionGracePeriodSeconds).to.equal(10);
    await server.call(pods, 'delete', 'c1/p', { gracePeriodSeconds: 0 });
    expect((await server.fail(pods, 'get', 'c1/p')).code).to.equal(404);
  });
});

describe('special kinds', () => {
  it('answers a virtual kind instead of storing it', async () => {
    const reviews = testDefinition({
      resource: 'reviews',
      kind: 'Review',
      namespaced: false,
      verbs: ['create'],
      schema: { type: 'object', properties: { spec: { type: 'object' } } },
      virtual: async (body, { user }) => ({ ...body, status: { user: user.username } }),
    });
    const server = await TestServer.start();
    const response = await server.send(reviews, 'create', '', { body: { spec: {} } });
    expect(response.status).to.equal(201);
    expect(JSON.parse(Buffer.from(response.body as Uint8Array).toString())).to.deep.include({
      status: { user: 'tester' },
    });
    expect((await server.fail(reviews, 'list', '')).message).to.equal(
      'list is not supported on resources of kind "reviews"',
    );
    await server.close();
  });

  it('serves subresources with a behaviour of their own', async () => {
    const doors = testDefinition({
      resource: 'doors',
      kind: 'Door',
      schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { open: { type: 'boolean' } } } },
      },
      subresources: [
        {
          name: 'opening',
          verbs: ['get', 'update', 'patch'],
          kind: { group: '', version: 'v1', kind: 'Door' },
          merge: (object, old) => ({
            ...old,
            spec: { open: (object['spec'] as { open?: boolean }).open === true },
          }),
          validateUpdate: (object) =>
            object.metadata.labels?.['locked'] === 'yes'
              ? [{ field: 'spec.open', reason: 'FieldValueForbidden', message: 'Forbidden: it is locked' }]
              : [],
        },
        {
          name: 'knock',
          verbs: ['create'],
          kind: { group: 'demo.io', version: 'v1', kind: 'Knock' },
          schema: { type: 'object', properties: { times: { type: 'integer' } } },
          create: async (body, { name, parent }) => ({ ...body, heardBy: name, uid: parent?.metadata.uid }),
        },
      ],
    });
    const server = await TestServer.startWithNamespace();
    await server.call(doors, 'create', 'c1/', { metadata: { name: 'd' }, spec: { open: false } });
    const opening = { subresource: 'opening' };
    const opened = await server.call(
      doors,
      'patch',
      'c1/d',
      { metadata: { labels: { a: 'b' } }, spec: { open: true } },
      opening,
    );
    expect(opened).to.deep.include({ spec: { open: true } });
    expect(opened.metadata.labels).to.equal(undefined);
    await server.call(doors, 'patch', 'c1/d', { metadata: { labels: { locked: 'yes' } } });
    expect((await server.fail(doors, 'patch', 'c1/d', { spec: { open: false } }, opening)).code).to.equal(
      422,
    );
    const knock = await server.call(
      doors,
      'create',
      'c1/d',
      { kind: 'Knock', times: 2 },
      { subresource: 'knock' },
    );
    expect(knock).to.include({ apiVersion: 'demo.io/v1', kind: 'Knock', times: 2, heardBy: 'd' });
    expect((await server.fail(doors, 'create', 'c1/e', {}, { subresource: 'knock' })).code).to.equal(404);
    const missing = await server.fail(doors, 'get', 'c1/d', undefined, { subresource: 'bell' });
    expect(missing).to.include({ code: 404, message: 'the server could not find the requested resource' });
    expect((await server.fail(doors, 'create', 'c1/d', {})).code).to.equal(405);
    expect((await server.fail(doors, 'delete', 'c1/d', undefined, opening)).code).to.equal(405);
    await server.close();
  });

  it('creates on update where the kind allows it, after asking for permission', async () => {
    const leases = testDefinition({
      resource: 'leases',
      kind: 'Lease',
      schema: { type: 'object' },
      strategy: { ...configMaps.strategy, allowCreateOnUpdate: true },
    });
    const server = await TestServer.startWithNamespace();
    const response = await server.send(leases, 'update', 'c1/l', { body: { metadata: { name: 'l' } } });
    expect(response.status).to.equal(201);
    expect(
      (await server.send(leases, 'update', 'c1/l', { body: { metadata: { name: 'l' } } })).status,
    ).to.equal(200);
    expect(
      (await server.fail(configMaps, 'update', 'c1/none', { metadata: { name: 'none' } })).code,
    ).to.equal(404);
    await server.close();
  });

  it('lets admission change and refuse writes', async () => {
    const seen: string[] = [];
    const plugin: AdmissionPlugin = {
      name: 'Test',
      handles: ({ definition }) => definition.resource === 'widgets',
      admit(attributes) {
        seen.push(attributes.operation);
        if (attributes.object !== undefined) attributes.object.metadata.annotations = { seen: 'yes' };
      },
      validate({ operation, warn }) {
        warn(`validated ${operation}`);
        if (operation === 'DELETE') throw new Error('not deletable');
      },
    };
    const server = await TestServer.start({ admission: [plugin] });
    const response = await server.send(widgets, 'create', 'c1/', {
      body: { metadata: { name: 'w' }, spec: { size: 1 } },
    });
    expect(response.headers['warning']).to.deep.equal(['299 - "validated CREATE"']);
    expect((await server.call(widgets, 'get', 'c1/w')).metadata.annotations).to.deep.equal({ seen: 'yes' });
    let message = '';
    await server.call(widgets, 'delete', 'c1/w').catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.equal('not deletable');
    expect(seen).to.deep.equal(['CREATE', 'DELETE']);
    await server.close();
  });
});
