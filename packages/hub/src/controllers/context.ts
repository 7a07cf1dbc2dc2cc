/** What the hub's controllers share: the client, the world, and one informer for each kind that they watch. */
import {
  type KindDefinition,
  type KubeObject,
  type ManagedCluster,
  type ManagedClusterSet,
  type ManagedClusterSetBinding,
  type ManifestWork,
  managedClusterSetBindingKind,
  managedClusterSetKind,
  manifestWorkPlanKind,
} from '@flotilla/api';
import {
  createInformer,
  type Env,
  type Informer,
  type KubeClient,
  type ResourceRef,
  wellKnown,
} from '@flotilla/kube';
import { digestOf } from './work-digest.js';

function refOf({ group, version, plural, namespaced }: KindDefinition): ResourceRef {
  return { group, version, resource: plural, namespaced };
}

export const clusterSetsRef = refOf(managedClusterSetKind);
export const clusterSetBindingsRef = refOf(managedClusterSetBindingKind);

export interface HubContext {
  readonly client: KubeClient;
  readonly env: Env;
  readonly clusters: Informer<ManagedCluster>;
  readonly clusterSets: Informer<ManagedClusterSet>;
  readonly clusterSetBindings: Informer<ManagedClusterSetBinding>;
  readonly works: Informer<ManifestWork>;
  readonly addons: Informer<KubeObject>;
  readonly leases: Informer<KubeObject>;
  readonly csrs: Informer<KubeObject>;
  /** Metadata only. */
  readonly plans: Informer<KubeObject>;
}

export function createHubContext(client: KubeClient, env: Env): HubContext {
  return {
    client,
    env,
    clusters: createInformer<ManagedCluster>(client, wellKnown.managedClusters, { env }),
    clusterSets: createInformer<ManagedClusterSet>(client, clusterSetsRef, { env }),
    clusterSetBindings: createInformer<ManagedClusterSetBinding>(client, clusterSetBindingsRef, { env }),
    works: createInformer<ManifestWork>(client, wellKnown.manifestWorks, { env, transform: digestOf }),
    // Add-ons are only counted and deleted: metadata is enough, whatever they hold.
    addons: createInformer<KubeObject>(client, wellKnown.managedClusterAddOns, { env, metadataOnly: true }),
    leases: createInformer<KubeObject>(client, wellKnown.leases, {
      env,
      fieldSelector: 'metadata.name=managed-cluster-lease',
    }),
    csrs: createInformer<KubeObject>(client, wellKnown.certificateSigningRequests, { env }),
    plans: createInformer<KubeObject>(client, refOf(manifestWorkPlanKind), { env, metadataOnly: true }),
  };
}
