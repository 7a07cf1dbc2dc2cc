/**
 * The klusterlet as deploy/klusterlet has it: a process with the token of its service account and no other rights
 * than those of the manifests, which the stand-in cluster enforces.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, type Conditioned, configMap, Fleet, must, type Work, work } from './support/fleet.js';
import { eventually, ours, root, run } from './support/processes.js';

const namespace = 'open-cluster-management-agent';
const account = `system:serviceaccount:${namespace}:klusterlet`;
const folder = join(root, 'deploy', 'klusterlet');

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
const gadget = { apiVersion: 'example.io/v1', kind: 'Gadget', metadata: { name: 'g', namespace: 'default' } };

const labels = { app: 'web' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'team' },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { serviceAccountName: 'web', containers: [{ name: 'c', image: 'registry.example/x' }] },
    },
  },
};
const serviceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'web', namespace: 'team' },
};
const group = 'rbac.authorization.k8s.io';
const role = (name: string, verbs: string[], resources: string[]): object => ({
  apiVersion: `${group}/v1`,
  kind: 'Role',
  metadata: { name, namespace: 'team' },
  rules: [{ apiGroups: [''], resources, verbs }],
});
const binding = (name: string): object => ({
  apiVersion: `${group}/v1`,
  kind: 'RoleBinding',
  metadata: { name, namespace: 'team' },
  roleRef: { apiGroup: group, kind: 'Role', name },
  subjects: [{ kind: 'ServiceAccount', name: 'web', namespace: 'team' }],
});

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
}

describe('the klusterlet with the rights of deploy/klusterlet', function () {
  this.timeout(100_000);
  const fleet = new Fleet();
  let cluster: Cluster;
  const path = (name: string): string => join(fleet.directory, name);
  const start = (): void =>
    cluster.klusterlet.start([
      ...['join', '--join-file', path('join-string'), '--data-dir', cluster.dataDir],
      ...['--kubeconfig', path('in-cluster.kubeconfig')],
    ]);
  const newToken = async (): Promise<void> => {
    const token = await fleet.on(cluster, 'create', 'token', 'klusterlet', '-n', namespace);
    writeFileSync(path('token'), must(token).trim());
  };
  const send = async (name: string, manifests: readonly object[], more: object = {}): Promise<void> => {
    await fleet.apply(work(cluster, name, manifests, more));
    await fleet.workApplied(cluster, name);
  };
  const remove = (name: string) => fleet.kubectl('delete', 'manifestwork', name, '-n', cluster.name);
  const refusal = (name: string, says: string) =>
    eventually(`${name} is refused`, async () => {
      const got = await fleet.hubGet<Work>('manifestwork', name, '-n', cluster.name);
      const conditions = got.status?.resourceStatus?.manifests?.flatMap((one) => one.conditions) ?? [];
      return conditions.some(({ status, message }) => status === 'False' && message.includes(says));
    });
  const can = async (...args: string[]): Promise<string> =>
    (await fleet.on(cluster, 'auth', 'can-i', ...args, '--as', account)).stdout.trim();

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('cluster1');
    must(await fleet.on(cluster, 'apply', '-k', folder));
    await newToken();
    const [entry] = (parse(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig).clusters;
    writeFileSync(
      path('in-cluster.kubeconfig'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: [{ name: 'c', cluster: entry?.cluster }],
        users: [{ name: 'u', user: { tokenFile: path('token') } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      }),
    );
    const address = ['--server', `https://127.0.0.1:${cluster.link.port}`];
    const asked = ['token', 'create', '--cluster', cluster.name, '--secret', ...address];
    const input = must(await fleet.hubCommand(...asked));
    must(await run('kubectl', ['--kubeconfig', cluster.kubeconfig, 'apply', '-f', '-'], { input }));
    // As kubelet would mount it.
    const secret = await fleet.get<{ data: Record<string, string> }>(
      cluster,
      ...['secret', 'klusterlet-join', '-n', namespace],
    );
    writeFileSync(path('join-string'), Buffer.from(secret.data['join-string'] ?? '', 'base64'));
    start();
    await eventually('the cluster asks to join', async () => {
      if (!cluster.klusterlet.isRunning) throw new Error(`it ended: ${cluster.klusterlet.output}`);
      return (await fleet.hubCommand('approve', cluster.name)).code === 0;
    });
    await fleet.available(cluster);
  });
  after(() => fleet.close());

  it('tells the health of add-ons by their leases, with the rights that the base gives it', async () => {
    const metadata = { name: 'probe', namespace: cluster.name };
    const apiVersion = 'addon.open-cluster-management.io/v1beta1';
    await fleet.apply({ apiVersion, kind: 'ManagedClusterAddOn', metadata, spec: {} });
    const until = (reason: string) =>
      eventually(`the add-on has ${reason}`, async () => {
        const { status } = await fleet.hubGet<Conditioned>('mca', 'probe', '-n', cluster.name);
        return status?.conditions?.some((each) => each.type === 'Available' && each.reason === reason);
      });
    await until('ManagedClusterAddOnLeaseNotFound');
    const namespaced = { name: 'probe', namespace: 'open-cluster-management-agent-addon' };
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    for (const object of [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaced.namespace } },
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: namespaced, spec: { renewTime } },
    ])
      await fleet.runOn(cluster, { input: JSON.stringify(object) }, 'apply', '-f', '-');
    await until('ManagedClusterAddOnLeaseUpdated');
    must(await fleet.kubectl('delete', 'mca', 'probe', '-n', cluster.name));
  });

  it('is one kustomize base that anybody can build on', async () => {
    const built = must(await run('kubectl', ['kustomize', folder]));
    expect(built).to.contain(`namespace: ${namespace}`).and.to.contain('kind: PersistentVolumeClaim');
    expect(must(await fleet.on(cluster, 'apply', '-k', folder, '--dry-run=server'))).to.contain('deployment');
  });

  it('holds no right to grant more than it has, to act as a user or group, or to run as cluster-admin', async () => {
    for (const asked of [
      ['escalate', 'clusterroles'],
      ['bind', 'clusterroles'],
      ['impersonate', 'users'],
      ['impersonate', 'groups'],
      ['patch', 'nodes'],
      ['delete', 'mutatingwebhookconfigurations'],
      ['*', '*'],
    ]) {
      expect(await can(...asked), asked.join(' ')).to.equal('no');
    }
    expect(await can('impersonate', 'serviceaccounts')).to.equal('yes');
  });

  it('keeps a second copy of its credentials in a Secret', async () => {
    await eventually('the copy is there', async () => {
      const got = await fleet.on(
        cluster,
        'get',
        'secret',
        'hub-kubeconfig-secret',
        '-n',
        namespace,
        '-o',
        'name',
      );
      return got.stdout === 'secret/hub-kubeconfig-secret\n';
    });
  });

  it('applies, reports, corrects, prunes and deletes', async () => {
    const team = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } };
    const all = [team, serviceAccount, role('web', ['get'], ['configmaps']), binding('web'), deployment];
    const feedback = { resource: 'deployments', group: 'apps', namespace: 'team', name: 'web' };
    const manifestConfigs = [{ resourceIdentifier: feedback, feedbackRules: [{ type: 'WellKnownStatus' }] }];
    await send('app', [...all, configMap('extra', { a: '1' }, 'team')], { manifestConfigs });
    await eventually('the feedback is there', async () => {
      const got = await fleet.hubGet<Work>('manifestwork', 'app', '-n', cluster.name);
      return got.status?.resourceStatus?.manifests?.some((one) => one.statusFeedback?.values?.length === 3);
    });
    must(await fleet.on(cluster, 'delete', 'deployment', 'web', '-n', 'team'));
    await eventually(
      'the deployment is back',
      async () => (await fleet.on(cluster, 'get', 'deployment', 'web', '-n', 'team')).code === 0,
    );
    await send('app', all, { manifestConfigs });
    await eventually(
      'the config map is gone',
      async () => (await fleet.on(cluster, 'get', 'configmap', 'extra', '-n', 'team')).code !== 0,
    );
  });

  it('applies a definition, and its custom resources when a labelled role allows them', async () => {
    await fleet.apply(work(cluster, 'gadgets', [definition, gadget]));
    await refusal('gadgets', 'forbidden');
    const input = JSON.stringify({
      apiVersion: `${group}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'gadgets', labels: { 'open-cluster-management.io/aggregate-to-work': 'true' } },
      rules: [{ apiGroups: ['example.io'], resources: ['gadgets'], verbs: ['*'] }],
    });
    const target = ['--kubeconfig', cluster.kubeconfig, 'apply', '-f', '-'];
    must(await run('kubectl', target, { input }));
    await fleet.workApplied(cluster, 'gadgets');
    must(await remove('gadgets'));
  });

  it('grants nothing that it does not hold itself', async () => {
    await fleet.apply(work(cluster, 'grant', [role('nodes', ['impersonate'], ['users'])]));
    await refusal('grant', 'attempting to grant RBAC permissions not currently held');
    must(await remove('grant'));
  });

  it('applies as the service account that a work names', async () => {
    const subject = { type: 'ServiceAccount', serviceAccount: { namespace: 'team', name: 'web' } };
    const input = configMap('by-executor', { a: '1' }, 'team');
    await fleet.apply(work(cluster, 'executed', [input], { executor: { subject } }));
    await refusal('executed', 'not allowed to apply the resource');
    const rights = [
      role('more', ['get', 'create', 'update', 'patch', 'delete'], ['configmaps']),
      binding('more'),
    ];
    await send('rights', rights);
    await fleet.apply(
      work(cluster, 'executed', [configMap('by-executor', { a: '2' }, 'team')], { executor: { subject } }),
    );
    await fleet.workApplied(cluster, 'executed');
    must(await remove('executed'));
  });

  it('goes on after a restart without the join string, and with a token that was renewed', async () => {
    await cluster.klusterlet.stop();
    rmSync(path('join-string'));
    await newToken();
    start();
    await send('later', [configMap('later', { a: '1' }, 'team')]);
    expect(existsSync(path('join-string'))).to.equal(false);
    for (const name of ['later', 'rights', 'app']) must(await remove(name));
    await eventually(
      'the namespace is gone',
      async () => (await fleet.on(cluster, 'get', 'namespace', 'team')).code !== 0,
    );
  });

  it('says what is missing when it is started without a join string', async () => {
    const args = ['join', '--join-file', path('nowhere'), '--data-dir', path('fresh')];
    const refused = await ours('klusterlet', args);
    expect(refused.code).not.to.equal(0);
    expect(refused.stderr).to.contain('nowhere does not exist, and nothing has joined from');
    const both = await ours('klusterlet', [...args, 'https://hub.example/?token=x']);
    expect(both.stderr).to.contain('give a join string or --join-file, not both');
    const open = await fleet.hubCommand('token', 'create', '--secret');
    expect(open.stderr).to.contain('--secret needs --cluster');
  });
});
