/** What a ClusterManager object says to this hub, and which of its fields say nothing here. Pure. */
import { type ClusterManager, type KnownGate, readFeatureGates, unsupportedFields } from '@flotilla/api';

/** The one that the hub reads: OCM's operator makes no other either. */
export const clusterManagerName = 'cluster-manager';

export interface ReadClusterManager {
  readonly autoApproveUsers: readonly string[];
  /** What is set and has no effect here, in words. */
  readonly unsupported: readonly string[];
  /** Feature gates that nobody knows. */
  readonly unknownGates: readonly string[];
}

const fixed = (isOn: boolean): KnownGate => ({ isOn, isFixed: true });

const registrationGates: Readonly<Record<string, KnownGate>> = {
  ManagedClusterAutoApproval: { isOn: false, isFixed: false },
  DefaultClusterSet: fixed(true),
  ResourceCleanup: fixed(true),
  ClusterProfile: fixed(true),
  V1beta1CSRAPICompatibility: fixed(false),
  ClusterImporter: fixed(false),
};
const workGates: Readonly<Record<string, KnownGate>> = {
  CleanUpCompletedManifestWork: fixed(true),
  NilExecutorValidating: fixed(false),
  ManifestWorkReplicaSet: fixed(false),
  CloudEventsDrivers: fixed(false),
};
const noGates: Readonly<Record<string, KnownGate>> = {
  AddonManagement: fixed(false),
  SIGPlacementDecision: fixed(false),
  PlacementDebugServer: fixed(false),
};

const honoured = [
  'registrationConfiguration.autoApproveUsers',
  'registrationConfiguration.featureGates',
  'registrationConfiguration.registrationDrivers',
  'workConfiguration.featureGates',
  'placementConfiguration.featureGates',
  'addOnManagerConfiguration.featureGates',
];

/** Values that every ClusterManager has by default. */
const repository = 'quay.io/open-cluster-management';
const harmless = {
  registrationImagePullSpec: [`${repository}/registration`],
  workImagePullSpec: [`${repository}/work`],
  placementImagePullSpec: [`${repository}/placement`],
  addOnManagerImagePullSpec: [`${repository}/addon-manager`],
  'deployOption.mode': ['Default'],
  'workConfiguration.workDriver': ['kube'],
  'resourceRequirement.type': ['Default'],
};

export function readClusterManager({ spec = {} }: ClusterManager): ReadClusterManager {
  const { registrationConfiguration: registration = {} } = spec;
  const gates = readFeatureGates(registration.featureGates, registrationGates);
  const others = [
    readFeatureGates(spec.workConfiguration?.featureGates, workGates),
    readFeatureGates(spec.placementConfiguration?.featureGates, noGates),
    readFeatureGates(spec.addOnManagerConfiguration?.featureGates, noGates),
  ];
  const drivers = registration.registrationDrivers ?? [];
  const users = [
    ...(registration.autoApproveUsers ?? []),
    ...drivers.flatMap(({ authType, csr }) =>
      authType === 'csr' ? (csr?.autoApprovedIdentities ?? []) : [],
    ),
  ];
  const foreign = drivers.filter(({ authType }) => authType !== 'csr').map(({ authType }) => authType);
  return {
    autoApproveUsers: gates.isOn('ManagedClusterAutoApproval') ? [...new Set(users)] : [],
    unsupported: [
      ...unsupportedFields(spec, { honoured, harmless }).map((path) => `spec.${path}`),
      ...foreign.map((type) => `spec.registrationConfiguration.registrationDrivers[${type}]`),
      ...[gates, ...others].flatMap(({ unsupported }) => unsupported.map((gate) => `feature gate ${gate}`)),
    ],
    unknownGates: [gates, ...others].flatMap(({ unknown }) => unknown),
  };
}
