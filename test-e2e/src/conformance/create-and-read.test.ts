/** Creating, getting and listing: names, what the server sets itself, paging, selectors, representations. */
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import { configMap, crdPath, deployment, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { run } from '../support/processes.js';
import { succeeded, TestServer } from '../support/server.js';

describe('creating and reading', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, columnsCrd);
    await server.create(crdPath, widgetCrd('plains'));
  });
  after(() => server.stop());

  const configMaps = (namespace: string, name = '') =>
    `/api/v1/namespaces/${namespace}/configmaps${name === '' ? '' : `/${name}`}`;

  it('generates names of at most 63 characters with five random ones, a thousand of them unique', async () => {
    const namespace = await server.namespace();
    const create = (generateName: string) =>
      server.create(configMaps(namespace), {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { generateName },
      });
    const names = new Set<string>();
    for (let batch = 0; batch < 20; batch++) {
      const made = await Promise.all(Array.from({ length: 50 }, () => create('gen-')));
      for (const one of made) names.add(text(one, 'metadata.name'));
    }
    expect(names.size).to.equal(1000);
    for (const name of names) expect(name).to.match(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(text(await create('x'.repeat(80)), 'metadata.name')).to.match(/^x{58}.{5}$/);
  });

  it('refuses a body that does not fit its URL, and says in what', async () => {
    const namespace = await server.namespace();
    const post = async (object: object) => {
      const answer = await server.send('POST', configMaps(namespace), { body: object });
      return [answer.status, at(answer.body, 'message')];
    };
    expect(await post(configMap('a', {}, { namespace: 'other' }))).to.deep.equal([
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ]);
    expect(await post({ ...configMap('a'), apiVersion: 'v2' })).to.deep.equal([
      400,
      'the API version in the data (v2) does not match the expected API version (v1)',
    ]);
    expect((await post({ ...configMap('a'), kind: 'Secret' }))[0]).to.equal(400);
    expect(await post({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} })).to.deep.equal([
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ]);
    expect((await post(configMap('Not_A_Name')))[0]).to.equal(422);
    await server.create(configMaps(namespace), configMap('a'));
    const put = await server.send('PUT', configMaps(namespace, 'b'), { body: configMap('a') });
    expect([put.status, at(put.body, 'message')]).to.deep.equal([
      400,
      'the name of the object (a) does not match the name on the URL (b)',
    ]);
    const filled = await server.create(configMaps(namespace), { metadata: { name: 'bare' } });
    expect(filled).to.deep.include({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('refuses a name that exists, also while its object is terminating', async () => {
    const namespace = await server.namespace();
    const held = configMap('a', {}, { finalizers: ['test.flotilla.dev/hold'] });
    await server.create(configMaps(namespace), held);
    const again = () => server.send('POST', configMaps(namespace), { body: held });
    expect((await again()).body).to.deep.include({ code: 409, reason: 'AlreadyExists' });
    await server.send('DELETE', configMaps(namespace, 'a'));
    expect((await again()).body).to.deep.include({
      code: 409,
      reason: 'AlreadyExists',
      message: 'object is being deleted: configmaps "a" already exists',
    });
  });

  it('sets uid, creation time and status itself', async () => {
    const namespace = await server.namespace();
    const made = await server.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      ...deployment(
        'web',
        {},
        {
          uid: 'mine',
          creationTimestamp: '2001-01-01T00:00:00Z',
          deletionTimestamp: '2001-01-01T00:00:00Z',
          generation: 7,
          selfLink: '/x',
        },
      ),
      status: { replicas: 9 },
    });
    expect(text(made, 'metadata.uid')).to.match(/^[0-9a-f-]{36}$/);
    expect(text(made, 'metadata.creationTimestamp'))
      .to.match(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      .and.not.match(/^2001/);
    expect(at(made, 'metadata.deletionTimestamp')).to.equal(undefined);
    expect(at(made, 'metadata.generation')).to.equal(1);
    expect(at(made, 'metadata.selfLink')).to.equal(undefined);
    expect(at(made, 'status.replicas')).to.equal(undefined);
  });

  it('creates nothing in a namespace that is missing or terminating', async () => {
    const missing = await server.send('POST', configMaps('nowhere'), { body: configMap('a') });
    expect(missing.body).to.deep.include({ code: 404, message: 'namespaces "nowhere" not found' });
    const namespace = await server.namespace();
    await server.create(
      configMaps(namespace),
      configMap('held', {}, { finalizers: ['test.flotilla.dev/hold'] }),
    );
    await server.send('DELETE', `/api/v1/namespaces/${namespace}`);
    const terminating = await server.send('POST', configMaps(namespace), { body: configMap('a') });
    expect(terminating.body).to.deep.include({
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "a" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    });
    expect(at(terminating.body, 'details.causes.0')).to.deep.equal({
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    });
    await server.patch(configMaps(namespace, 'held'), 'merge', { metadata: { finalizers: null } });
  });

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

  it('prints the columns of each built-in kind, more with -o wide', async () => {
    for (const [resource, header] of Object.entries(columns)) {
      const [path = '', name = ''] = resource.split(' ');
      const table = await server.read(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
      expect(at(table, 'kind')).to.equal('Table');
      const shown = list(table, 'columnDefinitions').map(
        (column) => `${at(column, 'name')}${at(column, 'priority') === 0 ? '' : '*'}`,
      );
      expect(shown.join(', '), name || path).to.equal(header);
    }
    const namespace = await server.namespace();
    await server.create(`/api/v1/namespaces/${namespace}/pods`, pod('p', {}, { app: 'x' }));
    expect(await server.k('get', 'pods', '-n', namespace)).to.match(
      /^NAME +READY +STATUS +RESTARTS +AGE *\np +\d\/1 /,
    );
    expect(await server.k('get', 'pods', '-n', namespace, '-o', 'wide')).to.match(
      / IP +NODE +NOMINATED NODE +READINESS GATES/,
    );
    expect(await server.k('get', 'pods', '-n', namespace, '--show-labels')).to.match(/LABELS *\n.* app=x/);
    expect(await server.k('get', 'pods', '-A', '--sort-by=.metadata.name')).to.match(/^NAMESPACE +NAME/);
    expect(await server.k('get', 'all', '-n', namespace)).to.match(/pod\/p /);
  });

  it('prints the columns of a CRD: filters, dates, numbers, values that are missing, and Age by default', async () => {
    const namespace = await server.namespace();
    const path = widgetPath(namespace, 'columns');
    await server.create(
      path,
      widget('Column', 'full', { size: 3, since: '2020-01-01T00:00:00Z', ready: true }),
    );
    await server.patch(`${path}/full/status`, 'merge', {
      status: {
        conditions: [
          { type: 'Other', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    });
    await server.create(path, widget('Column', 'none'));
    const table = await server.read(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    expect(each(table, 'name', 'columnDefinitions')).to.deep.equal([
      'Name',
      'Ready',
      'Size',
      'Since',
      'Flag',
      'Far',
    ]);
    const [full, none] = each(table, 'cells', 'rows') as unknown[][];
    expect(full?.slice(0, 3)).to.deep.equal(['full', 'True', 3]);
    expect(full?.[3]).to.match(/^\dy\d*d?$/);
    expect(full?.slice(4)).to.deep.equal([true, '3']);
    expect(none).to.deep.equal(['none', null, null, null, null, null]);
    expect(at(table, 'rows.0.object.kind')).to.equal('PartialObjectMetadata');
    const whole = await server.read(`${path}?includeObject=Object`, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(at(whole, 'rows.0.object.kind')).to.equal('Column');
    await server.create(widgetPath(namespace, 'plains'), widget('Plain', 'p'));
    expect(await server.k('get', 'plains', '-n', namespace)).to.match(/^NAME +AGE\np +\d+s\n$/);
  });

  it('answers metadata only, of one object and of a list', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), configMap('a', { k: 'v' }, { labels: { l: '1' } }));
    const one = await server.read(configMaps(namespace, 'a'), {
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    });
    expect(one).to.have.all.keys('kind', 'apiVersion', 'metadata');
    expect(one).to.deep.include({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' });
    expect(at(one, 'metadata.labels')).to.deep.equal({ l: '1' });
    const many = await server.read(configMaps(namespace), {
      accept:
        'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
    });
    expect(at(many, 'kind')).to.equal('PartialObjectMetadataList');
    expect(at(many, 'items.0.kind')).to.equal('PartialObjectMetadata');
    expect(at(many, 'items.0.data')).to.equal(undefined);
  });

  it('reads and writes YAML, and indents JSON for curl', async () => {
    const namespace = await server.namespace();
    const made = await server.send('POST', configMaps(namespace), {
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yes-y\ndata:\n  "on": "yes"\n',
      contentType: 'application/yaml',
    });
    expect(made.status, made.text).to.equal(201);
    const yaml = await server.get(configMaps(namespace, 'yes-y'), { accept: 'application/yaml' });
    expect(yaml.headers['content-type']).to.equal('application/yaml');
    expect(yaml.text)
      .to.match(/^kind: ConfigMap$/m)
      .and.to.match(/^ {2}name: yes-y$/m);
    const url = `${server.url}${configMaps(namespace, 'yes-y')}`;
    const tls = [
      '--cacert',
      server.file(server.ca, 'pem'),
      '--cert',
      server.file(server.admin.certificate, 'pem'),
      '--key',
      server.file(server.admin.key, 'pem'),
    ];
    const curl = await run('curl', ['-sS', ...tls, url]);
    expect(curl.stdout, curl.stderr).to.match(/^\{\n {2}"/);
    expect(at(JSON.parse(curl.stdout), 'data.on')).to.equal('yes');
    const compact = succeeded(await server.get(configMaps(namespace, 'yes-y')));
    expect(compact.text).not.to.contain('\n  ');
    expect((await server.get(`${configMaps(namespace, 'yes-y')}?pretty=true`)).text).to.contain('\n  ');
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

const columnsCrd = widgetCrd('columns', {
  version: {
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    subresources: { status: {} },
    additionalPrinterColumns: [
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
      { name: 'Since', type: 'date', jsonPath: '.spec.since' },
      { name: 'Flag', type: 'boolean', jsonPath: '.spec.ready' },
      { name: 'Far', type: 'string', jsonPath: '.spec.size', priority: 1 },
    ],
  },
});

/** Path, then the columns; `*` marks those that only `-o wide` shows. */
const columns: Readonly<Record<string, string>> = {
  '/api/v1/pods': 'Name, Ready, Status, Restarts, Age, IP*, Node*, Nominated Node*, Readiness Gates*',
  '/api/v1/namespaces': 'Name, Status, Age',
  '/api/v1/nodes':
    'Name, Status, Roles, Age, Version, Internal-IP*, External-IP*, OS-Image*, Kernel-Version*, Container-Runtime*',
  '/api/v1/secrets': 'Name, Type, Data, Age',
  '/api/v1/configmaps': 'Name, Data, Age',
  '/api/v1/serviceaccounts': 'Name, Secrets, Age',
  '/api/v1/services': 'Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector*',
  '/api/v1/events':
    'Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, Count*, Name*',
  '/api/v1/persistentvolumes':
    'Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age, VolumeMode*',
  '/api/v1/persistentvolumeclaims':
    'Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode*',
  '/api/v1/resourcequotas': 'Name, Request, Limit, Age',
  '/apis/apps/v1/deployments': 'Name, Ready, Up-to-date, Available, Age, Containers*, Images*, Selector*',
  '/apis/apps/v1/replicasets': 'Name, Desired, Current, Ready, Age, Containers*, Images*, Selector*',
  '/apis/apps/v1/statefulsets': 'Name, Ready, Age, Containers*, Images*',
  '/apis/apps/v1/daemonsets':
    'Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age, Containers*, Images*, Selector*',
  '/apis/batch/v1/jobs': 'Name, Status, Completions, Duration, Age, Containers*, Images*, Selector*',
  '/apis/batch/v1/cronjobs':
    'Name, Schedule, Timezone, Suspend, Active, Last Schedule, Age, Containers*, Images*, Selector*',
  '/apis/autoscaling/v2/horizontalpodautoscalers':
    'Name, Reference, Targets, MinPods, MaxPods, Replicas, Age',
  '/apis/networking.k8s.io/v1/ingresses': 'Name, Class, Hosts, Address, Ports, Age',
  '/apis/networking.k8s.io/v1/networkpolicies': 'Name, Pod-Selector, Age',
  '/apis/policy/v1/poddisruptionbudgets': 'Name, Min Available, Max Unavailable, Allowed Disruptions, Age',
  '/apis/rbac.authorization.k8s.io/v1/roles': 'Name, Created At',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles': 'Name, Created At',
  '/apis/rbac.authorization.k8s.io/v1/rolebindings': 'Name, Role, Age, Users*, Groups*, ServiceAccounts*',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings':
    'Name, Role, Age, Users*, Groups*, ServiceAccounts*',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests':
    'Name, Age, SignerName, Requestor, RequestedDuration, Condition',
  '/apis/coordination.k8s.io/v1/leases': 'Name, Holder, Age',
  '/apis/scheduling.k8s.io/v1/priorityclasses': 'Name, Value, Global-Default, Age, PreemptionPolicy',
  '/apis/storage.k8s.io/v1/storageclasses':
    'Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations': 'Name, Webhooks, Age',
  '/apis/discovery.k8s.io/v1/endpointslices': 'Name, AddressType, Ports, Endpoints, Age',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions': 'Name, Created At',
  '/apis/apiregistration.k8s.io/v1/apiservices': 'Name, Service, Available, Age',
};
