/**
 * P5: somebody with the stolen certificate of a klusterlet asks the hub for what is none of this cluster's business.
 * Every request must be refused. Called by the run of a scenario.
 */
import { type KubeObject, StatusError } from '@flotilla/api';
import {
  createClient,
  fromPem,
  type KubeClient,
  type ResourceRef,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import type { FleetCluster } from './fleet-cluster.js';
import { ownedWorks } from './plan-items.js';
import type { World } from './world.js';

interface Attempt {
  readonly what: string;
  readonly run: (client: KubeClient) => Promise<unknown>;
  /** Of something that may not be there. */
  readonly isPerhapsGone?: boolean;
}

const secrets = { namespace: 'kube-system' };
const stolenSpec = {
  workload: {
    manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stolen', namespace: 'default' } }],
  },
};
const taint = { key: 'stolen', effect: 'NoSelect' };
const roleBindings: ResourceRef = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource: 'clusterrolebindings',
  namespaced: false,
};

interface Places {
  readonly own: string;
  /** Another cluster of the hub, or a namespace that is no cluster's. */
  readonly other: string;
  /** The name of a work of its own. */
  readonly work: string;
}

function attempts({ own, other, work }: Places): Attempt[] {
  const elsewhere = { namespace: other, name: 'alpha' };
  const merge = (body: object) => ({ type: 'merge' as const, body });
  return [
    { what: 'all works', run: (c) => c.list(wellKnown.manifestWorks) },
    { what: `works of ${other}`, run: (c) => c.list(wellKnown.manifestWorks, { namespace: other }) },
    { what: `a work of ${other}`, run: (c) => c.get(wellKnown.manifestWorks, elsewhere) },
    {
      what: `a change of a work of ${other}`,
      run: (c) =>
        c.patch(wellKnown.manifestWorks, elsewhere, merge({ metadata: { labels: { stolen: 'yes' } } })),
    },
    {
      what: `a status for a work of ${other}`,
      run: (c) =>
        c.patch(wellKnown.manifestWorks, elsewhere, { ...merge({ status: {} }), subresource: 'status' }),
    },
    { what: `the removal of a work of ${other}`, run: (c) => c.delete(wellKnown.manifestWorks, elsewhere) },
    {
      what: 'a new work for itself',
      run: (c) =>
        c.create(wellKnown.manifestWorks, {
          apiVersion: 'work.open-cluster-management.io/v1',
          kind: 'ManifestWork',
          metadata: { namespace: own, name: 'stolen' },
        }),
    },
    {
      what: `another spec for its work ${work}`,
      run: (c) =>
        c.patch(wellKnown.manifestWorks, { namespace: own, name: work }, merge({ spec: stolenSpec })),
      isPerhapsGone: true,
    },
    {
      what: 'labels that lead it elsewhere',
      run: (c) =>
        c.patch(wellKnown.managedClusters, { name: own }, merge({ metadata: { labels: { stolen: 'yes' } } })),
    },
    {
      what: 'taints of its own',
      run: (c) => c.patch(wellKnown.managedClusters, { name: own }, merge({ spec: { taints: [taint] } })),
    },
    { what: 'all secrets', run: (c) => c.list(wellKnown.secrets) },
    { what: 'the tokens', run: (c) => c.list(wellKnown.secrets, secrets) },
    { what: 'all clusters', run: (c) => c.list(wellKnown.managedClusters) },
    { what: `the cluster ${other}`, run: (c) => c.get(wellKnown.managedClusters, { name: other }) },
    {
      what: 'acceptance of another cluster',
      run: (c) =>
        c.patch(wellKnown.managedClusters, { name: other }, merge({ spec: { hubAcceptsClient: true } })),
    },
    {
      what: `the lease of ${other}`,
      run: (c) => c.get(wellKnown.leases, { namespace: other, name: 'managed-cluster-lease' }),
    },
    { what: 'all certificate requests', run: (c) => c.list(wellKnown.certificateSigningRequests) },
    { what: 'its own removal', run: (c) => c.delete(wellKnown.managedClusters, { name: own }) },
    {
      what: 'all power',
      run: (c) =>
        c.create(roleBindings, {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name: 'stolen' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
          subjects: [],
        } as KubeObject),
    },
  ];
}

/** All attempts, one after the other, from the picked one on; returns what came of it. */
export async function steal(world: World, cluster: FleetCluster, pick: number): Promise<string> {
  const credentials = await cluster.klusterlet.credentials();
  if (credentials === undefined) return 'nothing to steal';
  const other = world.clusters.find(({ name }) => name !== cluster.name)?.name ?? 'default';
  const all = attempts({ own: cluster.name, other, work: ownedWorks[pick % ownedWorks.length] ?? '' });
  const first = pick % all.length;
  const clientCertificates = [fromPem('CERTIFICATE', credentials.certificatePem)];
  const client = createClient(world.hub.dial(() => ({ clientCertificates })));
  for (const { what, run, isPerhapsGone = false } of [...all.slice(first), ...all.slice(0, first)]) {
    world.checks.add('P5');
    try {
      await run(client);
      world.breach('P5', `the certificate of ${cluster.name} opened ${what}`);
    } catch (error) {
      const isNoAnswer =
        error instanceof TransportError || (error instanceof StatusError && error.code >= 500);
      if (isNoAnswer) return `${what}: ${error.message}`;
      const isRefused =
        error instanceof StatusError &&
        (error.code === 401 || error.code === 403 || (isPerhapsGone && error.code === 404));
      if (!isRefused) world.breach('P5', `${cluster.name} asked for ${what}, and was told: ${String(error)}`);
    }
  }
  return `refused ${all.length} times`;
}

/** The same with a certificate that the hub has revoked, and that opens nothing at all any more. */
export async function tryRevoked(
  world: World,
  { name }: FleetCluster,
  certificatePem: string,
): Promise<void> {
  const clientCertificates = [fromPem('CERTIFICATE', certificatePem)];
  const client = createClient(world.hub.dial(() => ({ clientCertificates })));
  const own: readonly Attempt[] = [
    { what: 'its works', run: (c) => c.list(wellKnown.manifestWorks, { namespace: name }) },
    { what: 'its cluster', run: (c) => c.get(wellKnown.managedClusters, { name }) },
  ];
  for (const { what, run } of own) {
    world.checks.add('P5');
    try {
      await run(client);
      world.breach('P5', `a certificate of ${name} that was revoked opened ${what}`);
    } catch (error) {
      if (error instanceof TransportError) return;
      const isRefused = error instanceof StatusError && error.code === 401;
      if (!isRefused)
        world.breach('P5', `${name}, revoked, asked for ${what}, and was told: ${String(error)}`);
    }
  }
}
