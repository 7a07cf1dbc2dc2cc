import { expect } from 'chai';
import { createServiceNetwork } from '../service-network.js';
import { create, definitionOf, fieldsOf, testContext, update } from '../test-kit.js';

describe('Namespace', () => {
  const definition = definitionOf('Namespace');

  it('comes with finalizer, phase and its name as a label', async () => {
    const { object } = await create(definition, { metadata: { name: 'demo' } });
    expect(object['spec']).to.deep.equal({ finalizers: ['kubernetes'] });
    expect(object['status']).to.deep.equal({ phase: 'Active' });
    expect(object.metadata.labels).to.deep.equal({ 'kubernetes.io/metadata.name': 'demo' });
    expect(definition.strategy.holdsDeletion?.(object)).to.equal(true);
  });

  it('gets the label back, and keeps its finalizers on updates', async () => {
    const { object: old } = await create(definition, { metadata: { name: 'demo' } });
    const { object } = await update(definition, old, { metadata: { name: 'demo', labels: {} }, spec: {} });
    expect(object['spec']).to.deep.equal({ finalizers: ['kubernetes'] });
    expect(object.metadata.labels).to.have.property('kubernetes.io/metadata.name', 'demo');
  });

  it('is let go through the finalize subresource', async () => {
    const { object: old } = await create(definition, { metadata: { name: 'demo' } });
    const door = definition.subresources.find(({ name }) => name === 'finalize');
    const next = door?.merge?.({ ...old, spec: { finalizers: [] } }, old, testContext) ?? old;
    await definition.strategy.prepareForUpdate?.(next, old, { ...testContext, subresource: 'finalize' });
    expect(definition.strategy.holdsDeletion?.(next)).to.equal(false);
  });

  it('turns Terminating on deletion, unless it is one that may not go', async () => {
    const { object } = await create(definition, { metadata: { name: 'demo' } });
    definition.strategy.beforeDelete?.(object, testContext);
    expect(object['status']).to.deep.equal({ phase: 'Terminating' });
    const { object: kept } = await create(definition, { metadata: { name: 'kube-system' } });
    expect(() => definition.strategy.beforeDelete?.(kept, testContext)).to.throw(
      'this namespace may not be deleted',
    );
  });
});

describe('Secret', () => {
  const definition = definitionOf('Secret');

  it('folds stringData into data and defaults its type', async () => {
    const { object } = await create(definition, { data: { a: 'YQ==', b: 'YQ==' }, stringData: { b: 'x' } });
    expect(object['data']).to.deep.equal({ a: 'YQ==', b: 'eA==' });
    expect(object).not.to.have.property('stringData');
    expect(object['type']).to.equal('Opaque');
  });

  const types: readonly (readonly [string, object, readonly string[]])[] = [
    ['kubernetes.io/tls', { 'tls.crt': '' }, ['data[tls.key]']],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': 'eA==' }, ['data[.dockerconfigjson]']],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': 'e30=' }, []],
    ['kubernetes.io/basic-auth', {}, ['data[username]', 'data[password]']],
    ['kubernetes.io/basic-auth', { username: '' }, []],
    ['kubernetes.io/service-account-token', {}, ['metadata.annotations[kubernetes.io/service-account.name]']],
    ['Opaque', { 'a b': '' }, ['data[a b]']],
  ];
  for (const [type, data, fields] of types) {
    it(`of type ${type} with ${JSON.stringify(data)} has ${fields.length} faults`, async () => {
      expect(fieldsOf(await create(definition, { type, data }))).to.deep.equal(fields);
    });
  }

  it('keeps its type, and all of it once it is immutable', async () => {
    const { object: old } = await create(definition, { data: { a: 'YQ==' }, immutable: true });
    expect(fieldsOf(await update(definition, old, { data: { a: 'YQ==' }, immutable: true }))).to.deep.equal(
      [],
    );
    const changed = await update(definition, old, { type: 'other', data: { a: 'Yg==' } });
    expect(fieldsOf(changed)).to.deep.equal(['type', 'immutable', 'data']);
  });

  it('has a size limit', async () => {
    const data = { a: Buffer.alloc(1024 * 1024 + 1).toString('base64') };
    expect((await create(definition, { data })).errors.map(({ reason }) => reason)).to.deep.equal([
      'FieldValueTooLong',
    ]);
  });
});

describe('Service', () => {
  const serviceNetwork = createServiceNetwork({ cidr: '10.0.0.0/24', services: () => [] });
  const definition = definitionOf('Service', { serviceNetwork });

  it('gets an address, and defaults for its ports', async () => {
    const { object, errors } = await create(definition, { spec: { ports: [{ port: 80 }] } });
    expect(errors).to.deep.equal([]);
    expect(object['spec']).to.deep.equal({
      type: 'ClusterIP',
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    });
    expect(object['status']).to.deep.equal({ loadBalancer: {} });
  });

  it('keeps its address when a client sends its manifest again, and does not change it', async () => {
    const { object: old } = await create(definition, { spec: { ports: [{ port: 80 }], type: 'NodePort' } });
    const again = await update(definition, old, { spec: { ports: [{ port: 80 }], type: 'NodePort' } });
    expect(again.object).to.deep.equal(old);
    const moved = await update(definition, old, { spec: { clusterIP: '10.0.0.9', ports: [{ port: 80 }] } });
    expect(fieldsOf(moved)).to.include('spec.clusterIPs[0]');
  });

  it('may be headless or a name, and needs ports otherwise', async () => {
    const headless = await create(definition, { spec: { clusterIP: 'None' } });
    expect(headless.errors).to.deep.equal([]);
    expect(headless.object['spec']).to.deep.include({ clusterIPs: ['None'] });
    const named = await create(definition, { spec: { type: 'ExternalName', externalName: 'example.com' } });
    expect(named.object['spec']).to.deep.equal({
      type: 'ExternalName',
      externalName: 'example.com',
      sessionAffinity: 'None',
    });
    expect(fieldsOf(await create(definition, { spec: {} }))).to.deep.equal(['spec.ports']);
  });

  it('refuses an address that is taken or outside the range', async () => {
    const attempt = (clusterIP: string) =>
      create(definition, { spec: { clusterIP, ports: [{ port: 80 }] } }).then(
        () => 'created',
        (error: Error) => error.message,
      );
    expect(await attempt('10.0.0.77')).to.equal('created');
    expect(await attempt('10.0.0.77')).to.match(/already allocated/);
    expect(await attempt('10.1.0.1')).to.match(/not in the valid range/);
  });
});

describe('Event', () => {
  const core = definitionOf('Event', { group: '' });
  const modern = definitionOf('Event', { group: 'events.k8s.io' });

  it('is the same object in both groups', async () => {
    const { object } = await create(core, {
      metadata: { namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      message: 'hello',
      count: 3,
      source: { component: 'kubelet' },
      firstTimestamp: '2025-01-01T00:00:00Z',
    });
    const seen = modern.convert?.fromStorage(object) ?? object;
    expect(seen).to.deep.include({
      apiVersion: 'events.k8s.io/v1',
      note: 'hello',
      regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
      deprecatedCount: 3,
      deprecatedFirstTimestamp: '2025-01-01T00:00:00Z',
    });
    expect(modern.convert?.toStorage(seen)).to.deep.equal(object);
    expect(modern.storageGroup).to.equal('');
  });

  it('stands in the namespace of what it is about', async () => {
    const misplaced = { metadata: { namespace: 'other' }, involvedObject: { namespace: 'default' } };
    expect(fieldsOf(await create(core, misplaced))).to.deep.equal(['involvedObject.namespace']);
  });
});

describe('role bindings', () => {
  const definition = definitionOf('RoleBinding');
  const body = {
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'joe' },
      { kind: 'ServiceAccount', name: 'sa', namespace: 'x' },
    ],
  };

  it('get the API groups of their references', async () => {
    const { object, errors } = await create(definition, body);
    expect(errors).to.deep.equal([]);
    expect(object['roleRef']).to.have.property('apiGroup', 'rbac.authorization.k8s.io');
    expect(object['subjects']).to.deep.equal([
      { kind: 'User', name: 'joe', apiGroup: 'rbac.authorization.k8s.io' },
      { kind: 'ServiceAccount', name: 'sa', namespace: 'x' },
    ]);
  });

  it('never change their role', async () => {
    const { object: old } = await create(definition, body);
    const { errors } = await update(definition, old, { ...body, roleRef: { kind: 'Role', name: 'other' } });
    expect(errors.map(({ message }) => message).join()).to.match(/cannot change roleRef/);
  });
});
