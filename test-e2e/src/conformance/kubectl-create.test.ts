/**
 * `kubectl create` of every kind it has, by every version of kubectl that is here: newer ones send protobuf, older ones
 * JSON, and what is stored must be the same.
 */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { otherKubectls } from '../support/kubectl-versions.js';
import { run } from '../support/processes.js';
import { TestServer } from '../support/server.js';

/** Arguments after `kubectl create`; `CERTIFICATE` and `KEY` stand for files. */
const commands: readonly (readonly string[])[] = [
  ['configmap', 'a', '--from-literal=k=v', '--from-file=bin=CERTIFICATE'],
  ['secret', 'generic', 'a', '--from-literal=k=v', '--type=example.com/x'],
  ['secret', 'tls', 'b', '--cert=CERTIFICATE', '--key=KEY'],
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
  ['cronjob', 'a', '--image=busybox', '--schedule=*/5 * * * *', '--restart=Never', '--', 'true'],
  ['service', 'clusterip', 'a', '--tcp=80:8080', '--tcp=443'],
  ['service', 'clusterip', 'headless', '--clusterip=None'],
  ['service', 'nodeport', 'b', '--tcp=80'],
  ['service', 'loadbalancer', 'd', '--tcp=80:http'],
  ['service', 'externalname', 'c', '--external-name=x.example'],
  ['ingress', 'a', '--rule=x.example/p*=a:80,tls=b', '--class=nginx', '--annotation=x/y=z'],
  ['poddisruptionbudget', 'a', '--selector=app=a', '--min-available=50%'],
  ['poddisruptionbudget', 'b', '--selector=app=a', '--max-unavailable=0'],
  ['quota', 'a', '--hard=pods=10,memory=1000Mi', '--scopes=BestEffort'],
  ['role', 'a', '--verb=get', '--resource=pods,deployments.apps/scale', '--resource-name=x'],
  ['rolebinding', 'a', '--role=a', '--user=u', '--group=g', '--serviceaccount=x:y'],
  ['clusterrole', 'NAMESPACE', '--verb=get', '--non-resource-url=/x'],
  ['clusterrole', 'NAMESPACE-2', '--aggregation-rule=x/y=z'],
  ['clusterrolebinding', 'NAMESPACE', '--clusterrole=view', '--user=u'],
  ['priorityclass', 'NAMESPACE', '--value=7', '--description=d', '--preemption-policy=Never'],
  ['namespace', 'NAMESPACE-made'],
];

/** Kinds that kubectl before 1.21 creates in a beta version, which no server has had since 1.25. */
const betaBefore21 = ['cronjob', 'poddisruptionbudget'];

describe('kubectl create, by each version', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  const clients = [{ name: 'kubectl', path: 'kubectl', minor: Number.POSITIVE_INFINITY }].concat(
    otherKubectls().map((one) => ({ ...one, name: `1.${one.minor}` })),
  );

  it('names every kind that kubectl can create', async () => {
    const { stdout } = await run('kubectl', ['create', '--help']);
    const kinds = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1]);
    expect(kinds).to.include('configmap');
    const created = commands.map(([kind]) => kind);
    expect(kinds.filter((kind) => kind !== 'token')).to.have.members([...new Set(created)]);
  });

  it(`stores the same, whoever creates it (${clients.map(({ name }) => name).join(', ')})`, async () => {
    const certificate = server.file(server.admin.certificate, 'crt');
    const key = server.file(server.admin.key, 'key');
    const stored = await Promise.all(
      clients.map(async ({ name, path, minor }) => {
        const namespace = await server.namespace('by');
        const objects: unknown[] = [];
        for (const command of commands) {
          if (minor < 21 && command.some((arg) => betaBefore21.includes(arg))) {
            objects.push(undefined);
            continue;
          }
          const args = command.map((arg) =>
            arg.replace('NAMESPACE', namespace).replace('CERTIFICATE', certificate).replace('KEY', key),
          );
          const dashes = args.indexOf('--');
          args.splice(dashes < 0 ? args.length : dashes, 0, '-o', 'json');
          const made = await server.kubectlWith({ kubectl: path }, '-n', namespace, 'create', ...args);
          expect(made.code, `${name} create ${args.join(' ')}: ${made.stderr}`).to.equal(0);
          const { apiVersion, kind, metadata } = JSON.parse(made.stdout) as {
            apiVersion: string;
            kind: string;
            metadata: { name: string };
          };
          const shown = await server.k(
            ...['get', resourceOf(apiVersion, kind), metadata.name, '-n', namespace],
            ...['-o', 'json', '--show-managed-fields'],
          );
          objects.push(comparable(JSON.parse(shown) as object, namespace));
        }
        return objects;
      }),
    );
    const [first = [], ...others] = stored;
    for (const [index, other] of others.entries()) {
      for (const [position, object] of other.entries()) {
        const what = `${clients[index + 1]?.name} create ${commands[position]?.join(' ')}`;
        if (object !== undefined) expect(object, what).to.deep.equal(first[position]);
      }
    }
    const replicas = first.map((object) => at(object, 'spec.replicas'));
    expect(replicas, 'a zero is no absence').to.include(0);
    expect(first.map((object) => text(object, 'kind'))).to.have.length(commands.length);
  });
});

function resourceOf(apiVersion: string, kind: string): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return group === '' ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}

const different = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'clusterIP', 'clusterIPs', 'nodePort', 'status'],
  ...['controller-uid', 'batch.kubernetes.io/controller-uid', 'time', 'deployment.kubernetes.io/revision'],
]);

/** Without what differs between two objects that were created alike. */
function comparable(object: object, namespace: string): unknown {
  const content = JSON.stringify(object, (name, value: unknown) => {
    if (different.has(name)) return undefined;
    // Controllers of the server's own may have come by already.
    if (name === 'annotations' && Object.keys(value as object).every((key) => different.has(key)))
      return undefined;
    if (name !== 'managedFields' || !Array.isArray(value)) return value;
    return value.filter((entry) => at(entry, 'manager') === 'kubectl-create');
  });
  return JSON.parse(content.replaceAll(namespace, 'NAMESPACE'));
}
