/** CustomResourceDefinitions themselves: names, structural schemas, versions, deletion. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import { crdPath, widget, widgetCrd, widgetGroup, widgetPath } from '../support/objects.js';
import { eventually, root } from '../support/processes.js';
import { type Answer, succeeded, TestServer } from '../support/server.js';

describe('custom resource definitions', () => {
  const server = new TestServer();
  let namespace = '';
  before(async () => {
    await server.start();
    namespace = await server.namespace();
  });
  after(() => server.stop());

  const condition = (crd: unknown, type: string) => {
    const found = list(crd, 'status.conditions').find((one) => at(one, 'type') === type);
    return `${at(found, 'status')}/${at(found, 'reason')}`;
  };
  const kindOf = (plural: string) => plural.charAt(0).toUpperCase() + plural.slice(1).replace(/s$/, '');
  const post = (path: string, name: string, spec: unknown): Promise<Answer> =>
    server.send('POST', path, {
      body: { ...widget(kindOf(path.split('/').at(-1) ?? ''), name), spec },
    });

  it('accepts names at once, and tells which of them another definition has', async () => {
    const made = await server.create(crdPath, widgetCrd('firsts', { names: { shortNames: ['fst'] } }));
    expect(condition(made, 'NamesAccepted')).to.equal('True/NoConflicts');
    expect(condition(made, 'Established')).to.equal('True/InitialNamesAccepted');
    expect(at(made, 'status.acceptedNames')).to.deep.include({
      plural: 'firsts',
      singular: 'first',
      kind: 'First',
      listKind: 'FirstList',
    });
    expect(at(made, 'status.storedVersions')).to.deep.equal(['v1']);
    expect(at(made, 'spec.conversion')).to.deep.equal({ strategy: 'None' });
    const cases = [
      ['seconds', { shortNames: ['fst'] }, 'ShortNamesConflict'],
      ['thirds', { kind: 'First' }, 'KindConflict'],
      ['fourths', { singular: 'first' }, 'SingularConflict'],
      ['fifths', { listKind: 'FirstList' }, 'ListKindConflict'],
      ['fst', { singular: 'sixth', kind: 'Sixth', listKind: 'SixthList' }, 'PluralConflict'],
    ] as const;
    for (const [plural, names, reason] of cases) {
      const crd = await server.create(crdPath, widgetCrd(plural, { names }));
      expect(condition(crd, 'NamesAccepted'), plural).to.equal(`False/${reason}`);
      expect(condition(crd, 'Established')).to.equal('False/NotAccepted');
      expect((await server.get(widgetPath(namespace, plural))).status).to.equal(404);
    }
    for (const plural of ['firsts', ...cases.map(([name]) => name)]) {
      await server.send('DELETE', `${crdPath}/${plural}.${widgetGroup}`);
    }
  });

  it('refuses objects and schemas that break the rules, naming the field', async () => {
    const broken: readonly [string, object, string][] = [
      [
        'a name that is not plural.group',
        { ...widgetCrd('as'), metadata: { name: 'wrong' } },
        'metadata.name',
      ],
      [
        'a protected group',
        { ...widgetCrd('as', { spec: { group: 'x.k8s.io' } }), metadata: { name: 'as.x.k8s.io' } },
        'api-approved.kubernetes.io',
      ],
      ['no storage version', widgetCrd('as', { version: { storage: false } }), 'storage'],
      ['no schema', widgetCrd('as', { version: { schema: null } }), 'schema'],
      ...(
        [
          [{ properties: { a: { description: 'no type' } } }, 'type: Required value'],
          [{ properties: { a: { type: 'object', $ref: '#/x' } } }, '$ref'],
          [
            { properties: { a: { type: 'array', items: { type: 'string' }, uniqueItems: true } } },
            'uniqueItems',
          ],
          [{ properties: { a: { type: 'object', additionalProperties: false } } }, 'additionalProperties'],
          [
            {
              properties: {
                a: {
                  type: 'object',
                  properties: { b: { type: 'string' } },
                  additionalProperties: { type: 'string' },
                },
              },
            },
            'additionalProperties',
          ],
          [
            { properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
            'metadata',
          ],
          [{ properties: { a: { type: 'string', anyOf: [{ type: 'string' }] } } }, 'anyOf[0].type'],
          [
            { properties: { a: { type: 'string', 'x-kubernetes-list-type': 'set' } } },
            'x-kubernetes-list-type',
          ],
          [
            {
              properties: {
                a: { type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } },
              },
            },
            'x-kubernetes-list-map-keys',
          ],
          [{ properties: { a: { type: 'string', default: 5 } } }, 'default'],
          [{ properties: { a: { type: 'string', pattern: '(' } } }, 'pattern'],
        ] as const
      ).map(([schema, field]): [string, object, string] => [
        JSON.stringify(schema),
        widgetCrd('as', { version: { schema: { openAPIV3Schema: { type: 'object', ...schema } } } }),
        field,
      ]),
    ];
    for (const [what, crd, field] of broken) {
      const answer = await server.send('POST', crdPath, { body: crd });
      expect(answer.status, `${what}: ${answer.text}`).to.equal(422);
      expect(text(answer.body, 'message'), what).to.contain(field);
    }
  });

  it('serves two versions of one object, and follows a change of the storage version', async () => {
    const crd = widgetCrd('doubles');
    const [version] = crd.spec.versions;
    const versions = [version, { ...version, name: 'v2', storage: false }];
    const name = `${crdPath}/${crd.metadata.name}`;
    await server.create(crdPath, { ...crd, spec: { ...crd.spec, versions } });
    const v1 = widgetPath(namespace, 'doubles');
    const v2 = v1.replace('/v1/', '/v2/');
    succeeded(await post(v1, 'd', { size: 1 }));
    expect(await server.read(`${v2}/d`)).to.deep.include({ apiVersion: `${widgetGroup}/v2`, kind: 'Double' });
    expect(each(await server.read(v2), 'apiVersion')).to.deep.equal([`${widgetGroup}/v2`]);
    const watch = await server.watch(`${v2}?watch=1`);
    expect(at((await watch.next()).object, 'apiVersion')).to.equal(`${widgetGroup}/v2`);
    watch.close();
    const switched = versions.map((one, index) => ({ ...one, storage: index === 1 }));
    const after = succeeded(await server.patch(name, 'merge', { spec: { versions: switched } })).body;
    expect(at(after, 'status.storedVersions')).to.deep.equal(['v1', 'v2']);
    const dropped = await server.patch(name, 'merge', { spec: { versions: switched.slice(1) } });
    expect(dropped.status).to.equal(422);
    expect(text(dropped.body, 'message')).to.contain('status.storedVersions[0]');
    succeeded(await server.patch(`${v1}/d`, 'merge', { spec: { size: 2 } }));
    expect(at(await server.read(`${v2}/d`), 'spec.size')).to.equal(2);
    succeeded(await server.patch(`${name}/status`, 'merge', { status: { storedVersions: ['v2'] } }));
    succeeded(await server.patch(name, 'merge', { spec: { versions: switched.slice(1) } }));
    expect(at(await server.read(`${v2}/d`), 'spec.size')).to.equal(2);
    expect((await server.get(`${v1}/d`)).status).to.equal(404);
  });

  it('goes only after its objects, whose finalizers are honoured', async () => {
    const crd = widgetCrd('lasts');
    await server.create(crdPath, crd);
    const path = widgetPath(namespace, 'lasts');
    await server.create(path, widget('Last', 'held', {}, { finalizers: ['test.flotilla.dev/hold'] }));
    await server.create(path, widget('Last', 'plain'));
    await server.send('DELETE', `${crdPath}/${crd.metadata.name}`);
    await eventually(
      'only the held one is left',
      async () => each(await server.read(path), 'metadata.name').join() === 'held',
    );
    const late = await server.send('POST', path, { body: widget('Last', 'late') });
    expect(late.status, late.text).to.equal(403);
    expect(text(late.body, 'message')).to.contain(
      'create not allowed while custom resource definition is terminating',
    );
    expect(condition(await server.read(`${crdPath}/${crd.metadata.name}`), 'Terminating')).to.match(/^True/);
    await server.patch(`${path}/held`, 'merge', { metadata: { finalizers: null } });
    await eventually(
      'it goes',
      async () => (await server.get(`${crdPath}/${crd.metadata.name}`)).status === 404,
    );
    expect((await server.get(path)).status).to.equal(404);
  });

  const others = process.env['FLOTILLA_CRDS'];
  it(`installs every CRD that we ship${others === undefined ? '' : ', and those of FLOTILLA_CRDS'}`, async () => {
    for (const folder of [join(root, 'deploy', 'crds'), ...(others === undefined ? [] : [others])]) {
      for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
        const applied = await server.kubectl('apply', '--server-side', '-f', join(folder, file));
        expect(applied.code, applied.stderr).to.equal(0);
        const name = /(?<=\/)\S+(?= serverside-applied)/.exec(applied.stdout)?.[0] ?? '';
        const crd = await server.read(`${crdPath}/${name}`);
        expect(condition(crd, 'Established'), name).to.equal('True/InitialNamesAccepted');
        expect(condition(crd, 'NonStructuralSchema'), name).to.equal('undefined/undefined');
        const resource = `${text(crd, 'status.acceptedNames.plural')}.${text(crd, 'spec.group')}`;
        expect((await server.kubectl('get', resource, '-A')).stderr, name).to.equal('No resources found\n');
        expect(await server.k('explain', resource), name).to.contain('GROUP:');
        await server.k('delete', 'crd', name);
      }
    }
  });

  it('takes the example objects of every CRD that we ship', async () => {
    await server.k('apply', '-f', 'deploy/crds');
    await server.k('apply', '--server-side', '--force-conflicts', '-f', 'deploy/crds');
    const shipped = readdirSync(join(root, 'deploy', 'crds')).filter((file) => file.endsWith('.yaml'));
    for (const file of shipped) {
      const [group, plural] = file.replace('.yaml', '').split('_');
      const crd = await server.read(`${crdPath}/${plural}.${group}`);
      expect(condition(crd, 'Established'), file).to.equal('True/InitialNamesAccepted');
    }
    for (const cluster of ['cluster1', 'cluster2']) await server.k('create', 'namespace', cluster);
    for (const file of readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))) {
      expect(await server.k('apply', '--dry-run=server', '-f', join('examples', file)), file).to.contain(
        '(server dry run)',
      );
    }
  });
});
