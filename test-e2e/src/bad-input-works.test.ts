import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';

/** Only its name is needed: no klusterlet runs here. */
const cluster = { name: 'c' } as Cluster;

describe('a ManifestWork that cannot be', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    must(await fleet.kubectl('create', 'namespace', cluster.name));
    await fleet.apply(work(cluster, 'good', [configMap('a', {})]));
  });
  after(() => fleet.close());

  const feed = (input: string, ...args: string[]) => fleet.kubectlWith({ input }, ...args, '-f', '-');
  const of = (...manifests: unknown[]): object => work(cluster, 'bad', manifests as object[]);
  const big = (bytes: number): object => configMap('a', { a: 'x'.repeat(bytes) });

  async function works(): Promise<string> {
    return must(await fleet.kubectl('get', 'manifestworks', '-A', '-o', 'name'));
  }

  const refused: { name: string; object: object; says: RegExp }[] = [
    { name: 'without manifests', object: of(), says: /\(BadRequest\).*manifests should not be empty/ },
    {
      name: 'without a spec',
      object: { ...of(), spec: undefined },
      says: /\(BadRequest\).*manifests should not be empty/,
    },
    {
      name: 'with a manifest without kind',
      object: of({ apiVersion: 'v1', metadata: { name: 'a' } }),
      says: /is invalid: spec\.workload\.manifests\[0\]\.kind: Required value/,
    },
    {
      name: 'with a manifest without apiVersion, the second one',
      object: of(configMap('a', {}), { kind: 'ConfigMap', metadata: { name: 'a' } }),
      says: /is invalid: spec\.workload\.manifests\[1\]\.apiVersion: Required value/,
    },
    {
      name: 'with a manifest without name',
      object: of({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default' } }),
      says: /\(BadRequest\).*name must be set in manifest/,
    },
    {
      name: 'with a manifest that is no object',
      object: of('hello'),
      says: /is invalid: spec\.workload\.manifests\[0\]: Invalid value: "string"/,
    },
    {
      name: 'with more manifests than the limit',
      object: of(big(512_000)),
      says: /\(BadRequest\).*the size of manifests is \d+ bytes which exceeds the 512000 limit/,
    },
    {
      name: 'larger than any request may be',
      object: of(big(3_500_000)),
      says: /\(RequestEntityTooLarge\).*limit is 3145728/,
    },
    {
      name: 'with a value of the wrong type',
      object: { ...of(configMap('a', {})), spec: { workload: 'all of it' } },
      says: /spec\.workload.*(must be of type object|Invalid value: "string")/,
    },
    {
      name: 'with a choice that there is not',
      object: work(cluster, 'bad', [configMap('a', {})], {
        deleteOption: { propagationPolicy: 'Sometimes' },
      }),
      says: /spec\.deleteOption\.propagationPolicy: Unsupported value: "Sometimes": supported values: /,
    },
  ];
  for (const { name, object, says } of refused) {
    it(`${name} is refused whole, also as an update`, async () => {
      const created = await feed(JSON.stringify(object), 'create');
      expect(created.stderr).to.match(says);
      expect(created.code).to.equal(1);
      expect(await works()).to.equal('manifestwork.work.open-cluster-management.io/good\n');
      const before = must(await fleet.kubectl('get', 'manifestwork', 'good', '-n', 'c', '-o', 'json'));
      const update = { ...object, metadata: { name: 'good', namespace: 'c' } };
      const replaced = await feed(JSON.stringify(update), 'replace');
      expect(replaced.stderr).to.match(says);
      expect(replaced.code).to.equal(1);
      expect(must(await fleet.kubectl('get', 'manifestwork', 'good', '-n', 'c', '-o', 'json'))).to.equal(
        before,
      );
    });
  }

  describe('with an unknown field', () => {
    const unknown = { ...of(configMap('a', {})), spek: {} };
    it('is refused by kubectl apply, naming the field', async () => {
      const result = await feed(JSON.stringify(unknown), 'apply');
      expect(result.stderr).to.match(/\(BadRequest\).*strict decoding error: unknown field "spek"/);
      expect(result.code).to.equal(1);
    });
    it('is taken with a warning when the user asks for warnings only', async () => {
      const result = await feed(JSON.stringify(unknown), 'apply', '--validate=warn', '--dry-run=server');
      expect(result.stderr).to.match(/Warning: unknown field "spek"/);
      expect(result.code).to.equal(0);
    });
    it('is refused by server-side apply, too', async () => {
      const result = await feed(JSON.stringify(unknown), 'apply', '--server-side');
      expect(result.stderr).to.match(
        /failed to create typed patch object .*: \.spek: field not declared in schema/,
      );
      expect(result.code).to.equal(1);
      expect(await works()).not.to.contain('bad');
    });
  });

  it('in a namespace that is not there is refused', async () => {
    const elsewhere = work({ name: 'nowhere' } as Cluster, 'bad', [configMap('a', {})]);
    const result = await feed(JSON.stringify(elsewhere), 'apply');
    expect(result.stderr).to.match(/\(NotFound\).*namespaces "nowhere" not found/);
    expect(result.code).to.equal(1);
  });

  it('in YAML that does not parse is refused with its line, by kubectl and by the hub', async () => {
    const local = await feed('apiVersion: v1\nkind: [', 'apply');
    expect(local.stderr).to.match(/error parsing STDIN: .*yaml: line 2/);
    expect(local.code).to.equal(1);
    const path = '/apis/work.open-cluster-management.io/v1/namespaces/c/manifestworks';
    const raw = await feed('{"kind": [', 'create', '--raw', path);
    expect(raw.stderr).to.match(/\(BadRequest\)/);
    expect(raw.code).to.equal(1);
    expect(await works()).not.to.contain('bad');
  });

  it('among good ones does not keep them from being applied', async () => {
    const both = [of(), work(cluster, 'neighbour', [configMap('a', {})])];
    const input = both.map((one) => JSON.stringify(one)).join('\n');
    const result = await feed(input, 'apply');
    expect(result.stderr).to.match(/manifests should not be empty/);
    expect(result.stdout, result.stderr).to.match(/neighbour created/);
    expect(result.code).to.equal(1);
  });
});
