/** Keeps the annotations that the agent's settings name on its ManagedCluster, also when they change after the join. */
import { agentAnnotationPrefix, klusterletFieldManager, type ManagedCluster } from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type Informer,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';

export interface ClusterAnnotationsOptions {
  readonly clusterName: string;
  readonly clusterAnnotations: Readonly<Record<string, string>>;
  readonly hub: KubeClient;
  readonly env: Env;
  readonly cluster: Informer<ManagedCluster>;
}

export function createClusterAnnotations(options: ClusterAnnotationsOptions): Controller {
  const { clusterName, hub, env, cluster } = options;
  const controller = createController({
    name: 'cluster-annotations',
    env,
    maxDelayMs: 60_000,
    reconcile: async () => {
      const own = cluster.cache.get(clusterName);
      const annotations = own && missingAnnotations(own, options.clusterAnnotations);
      if (own === undefined || annotations === undefined) return undefined;
      // An agent may update its cluster, not patch it; a conflict brings the next attempt.
      const metadata = { ...own.metadata, annotations: { ...own.metadata.annotations, ...annotations } };
      await hub.update(
        wellKnown.managedClusters,
        { ...own, metadata },
        { fieldManager: klusterletFieldManager },
      );
      return undefined;
    },
  });
  cluster.onChange(({ type }) => {
    if (type !== 'deleted') controller.enqueue(clusterName);
  });
  return controller;
}

/** Those that are not there, or otherwise; undefined: none. */
export function missingAnnotations(
  { metadata }: ManagedCluster,
  wanted: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const missing = Object.entries(wanted).filter(
    ([key, value]) => key.startsWith(agentAnnotationPrefix) && metadata.annotations?.[key] !== value,
  );
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}
