/**
 * Reports the cluster to the hub: gathers facts from the managed cluster, plans the status, writes it when it
 * differs. Runs at each change on the hub, of nodes and of claims, and at the health-check period.
 */
import { equal, type KubeObject, klusterletFieldManager, type ManagedCluster } from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type Informer,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';
import { type ClusterFacts, planClusterStatus } from './cluster-status.js';

export interface StatusControllerOptions {
  readonly clusterName: string;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly env: Env;
  /** This cluster's own object on the hub. */
  readonly cluster: Informer<ManagedCluster>;
  readonly nodes: Informer<KubeObject>;
  readonly claims: Informer<KubeObject>;
  /** Default 60. */
  readonly healthCheckPeriodSeconds: number;
  /** Default 20. */
  readonly maxCustomClusterClaims: number;
}

/** How long the API server may fail before the cluster is called unavailable, and how often it is asked meanwhile. */
const graceMs = 20_000;
const retryMs = 5_000;
const healthTimeoutMs = 10_000;

export function createStatusController(options: StatusControllerOptions): Controller {
  let failingSinceMs: number | undefined;
  const controller = createController({
    name: 'cluster-status',
    env: options.env,
    reconcile: async () => {
      const cluster = options.cluster.cache.get(options.clusterName);
      if (cluster === undefined) return { requeueAfterMs: options.healthCheckPeriodSeconds * 1000 };
      const facts = await gatherFacts(options);
      const nowMs = options.env.clock.monotonicMs();
      if (facts.unavailableBecause === undefined) failingSinceMs = undefined;
      else failingSinceMs ??= nowMs;
      if (failingSinceMs !== undefined && nowMs - failingSinceMs < graceMs)
        return { requeueAfterMs: retryMs };
      await writeStatus(options, cluster, facts);
      return { requeueAfterMs: options.healthCheckPeriodSeconds * 1000 };
    },
  });
  options.cluster.onChange(() => controller.enqueue(options.clusterName));
  options.nodes.onChange(() => controller.enqueue(options.clusterName));
  options.claims.onChange(() => controller.enqueue(options.clusterName));
  return controller;
}

async function gatherFacts(options: StatusControllerOptions): Promise<ClusterFacts> {
  const { managed, nodes, claims } = options;
  const unavailableBecause = await healthOf(managed);
  const version = unavailableBecause === undefined ? await versionOf(managed) : undefined;
  return {
    unavailableBecause,
    kubernetesVersion: version,
    nodes: nodes.cache.list(),
    claims: claims.cache.list(),
  };
}

/** Why the API server is not well; undefined when it is. Servers without `/livez` are asked for `/healthz`. */
async function healthOf(managed: KubeClient): Promise<string | undefined> {
  const ask = async (path: string): Promise<string | undefined> => {
    try {
      await managed.getText(path, { timeoutMs: healthTimeoutMs });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return (await ask('/livez')) === undefined ? undefined : ask('/healthz');
}

async function versionOf(managed: KubeClient): Promise<string | undefined> {
  const version = JSON.parse(await managed.getText('/version', { timeoutMs: healthTimeoutMs })) as {
    gitVersion?: string;
  }; // k8s.io/apimachinery/pkg/version.Info
  return version.gitVersion;
}

async function writeStatus(
  { hub, env, maxCustomClusterClaims }: StatusControllerOptions,
  cluster: ManagedCluster,
  facts: ClusterFacts,
): Promise<void> {
  const status = planClusterStatus(cluster, facts, {
    nowMs: env.clock.now(),
    maxCustomClaims: maxCustomClusterClaims,
  });
  if (status === undefined || equal(status, cluster.status ?? {})) return;
  const { name = '', uid, resourceVersion } = cluster.metadata;
  // A merge patch cannot drop a key that is not named: claims that are gone must be said to be gone.
  const body = {
    metadata: { uid, resourceVersion },
    status: { ...status, clusterClaims: status.clusterClaims ?? [] },
  };
  await hub.patch(
    wellKnown.managedClusters,
    { name },
    {
      type: 'merge',
      subresource: 'status',
      body,
      fieldManager: klusterletFieldManager,
    },
  );
  env.log.info('cluster status reported', { available: facts.unavailableBecause === undefined });
}
