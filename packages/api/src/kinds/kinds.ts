/** The list of all kinds that this project defines, in the order in which their CRDs are installed. */
import { appliedManifestWorkKind } from './applied-manifest-work.js';
import { clusterClaimKind } from './cluster-claim.js';
import { clusterManagerKind } from './cluster-manager.js';
import { clusterProfileKind } from './cluster-profile.js';
import type { KindDefinition } from './kind.js';
import { klusterletKind } from './klusterlet.js';
import { managedClusterKind } from './managed-cluster.js';
import { managedClusterAddOnKind } from './managed-cluster-addon.js';
import { managedClusterSetBindingKind, managedClusterSetKind } from './managed-cluster-set.js';
import { manifestWorkKind } from './manifest-work.js';
import { manifestWorkPlanKind } from './manifest-work-plan.js';
import { manifestWorkRevisionKind } from './manifest-work-revision.js';

export const kinds: readonly KindDefinition[] = [
  managedClusterKind,
  managedClusterSetKind,
  managedClusterSetBindingKind,
  clusterClaimKind,
  managedClusterAddOnKind,
  clusterProfileKind,
  manifestWorkKind,
  appliedManifestWorkKind,
  manifestWorkRevisionKind,
  manifestWorkPlanKind,
  klusterletKind,
  clusterManagerKind,
];
