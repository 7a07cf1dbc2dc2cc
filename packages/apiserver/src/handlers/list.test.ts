import type { KubeList } from '@flotilla/api';
import { expect } from 'chai';
import { decodeContinue, encodeContinue } from './continue-token.js';
import { bodyOf, configMaps, TestServer, widgets } from './testing/handler-test-kit.js';

describe('list', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await TestServer.startWithNamespace();
  });
  afterEach(() => server.close());

  const add = async (...names: string[]): Promise<void> => {
    for (const name of names) {
      await server.call(configMaps, 'create', 'c1/', {
        metadata: { name, labels: { tier: name < 'c' ? 'low' : 'high' } },
      });
    }
  };
  const list = async (query = '', path = 'c1/'): Promise<KubeList> =>
    (await server.call(configMaps, 'list', path, undefined, { query })) as unknown as KubeList;
  const names = (result: KubeList): string[] => result.items.map((item) => item.metadata.name ?? '');

  it('answers an empty list with the current revision', async () => {
    const result = await list();
    expect(result).to.deep.include({ kind: 'ConfigMapList', apiVersion: 'v1', items: [] });
    expect(result.metadata).to.deep.equal({ resourceVersion: String(await server.store.revision()) });
  });

  it('orders by namespace and name', async () => {
    await add('b', 'a', 'a-b');
    expect(names(await list())).to.deep.equal(['a', 'a-b', 'b']);
  });

  it('leaves the kind out of items of built-in kinds, and only there', async () => {
    await add('a');
    const expected = await server.call(configMaps, 'get', 'c1/a');
    const { kind: _kind, apiVersion: _apiVersion, ...bare } = expected;
    expect((await list()).items).to.deep.equal([bare]);
    const { body } = await server.send(configMaps, 'list', 'c1/', { yaml: true });
    expect(String(body).match(/kind: .*/g)).to.deep.equal(['kind: ConfigMapList']);

    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 1 } });
    const custom = (await server.call(widgets, 'list', 'c1/')) as unknown as KubeList;
    expect(custom.items[0]).to.include({ apiVersion: 'demo.io/v1', kind: 'Widget' });
  });

  it('pages through one snapshot while objects are written', async () => {
    await add('a', 'b', 'c', 'd', 'e');
    const first = await list('limit=2');
    expect(names(first)).to.deep.equal(['a', 'b']);
    expect(first.metadata.remainingItemCount).to.equal(3);
    await server.call(configMaps, 'delete', 'c1/c');
    await add('bb', 'f');
    const next = first.metadata.continue ?? '';
    const second = await list(`limit=2&continue=${next}`);
    expect(names(second)).to.deep.equal(['c', 'd']);
    expect(second.metadata.resourceVersion).to.equal(first.metadata.resourceVersion);
    const third = await list(`limit=2&continue=${second.metadata.continue}`);
    expect(names(third)).to.deep.equal(['e']);
    expect(third.metadata.continue).to.equal(undefined);
  });

  it('goes on inconsistently with a token of revision -1', async () => {
    await add('a', 'b', 'c');
    const token = encodeContinue({ revision: -1n, start: 'c1/a\0' });
    expect(names(await list(`continue=${token}`))).to.deep.equal(['b', 'c']);
  });

  it('makes tokens in the encoding of the reference', () => {
    const token = encodeContinue({ revision: 7n, start: 'c1/a\0' });
    expect(Buffer.from(token, 'base64url').toString()).to.equal(
      '{"v":"meta.k8s.io/v1","rv":7,"start":"c1/a\\u0000"}',
    );
    expect(decodeContinue(token)).to.deep.equal({ revision: 7n, start: 'c1/a\0' });
  });

  it('selects by a label the same of many objects, once there is an index of it', async () => {
    for (let i = 0; i < 300; i++) await add(`${i % 7 === 0 ? 'd' : 'a'}-${i}`);
    const expected = Array.from({ length: 43 }, (_, i) => `d-${i * 7}`).sort();
    const query = 'labelSelector=tier%3Dhigh';
    expect(names(await list(query))).to.deep.equal(expected);
    await server.env.clock.advance(0);
    expect(server.cache.stats().labelIndexes).to.equal(1);
    expect(names(await list(query))).to.deep.equal(expected);
    expect(names(await list(`${query}%2Ctier%3Dlow`))).to.deep.equal([]);
    expect(names(await list(`${query}&limit=3`, ''))).to.deep.equal(expected.slice(0, 3));

    await server.call(configMaps, 'patch', 'c1/d-0', { metadata: { labels: { tier: 'low' } } });
    await server.call(configMaps, 'delete', 'c1/d-7');
    expect(names(await list(query))).to.deep.equal(expected.filter((name) => !['d-0', 'd-7'].includes(name)));
    await server.call(configMaps, 'deletecollection', 'c1/', undefined, { query });
    expect(names(await list(query))).to.deep.equal([]);
    expect(names(await list())).to.have.length(258);
  });

  it('selects by labels and fields, without counting what remains', async () => {
    await add('a', 'b', 'c', 'd');
    expect(names(await list('labelSelector=tier%3Dhigh'))).to.deep.equal(['c', 'd']);
    expect(names(await list('labelSelector=tier!%3Dhigh'))).to.deep.equal(['a', 'b']);
    expect(names(await list('fieldSelector=metadata.name%3Db'))).to.deep.equal(['b']);
    expect(names(await list('fieldSelector=metadata.name!%3Db'))).to.deep.equal(['a', 'c', 'd']);
    expect(names(await list('fieldSelector=metadata.name%3Db', ''))).to.deep.equal(['b']);
    expect(names(await list('fieldSelector=metadata.namespace%3Dc2'))).to.deep.equal([]);
    const page = await list('labelSelector=tier&limit=1');
    expect(page.metadata.continue).to.be.a('string');
    expect(page.metadata.remainingItemCount).to.equal(undefined);
  });

  it('reads the snapshot at an exact revision', async () => {
    await add('a');
    const { resourceVersion } = (await list()).metadata;
    await add('b');
    const query = `resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`;
    expect(names(await list(query))).to.deep.equal(['a']);
    expect(
      names(await list(`resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`)),
    ).to.deep.equal(['a', 'b']);
    expect(names(await list(`resourceVersion=${resourceVersion}&limit=5`))).to.deep.equal(['a']);
    expect(names(await list('resourceVersion=0'))).to.deep.equal(['a', 'b']);
  });

  it('answers 504 for a revision that does not come', async () => {
    const pending = server.fail(configMaps, 'list', 'c1/', undefined, { query: 'resourceVersion=900' });
    await server.env.clock.advance(3_000);
    const status = await pending;
    expect(status).to.include({ code: 504, reason: 'Timeout' });
    expect(status.message).to.match(/^Timeout: Too large resource version: 900, current: \d+$/);
    expect(status.details?.causes?.[0]?.reason).to.equal('ResourceVersionTooLarge');
  });

  const refused: readonly [string, number, string][] = [
    [
      'resourceVersionMatch=Exact',
      422,
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      422,
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    ['resourceVersion=5&resourceVersionMatch=Nearby', 422, 'Unsupported value: "Nearby"'],
    ['sendInitialEvents=true', 422, 'sendInitialEvents is forbidden for list'],
    ['resourceVersion=abc', 400, 'Invalid value: "abc"'],
    ['continue=xyz', 400, 'continue key is not valid'],
    [
      `resourceVersion=5&continue=${encodeContinue({ revision: 5n, start: 'a' })}`,
      400,
      'specifying resource version is not allowed when using continue',
    ],
    ['limit=many', 400, 'strconv.ParseInt'],
    [
      'fieldSelector=spec.foo%3Dx',
      400,
      '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['labelSelector=a%3D%3D%3Db', 400, ''],
  ];
  for (const [query, code, message] of refused) {
    it(`refuses ${decodeURIComponent(query).slice(0, 60)}`, async () => {
      const status = await server.fail(configMaps, 'list', 'c1/', undefined, { query });
      expect(status.code, status.message).to.equal(code);
      expect(status.message).to.contain(message);
    });
  }

  it('answers Tables and metadata', async () => {
    await server.call(widgets, 'create', 'c1/', { metadata: { name: 'w' }, spec: { size: 3 } });
    await server.env.clock.advance(200_000);
    const table = bodyOf(await server.send(widgets, 'list', 'c1/', { as: 'Table' }));
    expect(table).to.include({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    const { columnDefinitions, rows } = table as unknown as {
      columnDefinitions: { name: string; type: string; format: string }[];
      rows: { cells: unknown[]; object: { kind: string } }[];
    };
    expect(
      columnDefinitions.map(({ name, type, format }) => `${name} ${type} ${format}`.trim()),
    ).to.deep.equal(['Name string name', 'Size integer', 'Age date']);
    expect(rows[0]?.cells).to.deep.equal(['w', 3, '3m20s']);
    expect(rows[0]?.object.kind).to.equal('PartialObjectMetadata');
    const bare = bodyOf(
      await server.send(widgets, 'get', 'c1/w', { as: 'Table', query: 'includeObject=None' }),
    );
    expect((bare as unknown as { rows: object[] }).rows[0]).not.to.have.property('object');
    const metadata = bodyOf(await server.send(widgets, 'list', 'c1/', { as: 'PartialObjectMetadataList' }));
    expect(metadata.kind).to.equal('PartialObjectMetadataList');
    expect((metadata['items'] as object[])[0]).to.have.all.keys('kind', 'apiVersion', 'metadata');
  });

  it('answers YAML', async () => {
    await add('a');
    const response = await server.send(configMaps, 'get', 'c1/a', { yaml: true });
    expect(response.headers['content-type']).to.equal('application/yaml');
    expect(Buffer.from(response.body as Uint8Array).toString()).to.contain('kind: ConfigMap\n');
  });

  it('deletes a collection by selector and answers what it deleted', async () => {
    await add('a', 'b', 'c', 'd');
    const removed = await server.call(configMaps, 'deletecollection', 'c1/', undefined, {
      query: 'labelSelector=tier%3Dlow',
    });
    expect(names(removed as unknown as KubeList)).to.deep.equal(['a', 'b']);
    expect(names(await list())).to.deep.equal(['c', 'd']);
  });

  it('streams a large list whole', async () => {
    const data = { blob: 'x'.repeat(100_000) };
    for (let i = 0; i < 12; i++)
      await server.call(configMaps, 'create', 'c1/', { metadata: { name: `big-${i}` }, data });
    const response = await server.send(configMaps, 'list', 'c1/');
    expect(response.body).to.be.a('function');
    expect(bodyOf(response)['items']).to.have.length(12);
  });
});
