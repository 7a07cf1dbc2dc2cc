/** Case 99: mutating and validating admission webhooks, with a real HTTPS server behind them and real kubectl before them. */
import { expect } from 'chai';
import { at, each, list } from '../support/json.js';
import { freePort } from '../support/network.js';
import { configMap } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';
import { patched, type Respond, WebhookServer } from '../support/webhook-server.js';

const group = 'admissionregistration.k8s.io';

interface Hook {
  readonly type?: 'Mutating' | 'Validating';
  readonly namespace: string;
  readonly resources?: readonly string[];
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly more?: Record<string, unknown>;
}

describe('admission webhooks', () => {
  const server = new TestServer();
  const webhook = new WebhookServer(['hook.apps.svc']);
  let hooks = 0;
  before(async () => {
    await Promise.all([server.start(), webhook.start()]);
  });
  after(async () => {
    await server.stop();
    await webhook.stop();
  });

  const path = (type = 'Validating') => `/apis/${group}/v1/${type.toLowerCase()}webhookconfigurations`;

  const maps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;

  /** Configures a webhook for ConfigMaps of one namespace (or what `hook` says); answers its name. */
  const configure = async (
    respond: Respond | undefined,
    hook: Hook,
  ): Promise<{ name: string; route: string }> => {
    // The server's own loops are asked about as well: what they make here is to be there before.
    await eventually(
      'the namespace is complete',
      async () => (await server.get(`${maps(hook.namespace)}/kube-root-ca.crt`)).status === 200,
    );
    hooks += 1;
    const { type = 'Validating' } = hook;
    const name = `hook-${hooks}.test.io`;
    const route = `/hook-${hooks}`;
    if (respond !== undefined) webhook.on(route, respond);
    await server.create(path(type), {
      apiVersion: `${group}/v1`,
      kind: `${type}WebhookConfiguration`,
      metadata: { name: `hook-${String(hooks).padStart(3, '0')}` },
      webhooks: [
        {
          name,
          clientConfig: webhook.config(route),
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': hook.namespace } },
          rules: [
            {
              apiGroups: hook.apiGroups ?? [''],
              apiVersions: ['*'],
              resources: hook.resources ?? ['configmaps'],
              operations: hook.operations ?? ['CREATE', 'UPDATE'],
            },
          ],
          ...hook.more,
        },
      ],
    });
    return { name, route };
  };

  it('allows, denies in its own words, and warns', async () => {
    const namespace = await server.namespace();
    const { name, route } = await configure(
      (request) =>
        at(request, 'object.data.bad') === undefined
          ? { allowed: true, warnings: ['think again'] }
          : { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no bad maps here' } },
      { namespace },
    );
    const good = await server.kubectl('create', 'configmap', 'good', '-n', namespace);
    expect(good.stdout).to.equal('configmap/good created\n');
    expect(good.stderr).to.equal('Warning: think again\n');
    expect(
      await server.refused('create', 'configmap', 'bad', '--from-literal=bad=1', '-n', namespace),
    ).to.equal(
      `error: failed to create configmap: admission webhook "${name}" denied the request: no bad maps here\n`,
    );
    const answer = await server.send('POST', maps(namespace), { body: configMap('b', { bad: '1' }) });
    expect(answer.status).to.equal(403);
    const asked = webhook.askedOf(route)[0];
    expect(at(asked, 'kind')).to.deep.equal({ group: '', version: 'v1', kind: 'ConfigMap' });
    expect(at(asked, 'requestResource')).to.deep.equal({ group: '', version: 'v1', resource: 'configmaps' });
    expect([at(asked, 'name'), at(asked, 'namespace'), at(asked, 'operation')]).to.deep.equal([
      'good',
      namespace,
      'CREATE',
    ]);
    expect([at(asked, 'oldObject'), at(asked, 'dryRun')]).to.deep.equal([null, false]);
    expect(at(asked, 'options.kind')).to.equal('CreateOptions');
    expect(at(asked, 'userInfo.groups')).to.include('system:masters');
  });

  it('gives a refusal without a code, a reason or a message the words of the reference', async () => {
    const namespace = await server.namespace();
    const { name } = await configure(
      (request) =>
        at(request, 'name') === 'mute'
          ? { allowed: false }
          : { allowed: false, status: { reason: 'Tired', code: 200 } },
      { namespace },
    );
    const mute = await server.send('POST', maps(namespace), { body: configMap('mute', {}) });
    expect([mute.status, at(mute.body, 'message')]).to.deep.equal([
      400,
      `admission webhook "${name}" denied the request without explanation`,
    ]);
    const tired = await server.send('POST', maps(namespace), { body: configMap('tired', {}) });
    expect([tired.status, at(tired.body, 'reason'), at(tired.body, 'message')]).to.deep.equal([
      400,
      'Tired',
      `admission webhook "${name}" denied the request: Tired`,
    ]);
  });

  it('patches, prunes what a patch adds beyond the schema, and validates what it leaves', async () => {
    const namespace = await server.namespace();
    await configure(
      (request) =>
        patched([
          { op: 'add', path: '/metadata/labels', value: { patched: 'yes' } },
          at(request, 'name') === 'broken'
            ? { op: 'add', path: '/metadata/labels/bad', value: 'not a value!' }
            : { op: 'add', path: '/unheardOf', value: 1 },
        ]),
      { namespace, type: 'Mutating', operations: ['CREATE'] },
    );
    await server.k('create', 'configmap', 'one', '-n', namespace);
    const one = await server.read(`${maps(namespace)}/one`);
    expect(at(one, 'metadata.labels')).to.deep.equal({ patched: 'yes' });
    expect(at(one, 'unheardOf')).to.equal(undefined);
    expect(await server.refused('create', 'configmap', 'broken', '-n', namespace)).to.contain(
      'metadata.labels: Invalid value: "not a value!"',
    );
  });

  it('calls a patch that cannot be applied, or moves the object, an error', async () => {
    const namespace = await server.namespace();
    const { name } = await configure(
      (request) => {
        switch (at(request, 'name')) {
          case 'moved':
            return patched([{ op: 'replace', path: '/metadata/namespace', value: 'default' }]);
          case 'typed':
            return patched([{ op: 'add', path: '/data', value: 7 }]);
          case 'garbage':
            return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('{').toString('base64') };
          default:
            return patched([{ op: 'remove', path: '/nowhere' }]);
        }
      },
      { namespace, type: 'Mutating' },
    );
    const send = async (map: string) => {
      const { status, body } = await server.send('POST', maps(namespace), { body: configMap(map, {}) });
      return { status, message: String(at(body, 'message')) };
    };
    expect((await send('moved')).status).to.equal(400);
    expect((await send('typed')).status).to.equal(500);
    expect((await send('unfit')).status).to.equal(500);
    const garbage = await send('garbage');
    expect(garbage.status).to.equal(500);
    expect(garbage.message).to.contain(
      `failed calling webhook "${name}": received undecodable patch in webhook response: `,
    );
  });

  it('fails closed or open when the webhook cannot be reached, says who, and honours its timeout', async () => {
    const namespace = await server.namespace();
    const closed = await freePort();
    const url = `https://127.0.0.1:${closed}/`;
    const { name } = await configure(undefined, {
      namespace,
      more: {
        clientConfig: { url },
        objectSelector: { matchLabels: { unreachable: 'closed' } },
      },
    });
    await configure(undefined, {
      namespace,
      more: {
        clientConfig: { url },
        failurePolicy: 'Ignore',
        objectSelector: { matchLabels: { unreachable: 'open' } },
      },
    });
    const slow = await configure(() => undefined, {
      namespace,
      more: { timeoutSeconds: 1, objectSelector: { matchLabels: { slow: 'yes' } } },
    });
    const labelled = (map: string, labels: Record<string, string>) => ({
      ...configMap(map, {}),
      metadata: { name: map, namespace, labels },
    });
    const refusal = await server.feed(labelled('a', { unreachable: 'closed' }), 'create');
    expect(refusal.stderr).to.equal(
      `Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook "${name}": failed to call webhook: Post "${url}?timeout=10s": dial tcp 127.0.0.1:${closed}: connect: connection refused\n`,
    );
    expect((await server.feed(labelled('b', { unreachable: 'open' }), 'create')).code).to.equal(0);
    const late = await server.feed(labelled('c', { slow: 'yes' }), 'create');
    expect(late.stderr).to.contain(
      `failed calling webhook "${slow.name}": failed to call webhook: Post "${webhook.config(slow.route).url}?timeout=1s": context deadline exceeded`,
    );
    expect(webhook.asked.find((asked) => asked.path === slow.route)?.query).to.equal('?timeout=1s');
  });

  it('trusts only the authority of the bundle', async () => {
    const namespace = await server.namespace();
    const { name } = await configure(() => ({ allowed: true }), {
      namespace,
      more: {
        clientConfig: {
          url: `https://127.0.0.1:${webhook.port}/`,
          caBundle: Buffer.from(server.ca).toString('base64'),
        },
      },
    });
    const { body } = await server.send('POST', maps(namespace), { body: configMap('a', {}) });
    expect(at(body, 'message')).to.contain(`failed calling webhook "${name}"`);
    expect(at(body, 'message')).to.contain(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  it('finds the webhook behind a Service, and checks the name of the Service', async () => {
    const namespace = await server.namespace();
    await server.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'apps' },
    });
    for (const service of ['hook', 'other', 'lonely']) {
      await server.create('/api/v1/namespaces/apps/services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: service },
        spec: { ports: [{ port: 443, targetPort: 8443 }] },
      });
      if (service === 'lonely') continue;
      await server.create('/apis/discovery.k8s.io/v1/namespaces/apps/endpointslices', {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: service, labels: { 'kubernetes.io/service-name': service } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
        ports: [{ name: '', port: webhook.port }],
      });
    }
    const behind = (service: string) =>
      configure(() => ({ allowed: true }), {
        namespace,
        more: {
          clientConfig: {
            service: { namespace: 'apps', name: service, path: '/through-service' },
            caBundle: webhook.caBundle,
          },
          objectSelector: { matchLabels: { through: service } },
        },
      });
    const send = async (service: string) => {
      const metadata = { name: service, labels: { through: service } };
      const { body } = await server.send('POST', maps(namespace), {
        body: { ...configMap(service, {}), metadata },
      });
      return String(at(body, 'message') ?? at(body, 'kind'));
    };
    webhook.on('/through-service', () => ({ allowed: true }));
    await behind('hook');
    expect(await send('hook')).to.equal('ConfigMap');
    await behind('other');
    expect(await send('other')).to.contain(
      'x509: certificate is valid for hook.apps.svc, 127.0.0.1, not other.apps.svc',
    );
    await behind('lonely');
    expect(await send('lonely')).to.contain(
      'Post "https://lonely.apps.svc:443/through-service?timeout=10s": no endpoints available for service "lonely"',
    );
    await behind('nobody');
    expect(await send('nobody')).to.contain('service "nobody" not found');
  });

  it('tells the webhook of a dry run', async () => {
    const namespace = await server.namespace();
    const { route } = await configure(() => ({ allowed: true }), {
      namespace,
      more: { sideEffects: 'NoneOnDryRun' },
    });
    await server.k('create', 'configmap', 'dry', '--dry-run=server', '-n', namespace);
    expect(at(webhook.askedOf(route)[0], 'dryRun')).to.equal(true);
    expect((await server.get(`${maps(namespace)}/dry`)).status).to.equal(404);
  });

  it('asks only about requests that its matchConditions describe', async () => {
    const namespace = await server.namespace();
    const conditions = [
      { name: 'not-system', expression: "!request.userInfo.username.startsWith('system:')" },
      { name: 'has-data', expression: 'has(object.data)' },
      {
        name: 'may',
        expression:
          "authorizer.group('').resource('secrets').namespace(request.namespace).check('get').allowed()",
      },
    ];
    const { route } = await configure(() => ({ allowed: true }), {
      namespace,
      more: { matchConditions: conditions },
    });
    const as = { user: 'kim', groups: ['system:masters'] };
    await server.create(maps(namespace), configMap('with', { a: '1' }), { as });
    await server.create(
      maps(namespace),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'without' } },
      { as },
    );
    await server.create(maps(namespace), configMap('system', { a: '1' }), {
      as: { ...as, user: 'system:x' },
    });
    expect(webhook.askedOf(route).map((request) => at(request, 'name'))).to.deep.equal(['with']);
    // One that cannot be evaluated fails the request.
    const { name } = await configure(() => ({ allowed: true }), {
      namespace,
      more: {
        objectSelector: { matchLabels: { odd: 'yes' } },
        matchConditions: [{ name: 'odd', expression: "object.data['x'] == 'y'" }],
      },
    });
    const odd = { ...configMap('odd', { a: '1' }), metadata: { name: 'odd', labels: { odd: 'yes' } } };
    const refused = await server.send('POST', maps(namespace), { body: odd });
    expect(refused.status).to.equal(403);
    expect(at(refused.body, 'message')).to.contain('configmaps "odd" is forbidden: ');
    expect(name).not.to.equal('');
  });

  it('asks mutating webhooks in order of their configurations, and again when they want to see later changes', async () => {
    const namespace = await server.namespace();
    const seen: string[] = [];
    const note = (who: string, value: string) => (request: unknown) => {
      const data = (at(request, 'object.data') ?? {}) as Record<string, string>;
      seen.push(`${who}:${Object.keys(data).sort().join('')}`);
      return data[value] === undefined
        ? patched([{ op: 'add', path: `/data/${value}`, value: who }])
        : { allowed: true };
    };
    await configure(note('first', 'f'), {
      namespace,
      type: 'Mutating',
      more: { reinvocationPolicy: 'IfNeeded' },
    });
    await configure(note('second', 's'), { namespace, type: 'Mutating' });
    await configure(
      (request) => {
        seen.push(
          `validating:${Object.keys(at(request, 'object.data') as object)
            .sort()
            .join('')}`,
        );
        return { allowed: true };
      },
      { namespace },
    );
    await server.create(maps(namespace), configMap('one', { a: '1' }));
    expect(seen).to.deep.equal(['first:a', 'second:af', 'first:afs', 'validating:afs']);
    expect(at(await server.read(`${maps(namespace)}/one`), 'data')).to.deep.equal({
      a: '1',
      f: 'first',
      s: 'second',
    });
  });

  it('asks about updates, patches, applies, deletes, collections, status and scale', async () => {
    const namespace = await server.namespace();
    const { route } = await configure(() => ({ allowed: true }), {
      namespace,
      apiGroups: ['*'],
      resources: ['configmaps', 'deployments', 'deployments/*'],
      operations: ['*'],
      more: { matchConditions: [{ name: 'admin', expression: "request.userInfo.username == 'admin'" }] },
    });
    const as = { user: 'admin', groups: ['system:masters'] };
    const operations = () =>
      webhook.askedOf(route).map((request) => {
        const sub = at(request, 'subResource');
        return `${at(request, 'operation')} ${at(request, 'requestKind.kind')}${sub === undefined ? '' : `/${sub}`} ${at(request, 'name')}`;
      });
    await server.create(maps(namespace), configMap('a', { a: '1' }), { as });
    await server.patch(`${maps(namespace)}/a`, 'merge', { data: { a: '2' } }, { as });
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' }, data: { x: '1' } };
    await server.patch(`${maps(namespace)}/b?fieldManager=t`, 'apply', applied, { as });
    await server.send('DELETE', `${maps(namespace)}/a`, { as });
    await server.create(maps(namespace), configMap('c', {}), { as });
    await server.send('DELETE', maps(namespace), { as });
    expect(operations().slice(0, 5)).to.deep.equal([
      'CREATE ConfigMap a',
      'UPDATE ConfigMap a',
      'CREATE ConfigMap b',
      'DELETE ConfigMap a',
      'CREATE ConfigMap c',
    ]);
    expect(new Set(operations().slice(5)))
      .to.include('DELETE ConfigMap b')
      .and.include('DELETE ConfigMap c');
    const deleted = webhook.askedOf(route)[3];
    expect([at(deleted, 'object'), at(deleted, 'oldObject.data.a')]).to.deep.equal([null, '2']);

    await server.k(
      'create',
      'deployment',
      'web',
      '--image=nginx',
      '-n',
      namespace,
      '--as=admin',
      '--as-group=system:masters',
    );
    const created = webhook.askedOf(route).at(-1);
    // The defaults of the kind are there already.
    expect(at(created, 'object.spec.strategy.type')).to.equal('RollingUpdate');
    await server.k(
      'scale',
      'deployment/web',
      '--replicas=3',
      '-n',
      namespace,
      '--as=admin',
      '--as-group=system:masters',
    );
    const scaled = webhook.askedOf(route).find((request) => at(request, 'subResource') === 'scale');
    expect(at(scaled, 'kind')).to.deep.equal({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
    expect([at(scaled, 'object.spec.replicas'), at(scaled, 'oldObject.spec.replicas')]).to.deep.equal([3, 1]);
    await server.patch(
      `/apis/apps/v1/namespaces/${namespace}/deployments/web/status`,
      'merge',
      { status: { collisionCount: 1 } },
      { as },
    );
    expect(operations()).to.include('UPDATE Deployment/status web');
  });

  it('cannot be used to lock its own configuration, and a deleted one is asked no more', async () => {
    const namespace = await server.namespace();
    hooks += 1;
    const name = `hook-${hooks}`;
    webhook.on(`/${name}`, () => ({ allowed: false }));
    await server.create(path(), {
      apiVersion: `${group}/v1`,
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: 'everything.test.io',
          clientConfig: webhook.config(`/${name}`),
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*'] }],
          matchConditions: [{ name: 'kim', expression: "request.userInfo.username == 'kim'" }],
        },
      ],
    });
    const as = { user: 'kim', groups: ['system:masters'] };
    expect((await server.send('POST', maps(namespace), { body: configMap('a', {}), as })).status).to.equal(
      400,
    );
    expect((await server.send('DELETE', `${path()}/${name}`, { as })).status).to.equal(200);
    await eventually(
      'the webhook is gone',
      async () =>
        (await server.send('POST', maps(namespace), { body: configMap('a', {}), as })).status === 201,
    );
  });

  it('refuses configurations that could not be called, in the words of the reference', async () => {
    const configuration = (more: object) => ({
      apiVersion: `${group}/v1`,
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'never' },
      webhooks: [
        {
          name: 'never.test.io',
          clientConfig: { url: 'https://example.com' },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          ...more,
        },
      ],
    });
    const cases: readonly [object, string][] = [
      [
        { sideEffects: 'Some' },
        'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      ],
      [
        { timeoutSeconds: 31 },
        'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      ],
      [{ admissionReviewVersions: ['v2'] }, 'must include at least one of v1, v1beta1'],
      [
        { clientConfig: { url: 'http://a' } },
        "'https' is the only allowed URL scheme; desired format: https://host[/path]",
      ],
      [{ matchConditions: [{ name: 'a', expression: 'what.is' }] }, "undeclared reference to 'what'"],
    ];
    for (const [more, message] of cases) {
      const refused = await server.feed(configuration(more), 'create');
      expect(refused.code, message).to.equal(1);
      expect(refused.stderr).to.contain(message);
    }
    const defaulted = await server.create(`${path()}?dryRun=All`, configuration({}));
    expect(at(defaulted, 'webhooks.0')).to.deep.include({
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      timeoutSeconds: 10,
      namespaceSelector: {},
      objectSelector: {},
    });
  });

  it('speaks v1beta1 to those who know nothing newer', async () => {
    const namespace = await server.namespace();
    await configure(() => patched([{ op: 'add', path: '/data/old', value: '1' }]), {
      namespace,
      type: 'Mutating',
      more: { admissionReviewVersions: ['v1beta1', 'v1'] },
    });
    await server.create(maps(namespace), configMap('a', { a: '1' }));
    expect(at(await server.read(`${maps(namespace)}/a`), 'data.old')).to.equal('1');
  });

  it('asks about evictions, and shows other versions to those who want them', async () => {
    const namespace = await server.namespace();
    const { route } = await configure(() => ({ allowed: true }), {
      namespace,
      resources: ['pods/eviction'],
      operations: ['CREATE'],
    });
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    await server.create(`/api/v1/namespaces/${namespace}/pods`, pod);
    await server.create(`/api/v1/namespaces/${namespace}/pods/p/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'p' },
    });
    const [eviction] = webhook.askedOf(route);
    expect(at(eviction, 'kind')).to.deep.equal({ group: 'policy', version: 'v1', kind: 'Eviction' });
    expect([at(eviction, 'subResource'), at(eviction, 'object.kind')]).to.deep.equal([
      'eviction',
      'Eviction',
    ]);

    const events = await configure(() => ({ allowed: true }), {
      namespace,
      apiGroups: ['events.k8s.io'],
      resources: ['events'],
    });
    await server.create(`/api/v1/namespaces/${namespace}/events`, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace },
      message: 'hello',
      reason: 'Because',
      type: 'Normal',
    });
    const event = webhook.askedOf(events.route).find((request) => at(request, 'name') === 'e');
    expect([at(event, 'object.apiVersion'), at(event, 'object.note')]).to.deep.equal([
      'events.k8s.io/v1',
      'hello',
    ]);
    expect(at(event, 'requestKind')).to.deep.equal({ group: '', version: 'v1', kind: 'Event' });
  });

  it('keeps connections for the next call', async () => {
    const namespace = await server.namespace();
    await configure(() => ({ allowed: true }), { namespace });
    await server.create(maps(namespace), configMap('first', {}));
    const before = webhook.connections;
    for (let index = 0; index < 20; index++) await server.create(maps(namespace), configMap(`m${index}`, {}));
    expect(webhook.connections).to.equal(before);
    expect(each(await server.read(path()), 'metadata.name').length).to.be.greaterThan(0);
    expect(list(await server.read(maps(namespace))).length).to.be.greaterThan(20);
  });
});
