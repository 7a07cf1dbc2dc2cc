/** Watches: where they start, what they send, how they end, and that clients lose nothing. */

import {
  KubeConfig,
  type KubernetesListObject,
  ListWatch,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { expect } from 'chai';
import { at, each, text } from '../support/json.js';
import {
  configMap,
  configMaps,
  crdPath,
  deployment,
  widget,
  widgetCrd,
  widgetPath,
} from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { succeeded, TestServer } from '../support/server.js';
import type { WatchLine } from '../support/watch-reader.js';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

describe('watching', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(() => server.stop());

  const widgets = (namespace: string, name = '') => widgetPath(namespace, 'widgets', name);
  const revisionOf = (object: unknown) => text(object, 'metadata.resourceVersion');
  const nameOf = (line: WatchLine) => `${line.type} ${at(line.object, 'metadata.name')}`;
  const setSize = async (path: string, size: number) =>
    succeeded(await server.patch(path, 'merge', { spec: { size } })).body;

  it('starts with the state for no revision and for 0, and after any other', async () => {
    const namespace = await server.namespace();
    const first = await server.create(widgets(namespace), widget('Widget', 'a'));
    await server.create(widgets(namespace), widget('Widget', 'b'));
    for (const query of ['watch=1', 'watch=true&resourceVersion=0']) {
      const watch = await server.watch(`${widgets(namespace)}?${query}`);
      expect((await watch.take(2)).map(nameOf)).to.have.members(['ADDED a', 'ADDED b']);
      watch.close();
    }
    const watch = await server.watch(`${widgets(namespace)}?watch=1&resourceVersion=${revisionOf(first)}`);
    expect(nameOf(await watch.next())).to.equal('ADDED b');
    await setSize(widgets(namespace, 'a'), 5);
    expect(nameOf(await watch.next())).to.equal('MODIFIED a');
    watch.close();
    expect((await server.get(`${widgets(namespace)}?watch=1&resourceVersion=garbage`)).status).to.equal(400);
    const future = await server.get(`${widgets(namespace)}?watch=1&resourceVersion=99999999`);
    expect(at(future.body, 'details.causes.0.reason')).to.equal('ResourceVersionTooLarge');
    expect((await server.get(`${widgets(namespace)}?watch=1`, { as: { anonymous: true } })).status).to.equal(
      403,
    );
  });

  it('watches by the old path as well', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), widget('Widget', 'a'));
    await server.create(widgets(namespace), widget('Widget', 'b'));
    const all = await server.watch(`/apis/demo.flotilla.dev/v1/watch/namespaces/${namespace}/widgets`);
    expect(await all.take(2)).to.have.length(2);
    const one = await server.watch(`/apis/demo.flotilla.dev/v1/watch/namespaces/${namespace}/widgets/b`);
    expect(nameOf(await one.next())).to.equal('ADDED b');
    await setSize(widgets(namespace, 'a'), 2);
    await setSize(widgets(namespace, 'b'), 2);
    expect(nameOf(await one.next())).to.equal('MODIFIED b');
    one.close();
    all.close();
  });

  it('gives kubectl exactly one further line for one change of one object', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), configMap('a'));
    const watch = server.follow(
      'get',
      'configmap',
      'a',
      '-n',
      namespace,
      '-w',
      '-o',
      'jsonpath={.data.k}{"\\n"}',
    );
    expect(await watch.line()).to.equal('v');
    await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: 'second' } });
    expect(await watch.line()).to.equal('second');
    await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: 'third' } });
    expect(await watch.line()).to.equal('third');
    expect(watch.rest).to.deep.equal([]);
    await watch.stop();
  });

  it('sends the state, a bookmark that ends it, then what follows', async () => {
    const namespace = await server.namespace();
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const empty = await server.watch(`${widgets(namespace)}?${query}`);
    const mark = await empty.next();
    expect(mark.type).to.equal('BOOKMARK');
    expect(mark.object).to.deep.include({ kind: 'Widget', apiVersion: 'demo.flotilla.dev/v1' });
    expect(at(mark.object, 'metadata.annotations')).to.deep.equal({ 'k8s.io/initial-events-end': 'true' });
    expect(Number(revisionOf(mark.object))).to.be.greaterThan(0);
    await server.create(widgets(namespace), widget('Widget', 'a'));
    expect(nameOf(await empty.next())).to.equal('ADDED a');
    empty.close();
    const full = await server.watch(`${widgets(namespace)}?${query}&resourceVersion=0`);
    expect((await full.take(2)).map(({ type }) => type)).to.deep.equal(['ADDED', 'BOOKMARK']);
    full.close();
    for (const wrong of [
      'watch=1&sendInitialEvents=true',
      'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact',
      'watch=1&resourceVersionMatch=NotOlderThan',
    ]) {
      expect((await server.get(`${widgets(namespace)}?${wrong}`)).status, wrong).to.equal(422);
    }
  });

  it('turns the ways in and out of a selector into ADDED and DELETED with the new revision', async () => {
    const namespace = await server.namespace();
    const path = configMaps(namespace, 'a');
    const start = revisionOf(await server.read(configMaps(namespace)));
    const watch = await server.watch(
      `${configMaps(namespace)}?watch=1&resourceVersion=${start}&labelSelector=in%3Dyes`,
    );
    const label = (value: string) => server.patch(path, 'merge', { metadata: { labels: { in: value } } });
    await server.create(configMaps(namespace), configMap('a', { n: '0' }, { labels: { in: 'no' } }));
    await label('yes');
    await server.patch(path, 'merge', { data: { n: '1' } });
    const out = succeeded(await label('no')).body;
    await server.patch(path, 'merge', { data: { n: '2' } });
    await label('yes');
    const gone = await server.read(path);
    await server.send('DELETE', path);
    const lines = await watch.take(5);
    expect(lines.map(({ type }) => type)).to.deep.equal(['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED']);
    expect(at(lines[2]?.object, 'metadata.labels.in')).to.equal('yes');
    expect(revisionOf(lines[2]?.object)).to.equal(revisionOf(out));
    expect(at(lines[4]?.object, 'data.n')).to.equal('2');
    expect(Number(revisionOf(lines[4]?.object))).to.be.greaterThan(Number(revisionOf(gone)));
    watch.close();
  });

  it('sends a bookmark before the timeout of a quiet watch, as new as the whole server, and ends cleanly', async () => {
    const namespace = await server.namespace();
    const quiet = await server.watch(
      `${widgets(namespace)}?watch=1&allowWatchBookmarks=true&timeoutSeconds=3`,
    );
    const elsewhere = await server.create(configMaps(namespace), configMap('busy'));
    const lines = await quiet.rest();
    expect(lines.map(({ type }) => type)).to.deep.equal(['BOOKMARK']);
    expect(at(lines[0]?.object, 'kind')).to.equal('Widget');
    expect(Number(revisionOf(lines[0]?.object))).to.be.at.least(Number(revisionOf(elsewhere)));
    const resumed = await server.watch(
      `${widgets(namespace)}?watch=1&resourceVersion=${revisionOf(lines[0]?.object)}`,
    );
    await server.create(widgets(namespace), widget('Widget', 'later'));
    expect(nameOf(await resumed.next())).to.equal('ADDED later');
    resumed.close();
  });

  it('never compresses a stream, and sends its head before there is an event', async () => {
    const namespace = await server.namespace();
    const watch = await server.watch(`${widgets(namespace)}?watch=1&timeoutSeconds=1`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(watch.headers['content-encoding']).to.equal(undefined);
    expect(watch.headers['content-type']).to.equal('application/json');
    expect(await watch.rest()).to.deep.equal([]);
  });

  it('watches as tables with the columns once, and as metadata with bookmarks of that kind', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), widget('Widget', 'a'));
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const tables = await server.watch(`${widgets(namespace)}?${query}`, { accept: table });
    await server.create(widgets(namespace), widget('Widget', 'b'));
    const [first, mark, second] = await tables.take(3);
    expect(each(first?.object, 'name', 'columnDefinitions')).to.deep.equal(['Name', 'Age']);
    expect(at(first?.object, 'rows.0.cells.0')).to.equal('a');
    expect(mark?.type).to.equal('BOOKMARK');
    expect(at(mark?.object, 'kind')).to.equal('Table');
    expect(at(mark?.object, 'rows.0.object.metadata.annotations')).to.deep.equal({
      'k8s.io/initial-events-end': 'true',
    });
    expect(at(second?.object, 'columnDefinitions') ?? []).to.deep.equal([]);
    tables.close();
    const metadata = await server.watch(`${widgets(namespace)}?${query}`, { accept: metadataOnly });
    const kinds = (await metadata.take(3)).map((line) => `${line.type} ${at(line.object, 'kind')}`);
    expect(kinds).to.deep.equal([
      'ADDED PartialObjectMetadata',
      'ADDED PartialObjectMetadata',
      'BOOKMARK PartialObjectMetadata',
    ]);
    metadata.close();
  });

  it('drops a reader that does not read, who resumes without gaps or repeats', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), widget('Widget', 'w', { size: 1 }));
    const start = revisionOf(await server.read(widgets(namespace)));
    const slow = await server.watch(`${widgets(namespace)}?watch=1&resourceVersion=${start}`);
    slow.pause();
    const filler = 'x'.repeat(200_000);
    const written: string[] = [];
    for (let index = 0; index < 150; index++) {
      const body = succeeded(
        await server.patch(widgets(namespace, 'w'), 'merge', { spec: { free: { index, filler } } }),
      ).body;
      written.push(revisionOf(body));
    }
    slow.resume();
    // Either the server kept what it owed, or it ended the stream and the client goes on from its last revision.
    const seen: string[] = [];
    let last = start;
    let watch = slow;
    while (seen.length < written.length) {
      let line: WatchLine;
      try {
        line = await watch.next();
      } catch (error) {
        expect(String(error)).to.contain('the watch ended');
        watch = await server.watch(`${widgets(namespace)}?watch=1&resourceVersion=${last}`);
        continue;
      }
      if (line.type === 'ERROR') {
        expect(at(line.object, 'code')).to.equal(410);
        continue;
      }
      last = revisionOf(line.object);
      seen.push(last);
    }
    expect(seen).to.deep.equal(written);
    watch.close();
  });

  it('shows every write to every watcher in one order', async () => {
    const namespace = await server.namespace();
    const start = revisionOf(await server.read(configMaps(namespace)));
    const watches = await Promise.all(
      Array.from({ length: 20 }, () =>
        server.watch(`${configMaps(namespace)}?watch=1&resourceVersion=${start}`),
      ),
    );
    const writers = Array.from({ length: 50 }, async (_, writer) => {
      await server.create(configMaps(namespace), configMap(`w${writer}`));
      for (let n = 0; n < 3; n++)
        await server.patch(configMaps(namespace, `w${writer}`), 'merge', { data: { n: String(n) } });
    });
    await Promise.all(writers);
    const histories = await Promise.all(watches.map((watch) => watch.take(200)));
    const orders = histories.map((lines) => lines.map((line) => Number(revisionOf(line.object))));
    for (const order of orders) expect(order).to.deep.equal(orders[0]);
    expect(orders[0]).to.deep.equal([...(orders[0] ?? [])].sort((a, b) => a - b));
    for (const watch of watches) watch.close();
  });

  it('ends the watches of a CRD that is deleted, and of a version that is no longer served', async () => {
    const namespace = await server.namespace();
    const crd = widgetCrd('fleetings');
    const [version] = crd.spec.versions;
    const versions = [version, { ...version, name: 'v2', storage: false }];
    await server.create(crdPath, { ...crd, spec: { ...crd.spec, versions } });
    const second = await server.watch(`/apis/demo.flotilla.dev/v2/namespaces/${namespace}/fleetings?watch=1`);
    const first = await server.watch(`${widgetPath(namespace, 'fleetings')}?watch=1`);
    await server.create(widgetPath(namespace, 'fleetings'), widget('Fleeting', 'f'));
    expect((await second.next()).type).to.equal('ADDED');
    const unserved = versions.map((one, index) => ({ ...one, served: index === 0 }));
    succeeded(
      await server.patch(`${crdPath}/${crd.metadata.name}`, 'merge', { spec: { versions: unserved } }),
    );
    await second.rest();
    first.close();
    const served = await server.watch(`${widgetPath(namespace, 'fleetings')}?watch=1`);
    await server.send('DELETE', `${crdPath}/${crd.metadata.name}`);
    const types = (await served.rest()).map(({ type }) => type);
    expect(types.at(0)).to.equal('ADDED');
    expect(types.at(-1)).to.equal('DELETED');
  });

  it('lets kubectl wait for conditions, fields, creation and deletion, and follow a rollout', async () => {
    const namespace = await server.namespace();
    await server.create(widgets(namespace), widget('Widget', 'w', { size: 1 }));
    const wait = (...args: string[]) => server.k('wait', '-n', namespace, '--timeout=20s', ...args);
    const condition = wait('--for=condition=Ready', 'widget/w');
    const field = wait('--for=jsonpath={.spec.size}=7', 'widget/w');
    await server.patch(`${widgets(namespace, 'w')}/status`, 'merge', {
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
    await setSize(widgets(namespace, 'w'), 7);
    expect(await condition).to.contain('condition met');
    expect(await field).to.contain('condition met');
    const gone = wait('--for=delete', 'widget/w');
    await server.k('delete', 'widget', 'w', '-n', namespace);
    expect(await gone).to.match(/condition met|^$/);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    await server.create(path, deployment('web'));
    expect(
      await server.k('rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=20s'),
    ).to.contain('successfully rolled out');
  });

  it('serves the watch and the informer of client-node, over ends and new starts of the stream', async () => {
    const namespace = await server.namespace();
    const config = new KubeConfig();
    config.loadFromFile(server.kubeconfig);
    const seen = new Map<string, string>();
    const list = async (): Promise<KubernetesListObject<V1ConfigMap>> =>
      (await server.read(configMaps(namespace))) as KubernetesListObject<V1ConfigMap>; // as the server made it
    const informer = new ListWatch<V1ConfigMap>(configMaps(namespace), new Watch(config), list, false);
    for (const event of ['add', 'update'] as const) {
      informer.on(event, (object) => seen.set(object.metadata?.name ?? '', object.data?.['k'] ?? ''));
    }
    informer.on('delete', (object) => seen.delete(object.metadata?.name ?? ''));
    const failures: unknown[] = [];
    informer.on('error', (error: unknown) => {
      failures.push(error);
      setTimeout(() => void informer.start(), 50);
    });
    await informer.start();
    await server.create(configMaps(namespace), configMap('a', { k: '1' }));
    await eventually('a is seen', () => seen.get('a') === '1');
    await server.restart('SIGKILL');
    await server.patch(configMaps(namespace, 'a'), 'merge', { data: { k: '2' } });
    await server.create(configMaps(namespace), configMap('b', { k: '3' }));
    await eventually(
      'changes after the restart are seen',
      () => seen.get('a') === '2' && seen.get('b') === '3',
    );
    await server.send('DELETE', configMaps(namespace, 'b'));
    await eventually('and the deletion', () => !seen.has('b'));
    await informer.stop();
  });

  it('goes on after a kill: no acknowledged write is lost, no revision goes back, watches resume', async () => {
    const namespace = await server.namespace();
    let last = '0';
    for (let index = 0; index < 20; index++) {
      last = revisionOf(await server.create(configMaps(namespace), configMap(`c${index}`)));
    }
    const before = revisionOf(await server.read(configMaps(namespace, 'c10')));
    await server.restart('SIGKILL');
    const after = await server.read(configMaps(namespace));
    expect(each(after, 'metadata.name')).to.have.length(21);
    expect(Number(revisionOf(after))).to.be.at.least(Number(last));
    const watch = await server.watch(`${configMaps(namespace)}?watch=1&resourceVersion=${before}`);
    expect((await watch.take(9)).map(nameOf)).to.deep.equal(
      Array.from({ length: 9 }, (_, index) => `ADDED c${index + 11}`),
    );
    const next = await server.create(configMaps(namespace), configMap('next'));
    expect(Number(revisionOf(next))).to.be.greaterThan(Number(revisionOf(after)));
    expect(nameOf(await watch.next())).to.equal('ADDED next');
    watch.close();
  });
});
