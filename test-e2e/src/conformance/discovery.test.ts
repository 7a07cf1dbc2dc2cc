/** Discovery, OpenAPI, version and health, as kubectl and plain HTTP clients use them. */
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import { clientVersion } from '../support/kubectl-versions.js';
import { configMap, crdPath, deployment, widgetCrd, widgetGroup } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

describe('discovery and what surrounds it', () => {
  const server = new TestServer();
  before(async () => server.start({ kubernetesVersion: await clientVersion() }));
  after(() => server.stop());

  it('tells its version in nine fields, and kubectl finds no skew', async () => {
    const version = await server.read('/version', { as: { anonymous: true } });
    const fields =
      'major minor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform'.split(' ');
    expect(version).to.have.all.keys(fields);
    for (const field of fields) expect(at(version, field)).to.be.a('string').and.not.equal('');
    const { stdout, stderr } = await server.kubectl('version');
    expect(stdout)
      .to.match(/^Client Version: v1/m)
      .and.to.match(/^Server Version: v1/m);
    expect(stderr).to.equal('');
  });

  it('lists built-in resources with short names, verbs and categories, the same in the old documents', async () => {
    const wide = await server.k('api-resources', '-o', 'wide');
    expect(wide).to.match(
      /^pods +po +v1 +true +Pod +create,delete,deletecollection,get,list,patch,update,watch +all$/m,
    );
    expect(wide).to.match(/^deployments +deploy +apps\/v1 +true +Deployment +create,\S+ +all$/m);
    expect(wide).to.match(/^certificatesigningrequests +csr +certificates\.k8s\.io\/v1 +false/m);
    const legacy = await server.read('/apis/apps/v1');
    expect(at(legacy, 'kind')).to.equal('APIResourceList');
    const entry = list(legacy, 'resources').find((one) => at(one, 'name') === 'deployments');
    expect(entry).to.deep.include({
      name: 'deployments',
      singularName: 'deployment',
      namespaced: true,
      kind: 'Deployment',
      shortNames: ['deploy'],
      categories: ['all'],
    });
    const scale = list(legacy, 'resources').find((one) => at(one, 'name') === 'deployments/scale');
    expect(scale).to.deep.include({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
    expect(at(await server.read('/api'), 'versions')).to.deep.equal(['v1']);
    expect(each(await server.read('/apis'), 'name', 'groups')).to.include('apps');
    expect(at(await server.read('/apis/apps'), 'preferredVersion.version')).to.equal('v1');
  });

  it('says the same of every resource in the aggregated document and in the old ones', async () => {
    const facts = (one: unknown, fields: readonly string[]) =>
      JSON.stringify(fields.map((field) => at(one, field) ?? null));
    for (const [path, root] of [
      ['/api', '/api'],
      ['/apis', '/apis/'],
    ] as const) {
      const document = await server.read(path, { accept: aggregated });
      for (const group of list(document)) {
        const name = String(at(group, 'metadata.name') ?? '');
        for (const version of list(group, 'versions')) {
          const known = `${root}${name}/${text(version, 'version')}`;
          const legacy = await server.read(known);
          const wanted = list(version, 'resources').flatMap((resource) => [
            facts(resource, [
              'resource',
              'singularResource',
              'responseKind.kind',
              'verbs',
              'shortNames',
              'categories',
            ]),
            ...((at(resource, 'subresources') ?? []) as readonly unknown[]).map((sub) =>
              facts(
                { ...(sub as object), path: `${text(resource, 'resource')}/${text(sub, 'subresource')}` },
                [...['path', 'none', 'responseKind.kind', 'verbs', 'none', 'none']],
              ),
            ),
          ]);
          const found = list(legacy, 'resources').map((resource) =>
            facts({ ...(resource as object), singularName: at(resource, 'singularName') || undefined }, [
              'name',
              'singularName',
              'kind',
              'verbs',
              'shortNames',
              'categories',
            ]),
          );
          expect(found, known).to.have.members(wanted);
        }
      }
    }
  });

  it('answers aggregated discovery with its exact type and an ETag, and 304 to the same', async () => {
    const first = await server.get('/apis', {
      accept: `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,${aggregated},application/json`,
    });
    expect(first.headers['content-type']).to.equal(aggregated);
    expect(first.headers['vary']).to.equal('Accept');
    const etag = String(first.headers['etag']);
    expect(etag).to.match(/^"[0-9A-F]{128}"$/);
    expect(each(first.body, 'metadata.name')).to.include('apps').and.not.include('');
    const again = await server.get('/apis', { accept: aggregated, headers: { 'if-none-match': etag } });
    expect(again.status).to.equal(304);
    expect(again.text).to.equal('');
    const core = await server.get('/api', { accept: aggregated });
    expect(each(core.body, 'metadata.name').map((name) => name ?? '')).to.deep.equal(['']);
  });

  it('shows a new CRD in discovery, OpenAPI and explain, and no more when it has gone', async () => {
    const crd = widgetCrd('gadgets', { names: { shortNames: ['gad'] } });
    await server.create(crdPath, crd);
    await server.k('wait', '--for=condition=Established', `crd/${crd.metadata.name}`, '--timeout=20s');
    expect(await server.k('api-resources', `--api-group=${widgetGroup}`)).to.match(/^gadgets +gad +demo/m);
    expect(await server.k('explain', 'gadgets.spec')).to.contain('What the widget is to be.');
    expect(await server.k('get', 'gad')).to.equal('');
    await server.k('delete', 'crd', crd.metadata.name);
    expect((await server.get(`/apis/${widgetGroup}/v1`)).status).to.equal(404);
    expect(Object.keys(at(await server.read('/openapi/v3'), 'paths') as object)).not.to.include(
      `apis/${widgetGroup}/v1`,
    );
    expect(await server.refused('get', 'gadgets')).to.contain('NotFound');
    expect(await server.k('api-resources', `--api-group=${widgetGroup}`)).not.to.contain('gadgets');
  });

  it('redirects an old OpenAPI hash, and lets the right one be cached for good', async () => {
    const url = text(await server.read('/openapi/v3'), 'paths.apis/apps/v1.serverRelativeURL');
    expect(url).to.match(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/);
    const right = await server.get(url);
    expect(right.status).to.equal(200);
    expect(right.headers['cache-control']).to.contain('public').and.to.contain('immutable');
    const wrong = await server.get('/openapi/v3/apis/apps/v1?hash=OLD');
    expect(wrong.status).to.equal(301);
    expect(wrong.headers['location']).to.equal(url);
    const plain = await server.get('/openapi/v3/apis/apps/v1');
    expect(plain.headers['cache-control']).not.to.contain('immutable');
    const etag = String(plain.headers['etag']);
    const same = await server.get('/openapi/v3/apis/apps/v1', { headers: { 'if-none-match': etag } });
    expect(same.status).to.equal(304);
  });

  it('serves OpenAPI v2 to old kubectls under a media type that Go can parse', async () => {
    const answer = await server.get('/openapi/v2', {
      accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
    });
    expect(answer.status).to.equal(200);
    expect(answer.headers['content-type']).to.equal(
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    );
  });

  it('tells its health to anybody, and its metrics to those who may ask', async () => {
    const as = { anonymous: true } as const;
    for (const path of ['/healthz', '/livez', '/readyz']) {
      const answer = await server.get(path, { as });
      expect([answer.status, answer.text], path).to.deep.equal([200, 'ok']);
      expect(answer.headers['content-type']).to.equal('text/plain; charset=utf-8');
    }
    expect((await server.get('/livez?verbose', { as })).text).to.match(
      /^\[\+\]ping ok\n[\s\S]*livez check passed\n$/,
    );
    expect((await server.get('/healthz/ping')).text).to.equal('ok');
    expect((await server.get('/metrics', { as })).status).to.equal(403);
    expect((await server.get('/metrics')).text).to.match(/^apiserver_request_total\{/m);
  });

  it('answers 404 for what is not served, and 405 for a verb that is not', async () => {
    for (const path of [
      '/apis/nowhere.example/v1/things',
      '/apis/apps/v9/deployments',
      '/api/v1/namespaces/default/things',
      '/api/v1/namespaces/default/configmaps/x/scale',
      '/nowhere',
    ]) {
      expect((await server.get(path)).status, path).to.equal(404);
    }
    const method = await server.send('POST', '/api/v1/namespaces/default/configmaps/x', {
      body: configMap('x'),
    });
    expect(method.status).to.equal(405);
    expect(method.body).to.deep.include({ kind: 'Status', reason: 'MethodNotAllowed', code: 405 });
    const review = await server.get('/apis/authentication.k8s.io/v1/tokenreviews');
    expect(review.status).to.equal(405);
    expect(await server.refused('get', '--raw', '/apis/nowhere.example/v1')).to.equal(
      'Error from server (NotFound): the server could not find the requested resource\n',
    );
  });

  it('resolves short names, singulars, and names with version and group', async () => {
    const namespace = await server.namespace();
    await server.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment('web'));
    for (const name of [
      'deploy',
      'deployment',
      'deployments',
      'Deployment',
      'deployments.apps',
      'deployments.v1.apps',
    ]) {
      expect(await server.k('get', name, '-n', namespace, '-o', 'name'), name).to.equal(
        'deployment.apps/web\n',
      );
    }
    expect(
      await server.k('get', 'deploy/web', 'cm/kube-root-ca.crt', '-n', namespace, '-o', 'name'),
    ).to.contain('configmap/');
  });

  it('gets raw paths with and without a trailing slash, and HEAD as GET without a body', async () => {
    const plain = await server.k('get', '--raw', '/api/v1/namespaces/default');
    expect(await server.k('get', '--raw', '/api/v1/namespaces/default/')).to.equal(plain);
    expect(at(JSON.parse(await server.k('get', '--raw', '/apis/')), 'kind')).to.equal('APIGroupList');
    const head = await server.send('HEAD', '/api/v1/namespaces/default');
    expect([head.status, head.text]).to.deep.equal([200, '']);
    expect(head.headers['content-type']).to.equal('application/json');
    expect((await server.send('HEAD', '/api/v1/namespaces/missing')).status).to.equal(404);
  });

  it('gives each namespace the objects that every cluster has', async () => {
    const namespace = await server.namespace();
    await eventually('they are there', async () => {
      const account = await server.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
      const ca = await server.get(`/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`);
      return account.status === 200 && ca.status === 200;
    });
  });
});
