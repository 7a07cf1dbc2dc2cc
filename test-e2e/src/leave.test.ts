import { existsSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { differences, dumpAll } from './support/dump.js';
import { type Cluster, type Conditioned, configMap, Fleet, must, type Work, work } from './support/fleet.js';
import { eventually, ours } from './support/processes.js';
import { expectRefusal } from './support/refusals.js';

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    names: { kind: 'Thing', listKind: 'ThingList', plural: 'things', singular: 'thing' },
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 't', namespace: 'shop' } };
const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'shop' },
  rules: [],
};
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    },
  },
};

describe('klusterlet leave', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  let pristine: Map<string, string>;
  const dump = () => dumpAll((...args) => fleet.on(cluster, ...args));
  const leave = (...more: string[]) => ours('klusterlet', ['leave', '--data-dir', cluster.dataDir, ...more]);

  async function joinWithWorks(): Promise<void> {
    await fleet.join(cluster);
    await fleet.apply(
      work(cluster, 'shop', [namespace('shop'), deployment, configMap('kept', { a: '1' }, 'shop'), role]),
      work(cluster, 'things', [definition, thing]),
    );
    await fleet.workApplied(cluster, 'shop');
    await fleet.workApplied(cluster, 'things');
    await eventually('the copy of the credentials is there', async () => {
      const copy = await fleet.on(
        cluster,
        'get',
        'secret',
        'hub-kubeconfig-secret',
        '-n',
        'open-cluster-management-agent',
      );
      return copy.code === 0;
    });
  }

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    // Its controllers have to come to rest first.
    await eventually('the cluster is complete', async () => {
      const one = await dump();
      return differences(one, await dump()).length === 0 && one.has('serviceaccounts default/default');
    });
    pristine = await dump();
  });
  after(() => fleet.close());

  /** A set of this cluster that wants these namespaces in it. */
  async function wantNamespaces(...names: string[]): Promise<void> {
    await fleet.apply({
      apiVersion: 'cluster.open-cluster-management.io/v1beta2',
      kind: 'ManagedClusterSet',
      metadata: { name: 'team' },
      spec: {
        clusterSelector: { selectorType: 'LabelSelector', labelSelector: {} },
        managedNamespaces: names.map((name) => ({ name })),
      },
    });
    await eventually('the namespaces are there', async () => {
      const { status } = await fleet.hubGet<{ status?: { managedNamespaces?: object[] } }>(
        'managedcluster',
        'edge',
      );
      const told = JSON.stringify(status?.managedNamespaces ?? []);
      return told.split('"NamespaceApplied"').length === names.length + 1;
    });
  }

  it('needs the klusterlet to be stopped', async () => {
    await joinWithWorks();
    await wantNamespaces('team-a', 'team-b');
    expectRefusal(await leave(), 1, /is in use|another process|runs/);
    await cluster.klusterlet.stop();
  });

  it('says what holds it up, and can be run again', async () => {
    const finalizers = (value: string) => [
      'patch',
      'configmap',
      'kept',
      '-n',
      'shop',
      '--type=merge',
      '-p',
      value,
    ];
    must(await fleet.on(cluster, ...finalizers('{"metadata":{"finalizers":["example.com/mine"]}}')));
    const held = await leave('--wait', '1s');
    expectRefusal(
      held,
      1,
      /configmaps shop\/kept is held by the finalizers example\.com\/mine; mend that and run/,
    );
    expect(existsSync(`${cluster.dataDir}/config.json`)).to.equal(true);
    must(await fleet.on(cluster, ...finalizers('{"metadata":{"finalizers":null}}')));
  });

  it('leaves a cluster as it was before the join, object for object', async () => {
    const left = await leave();
    expect(left.stderr).to.contain('deletes what the work shop applied');
    expect(left.stdout).to.match(
      /^left https:\S+: \d works? deleted; the hub was told; .*hub clusters remove edge\n$/,
    );
    expect(left.code).to.equal(0);
    await eventually('nothing of ours is there', async () => {
      const rest = differences(pristine, await dump());
      if (rest.length > 0) throw new Error(rest.join('\n'));
      return true;
    });
    const files = existsSync(cluster.dataDir) ? readdirSync(cluster.dataDir) : [];
    expect(files.filter((name) => !name.startsWith('lock'))).to.deep.equal([]);
  });

  it('has told the hub, where nothing waits for this klusterlet any more', async () => {
    const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'edge');
    for (const type of ['ManagedClusterJoined', 'ManagedClusterConditionAvailable']) {
      const condition = status?.conditions?.find((each) => each.type === type);
      expect(condition, type).to.include({ status: 'False', reason: 'KlusterletLeft' });
    }
    const { metadata, status: now } = await fleet.hubGet<Work>('manifestwork', 'shop', '-n', 'edge');
    expect((metadata as { finalizers?: string[] }).finalizers ?? []).to.deep.equal([]);
    expect(now?.conditions?.find(({ type }) => type === 'Applied')).to.include({
      status: 'Unknown',
      reason: 'KlusterletLeft',
    });
    expect(must(await fleet.hubCommand('clusters'))).to.match(/^edge +true +False +False +KlusterletLeft /m);
    expect(must(await fleet.hubCommand('clusters', 'remove', 'edge', '--wait', '30s'))).to.contain(
      'edge: removed',
    );
  });

  it('keeps everything with --keep-workloads, and what others use', async () => {
    await joinWithWorks();
    await wantNamespaces('team-a', 'team-b');
    await cluster.klusterlet.stop();
    const claim = {
      apiVersion: 'cluster.open-cluster-management.io/v1alpha1',
      kind: 'ClusterClaim',
      metadata: { name: 'mine' },
      spec: { value: 'x' },
    };
    must(await fleet.kubectlOn(cluster, { input: JSON.stringify(claim) }, 'apply', '-f', '-'));
    const left = must(await leave('--keep-workloads'));
    expect(left).to.contain(': 2 works disowned; ');
    expect(left).to.contain('the definition clusterclaims.cluster.open-cluster-management.io stays: ');
    const more = differences(pristine, await dump()).filter(
      (line) => !/pods|replicasets|endpoint/.test(line),
    );
    expect(more.sort()).to.deep.equal(
      [
        'left: clusterclaims.cluster.open-cluster-management.io /mine',
        'left: clusterroles.rbac.authorization.k8s.io /shop',
        'left: configmaps shop/kept',
        'left: configmaps shop/kube-root-ca.crt',
        'left: customresourcedefinitions.apiextensions.k8s.io /clusterclaims.cluster.open-cluster-management.io',
        'left: customresourcedefinitions.apiextensions.k8s.io /things.example.com',
        'left: deployments.apps shop/web',
        'left: namespaces /shop',
        ...['team-a', 'team-b'].flatMap((name) => [
          `left: configmaps ${name}/kube-root-ca.crt`,
          `left: namespaces /${name}`,
          `left: serviceaccounts ${name}/default`,
        ]),
        'left: serviceaccounts shop/default',
        'left: things.example.com shop/t',
      ].sort(),
    );
    for (const kept of ['deployment/web', 'configmap/kept']) {
      const { metadata } = await fleet.get<{ metadata: { ownerReferences?: object[] } }>(
        cluster,
        kept,
        '-n',
        'shop',
      );
      expect(metadata.ownerReferences ?? []).to.deep.equal([]);
    }
    const { metadata } = await fleet.get<{ metadata: object }>(cluster, 'namespace', 'team-a');
    expect(JSON.stringify(metadata)).not.to.match(/clusterset\.open-cluster-management|flotilla\.dev/);
  });

  it('lets a namespace of a cluster set stay that holds something, and one that was there before', async () => {
    await fleet.hubCommand('clusters', 'remove', 'edge', '--wait', '30s');
    must(await fleet.on(cluster, 'delete', 'namespace', 'team-b'));
    await fleet.join(cluster);
    await wantNamespaces('team-a', 'team-b', 'team-c');
    must(await fleet.on(cluster, 'create', 'configmap', 'precious', '-n', 'team-b'));
    await cluster.klusterlet.stop();
    const left = must(await leave());
    expect(left)
      .to.contain('the namespace team-b stays: it holds configmaps/precious')
      .and.not.contain('team-a');
    expect(must(await fleet.on(cluster, 'get', 'namespace', '-o', 'name'))).not.to.contain('team-c');
    for (const name of ['team-a', 'team-b']) {
      const { metadata } = await fleet.get<{ metadata: object }>(cluster, 'namespace', name);
      expect(JSON.stringify(metadata)).not.to.match(/clusterset\.open-cluster-management|flotilla\.dev/);
    }
  });

  it('goes also when the hub is away, and says how to forget the cluster there', async () => {
    await fleet.hubCommand('clusters', 'remove', 'edge', '--wait', '30s');
    await fleet.join(cluster);
    await cluster.klusterlet.stop();
    await fleet.hub.stop();
    const left = must(await leave());
    expect(left).to.match(/the hub could not be told \(.*hub.*\); there: hub clusters remove edge --force/);
  });
});
