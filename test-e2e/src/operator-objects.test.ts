import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, type Conditioned, configMap, Fleet, isTrue, must, work } from './support/fleet.js';
import { Daemon, eventually } from './support/processes.js';
import { Joiner, joinString } from './support/refusals.js';

const apiVersion = 'operator.open-cluster-management.io/v1';

interface Reported extends Conditioned {
  readonly status?: Conditioned['status'] & { readonly observedGeneration?: number };
}

describe('the objects of OCM’s operators', () => {
  const fleet = new Fleet();
  const daemons: Daemon[] = [];
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
  });
  after(async () => {
    for (const daemon of daemons) await daemon.stop();
    await fleet.close();
  });

  /** The conditions once they are of the newest generation, `True Reason` by type. */
  async function conditionsOf(
    read: () => Promise<Reported>,
    isRight: (shown: Record<string, string>) => boolean,
  ) {
    let last = {};
    return eventually(
      'the conditions are right',
      async () => {
        const { metadata, status } = await read();
        const conditions = status?.conditions ?? [];
        const shown = Object.fromEntries(
          conditions.map(({ type, status: is, reason }) => [type, `${is} ${reason}`]),
        );
        last = { ...shown, observed: status?.observedGeneration, generation: metadata.generation };
        if (status?.observedGeneration !== metadata.generation || !isRight(shown))
          throw new Error(JSON.stringify(last));
        return shown;
      },
      { timeoutMs: 60_000 },
    );
  }

  describe('a Klusterlet', () => {
    let daemon: Daemon;
    const dataDir = join(fleet.directory, 'by-klusterlet');
    const read = (): Promise<Reported> => fleet.get<Reported>(cluster, 'klusterlet', 'klusterlet');
    const apply = (object: object) =>
      fleet.runOn(cluster, { input: JSON.stringify(object) }, 'apply', '-f', '-');
    const klusterlet = (spec: object) => ({
      apiVersion,
      kind: 'Klusterlet',
      metadata: { name: 'klusterlet' },
      spec,
    });

    before(() => {
      daemon = new Daemon('klusterlet', 'klusterlet', [
        ...['run', '--klusterlet', 'klusterlet', '--data-dir', dataDir, '--kubeconfig', cluster.kubeconfig],
      ]);
      daemons.push(daemon);
      daemon.start();
    });

    it('is waited for, and so is the Secret to join with', async () => {
      await eventually('it waits', () => daemon.output.includes('waiting for the Klusterlet klusterlet'));
      await eventually('the definition is there', async () => {
        return (
          (await fleet.on(cluster, 'get', 'crd', 'klusterlets.operator.open-cluster-management.io')).code ===
          0
        );
      });
      await apply(klusterlet({ clusterName: 'named', namespace: 'open-cluster-management-edge' }));
      const shown = await conditionsOf(read, ({ HubConnectionDegraded = '' }) =>
        HubConnectionDegraded.includes('BootstrapSecretMissing'),
      );
      expect(shown).to.include({
        HubConnectionDegraded: 'True BootstrapSecretMissing,HubKubeConfigSecretMissing',
        Applied: 'False KlusterletApplyFailed',
      });
    });

    it('is followed: name, namespace, addresses, annotations, claims, certificate', async () => {
      const text = await joinString(fleet, '--approve');
      const [, server = '', token = ''] = /^(https:\S+)\/\?token=([^&]+)/.exec(text) ?? [];
      const hub = JSON.parse(
        must(await fleet.kubectl('config', 'view', '--raw', '--flatten', '-o', 'json')),
      ) as {
        clusters: { cluster: Record<string, string> }[];
      };
      const bootstrap = {
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
        clusters: [{ name: 'c', cluster: { ...hub.clusters[0]?.cluster, server } }],
        users: [{ name: 'u', user: { token } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      };
      const namespace = 'open-cluster-management-edge';
      await apply({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          klusterlet({
            clusterName: 'named',
            namespace,
            externalServerURLs: [{ url: 'https://edge.example:6443' }],
            registrationConfiguration: {
              clientCertExpirationSeconds: 7200,
              clusterAnnotations: { 'agent.open-cluster-management.io/site': 'north' },
              clusterClaimConfiguration: { maxCustomClusterClaims: 1 },
            },
            workConfiguration: { statusSyncInterval: '10s', appliedManifestWorkEvictionGracePeriod: '1m' },
          }),
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
          {
            apiVersion: 'v1',
            kind: 'Secret',
            metadata: { name: 'bootstrap-hub-kubeconfig', namespace },
            stringData: { kubeconfig: JSON.stringify(bootstrap) },
          },
        ],
      });
      await eventually('it has joined', async () =>
        isTrue(
          await fleet.hubGet<Conditioned>('managedcluster', 'named'),
          'ManagedClusterConditionAvailable',
        ),
      );
      const managed = await fleet.hubGet<{
        metadata: { annotations: Record<string, string> };
        spec: { managedClusterClientConfigs: { url: string }[] };
      }>('managedcluster', 'named');
      expect(managed.spec.managedClusterClientConfigs.map(({ url }) => url)).to.deep.equal([
        'https://edge.example:6443',
      ]);
      await eventually('the annotation is there', async () => {
        const { metadata } = await fleet.hubGet<typeof managed>('managedcluster', 'named');
        return metadata.annotations['agent.open-cluster-management.io/site'] === 'north';
      });
      const { items } = await fleet.hubGet<{ items: { spec: { expirationSeconds?: number } }[] }>('csr');
      expect(items.map(({ spec }) => spec.expirationSeconds)).to.deep.equal([7200]);
      await eventually(
        'the copy is in its namespace',
        async () =>
          (await fleet.on(cluster, 'get', 'secret', 'hub-kubeconfig-secret', '-n', namespace)).code === 0,
      );
      const shown = await conditionsOf(read, ({ HubConnectionDegraded = '' }) =>
        HubConnectionDegraded.startsWith('False'),
      );
      expect(shown).to.deep.equal({
        Applied: 'True KlusterletApplied',
        Available: 'True KlusterletAvailable',
        HubConnectionDegraded: 'False HubConnectionFunctional',
        ValidFeatureGates: 'True FeatureGatesAllValid',
        'flotilla.dev/FieldsHonoured': 'True FieldsHonoured',
      });
    });

    it('takes effect when it changes, and names what has none', async () => {
      const patch = {
        spec: {
          deployOption: { mode: 'Hosted' },
          nodePlacement: { nodeSelector: { a: 'b' } },
          registrationConfiguration: {
            clusterAnnotations: { 'agent.open-cluster-management.io/site': 'south' },
            featureGates: [{ feature: 'Nonsense', mode: 'Enable' }],
          },
        },
      };
      must(
        await fleet.on(
          cluster,
          'patch',
          'klusterlet',
          'klusterlet',
          '--type=merge',
          '-p',
          JSON.stringify(patch),
        ),
      );
      const shown = await conditionsOf(
        read,
        (each) => each['flotilla.dev/FieldsHonoured']?.startsWith('False') === true,
      );
      expect(shown).to.include({
        ValidFeatureGates: 'False InvalidFeatureGatesExisting',
        'flotilla.dev/FieldsHonoured': 'False FieldsWithoutEffect',
      });
      const { status } = await read();
      const honoured = status?.conditions?.find(({ type }) => type === 'flotilla.dev/FieldsHonoured');
      expect(honoured?.message).to.equal(
        'Without effect on this klusterlet: spec.deployOption.mode, spec.nodePlacement',
      );
      await eventually('the annotation has changed', async () => {
        const { metadata } = await fleet.hubGet<{ metadata: { annotations: Record<string, string> } }>(
          'managedcluster',
          'named',
        );
        return metadata.annotations['agent.open-cluster-management.io/site'] === 'south';
      });
      await fleet.apply(work({ ...cluster, name: 'named' }, 'first', [configMap('by-work', { a: '1' })]));
      await fleet.workApplied({ ...cluster, name: 'named' }, 'first');
    });

    it('tells that another name needs another join, and goes on as it is', async () => {
      must(
        await fleet.on(
          cluster,
          'patch',
          'klusterlet',
          'klusterlet',
          '--type=merge',
          '-p',
          '{"spec":{"clusterName":"other"}}',
        ),
      );
      const shown = await conditionsOf(read, ({ Applied = '' }) => Applied.startsWith('False'));
      expect(shown).to.include({
        Applied: 'False KlusterletApplyFailed',
        HubConnectionDegraded: 'False HubConnectionFunctional',
      });
      must(await fleet.on(cluster, 'delete', 'configmap', 'by-work'));
      await eventually(
        'drift is corrected',
        async () => (await fleet.on(cluster, 'get', 'configmap', 'by-work')).code === 0,
      );
    });

    it('tells that the hub is away', async () => {
      must(
        await fleet.on(
          cluster,
          'patch',
          'klusterlet',
          'klusterlet',
          '--type=merge',
          '-p',
          '{"spec":{"clusterName":"named"}}',
        ),
      );
      await fleet.hub.stop();
      must(
        await fleet.on(
          cluster,
          'patch',
          'klusterlet',
          'klusterlet',
          '--type=merge',
          '-p',
          '{"spec":{"priorityClassName":"p"}}',
        ),
      );
      const shown = await conditionsOf(read, ({ HubConnectionDegraded = '' }) =>
        HubConnectionDegraded.startsWith('True'),
      );
      expect(shown['HubConnectionDegraded']).to.equal('True HubKubeConfigError');
      fleet.hub.start();
      await fleet.hubReady();
    });
  });

  describe('a ClusterManager', () => {
    const read = (name: string) => (): Promise<Reported> => fleet.hubGet<Reported>('clustermanager', name);
    const manager = (name: string, spec: object) => ({
      apiVersion,
      kind: 'ClusterManager',
      metadata: { name },
      spec,
    });

    it('lets the clusters of its users in, while its gate is on', async () => {
      const first = await joinString(fleet, '--cluster', 'automatic');
      const user = `system:bootstrap:${/token=(.{6})/.exec(first)?.[1]}`;
      const configuration = (mode: string) => ({
        autoApproveUsers: [user],
        featureGates: [{ feature: 'ManagedClusterAutoApproval', mode }],
      });
      await fleet.apply(manager('cluster-manager', { registrationConfiguration: configuration('Disable') }));
      await conditionsOf(read('cluster-manager'), ({ Applied }) => Applied === 'True ClusterManagerApplied');
      const joiner = new Joiner(fleet, cluster);
      joiner.start(first, 'automatic');
      await eventually('it waits for approval', () =>
        joiner.output.includes('waiting for the hub to accept'),
      );
      await joiner.stop();
      must(await fleet.kubectl('delete', 'managedcluster', 'automatic'));
      await fleet.apply(manager('cluster-manager', { registrationConfiguration: configuration('Enable') }));
      await conditionsOf(read('cluster-manager'), ({ Applied }) => Applied === 'True ClusterManagerApplied');
      const second = new Joiner(fleet, cluster);
      second.start(first, 'automatic');
      await eventually('it is in', () => second.output.includes('automatic is available on'));
      await second.stop();
    });

    it('reports itself as OCM does, and names what has no effect', async () => {
      const spec = {
        workConfiguration: {
          workDriver: 'mqtt',
          featureGates: [
            { feature: 'ManifestWorkReplicaSet', mode: 'Enable' },
            { feature: 'Odd', mode: 'Enable' },
          ],
        },
        nodePlacement: { nodeSelector: { a: 'b' } },
      };
      await fleet.apply(manager('cluster-manager', spec));
      const shown = await conditionsOf(
        read('cluster-manager'),
        (each) => each['flotilla.dev/FieldsHonoured']?.startsWith('False') === true,
      );
      expect(shown).to.deep.equal({
        Applied: 'True ClusterManagerApplied',
        HubRegistrationDegraded: 'False RegistrationFunctional',
        Progressing: 'False ClusterManagerUpToDate',
        ValidFeatureGates: 'False InvalidFeatureGatesExisting',
        'flotilla.dev/FieldsHonoured': 'False FieldsWithoutEffect',
      });
      const { status } = await read('cluster-manager')();
      const honoured = status?.conditions?.find(({ type }) => type === 'flotilla.dev/FieldsHonoured');
      expect(honoured?.message)
        .to.contain('spec.nodePlacement')
        .and.to.contain('spec.workConfiguration.workDriver')
        .and.to.contain('feature gate ManifestWorkReplicaSet (on)');
    });

    it('is read under one name only', async () => {
      await fleet.apply(manager('another', {}));
      const shown = await conditionsOf(read('another'), ({ Applied }) => Applied !== undefined);
      expect(shown).to.deep.equal({ Applied: 'False ClusterManagerIgnored' });
    });
  });
});
