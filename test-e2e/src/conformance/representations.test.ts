/** The forms in which objects are answered: tables, metadata only, YAML, indented JSON. */
import { expect } from 'chai';
import { at, each, list } from '../support/json.js';
import { configMap, configMaps, crdPath, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { run } from '../support/processes.js';
import { succeeded, TestServer } from '../support/server.js';

describe('representations', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, columnsCrd);
    await server.create(crdPath, widgetCrd('plains'));
  });
  after(() => server.stop());

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
