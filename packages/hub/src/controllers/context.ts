/** What the hub's controllers share: the client, the world, and one informer for each kind that they watch. */
import {
  type ClusterProfile,
  clusterProfileKind,
  type KindDefinition,
  type KubeObject,
  type ManagedCluster,
  type ManagedClusterAddOn,
  type ManagedClusterSet,
  type ManagedClusterSetBinding,
  type ManifestWork,
  managedClusterSetBindingKind,
  managedClusterSetKind,
  manifestWorkPlanKind,
  rootCaConfigMapName,
} from '@flotilla/api';
import {
  createInformer,
  dropManagedFields,
  type Env,
  type Informer,
  type KubeClient,
  type ResourceRef,
  wellKnown,
} from '@flotilla/kube';
import type { HubPolicies } from '../policies.js';
import { digestOfAddon } from './addon-digest.js';
import { createSetMembership, type SetMembership } from './set-membership.js';
import { digestOf } from './work-digest.js';

function refOf({ group, version, plural, namespaced }: KindDefinition): ResourceRef {
  return { group, version, resource: plural, namespaced };
}

export const clusterSetsRef = refOf(managedClusterSetKind);
export const clusterProfilesRef = refOf(clusterProfileKind);
export const clusterSetBindingsRef = refOf(managedClusterSetBindingKind);

export interface HubContext {
  readonly client: KubeClient;
  readonly env: Env;
  readonly policies: HubPolicies;
  readonly clusters: Informer<ManagedCluster>;
  readonly clusterSets: Informer<ManagedClusterSet>;
  readonly clusterSetBindings: Informer<ManagedClusterSetBinding>;
  readonly works: Informer<ManifestWork>;
  readonly addons: Informer<ManagedClusterAddOn>;
  readonly profiles: Informer<ClusterProfile>;
  readonly leases: Informer<KubeObject>;
  readonly csrs: Informer<KubeObject>;
  /** Metadata only. */
  readonly plans: Informer<KubeObject>;
  /** One ConfigMap: the authorities of the API server. */
  readonly rootCa: Informer<KubeObject>;
  readonly membership: SetMembership;
}

export function createHubContext(client: KubeClient, env: Env, policies: HubPolicies): HubContext {
  const clusters = createInformer<ManagedCluster>(client, wellKnown.managedClusters, {
    env,
    transform: dropManagedFields,
  });
  return {
    client,
    env,
    policies,
    clusters,
    membership: createSetMembership(clusters),
    clusterSets: createInformer<ManagedClusterSet>(client, clusterSetsRef, { env }),
    clusterSetBindings: createInformer<ManagedClusterSetBinding>(client, clusterSetBindingsRef, { env }),
    works: createInformer<ManifestWork>(client, wellKnown.manifestWorks, { env, transform: digestOf }),
    addons: createInformer<ManagedClusterAddOn>(client, wellKnown.managedClusterAddOns, {
      env,
      transform: digestOfAddon,
    }),
    profiles: createInformer<ClusterProfile>(client, clusterProfilesRef, { env }),
    leases: createInformer<KubeObject>(client, wellKnown.leases, {
      env,
      transform: dropManagedFields,
      fieldSelector: 'metadata.name=managed-cluster-lease',
    }),
    csrs: createInformer<KubeObject>(client, wellKnown.certificateSigningRequests, {
      env,
      transform: dropManagedFields,
    }),
    plans: createInformer<KubeObject>(client, refOf(manifestWorkPlanKind), { env, metadataOnly: true }),
    rootCa: createInformer<KubeObject>(client, wellKnown.configMaps, {
      env,
      namespace: 'kube-system',
      fieldSelector: `metadata.name=${rootCaConfigMapName}`,
    }),
  };
}
