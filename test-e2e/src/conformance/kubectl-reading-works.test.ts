/** What somebody reads with kubectl who manages clusters and works, against CRDs of ours as the hub serves them. */
import { expect } from 'chai';
import { at } from '../support/json.js';
import { TestServer } from '../support/server.js';
import {
  clusters,
  installCrds,
  managedCluster,
  manifestWork,
  setApplied,
  withWork,
  workPath,
  works,
} from '../support/works.js';

describe('kubectl, reading clusters and works', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await installCrds(server);
  });
  after(() => server.stop());

  it('gets works with the columns of their CRD, and wider ones with -o wide', async () => {
    const namespace = await withWork(server);
    await setApplied(server, namespace, 'True');
    const narrow = (await server.k('get', 'manifestworks', '-n', namespace)).split('\n');
    expect(narrow[0]).to.match(/^NAME +APPLIED +AVAILABLE +AGE *$/);
    expect(narrow[1]).to.match(/^w +True +\d+s *$/);
    expect(await server.k('get', 'manifestwork', 'w', '-n', namespace, '-o', 'wide')).to.match(/^NAME/);
  });

  it('prints yaml, json, jsonpath, custom columns and names', async () => {
    const namespace = await withWork(server);
    const get = (output: string) => server.k('get', 'manifestwork', 'w', '-n', namespace, '-o', output);
    expect(await get('yaml'))
      .to.contain('kind: ManifestWork\n')
      .and.to.contain('  generation: 1\n');
    expect(at(JSON.parse(await get('json')), 'metadata.name')).to.equal('w');
    expect(await get('jsonpath={.spec.workload.manifests[*].metadata.name}')).to.equal('one');
    expect(await get('jsonpath={.spec.workload.manifests[?(@.kind=="ConfigMap")].data.k}')).to.equal('v');
    expect(await get('custom-columns=N:.metadata.name,G:.metadata.generation')).to.match(/^N +G\nw +1\n$/);
    expect(await get('name')).to.equal('manifestwork.work.open-cluster-management.io/w\n');
    expect(await get('go-template={{.kind}}')).to.equal('ManifestWork');
  });

  it('lists all namespaces, by label, sorted, with labels, and in chunks', async () => {
    const namespace = await server.namespace('cluster');
    for (const name of ['c', 'a', 'b']) {
      const labels = { set: 'chunks', odd: String(name !== 'b') };
      await server.create(`${works}/${namespace}/manifestworks`, manifestWork(name, { labels }));
    }
    const names = async (...args: string[]) =>
      (await server.k('get', 'manifestworks', '-n', namespace, '-o', 'name', ...args))
        .trim()
        .split('\n')
        .map((line) => line.split('/')[1]);
    expect(await names('-l', 'odd=true')).to.deep.equal(['a', 'c']);
    expect(await names('-l', 'odd notin (true)')).to.deep.equal(['b']);
    expect(await names('--field-selector', 'metadata.name=c')).to.deep.equal(['c']);
    expect(await names('--chunk-size=1')).to.deep.equal(['a', 'b', 'c']);
    expect(await names('--sort-by', '{.metadata.resourceVersion}')).to.deep.equal(['c', 'a', 'b']);
    expect(await server.k('get', 'manifestworks', '-A', '-l', 'set=chunks', '--show-labels')).to.match(
      /^NAMESPACE +NAME .*LABELS\n.*set=chunks/s,
    );
  });

  it('describes a work and a cluster', async () => {
    const namespace = await withWork(server);
    await setApplied(server, namespace, 'True');
    const described = await server.k('describe', 'manifestwork', 'w', '-n', namespace);
    expect(described).to.match(/^Name: +w\n/);
    expect(described).to.match(/Type: +Applied\n/);
    await server.create(clusters, managedCluster('described'));
    expect(await server.k('describe', 'managedcluster', 'described')).to.match(/Hub Accepts Client: +false/);
  });

  it('explains fields, nested and recursively', async () => {
    expect(await server.k('explain', 'manifestwork.spec.workload.manifests')).to.match(
      /FIELD: manifests <\[\]Object>/,
    );
    expect(await server.k('explain', 'managedcluster', '--recursive')).to.match(/leaseDurationSeconds/);
    expect(await server.k('explain', 'managedcluster.spec.taints.effect')).to.match(/enum|ENUM/);
  });

  it('watches: what is there first, then each change', async () => {
    const namespace = await withWork(server);
    const watch = server.follow(
      ...['get', 'manifestworks', '-n', namespace, '-w', '--no-headers', '--output-watch-events'],
    );
    expect(await watch.line()).to.match(/^ADDED +w /);
    await server.create(`${works}/${namespace}/manifestworks`, manifestWork('second'));
    expect(await watch.line()).to.match(/^ADDED +second /);
    await setApplied(server, namespace, 'True');
    expect(await watch.line()).to.match(/^MODIFIED +w /);
    await server.send('DELETE', workPath(namespace, 'second'));
    expect(await watch.line()).to.match(/^DELETED +second /);
    await watch.stop();
  });

  it('lists the resources with their short names and verbs', async () => {
    const wide = await server.k('api-resources', '-o', 'wide', '--api-group=work.open-cluster-management.io');
    expect(wide).to.match(
      /manifestworks +work\.open-cluster-management\.io\/v1 +true +ManifestWork +create,delete,deletecollection,get,list,patch,update,watch/,
    );
    expect(await server.k('api-versions')).to.contain('cluster.open-cluster-management.io/v1\n');
  });

  it('gets a raw path', async () => {
    const namespace = await withWork(server);
    const raw: unknown = JSON.parse(await server.k('get', '--raw', workPath(namespace)));
    expect(at(raw, 'kind')).to.equal('ManifestWork');
  });
});
