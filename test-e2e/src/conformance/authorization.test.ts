/** What a request may do: RBAC, its guards against escalation, access reviews. */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { configMap, crdPath, rbac, role, roleBinding, widgetCrd, widgetPath } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const reviews = '/apis/authorization.k8s.io/v1';

describe('authorization', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(() => server.stop());

  const grant = async (namespace: string, user: string, rules: readonly object[]): Promise<void> => {
    await server.create(`${rbac}/namespaces/${namespace}/roles`, role(rules, `for-${user}`));
    await server.create(
      `${rbac}/namespaces/${namespace}/rolebindings`,
      roleBinding(user, 'Role', `for-${user}`),
    );
  };

  it('lets anybody see health and version, and nobody unknown anything else', async () => {
    const as = { anonymous: true } as const;
    for (const path of ['/version', '/healthz', '/livez', '/readyz']) {
      expect((await server.get(path, { as })).status, path).to.equal(200);
    }
    for (const path of ['/api', '/apis', '/api/v1/pods', '/openapi/v3', '/metrics']) {
      expect((await server.get(path, { as })).status, path).to.equal(403);
    }
    for (const path of ['/api', '/apis', '/openapi/v3', '/version']) {
      expect((await server.get(path, { as: { user: 'somebody' } })).status, path).to.equal(200);
    }
  });

  it('decides by verb, subresource, name, namespace, path and wildcard', async () => {
    const namespace = await server.namespace();
    const other = await server.namespace();
    await grant(namespace, 'kim', [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        verbs: ['get', 'list', 'watch'],
        resourceNames: ['mine'],
      },
      { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['update'] },
      { apiGroups: ['batch'], resources: ['*'], verbs: ['*'] },
      { apiGroups: [''], resources: ['*/status'], verbs: ['patch'] },
    ]);
    const canI = async (...args: string[]) =>
      (await server.kubectl('auth', 'can-i', ...args, '--as=kim', '-n', namespace)).stdout.trim();
    expect(await canI('get', 'configmap/mine')).to.equal('yes');
    expect(await canI('get', 'configmap/other')).to.equal('no');
    expect(await canI('update', 'deployments', '--subresource=scale')).to.equal('yes');
    expect(await canI('update', 'deployments')).to.equal('no');
    expect(await canI('create', 'jobs')).to.equal('yes');
    expect(await canI('get', '/version')).to.equal('yes');
    expect(await canI('get', '/metrics')).to.equal('no');
    const as = { user: 'kim' };
    await server.create(`/api/v1/namespaces/${namespace}/configmaps`, configMap('mine'));
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    expect((await server.get(path, { as })).status).to.equal(403);
    expect((await server.get(`${path}?fieldSelector=metadata.name%3Dmine`, { as })).status).to.equal(200);
    expect((await server.get(`/api/v1/namespaces/${other}/configmaps/mine`, { as })).status).to.equal(403);
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await server.create(pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
    expect((await server.patch(`${pods}/p/status`, 'merge', {}, { as })).status).to.equal(200);
    expect((await server.patch(`${pods}/p`, 'merge', {}, { as })).status).to.equal(403);
    const listed = await server.k('auth', 'can-i', '--list', '--as=kim', '-n', namespace);
    expect(listed).to.match(/configmaps +\[\] +\[mine\] +\[get list watch\]/);
    expect(listed).to.match(/\*\.batch +\[\] +\[\] +\[\*\]/);
  });

  it('lets nobody grant what they do not hold, nor bind it', async () => {
    const namespace = await server.namespace();
    await grant(namespace, 'lee', [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create'] },
    ]);
    const as = { user: 'lee' };
    const post = (resource: string, body: object) =>
      server.send('POST', `${rbac}/namespaces/${namespace}/${resource}`, { body, as });
    const own = await post(
      'roles',
      role([{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }], 'own'),
    );
    expect(own.status, own.text).to.equal(201);
    const more = await post(
      'roles',
      role([{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }], 'more'),
    );
    expect(more.status).to.equal(403);
    expect(text(more.body, 'message')).to.contain(
      'user "lee" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    );
    expect((await post('rolebindings', roleBinding('lee', 'ClusterRole', 'admin'))).status).to.equal(403);
    expect((await post('rolebindings', roleBinding('lee', 'Role', 'own'))).status).to.equal(201);
    await grant(namespace, 'max', [
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['roles', 'rolebindings', 'clusterroles'],
        verbs: ['create', 'escalate', 'bind'],
      },
    ]);
    const escalated = await server.send('POST', `${rbac}/namespaces/${namespace}/roles`, {
      body: role([{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }], 'escalated'),
      as: { user: 'max' },
    });
    expect(escalated.status, escalated.text).to.equal(201);
    const bound = await server.send('POST', `${rbac}/namespaces/${namespace}/rolebindings`, {
      body: roleBinding('max', 'ClusterRole', 'admin'),
      as: { user: 'max' },
    });
    expect(bound.status, bound.text).to.equal(201);
  });

  it('gathers the rules of aggregated cluster roles', async () => {
    await server.create(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'widget-viewer', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
      rules: [{ apiGroups: ['demo.flotilla.dev'], resources: ['widgets'], verbs: ['get', 'list'] }],
    });
    const namespace = await server.namespace();
    await server.create(
      `${rbac}/namespaces/${namespace}/rolebindings`,
      roleBinding('viewer', 'ClusterRole', 'view'),
    );
    await eventually(
      'view has the new rule',
      async () =>
        (await server.get(widgetPath(namespace, 'widgets'), { as: { user: 'viewer' } })).status === 200,
    );
    await server.send('DELETE', `${rbac}/clusterroles/widget-viewer`);
    await eventually(
      'and loses it',
      async () =>
        (await server.get(widgetPath(namespace, 'widgets'), { as: { user: 'viewer' } })).status === 403,
    );
  });

  it('reviews access to resources that are not served, and refuses reviews without an attribute', async () => {
    await server.create(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'acceptor' },
      rules: [
        {
          apiGroups: ['register.open-cluster-management.io'],
          resources: ['managedclusters/accept'],
          verbs: ['update'],
        },
      ],
    });
    await server.create(`${rbac}/clusterrolebindings`, {
      ...roleBinding('acceptor', 'ClusterRole', 'acceptor'),
      kind: 'ClusterRoleBinding',
    });
    const review = async (spec: object) =>
      server.send('POST', `${reviews}/subjectaccessreviews`, { body: { spec } });
    const resourceAttributes = {
      group: 'register.open-cluster-management.io',
      resource: 'managedclusters',
      subresource: 'accept',
      verb: 'update',
    };
    const allowed = await review({ user: 'acceptor', resourceAttributes });
    expect(allowed.status).to.equal(201);
    expect(at(allowed.body, 'status')).to.deep.equal({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "acceptor-acceptor" of ClusterRole "acceptor" to User "acceptor"',
    });
    expect(at((await review({ user: 'other', resourceAttributes })).body, 'status.allowed')).to.equal(false);
    expect(
      at(
        (
          await review({
            user: 'x',
            groups: ['system:masters'],
            nonResourceAttributes: { path: '/metrics', verb: 'get' },
          })
        ).body,
        'status.allowed',
      ),
    ).to.equal(true);
    for (const spec of [
      { user: 'x' },
      { resourceAttributes },
      { user: 'x', resourceAttributes, nonResourceAttributes: { path: '/', verb: 'get' } },
    ]) {
      expect((await review(spec)).status, JSON.stringify(spec)).to.equal(422);
    }
    const namespace = await server.namespace();
    const local = await server.send('POST', `${reviews}/namespaces/${namespace}/localsubjectaccessreviews`, {
      body: { spec: { user: 'x', resourceAttributes: { ...resourceAttributes, namespace } } },
    });
    expect(local.status, local.text).to.equal(201);
  });
});
