/** Listing: revisions, pages, selectors. */
import { expect } from 'chai';
import { at, each, text } from '../support/json.js';
import { configMap, configMaps, crdPath, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { TestServer } from '../support/server.js';

describe('listing', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('plains'));
  });
  after(() => server.stop());

  it('lists nothing as an empty list at a revision that can be watched from', async () => {
    const namespace = await server.namespace();
    const empty = await server.read(widgetPath(namespace, 'plains'));
    expect(at(empty, 'items')).to.deep.equal([]);
    expect(at(empty, 'kind')).to.equal('PlainList');
    const revision = text(empty, 'metadata.resourceVersion');
    expect(Number(revision)).to.be.greaterThan(0);
    const watch = await server.watch(
      `${widgetPath(namespace, 'plains')}?watch=1&resourceVersion=${revision}`,
    );
    await server.create(widgetPath(namespace, 'plains'), widget('Plain', 'a'));
    expect((await watch.next()).type).to.equal('ADDED');
    watch.close();
  });

  it('pages through 250 objects while others are written, as of one moment', async () => {
    const namespace = await server.namespace();
    const names = Array.from({ length: 250 }, (_, index) => `c${String(index).padStart(3, '0')}`);
    await Promise.all(names.map((name) => server.create(configMaps(namespace), configMap(name))));
    const all: unknown[] = [];
    const remaining: unknown[] = [];
    let token = '';
    for (let page = 0; page < 3; page++) {
      const body = await server.read(
        `${configMaps(namespace)}?limit=100&continue=${encodeURIComponent(token)}`,
      );
      all.push(...each(body, 'metadata.name'));
      remaining.push(at(body, 'metadata.remainingItemCount'));
      token = String(at(body, 'metadata.continue') ?? '');
      await server.create(configMaps(namespace), configMap(`c000-${page}`));
      await server.send('DELETE', configMaps(namespace, `c20${page}`));
    }
    expect(token).to.equal('');
    expect(remaining.map((count) => count ?? 0)).to.deep.equal([151, 51, 0]); // with kube-root-ca.crt
    expect(all.filter((name) => name !== 'kube-root-ca.crt')).to.deep.equal(names);
  });

  it('says by the revision which state a list is of, and refuses combinations that mean nothing', async () => {
    const namespace = await server.namespace();
    const first = text(
      await server.create(configMaps(namespace), configMap('a')),
      'metadata.resourceVersion',
    );
    const second = text(
      await server.create(configMaps(namespace), configMap('b')),
      'metadata.resourceVersion',
    );
    const names = async (query: string) => {
      const body = await server.read(`${configMaps(namespace)}?${query}`);
      return each(body, 'metadata.name').filter((name) => name !== 'kube-root-ca.crt');
    };
    for (const query of [
      '',
      'resourceVersion=0',
      `resourceVersion=${first}`,
      'resourceVersion=0&resourceVersionMatch=NotOlderThan',
    ]) {
      expect(await names(query), query).to.deep.equal(['a', 'b']);
    }
    expect(await names(`resourceVersion=${second}&resourceVersionMatch=NotOlderThan`)).to.deep.equal([
      'a',
      'b',
    ]);
    expect(await names(`resourceVersion=${first}&resourceVersionMatch=Exact`)).to.deep.equal(['a']);
    expect(await names(`resourceVersion=${first}&limit=500`)).to.deep.equal(['a']);
    for (const query of [
      'resourceVersionMatch=Exact',
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersion=1&resourceVersionMatch=Sometimes',
      'sendInitialEvents=true',
    ]) {
      const answer = await server.get(`${configMaps(namespace)}?${query}`);
      expect([answer.status, at(answer.body, 'details.kind')], query).to.deep.equal([422, 'ListOptions']);
    }
    const page = await server.read(`${configMaps(namespace)}?limit=1`);
    const token = encodeURIComponent(text(page, 'metadata.continue'));
    expect(
      (await server.get(`${configMaps(namespace)}?limit=1&continue=${token}&resourceVersion=${first}`))
        .status,
    ).to.equal(400);
    const future = await server.get(`${configMaps(namespace)}?resourceVersion=99999999`);
    expect(future.status).to.equal(504);
    expect(future.body).to.deep.include({ reason: 'Timeout' });
    expect(text(future.body, 'message')).to.match(
      /^Timeout: Too large resource version: 99999999, current: \d+$/,
    );
    expect(at(future.body, 'details.causes.0.reason')).to.equal('ResourceVersionTooLarge');
    expect(at(future.body, 'details.retryAfterSeconds')).to.equal(1);
    expect((await server.get(`${configMaps(namespace)}?resourceVersion=garbage`)).status).to.equal(400);
  });

  it('selects by labels in every form, and refuses bad syntax', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), configMap('a', {}, { labels: { app: 'x', tier: 'front' } }));
    await server.create(configMaps(namespace), configMap('b', {}, { labels: { app: 'y' } }));
    await server.create(configMaps(namespace), configMap('c'));
    const cases: readonly [string, readonly string[]][] = [
      ['app=x', ['a']],
      ['app==y', ['b']],
      ['app!=x', ['b', 'c']],
      ['app in (x,y)', ['a', 'b']],
      ['app notin (x)', ['b', 'c']],
      ['app', ['a', 'b']],
      ['!app', ['c']],
      ['app,tier=front', ['a']],
      ['app=x,app=y', []],
    ];
    for (const [selector, expected] of cases) {
      const body = await server.read(
        `${configMaps(namespace)}?labelSelector=${encodeURIComponent(selector)}`,
      );
      const names = each(body, 'metadata.name').filter((name) => name !== 'kube-root-ca.crt');
      expect(names, selector).to.deep.equal(expected);
    }
    for (const bad of ['app in x', 'a=b=c', 'in (', '-bad=x']) {
      const answer = await server.get(`${configMaps(namespace)}?labelSelector=${encodeURIComponent(bad)}`);
      expect(answer.status, bad).to.equal(400);
    }
  });

  it('selects by the fields that a kind offers, and refuses others', async () => {
    const namespace = await server.namespace();
    const select = async (resource: string, selector: string) =>
      server.get(`/api/v1/namespaces/${namespace}/${resource}?fieldSelector=${encodeURIComponent(selector)}`);
    await server.create(configMaps(namespace), configMap('a'));
    await server.create(configMaps(namespace), configMap('b'));
    expect(each((await select('configmaps', 'metadata.name=a')).body, 'metadata.name')).to.deep.equal(['a']);
    expect(each((await select('configmaps', 'metadata.name!=a')).body, 'metadata.name')).not.to.include('a');
    await server.create(`/api/v1/namespaces/${namespace}/pods`, pod('p', { nodeName: 'node-1' }));
    expect(each((await select('pods', 'spec.nodeName=node-1')).body, 'metadata.name')).to.deep.equal(['p']);
    expect(each((await select('pods', 'spec.nodeName=node-2')).body, 'metadata.name')).to.deep.equal([]);
    await server.create(`/api/v1/namespaces/${namespace}/events`, event('e', namespace));
    const byObject = await select('events', 'involvedObject.kind=Pod,involvedObject.name=p,reason=Tested');
    expect(each(byObject.body, 'metadata.name')).to.deep.equal(['e']);
    const secrets = await select('secrets', 'type=Opaque');
    expect(secrets.status).to.equal(200);
    const unknown = await select('configmaps', 'spec.foo=1');
    expect([unknown.status, at(unknown.body, 'message')]).to.deep.equal([
      400,
      '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ]);
    const custom = await server.get(`${widgetPath(namespace, 'plains')}?fieldSelector=spec.foo%3D1`);
    expect([custom.status, at(custom.body, 'message')]).to.deep.equal([
      400,
      'field label not supported: spec.foo',
    ]);
  });
});

function pod(name: string, spec: object = {}, labels: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
  };
}

function event(name: string, namespace: string) {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { kind: 'Pod', name: 'p', namespace },
    reason: 'Tested',
    message: 'm',
    type: 'Normal',
  };
}
