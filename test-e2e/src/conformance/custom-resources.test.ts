/** Custom resources: pruning, defaults, validation, CEL, subresources, selectable fields. */
import { expect } from 'chai';
import { at, each, text } from '../support/json.js';
import { crdPath, widget, widgetCrd, widgetGroup, widgetPath } from '../support/objects.js';
import { type Answer, succeeded, TestServer } from '../support/server.js';

describe('custom resources', () => {
  const server = new TestServer();
  let namespace = '';
  before(async () => {
    await server.start();
    namespace = await server.namespace();
  });
  after(() => server.stop());

  /** Installs a CRD whose `spec` has these properties, and gives its collection. */
  const install = async (plural: string, spec: object, more: object = {}): Promise<string> => {
    await server.create(
      crdPath,
      widgetCrd(plural, {
        version: {
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', ...spec } } } },
          ...more,
        },
      }),
    );
    return widgetPath(namespace, plural);
  };
  const kindOf = (plural: string) => plural.charAt(0).toUpperCase() + plural.slice(1).replace(/s$/, '');
  const post = (path: string, name: string, spec: unknown): Promise<Answer> =>
    server.send('POST', path, {
      body: { ...widget(kindOf(path.split('/').at(-1) ?? ''), name), spec },
    });

  it('prunes what the schema does not know, but not below preserved fields or in embedded metadata', async () => {
    const path = await install('prunes', {
      properties: {
        known: { type: 'string' },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { strict: { type: 'object', properties: { a: { type: 'string' } } } },
        },
        embedded: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    });
    const made = await post(path, 'a', {
      known: 'x',
      unknown: 1,
      free: { any: { thing: 1 }, strict: { a: 'x', b: 1 } },
      embedded: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'x', labels: { a: 'b' } },
        data: { k: 'v' },
      },
    });
    expect(at(made.body, 'spec'), made.text).to.deep.equal({
      known: 'x',
      free: { any: { thing: 1 }, strict: { a: 'x' } },
      embedded: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'x', labels: { a: 'b' } },
        data: { k: 'v' },
      },
    });
    expect((await post(path, 'b', { embedded: { data: {} } })).status).to.equal(422);
  });

  it('fills defaults in cascade, for null, and when it reads what was stored before', async () => {
    const path = await install('defaults', {
      properties: {
        a: { type: 'string', default: 'x' },
        n: { type: 'string', nullable: true, default: 'y' },
        p: { type: 'object', default: {}, properties: { q: { type: 'integer', default: 3 } } },
        none: { type: 'object', properties: { q: { type: 'integer', default: 3 } } },
      },
    });
    const made = succeeded(await post(path, 'a', { a: null, n: null })).body;
    expect(at(made, 'spec')).to.deep.equal({ a: 'x', n: null, p: { q: 3 } });
    const crd = await server.read(`${crdPath}/defaults.${widgetGroup}`);
    const property = { type: 'string', default: 'later' };
    succeeded(
      await server.patch(`${crdPath}/defaults.${widgetGroup}`, 'json', [
        {
          op: 'add',
          path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/new',
          value: property,
        },
        { op: 'test', path: '/metadata/resourceVersion', value: text(crd, 'metadata.resourceVersion') },
      ]),
    );
    expect(at(await server.read(`${path}/a`), 'spec.new')).to.equal('later');
    expect(at(await server.read(path), 'items.0.spec.new')).to.equal('later');
  });

  it('checks every keyword', async () => {
    const cases: readonly [string, object, unknown, unknown][] = [
      ['type', { type: 'string' }, 'x', 1],
      ['integer', { type: 'integer' }, 1, 1.5],
      ['enum', { type: 'string', enum: ['a', 'b'] }, 'a', 'c'],
      ['minimum', { type: 'integer', minimum: 2 }, 2, 1],
      ['exclusiveMinimum', { type: 'number', minimum: 2, exclusiveMinimum: true }, 2.1, 2],
      ['maximum', { type: 'integer', maximum: 2 }, 2, 3],
      ['multipleOf', { type: 'integer', multipleOf: 3 }, 6, 7],
      ['minLength in code points', { type: 'string', minLength: 2 }, '😀😀', '😀'],
      ['maxLength in code points', { type: 'string', maxLength: 2 }, '😀😀', 'abc'],
      ['pattern, unanchored', { type: 'string', pattern: 'b+' }, 'abc', 'ac'],
      ['minItems', { type: 'array', items: { type: 'integer' }, minItems: 1 }, [1], []],
      ['maxItems', { type: 'array', items: { type: 'integer' }, maxItems: 1 }, [1], [1, 2]],
      [
        'minProperties',
        { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 1 },
        { a: 1 },
        {},
      ],
      [
        'maxProperties',
        { type: 'object', additionalProperties: { type: 'integer' }, maxProperties: 1 },
        { a: 1 },
        { a: 1, b: 2 },
      ],
      [
        'required',
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { a: 'x' },
        {},
      ],
      [
        'additionalProperties',
        { type: 'object', additionalProperties: { type: 'integer' } },
        { a: 1 },
        { a: 'x' },
      ],
      ['allOf', { type: 'integer', allOf: [{ minimum: 2 }, { maximum: 3 }] }, 2, 4],
      ['anyOf', { type: 'integer', anyOf: [{ maximum: 1 }, { minimum: 5 }] }, 5, 3],
      ['oneOf', { type: 'integer', oneOf: [{ maximum: 3 }, { minimum: 2 }] }, 1, 2],
      ['not', { type: 'integer', not: { enum: [3] } }, 2, 3],
      ['format date-time', { type: 'string', format: 'date-time' }, '2026-01-02T03:04:05Z', 'yesterday'],
      ['format duration', { type: 'string', format: 'duration' }, '1h30m', 'long'],
      ['format ipv4', { type: 'string', format: 'ipv4' }, '10.0.0.1', '10.0.0.256'],
      ['format cidr', { type: 'string', format: 'cidr' }, '10.0.0.0/8', '10.0.0.0/99'],
      ['format uuid', { type: 'string', format: 'uuid' }, '5c0a8a6e-6f0b-4c8e-9f5a-3d5ab1a7d4d1', 'x'],
      ['format email', { type: 'string', format: 'email' }, 'a@b.c', 'a'],
      ['format byte', { type: 'string', format: 'byte' }, 'YQ==', '***'],
      ['int-or-string', { 'x-kubernetes-int-or-string': true }, '25%', true],
      [
        'a set',
        { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        ['a', 'b'],
        ['a', 'a'],
      ],
      [
        'a map list',
        {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
        },
        [{ k: 'a' }, { k: 'b' }],
        [{ k: 'a' }, { k: 'a' }],
      ],
    ];
    const properties = Object.fromEntries(cases.map(([, schema], index) => [`f${index}`, schema]));
    const path = await install('keywords', { properties });
    for (const [index, [name, , good, bad]] of cases.entries()) {
      const accepted = await post(path, `good-${index}`, { [`f${index}`]: good });
      expect(accepted.status, `${name}: ${accepted.text}`).to.equal(201);
      const refused = await post(path, `bad-${index}`, { [`f${index}`]: bad });
      expect(refused.status, `${name}: ${refused.text}`).to.equal(422);
      expect(text(refused.body, 'details.causes.0.field'), name).to.match(new RegExp(`^spec\\.f${index}`));
    }
  });

  it('evaluates CEL rules: messages, old values, field paths, and a budget', async () => {
    const path = await install('rules', {
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', message: 'min must not exceed max' },
        {
          rule: '!has(self.name) || self.name.startsWith("a")',
          messageExpression: '"bad name: " + self.name',
          fieldPath: '.name',
          reason: 'FieldValueForbidden',
        },
        { rule: 'self.fixed == oldSelf.fixed', message: 'fixed is immutable' },
        { rule: 'oldSelf.hasValue() || self.max < 50', optionalOldSelf: true, message: 'starts below 50' },
      ],
      properties: {
        min: { type: 'integer', default: 0 },
        max: { type: 'integer', default: 10 },
        name: { type: 'string' },
        fixed: { type: 'string', default: 'f' },
        many: {
          type: 'array',
          maxItems: 5000,
          items: { type: 'integer' },
          'x-kubernetes-validations': [
            { rule: 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))', message: 'sums' },
          ],
        },
      },
    });
    const messageOf = async (answer: Promise<Answer>) => text((await answer).body, 'message');
    expect((await post(path, 'good', { max: 5 })).status).to.equal(201);
    expect(await messageOf(post(path, 'a', { min: 11 }))).to.match(
      /spec: Invalid value: .*: min must not exceed max$/,
    );
    const named = await post(path, 'a', { name: 'b' });
    expect(at(named.body, 'details.causes.0')).to.deep.include({
      field: 'spec.name',
      reason: 'FieldValueForbidden',
    });
    expect(text(named.body, 'message')).to.contain('bad name: b');
    expect(await messageOf(post(path, 'a', { max: 60 }))).to.contain('starts below 50');
    expect((await server.patch(`${path}/good`, 'merge', { spec: { max: 60 } })).status).to.equal(200);
    expect(await messageOf(server.patch(`${path}/good`, 'merge', { spec: { fixed: 'g' } }))).to.contain(
      'fixed is immutable',
    );
    const costly = await post(path, 'costly', { many: Array.from({ length: 2000 }, () => 1) });
    expect(costly.status, costly.text.slice(0, 300)).to.equal(422);
    const broken = await server.send('POST', crdPath, {
      body: widgetCrd('brokens', {
        version: {
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.missing ==' }] },
              },
            },
          },
        },
      }),
    });
    expect(broken.status).to.equal(422);
    expect(text(broken.body, 'message')).to.contain('x-kubernetes-validations[0].rule');
  });

  it('lets be what was invalid before and is not touched', async () => {
    const path = await install('ratchets', { properties: { a: { type: 'string' }, b: { type: 'string' } } });
    succeeded(await post(path, 'r', { a: 'long value', b: 'x' }));
    succeeded(
      await server.patch(`${crdPath}/ratchets.${widgetGroup}`, 'json', [
        {
          op: 'add',
          path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/maxLength',
          value: 3,
        },
      ]),
    );
    expect((await server.patch(`${path}/r`, 'merge', { spec: { b: 'y' } })).status).to.equal(200);
    expect((await server.patch(`${path}/r`, 'merge', { spec: { a: 'other long value' } })).status).to.equal(
      422,
    );
    expect((await server.patch(`${path}/r`, 'merge', { spec: { a: 'ok' } })).status).to.equal(200);
  });

  it('serves status and scale, and kubectl scales', async () => {
    await server.create(crdPath, widgetCrd('scalers'));
    const path = widgetPath(namespace, 'scalers');
    succeeded(await post(path, 's', { replicas: 2 }));
    succeeded(
      await server.patch(`${path}/s/status`, 'merge', { status: { replicas: 1, selector: 'app=s' } }),
    );
    const scale = await server.read(`${path}/s/scale`);
    expect(scale).to.deep.include({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 2 } });
    expect(at(scale, 'status')).to.deep.equal({ replicas: 1, selector: 'app=s' });
    expect(await server.k('scale', 'scaler/s', '--replicas=5', '-n', namespace)).to.contain('scaled');
    expect(at(await server.read(`${path}/s`), 'spec.replicas')).to.equal(5);
    expect(await server.k('get', 'scaler/s', '-n', namespace, '--subresource=scale')).to.match(
      /^NAME +DESIRED +AVAILABLE +AGE *\ns +5 +1 +\d+s *\n$/,
    );
    expect(
      await server.k('scale', 'scaler/s', '--current-replicas=5', '--replicas=6', '-n', namespace),
    ).to.contain('scaled');
    const stale = { ...(scale as object), spec: { replicas: 9 } };
    expect((await server.send('PUT', `${path}/s/scale`, { body: stale })).status).to.equal(409);
    expect(
      await server.k(
        'get',
        'scaler/s',
        '-n',
        namespace,
        '--subresource=status',
        '-o',
        'jsonpath={.status.replicas}',
      ),
    ).to.equal('1');
  });

  it('selects by declared fields, in lists and watches', async () => {
    const path = await install(
      'selects',
      { properties: { color: { type: 'string' }, size: { type: 'integer' } } },
      {
        selectableFields: [{ jsonPath: '.spec.color' }, { jsonPath: '.spec.size' }],
      },
    );
    succeeded(await post(path, 'r', { color: 'red', size: 1 }));
    succeeded(await post(path, 'b', { color: 'blue', size: 2 }));
    expect(each(await server.read(`${path}?fieldSelector=spec.color%3Dred`), 'metadata.name')).to.deep.equal([
      'r',
    ]);
    expect(each(await server.read(`${path}?fieldSelector=spec.size!%3D1`), 'metadata.name')).to.deep.equal([
      'b',
    ]);
    const watch = await server.watch(`${path}?watch=1&fieldSelector=spec.color%3Dred`);
    expect((await watch.next()).type).to.equal('ADDED');
    succeeded(await server.patch(`${path}/b`, 'merge', { spec: { color: 'red' } }));
    expect((await watch.next()).type).to.equal('ADDED');
    succeeded(await server.patch(`${path}/r`, 'merge', { spec: { color: 'green' } }));
    expect((await watch.next()).type).to.equal('DELETED');
    watch.close();
  });
});
