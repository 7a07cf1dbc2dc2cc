/** Protobuf bodies of Go clients, answers that nobody can decode, subresources of pods. */
import { expect } from 'chai';
import { at, list, text } from '../support/json.js';
import { configMap, configMaps, crdPath, widgetCrd, widgetPath } from '../support/objects.js';
import { deleteOptions, envelope } from '../support/protobuf.js';
import { succeeded, TestServer } from '../support/server.js';

const protobuf = 'application/vnd.kubernetes.protobuf';

describe('protobuf and robustness', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(() => server.stop());

  it('stores the same for every kubectl create, whether it comes as protobuf or as JSON', async () => {
    const binary = await server.namespace('binary');
    const plain = await server.namespace('plain');
    const certificate = server.file(server.admin.certificate, 'crt');
    const key = server.file(server.admin.key, 'key');
    const commands: readonly (readonly string[])[] = [
      ['configmap', 'a', '--from-literal=k=v', `--from-file=bin=${certificate}`],
      ['secret', 'generic', 'a', '--from-literal=k=v'],
      ['secret', 'tls', 'b', `--cert=${certificate}`, `--key=${key}`],
      [
        'secret',
        'docker-registry',
        'c',
        '--docker-server=r.example',
        '--docker-username=u',
        '--docker-password=p',
      ],
      ['serviceaccount', 'a'],
      ['deployment', 'a', '--image=nginx', '--replicas=0', '--port=80'],
      ['job', 'a', '--image=busybox', '--', 'true'],
      ['cronjob', 'a', '--image=busybox', '--schedule=*/5 * * * *', '--', 'true'],
      ['service', 'clusterip', 'a', '--tcp=80:8080'],
      ['service', 'nodeport', 'b', '--tcp=80'],
      ['service', 'externalname', 'c', '--external-name=x.example'],
      ['ingress', 'a', '--rule=x.example/p*=a:80,tls=b'],
      ['poddisruptionbudget', 'a', '--selector=app=a', '--min-available=50%'],
      ['quota', 'a', '--hard=pods=10,memory=1000Mi'],
      ['role', 'a', '--verb=get', '--resource=pods,deployments.apps/scale'],
      ['rolebinding', 'a', '--role=a', '--user=u', '--serviceaccount=x:y'],
    ];
    const targets: string[] = [];
    for (const command of commands) {
      const arguments_ = command.slice();
      const dashes = arguments_.indexOf('--');
      arguments_.splice(dashes < 0 ? arguments_.length : dashes, 0, '-o', 'json');
      const create = async (...flags: string[]) => {
        const withFlags = arguments_.slice();
        withFlags.splice(1, 0, ...flags);
        return JSON.parse(await server.k('create', ...withFlags)) as object;
      };
      const made = await create('-n', binary);
      const wanted = await create('-n', plain, '--dry-run=client');
      const fed = await server.feed(wanted, 'create', '-n', plain, '-o', 'json');
      expect(fed.code, fed.stderr).to.equal(0);
      const name = `create ${command.join(' ')}`;
      expect(comparable(made, binary), name).to.deep.equal(comparable(JSON.parse(fed.stdout), plain));
      targets.push(`${text(made, 'kind').toLowerCase()}/${text(made, 'metadata.name')}`);
    }
    const [one, other] = await Promise.all(
      [binary, plain].map(async (namespace) => {
        const flags = ['-n', namespace, '-o', 'json', '--show-managed-fields'];
        const stored: unknown = JSON.parse(await server.k('get', ...targets, ...flags));
        return list(stored).map(ownedByKubectl);
      }),
    );
    expect(one).to.have.length(commands.length).and.to.deep.equal(other);
    expect(
      at(await server.read(`/apis/apps/v1/namespaces/${binary}/deployments/a`), 'spec.replicas'),
    ).to.equal(0);
  });

  it('refuses protobuf for custom resources, and honours protobuf DeleteOptions', async () => {
    const namespace = await server.namespace();
    const custom = await server.send('POST', widgetPath(namespace, 'widgets'), {
      body: envelope('demo.flotilla.dev/v1', 'Widget', new Uint8Array()),
      contentType: protobuf,
    });
    expect(custom.body).to.deep.include({ code: 415, reason: 'UnsupportedMediaType' });
    const made = await server.create(configMaps(namespace), configMap('a'));
    const remove = (uid: string) =>
      server.send('DELETE', configMaps(namespace, 'a'), {
        body: envelope('v1', 'DeleteOptions', deleteOptions({ uid })),
        contentType: protobuf,
      });
    expect((await remove('other')).status).to.equal(409);
    expect((await remove(text(made, 'metadata.uid'))).status).to.equal(200);
    const garbage = await server.send('POST', configMaps(namespace), {
      body: Buffer.from('k8s\0garbage'),
      contentType: protobuf,
    });
    expect(garbage.status).to.equal(400);
  });

  it('answers 406 to who accepts protobuf only, and JSON to who accepts both', async () => {
    const path = '/api/v1/namespaces/default';
    const only = await server.get(path, { accept: protobuf });
    expect(only.body).to.deep.include({ code: 406, reason: 'NotAcceptable' });
    const both = await server.get(path, { accept: `${protobuf},application/json` });
    expect([both.status, both.headers['content-type']]).to.deep.equal([200, 'application/json']);
    const any = await server.get(path, { accept: `${protobuf}, */*` });
    expect(any.headers['content-type']).to.equal('application/json');
    const cbor = await server.send('POST', '/api/v1/namespaces', {
      body: Buffer.from([0xa0]),
      contentType: 'application/cbor',
    });
    expect(cbor.status).to.equal(415);
  });

  it('respects disruption budgets when it evicts', async () => {
    const namespace = await server.namespace();
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const pod = (name: string) => ({
      metadata: { name, labels: { app: 'a' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await server.create(pods, pod('p'));
    const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    await server.create(budgets, {
      metadata: { name: 'b' },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'a' } } },
    });
    const evict = (name: string) =>
      server.send('POST', `${pods}/${name}/eviction`, {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      });
    const refused = await evict('p');
    expect(refused.status, refused.text).to.equal(429);
    expect(text(refused.body, 'message')).to.contain(
      `Cannot evict pod as it would violate the pod's disruption budget.`,
    );
    succeeded(await server.send('DELETE', `${budgets}/b`));
    const evicted = await evict('p');
    expect(evicted.status, evicted.text).to.equal(201);
  });
});

const different = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'clusterIP', 'clusterIPs', 'nodePort'],
  ...['controller-uid', 'batch.kubernetes.io/controller-uid'],
]);

/** Without what differs between two objects that were created alike. */
function comparable(object: object, namespace: string): unknown {
  const content = JSON.stringify(object, (key, value: unknown) => (different.has(key) ? undefined : value));
  return JSON.parse(content.replaceAll(`"${namespace}"`, '"NAMESPACE"'));
}

function ownedByKubectl(object: unknown): readonly unknown[] {
  const entries = (at(object, 'metadata.managedFields') ?? []) as readonly unknown[]; // a list, if there is one
  return entries
    .filter((entry) => at(entry, 'manager') === 'kubectl-create')
    .map((entry) => at(entry, 'fieldsV1'));
}
