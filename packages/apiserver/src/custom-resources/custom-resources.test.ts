import type { KubeObject, Schema } from '@flotilla/api';
import { expect } from 'chai';
import { namespaces, TestServer } from '../handlers/testing/handler-test-kit.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { type CustomResources, createCustomResources } from './custom-resources.js';

const gadgetSchema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 1 },
        color: { type: 'string', default: 'red' },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' } } },
  },
};

interface VersionFacts {
  readonly [field: string]: unknown;
}

function gadgetCrd(version: VersionFacts = {}, spec: VersionFacts = {}): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gadgets.demo.io' },
    spec: {
      group: 'demo.io',
      scope: 'Namespaced',
      names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gd'] },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: gadgetSchema }, ...version },
      ],
      ...spec,
    },
  };
}

describe('custom resources', () => {
  let server: TestServer;
  let custom: CustomResources;
  let crds: ResourceDefinition;

  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
    const { cache, registry, objects, env } = server;
    custom = createCustomResources({ cache, registry, objects, env });
    registry.set('crds', [custom.definition]);
    custom.start();
    crds = custom.definition;
  });
  afterEach(async () => {
    custom.close();
    await server.close();
  });

  const gadgets = (version = 'v1'): ResourceDefinition => {
    const found = server.registry.find('demo.io', version, 'gadgets');
    if (found === undefined) throw new Error(`gadgets are not served in ${version}`);
    return found;
  };

  /** Lets the cleanup loop, which runs on promises and the virtual clock, come to rest. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      await server.env.clock.advance(600);
    }
  };

  it('serves a resource by the time its definition is created', async () => {
    const generation = server.registry.generation;
    const made = await server.call(crds, 'create', '', gadgetCrd());
    expect(made.metadata.finalizers).to.deep.equal(['customresourcecleanup.apiextensions.k8s.io']);
    const status = made['status'] as { conditions: { type: string; status: string; reason: string }[] };
    expect(status.conditions.map(({ type, status: is, reason }) => `${type}=${is} ${reason}`)).to.deep.equal([
      'NamesAccepted=True NoConflicts',
      'Established=True InitialNamesAccepted',
    ]);
    expect(made['status']).to.deep.include({
      storedVersions: ['v1'],
      acceptedNames: {
        plural: 'gadgets',
        singular: 'gadget',
        kind: 'Gadget',
        listKind: 'GadgetList',
        shortNames: ['gd'],
      },
    });
    expect(server.registry.generation).to.be.greaterThan(generation);
    expect(gadgets()).to.include({ kind: 'Gadget', singular: 'gadget', namespaced: true });
    const object = await server.call(gadgets(), 'create', 'c1/', {
      metadata: { name: 'g' },
      spec: { size: 1 },
    });
    expect(object['spec']).to.deep.equal({ size: 1, color: 'red' });
    expect(object.metadata.generation).to.equal(1);
  });

  it('prunes and reports unknown fields, and validates', async () => {
    await server.call(crds, 'create', '', gadgetCrd());
    const body = { metadata: { name: 'g' }, spec: { size: 1, bogus: 1 } };
    const response = await server.send(gadgets(), 'create', 'c1/', { body });
    expect(response.headers['warning']).to.deep.equal(['299 - "unknown field \\"spec.bogus\\""']);
    const strict = await server.fail(gadgets(), 'create', 'c1/', body, { query: 'fieldValidation=Strict' });
    expect(strict).to.include({
      code: 400,
      message:
        'Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.bogus"',
    });
    const invalid = await server.fail(gadgets(), 'create', 'c1/', {
      metadata: { name: 'h' },
      spec: { size: 0 },
    });
    expect(invalid.code).to.equal(422);
  });

  it('refuses a strategic merge patch and protobuf', async () => {
    await server.call(crds, 'create', '', gadgetCrd());
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'g' } });
    for (const contentType of ['application/strategic-merge-patch+json']) {
      const status = await server.fail(gadgets(), 'patch', 'c1/g', {}, { contentType });
      expect(status).to.include({ code: 415, reason: 'UnsupportedMediaType' });
    }
    const contentType = 'application/vnd.kubernetes.protobuf';
    expect((await server.fail(gadgets(), 'create', 'c1/', {}, { contentType })).code).to.equal(415);
  });

  const bad: readonly [string, Record<string, unknown>, string][] = [
    [
      'a name that does not fit',
      { ...gadgetCrd(), metadata: { name: 'other.demo.io' } },
      'metadata.name: Invalid value: "other.demo.io": must be spec.names.plural+"."+spec.group',
    ],
    [
      'no schema',
      gadgetCrd({ schema: undefined }),
      'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
    ],
    [
      'no storage version',
      gadgetCrd({ storage: false }),
      'must have exactly one version marked as storage version',
    ],
    ['an unknown scope', gadgetCrd({}, { scope: 'Galaxy' }), 'spec.scope: Unsupported value: "Galaxy"'],
    [
      'a scale path outside spec',
      gadgetCrd({
        subresources: { scale: { specReplicasPath: '.x.y', statusReplicasPath: '.status.replicas' } },
      }),
      'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".x.y": should be a json path under .spec',
    ],
    [
      'a column of an unknown type',
      gadgetCrd({ additionalPrinterColumns: [{ name: 'A', type: 'thing', jsonPath: '.spec.size' }] }),
      'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "thing"',
    ],
    [
      'a field to select by in metadata',
      gadgetCrd({ selectableFields: [{ jsonPath: '.metadata.name' }] }),
      'must not point to fields in metadata',
    ],
    [
      'a schema that is not structural',
      gadgetCrd({
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { properties: {} } } } },
      }),
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value',
    ],
  ];
  for (const [what, body, message] of bad) {
    it(`refuses a definition with ${what}`, async () => {
      const status = await server.fail(crds, 'create', '', body);
      expect(status.code).to.equal(422);
      expect(status.message).to.contain(message);
    });
  }

  it('asks for approval in protected groups', async () => {
    const protectedCrd = (annotations?: Record<string, string>): unknown => ({
      ...gadgetCrd({}, { group: 'about.k8s.io' }),
      metadata: { name: 'gadgets.about.k8s.io', annotations },
    });
    expect((await server.fail(crds, 'create', '', protectedCrd())).message).to.contain(
      'metadata.annotations[api-approved.kubernetes.io]: Required value',
    );
    const made = await server.call(
      crds,
      'create',
      '',
      protectedCrd({ 'api-approved.kubernetes.io': 'unapproved, test' }),
    );
    const { conditions } = made['status'] as { conditions: { type: string; status: string }[] };
    expect(conditions[0]).to.include({ type: 'KubernetesAPIApprovalPolicyConformant', status: 'False' });
  });

  it('does not serve names that another definition of the group has, until it goes', async () => {
    await server.call(crds, 'create', '', gadgetCrd());
    const rival = gadgetCrd({}, { names: { plural: 'gizmos', kind: 'Gadget' } });
    const made = await server.call(crds, 'create', '', { ...rival, metadata: { name: 'gizmos.demo.io' } });
    const { conditions } = made['status'] as {
      conditions: { type: string; status: string; reason: string }[];
    };
    expect(conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).to.deep.equal([
      'NamesAccepted=False ListKindConflict',
      'Established=False NotAccepted',
    ]);
    expect(server.registry.find('demo.io', 'v1', 'gizmos')).to.equal(undefined);
    await server.call(crds, 'delete', 'gadgets.demo.io');
    await settle();
    expect(server.registry.find('demo.io', 'v1', 'gadgets')).to.equal(undefined);
    expect(server.registry.find('demo.io', 'v1', 'gizmos')?.kind).to.equal('Gadget');
  });

  it('serves several versions of one stored object', async () => {
    const body = gadgetCrd() as { spec: { versions: Record<string, unknown>[] } };
    const v2Schema: Schema = {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { size: { type: 'integer' }, shape: { type: 'string', default: 'round' } },
        },
      },
    };
    body.spec.versions.push({
      name: 'v2',
      served: true,
      storage: false,
      schema: { openAPIV3Schema: v2Schema },
    });
    await server.call(crds, 'create', '', body);
    expect(server.registry.versions('demo.io')).to.deep.equal(['v2', 'v1']);
    await server.call(gadgets('v1'), 'create', 'c1/', { metadata: { name: 'g' }, spec: { size: 1 } });
    const seen = await server.call(gadgets('v2'), 'get', 'c1/g');
    expect(seen.apiVersion).to.equal('demo.io/v2');
    expect(seen['spec']).to.deep.include({ size: 1, shape: 'round' });
    const list = (await server.call(gadgets('v2'), 'list', 'c1/')) as KubeObject & { items: KubeObject[] };
    expect(list.items.map((item) => item.apiVersion)).to.deep.equal(['demo.io/v2']);
    const watch = await server.watch(gadgets('v2'), 'c1/');
    expect(watch.events[0]?.object.apiVersion).to.equal('demo.io/v2');
    const written = await server.call(gadgets('v2'), 'patch', 'c1/g', { spec: { size: 2 } });
    expect(written).to.deep.include({ apiVersion: 'demo.io/v2', spec: { size: 2, shape: 'round' } });
    expect((await server.call(gadgets('v1'), 'get', 'c1/g')).apiVersion).to.equal('demo.io/v1');
  });

  it('gives stored objects the defaults that a schema gains later', async () => {
    const made = await server.call(crds, 'create', '', gadgetCrd());
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'g' }, spec: { size: 1 } });
    const spec = made['spec'] as {
      versions: [{ schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }];
    };
    spec.versions[0].schema.openAPIV3Schema.properties.spec.properties = {
      size: { type: 'integer' },
      weight: { type: 'integer', default: 7 },
    };
    await server.call(crds, 'update', 'gadgets.demo.io', made);
    const seen = await server.call(gadgets(), 'get', 'c1/g');
    expect(seen['spec']).to.deep.include({ size: 1, weight: 7 });
    const list = (await server.call(gadgets(), 'list', 'c1/')) as KubeObject & { items: KubeObject[] };
    expect(list.items[0]?.['spec']).to.deep.include({ weight: 7 });
  });

  it('appends a new storage version and keeps what must not change', async () => {
    const made = await server.call(crds, 'create', '', gadgetCrd());
    const spec = made['spec'] as { scope: string; versions: Record<string, unknown>[] };
    const [v1] = spec.versions;
    spec.versions = [
      { ...v1, storage: false },
      { ...v1, name: 'v2', storage: true },
    ];
    const updated = await server.call(crds, 'update', 'gadgets.demo.io', made);
    expect((updated['status'] as { storedVersions: string[] }).storedVersions).to.deep.equal(['v1', 'v2']);
    const without = await server.fail(crds, 'patch', 'gadgets.demo.io', {
      spec: { versions: [{ ...v1, name: 'v2' }] },
    });
    expect(without.message).to.contain(
      'status.storedVersions[0]: Invalid value: "v1": must appear in spec.versions',
    );
    const scope = await server.fail(crds, 'patch', 'gadgets.demo.io', { spec: { scope: 'Cluster' } });
    expect(scope.message).to.contain('spec.scope: Invalid value: "Cluster": field is immutable');
  });

  it('deletes the instances, honouring their finalizers, and ends watches', async () => {
    await server.call(crds, 'create', '', gadgetCrd());
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'a' } });
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'b', finalizers: ['x.io/hold'] } });
    const watch = await server.watch(gadgets(), 'c1/');
    const definition = gadgets();
    const marked = await server.call(crds, 'delete', 'gadgets.demo.io');
    expect(marked.metadata.deletionTimestamp).to.be.a('string');
    expect((marked['status'] as { conditions: { type: string }[] }).conditions.at(-1)?.type).to.equal(
      'Terminating',
    );
    const refused = await server.fail(gadgets(), 'create', 'c1/', { metadata: { name: 'c' } });
    expect(refused.message).to.contain('create not allowed while custom resource definition is terminating');
    await settle();
    expect((await server.fail(definition, 'get', 'c1/a')).code).to.equal(404);
    expect(server.registry.find('demo.io', 'v1', 'gadgets')).not.to.equal(undefined);
    await server.call(gadgets(), 'patch', 'c1/b', { metadata: { finalizers: null } });
    await settle();
    expect((await server.fail(crds, 'get', 'gadgets.demo.io')).code).to.equal(404);
    expect(server.registry.find('demo.io', 'v1', 'gadgets')).to.equal(undefined);
    expect(watch.isEnded).to.equal(true);
    expect(watch.events.filter(({ type }) => type === 'DELETED')).to.have.length(2);
  });

  it('warns of a deprecated version on every request', async () => {
    await server.call(crds, 'create', '', gadgetCrd({ deprecated: true }));
    const response = await server.send(gadgets(), 'list', 'c1/');
    expect(response.headers['warning']).to.deep.equal(['299 - "demo.io/v1 Gadget is deprecated"']);
  });

  it('selects by declared fields and refuses others', async () => {
    await server.call(crds, 'create', '', gadgetCrd({ selectableFields: [{ jsonPath: '.spec.color' }] }));
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'a' }, spec: { color: 'blue' } });
    await server.call(gadgets(), 'create', 'c1/', { metadata: { name: 'b' } });
    const list = (await server.call(gadgets(), 'list', 'c1/', undefined, {
      query: 'fieldSelector=spec.color%3Dblue',
    })) as KubeObject & { items: KubeObject[] };
    expect(list.items.map((item) => item.metadata.name)).to.deep.equal(['a']);
    const status = await server.fail(gadgets(), 'list', 'c1/', undefined, {
      query: 'fieldSelector=spec.size%3D1',
    });
    expect(status).to.include({ code: 400, message: 'field label not supported: spec.size' });
  });

  it('answers 404 for a cluster-scoped resource below a namespace', async () => {
    expect((await server.fail(namespaces, 'get', 'c1/c1')).code).to.equal(404);
  });
});
