/**
 * Reports the cluster to the hub: gathers facts from the managed cluster, plans the status, writes it when it
 * differs. Runs at each change on the hub, of nodes, claims and managed namespaces, and at the health-check period.
 */
import {
  clusterCondition,
  equal,
  findCondition,
  hasReason,
  isConditionTrue,
  type KubeObject,
  klusterletFieldManager,
  type ManagedCluster,
} from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type Informer,
  type KubeClient,
  patchStatus,
  wellKnown,
} from '@flotilla/kube';
import { type CertificateState, type ClusterFacts, planClusterStatus } from './cluster-status.js';
import { renewLease } from './lease-renewer.js';
import { applyNamespaces } from './managed-namespaces.js';
import type { AgentSettings } from './settings.js';

export interface StatusControllerOptions
  extends Pick<
    AgentSettings,
    'healthCheckPeriodSeconds' | 'maxCustomClusterClaims' | 'reservedClusterClaimSuffixes'
  > {
  readonly clusterName: string;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly env: Env;
  /** This cluster's own object on the hub. */
  readonly cluster: Informer<ManagedCluster>;
  readonly nodes: Informer<KubeObject>;
  readonly claims: Informer<KubeObject>;
  readonly properties: () => readonly KubeObject[];
  /** The namespaces with `namespaceLabel` = `true`. */
  readonly markedNamespaces: Informer<KubeObject>;
  readonly namespaceLabel: string;
  readonly certificate: () => CertificateState | undefined;
}

/** How long the API server may fail before the cluster is called unavailable, and how often it is asked until it is well. */
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
      const facts = await gatherFacts(options, cluster);
      const nowMs = options.env.clock.monotonicMs();
      if (facts.unavailableBecause === undefined) failingSinceMs = undefined;
      else failingSinceMs ??= nowMs;
      if (failingSinceMs !== undefined && nowMs - failingSinceMs < graceMs)
        return { requeueAfterMs: retryMs };
      if (!(await writeStatus(options, cluster, facts))) return { requeueAfterMs: conflictRetryMs };
      const periodMs = options.healthCheckPeriodSeconds * 1000;
      const isUnfinished = failingSinceMs !== undefined || (facts.namespaceFailures?.size ?? 0) > 0;
      return { requeueAfterMs: isUnfinished ? Math.min(retryMs, periodMs) : periodMs };
    },
  });
  options.cluster.onChange(() => controller.enqueue(options.clusterName));
  options.nodes.onChange(() => controller.enqueue(options.clusterName));
  options.claims.onChange(() => controller.enqueue(options.clusterName));
  options.markedNamespaces.onChange(() => controller.enqueue(options.clusterName));
  return controller;
}

async function gatherFacts(options: StatusControllerOptions, cluster: ManagedCluster): Promise<ClusterFacts> {
  const { managed, nodes, claims, properties, markedNamespaces, namespaceLabel } = options;
  const unavailableBecause = await healthOf(managed);
  const version = unavailableBecause === undefined ? await versionOf(managed) : undefined;
  return {
    unavailableBecause,
    kubernetesVersion: version,
    nodes: nodes.cache.list(),
    claims: claims.cache.list(),
    properties: properties(),
    namespaceFailures:
      unavailableBecause === undefined &&
      markedNamespaces.isSynced &&
      isConditionTrue(cluster, clusterCondition.hubAccepted)
        ? await applyNamespaces(cluster, { managed, marked: markedNamespaces, label: namespaceLabel })
        : undefined,
    certificate: options.certificate(),
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

/** The hub's controllers write to a cluster that is just joining, too: a new try beats the wait for the next event. */
const writeAttempts = 4;
const conflictRetryMs = 1000;

/** False when others were faster each time. */
async function writeStatus(
  options: StatusControllerOptions,
  cluster: ManagedCluster,
  facts: ClusterFacts,
): Promise<boolean> {
  const { hub, env, clusterName: name } = options;
  let newest = cluster;
  for (let attempt = 1; ; attempt++) {
    try {
      await writePlanned(options, newest, facts);
      return true;
    } catch (error) {
      if (!hasReason(error, 'Conflict')) throw error;
      env.log.debug('cluster status not written: others wrote to the cluster meanwhile', { attempt });
      if (attempt === writeAttempts) return false;
      newest = await hub.get<ManagedCluster>(wellKnown.managedClusters, { name });
    }
  }
}

async function writePlanned(
  options: StatusControllerOptions,
  cluster: ManagedCluster,
  facts: ClusterFacts,
): Promise<void> {
  const { hub, env, maxCustomClusterClaims, reservedClusterClaimSuffixes } = options;
  const status = planClusterStatus(cluster, facts, {
    nowMs: env.clock.now(),
    maxCustomClaims: maxCustomClusterClaims,
    reservedClaimSuffixes: reservedClusterClaimSuffixes,
  });
  if (status === undefined || equal(status, cluster.status ?? {})) return;
  // A hub that misses the heartbeat would take back at once what is said without one, and so on for ever.
  const available = findCondition(cluster.status?.conditions, clusterCondition.available);
  if (available?.status === 'Unknown') await renewLease(options);
  await patchStatus(hub, {
    resource: wellKnown.managedClusters,
    object: cluster,
    // A merge patch cannot drop a key that is not named: claims that are gone must be said to be gone.
    status: { ...status, clusterClaims: status.clusterClaims ?? [] },
    fieldManager: klusterletFieldManager,
  });
  env.log.info('cluster status reported', { available: facts.unavailableBecause === undefined });
}
