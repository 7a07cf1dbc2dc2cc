/** Which certificate requests the hub approves by itself: renewals, and first ones of users whom its operator names. */
import {
  agentGroups,
  agentUserName,
  automaticallyAcceptedOnAnnotation,
  clusterGroup as clusterGroupOf,
  clusterNameLabel,
  type KubeObject,
  kubeClientSigner,
  managedClustersGroup,
} from '@flotilla/api';
import type { UserInfo } from '@flotilla/apiserver';
import { createCertificateRequest, generateKeyPair, type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { cluster, HubWorld, refused } from './hub-world.js';

const trusted: UserInfo = {
  username: 'trusted-user',
  groups: ['system:bootstrappers:managedcluster', 'system:authenticated'],
};
const agentOf = (name: string): UserInfo => ({
  username: agentUserName(name, 'a1'),
  groups: [...agentGroups(name), 'system:authenticated'],
});

describe('certificate requests', () => {
  const world = new HubWorld({ autoApproveUsers: [trusted.username] });
  let hub: KubeClient;
  before(async () => {
    await world.start();
    hub = world.hub;
    await world.allow(trusted.username, [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      {
        apiGroups: ['cluster.open-cluster-management.io'],
        resources: ['managedclusters', 'managedclustersets/join'],
        verbs: ['create', 'get'],
      },
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests'],
        verbs: ['create', 'get'],
      },
    ]);
  });
  after(() => world.close());

  interface Asked {
    readonly label: string;
    readonly commonName?: string;
    readonly organizations?: readonly string[];
  }

  async function ask(user: UserInfo, { label, ...subject }: Asked): Promise<string> {
    const pem = createCertificateRequest({
      privateKeyPem: generateKeyPair().privateKeyPem,
      commonName: subject.commonName ?? agentUserName(label, 'a1'),
      organizations: subject.organizations ?? agentGroups(label),
    });
    const made = await world.as(user).create<KubeObject>(wellKnown.certificateSigningRequests, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { generateName: `${label}-`, labels: { [clusterNameLabel]: label } },
      spec: {
        request: Buffer.from(pem).toString('base64'),
        signerName: kubeClientSigner,
        usages: ['digital signature', 'key encipherment', 'client auth'],
      },
    });
    await world.settle();
    return made.metadata.name ?? '';
  }

  async function isApproved(name: string): Promise<boolean> {
    const csr = await hub.get<KubeObject>(wellKnown.certificateSigningRequests, { name });
    const { conditions = [] } = (csr['status'] ?? {}) as { conditions?: { type: string }[] };
    return conditions.some(({ type }) => type === 'Approved');
  }

  async function accepted(name: string): Promise<void> {
    await world.createCluster(cluster(name, { spec: { hubAcceptsClient: true } }));
    await world.settle();
  }

  it('of an agent for its own identity is approved while its cluster is accepted, and not when it is denied', async () => {
    await accepted('own');
    expect(await isApproved(await ask(agentOf('own'), { label: 'own' }))).to.equal(true);
    await world.patchCluster('own', { spec: { hubAcceptsClient: false } });
    await world.settle();
    await refused(ask(agentOf('own'), { label: 'own' }));
  });

  it('with an organization that only begins like the cluster is not approved', async () => {
    await accepted('prefix');
    const organizations = [`${clusterGroupOf('prefix')}-other`, managedClustersGroup];
    const request = { label: 'prefix', organizations };
    expect(await refused(ask(agentOf('prefix'), request))).to.contain('prefix-other');
    await world.createCluster(cluster('prefix-auto'), trusted);
    const trustedRequest = {
      label: 'prefix-auto',
      organizations: [`${clusterGroupOf('prefix-auto')}-other`, managedClustersGroup],
    };
    expect(await isApproved(await ask(trusted, trustedRequest))).to.equal(false);
  });

  it('whose name and organization agree on another cluster than its label is not approved', async () => {
    await accepted('labelled');
    await accepted('meant');
    const request = {
      label: 'labelled',
      commonName: agentUserName('meant', 'a1'),
      organizations: agentGroups('meant'),
    };
    for (const name of ['labelled', 'meant']) {
      expect(await refused(ask(agentOf(name), request)), name).to.match(/^Forbidden/);
    }
    for (const name of ['labelled-auto', 'meant-auto']) await world.createCluster(cluster(name), trusted);
    const trustedRequest = {
      label: 'labelled-auto',
      commonName: agentUserName('meant-auto', 'a1'),
      organizations: agentGroups('meant-auto'),
    };
    expect(await isApproved(await ask(trusted, trustedRequest))).to.equal(false);
  });

  it('first of a cluster is approved, and the cluster accepted, when a trusted user asks for both', async () => {
    const made = await world.createCluster(cluster('auto'), trusted);
    expect(made.spec?.hubAcceptsClient).to.equal(true);
    const since = made.metadata.annotations?.[automaticallyAcceptedOnAnnotation] ?? '';
    expect(Date.parse(since)).to.equal(Math.floor(world.env.clock.now() / 1000) * 1000);
    expect(await isApproved(await ask(trusted, { label: 'auto' }))).to.equal(true);
    const { conditions = [] } = (await world.getCluster('auto')).status ?? {};
    expect(conditions.find(({ type }) => type === 'HubAcceptedManagedCluster')?.status).to.equal('True');
  });

  it('first of a cluster is approved also when it comes before the cluster', async () => {
    const name = await ask(trusted, { label: 'early' });
    expect(await isApproved(name)).to.equal(false);
    await world.createCluster(cluster('early'), trusted);
    await world.settle();
    expect(await isApproved(name)).to.equal(true);
  });

  it('of a trusted user no more counts once its cluster has joined, or was denied: that sticks', async () => {
    await world.createCluster(cluster('later'), trusted);
    await world.settle();
    await world.patchCluster('later', { spec: { hubAcceptsClient: false } });
    await world.settle(10_000);
    expect((await world.getCluster('later')).spec?.hubAcceptsClient).to.equal(false);
    expect(await isApproved(await ask(trusted, { label: 'later' }))).to.equal(false);
    await world.patchCluster('later', { spec: { hubAcceptsClient: true } });
    await world.report('later', { conditions: { ManagedClusterJoined: 'True' } });
    expect(await isApproved(await ask(trusted, { label: 'later' }))).to.equal(false);
  });

  it('of a trusted user for a cluster that others made, or of others, waits for an operator', async () => {
    await accepted('made-by-others');
    expect(await isApproved(await ask(trusted, { label: 'made-by-others' }))).to.equal(false);
    await world.createCluster(cluster('by-admin'));
    expect((await world.getCluster('by-admin')).spec?.hubAcceptsClient ?? false).to.equal(false);
  });
});
