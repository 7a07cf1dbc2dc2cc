/**
 * Every name that hub and klusterlet must agree on: groups, labels, annotations, finalizers, users, RBAC objects,
 * namespaces, secrets, signers, condition types and reasons. Values under `open-cluster-management.io` are OCM's
 * and never change their meaning; values under `flotilla.dev` are our additions. Pure.
 */

// API groups

export const clusterGroupName = 'cluster.open-cluster-management.io';
export const workGroupName = 'work.open-cluster-management.io';
export const addonGroupName = 'addon.open-cluster-management.io';
export const operatorGroupName = 'operator.open-cluster-management.io';
/** A group that exists in RBAC rules only; nothing is served under it. */
export const registerGroupName = 'register.open-cluster-management.io';
/** The group of our own additions. */
export const flotillaGroupName = 'flotilla.dev';

// Labels

/** On namespaces, RBAC objects, CSRs and leases: the cluster they belong to. */
export const clusterNameLabel = 'open-cluster-management.io/cluster-name';
/** On CSRs of an add-on. */
export const addonNameLabel = 'open-cluster-management.io/addon-name';
/** On a ManagedCluster: the exclusive set it is in. */
export const clusterSetLabel = 'cluster.open-cluster-management.io/clusterset';
/** On a claim or property of the managed cluster that must not be reported to the hub. */
export const spokeOnlyLabel = 'open-cluster-management.io/spoke-only';
/** On a ManifestWork made by a ManifestWorkReplicaSet; the value is `<namespace>.<name>` of the set. */
export const replicaSetLabel = 'work.open-cluster-management.io/manifestworkreplicaset';
/** On a ManifestWork made by a ManifestWorkReplicaSet: the placement that chose the cluster. */
export const placementNameLabel = 'work.open-cluster-management.io/placementname';
/** On a ClusterRole of the managed cluster whose rules the work agent is to be given; the value is `true`. */
export const aggregateToWorkLabel = 'open-cluster-management.io/aggregate-to-work';
/** On a namespace of the managed cluster: it belongs to a klusterlet. */
export const klusterletNamespaceLabel = 'operator.open-cluster-management.io/klusterlet';
/** Before the name of an add-on; the value tells its state. On a ManagedCluster. */
export const addonFeatureLabelPrefix = 'feature.open-cluster-management.io/addon-';
/** Before the hash of a hub; on a namespace that a cluster set of this hub manages. */
export const clusterSetNamespaceLabelPrefix = 'clusterset.open-cluster-management.io/';

/** On a ClusterProfile: who writes it, and the exclusive set of its cluster (KEP-4322). */
export const profileManagerLabel = 'x-k8s.io/cluster-manager';
export const profileSetLabel = 'multicluster.x-k8s.io/clusterset';

// Annotations

/** On a ManagedCluster that the hub accepted by itself; the value is the time. */
export const automaticallyAcceptedOnAnnotation = 'open-cluster-management.io/automatically-accepted-on';
/** On a ManagedCluster, `true`: its clock is not compared with the hub's. */
export const skipClockSyncCheckAnnotation = 'registration.open-cluster-management.io/skip-clock-sync-check';
/** On an object in a cluster's namespace, 0 to 100: lower is deleted earlier when the cluster is. */
export const cleanupPriorityAnnotation = 'open-cluster-management.io/cleanup-priority';
/** On a CSR made for an agent that is connected by gRPC: who asked. */
export const csrUserAnnotation = 'open-cluster-management.io/csr-user';
/** On a ManagedCluster: where its images come from. */
export const imageRegistriesAnnotation = 'open-cluster-management.io/image-registries';
/** On a ManagedClusterSet, `false`: the hub does not restore its spec. */
export const autoUpdateAnnotation = 'cluster.open-cluster-management.io/autoupdate';
/** On an applied object: the hash of its manifest without the ignored fields. */
export const configSpecHashAnnotation = 'open-cluster-management.io/config-spec-hash';
/** On an applied object; declared by OCM and not written by its agent. */
export const objectHashAnnotation = 'open-cluster-management.io/object-hash';
/** On a Klusterlet: when the wait for an unreachable cluster began. */
export const evictionTimestampAnnotation =
  'operator.open-cluster-management.io/managed-resources-eviction-timestamp';
/** On a ManagedClusterAddOn made as v1alpha1: where its agent was to be installed. */
export const addonInstallNamespaceAnnotation = 'addon.open-cluster-management.io/v1alpha1-install-namespace';
/** On a ManagedClusterAddOn whose agent runs in another cluster than the one that it is for. */
export const addonHostingClusterAnnotation = 'addon.open-cluster-management.io/hosting-cluster-name';
/** Annotations with this prefix are copied from the agent to its ManagedCluster. */
export const agentAnnotationPrefix = 'agent.open-cluster-management.io';

// Finalizers

/** On a ManagedCluster until its RBAC objects are gone. */
export const managedClusterFinalizer = 'cluster.open-cluster-management.io/api-resource-cleanup';
/** On a ManagedCluster until its add-ons and works are gone. */
export const resourceCleanupFinalizer = 'cluster.open-cluster-management.io/resource-cleanup';
/** On a ManifestWork until it is gone from the cluster, and on the work RoleBinding until no work is left. */
export const manifestWorkFinalizer = 'cluster.open-cluster-management.io/manifest-work-cleanup';
/** On an AppliedManifestWork until what it applied is gone. */
export const appliedManifestWorkFinalizer =
  'cluster.open-cluster-management.io/applied-manifest-work-cleanup';
/** On a ManifestWorkReplicaSet until its works are gone. */
export const replicaSetFinalizer = 'work.open-cluster-management.io/manifest-work-cleanup';
export const klusterletFinalizer = 'operator.open-cluster-management.io/klusterlet-cleanup';
export const klusterletHostedFinalizer = 'operator.open-cluster-management.io/klusterlet-hosted-cleanup';
export const clusterManagerFinalizer = 'operator.open-cluster-management.io/cluster-manager-cleanup';

// Taints

/** The cluster reports that its API server is not healthy. */
export const unavailableTaint = 'cluster.open-cluster-management.io/unavailable';
/** The cluster stopped reporting, or never began. */
export const unreachableTaint = 'cluster.open-cluster-management.io/unreachable';

// Namespaces, secrets, leases, signers

export const agentNamespace = 'open-cluster-management-agent';
export const addonAgentNamespace = 'open-cluster-management-agent-addon';
export const operatorNamespace = 'open-cluster-management';
export const hubNamespace = 'open-cluster-management-hub';
/** In the agent's namespace: the credential for joining. */
export const bootstrapSecretName = 'bootstrap-hub-kubeconfig';
/** In the agent's namespace: the credential for everything after. */
export const hubKubeconfigSecretName = 'hub-kubeconfig-secret';
/** The keys of the hub kubeconfig secret. */
export const hubKubeconfigSecretKeys = {
  clusterName: 'cluster-name',
  agentName: 'agent-name',
  kubeconfig: 'kubeconfig',
  certificate: 'tls.crt',
  privateKey: 'tls.key',
  grpcConfig: 'config.yaml',
} as const;
/** The heartbeat of a cluster, in its namespace on the hub; also the lease's holder. */
export const managedClusterLeaseName = 'managed-cluster-lease';
/** A cluster is unknown after this many lease durations without a heartbeat. */
export const leaseDurationTimes = 5;
/** For spec.leaseDurationSeconds absent or 0. */
export const defaultLeaseDurationSeconds = 60;
export const kubeClientSigner = 'kubernetes.io/kube-apiserver-client';
export const grpcSigner = 'open-cluster-management.io/grpc';
/** The reason on a CSR's Approved condition when the hub approved it. */
export const csrAutoApprovedReason = 'AutoApprovedByHubCSRApprovingController';

/** Names of the cluster sets that every hub has. */
export const defaultClusterSetName = 'default';
export const globalClusterSetName = 'global';

/** Claims that are reported first and never cut. */
export const reservedClusterClaims = [
  'id.k8s.io',
  'kubeversion.open-cluster-management.io',
  'platform.open-cluster-management.io',
  'product.open-cluster-management.io',
] as const;

// Users and groups

/** Begins the user and group names of all agents. */
export const agentUserPrefix = 'system:open-cluster-management:';
/** The group of all agents of all clusters. */
export const managedClustersGroup = 'system:open-cluster-management:managed-clusters';

/** The user of one agent: the common name in its certificate. */
export function agentUserName(cluster: string, agent: string): string {
  return `${agentUserPrefix}${cluster}:${agent}`;
}

/** The group of one cluster's agents: an organization in their certificates. */
export function clusterGroup(cluster: string): string {
  return `${agentUserPrefix}${cluster}`;
}

/** The second name of that group, for clouds that refuse names beginning with `system:`. */
export function clusterGroupAlias(cluster: string): string {
  return `open-cluster-management:${cluster}`;
}

/** The organizations of an agent's certificate, in the order in which they are asked for. */
export function agentGroups(cluster: string): string[] {
  return [clusterGroup(cluster), managedClustersGroup];
}

/** Cluster and agent of an agent's user name; undefined for every other user. Both parts are non-empty. */
export function parseAgentUserName(user: string): { cluster: string; agent: string } | undefined {
  if (!user.startsWith(agentUserPrefix)) return undefined;
  const [cluster, agent, ...rest] = user.slice(agentUserPrefix.length).split(':');
  return cluster && agent && rest.length === 0 ? { cluster, agent } : undefined;
}

/** The user name of a service account. */
export function serviceAccountUserName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

// RBAC

/** ClusterRole and ClusterRoleBinding of one cluster's agents. */
export function clusterRoleName(cluster: string): string {
  return `open-cluster-management:managedcluster:${cluster}`;
}

/** The ClusterRole that every cluster's registration RoleBinding refers to. */
export const registrationClusterRoleName = 'open-cluster-management:managedcluster:registration';
/** The ClusterRole that every cluster's work RoleBinding refers to. */
export const workClusterRoleName = 'open-cluster-management:managedcluster:work';

/** RoleBinding in the cluster's namespace. */
export function registrationRoleBindingName(cluster: string): string {
  return `open-cluster-management:managedcluster:${cluster}:registration`;
}

/** RoleBinding in the cluster's namespace; stays until no ManifestWork is left there. */
export function workRoleBindingName(cluster: string): string {
  return `open-cluster-management:managedcluster:${cluster}:work`;
}

/** Resources and verbs that stand in RBAC rules only: permissions that OCM checks by access review. */
export const virtualPermissions = {
  acceptCluster: {
    group: registerGroupName,
    resource: 'managedclusters',
    subresource: 'accept',
    verb: 'update',
  },
  renewCertificate: {
    group: registerGroupName,
    resource: 'managedclusters',
    subresource: 'clientcertificates',
    verb: 'renew',
  },
  joinClusterSet: {
    group: clusterGroupName,
    resource: 'managedclustersets',
    subresource: 'join',
    verb: 'create',
  },
  bindClusterSet: {
    group: clusterGroupName,
    resource: 'managedclustersets',
    subresource: 'bind',
    verb: 'create',
  },
  executeAs: { group: workGroupName, resource: 'manifestworks', subresource: '', verb: 'execute-as' },
} as const;

// Work

/** The sum of the serialized sizes of a work's manifests may not be above this. */
export const manifestWorkSizeLimitBytes = 512_000;
/** The field manager of server-side apply when the strategy names none; also what a given one must begin with. */
export const defaultFieldManager = 'work-agent';
/** The service account that stands for a work without executor. */
export const defaultWorkServiceAccountName = 'klusterlet-work-sa';
/** A reported JSON value may not be longer than this. */
export const feedbackJsonRawMaxLength = 1024;

/** A longer name leaves no room for the hash of the hub in the name of the AppliedManifestWork: 253 in all. */
export const manifestWorkNameMaxLength = 188;

/** The name of the AppliedManifestWork of a work from the hub with this hash. */
export function appliedManifestWorkName(hubHash: string, manifestWork: string): string {
  return `${hubHash}-${manifestWork}`;
}

// Condition types and reasons

export const clusterCondition = {
  hubAccepted: 'HubAcceptedManagedCluster',
  hubDenied: 'HubDeniedManagedCluster',
  joined: 'ManagedClusterJoined',
  available: 'ManagedClusterConditionAvailable',
  clockSynced: 'ManagedClusterConditionClockSynced',
  certificateRotated: 'ClusterCertificateRotated',
  deleting: 'Deleting',
  importSucceeded: 'ManagedClusterImportSucceeded',
  /** Ours: a certificate that the cluster's connection needs ends soon and has not been renewed. */
  certificateExpiring: 'CertificateExpiring',
  /** Ours: the klusterlet does not delete what it was told to, until somebody confirms it. */
  deletionHeld: 'DeletionHeld',
} as const;

export const clusterReason = {
  massDeletion: 'MassDeletion',
  noMassDeletion: 'NoMassDeletion',
  accepted: 'HubClusterAdminAccepted',
  denied: 'HubClusterAdminDenied',
  error: 'Error',
  joined: 'ManagedClusterJoined',
  available: 'ManagedClusterAvailable',
  apiServerUnavailable: 'ManagedClusterKubeAPIServerUnavailable',
  leaseUpdateStopped: 'ManagedClusterLeaseUpdateStopped',
  /** Ours: no heartbeat comes, and the agent's certificates have been revoked. */
  agentRevoked: 'ManagedClusterAgentRevoked',
  /** Ours: no heartbeat comes, and the agent's certificate has ended. */
  agentCertificateExpired: 'ManagedClusterAgentCertificateExpired',
  /** Ours, of `CertificateExpiring`. */
  clientCertificateExpiring: 'ClientCertificateExpiring',
  servingCertificateExpiring: 'HubServingCertificateExpiring',
  authorityExpiring: 'HubAuthorityExpiring',
  certificatesInTime: 'CertificatesInTime',
  /** Ours: the hub does not take the whole status. */
  statusTooLarge: 'StatusTooLarge',
  /** Ours: the klusterlet said goodbye. */
  left: 'KlusterletLeft',
  clockSynced: 'ManagedClusterClockSynced',
  clockOutOfSync: 'ManagedClusterClockOutOfSync',
  certificateUpdated: 'ClientCertificateUpdated',
  certificateUpdateFailed: 'ClientCertificateUpdateFailed',
  noResource: 'NoResource',
  resourceRemaining: 'ResourceRemaining',
  deletingError: 'DeletingError',
  importSucceeded: 'ImportSucceed',
  kubeconfigGetFailed: 'KubeConfigGetFailed',
  kubeconfigNotFound: 'KubeConfigNotFound',
  configRendererFailed: 'ConfigRendererFailed',
  importFailed: 'ImportFailed',
} as const;

export const namespaceCondition = { available: 'NamespaceAvailable' } as const;
export const namespaceReason = { applied: 'NamespaceApplied', applyFailed: 'NamespaceApplyFailed' } as const;

export const clusterSetCondition = { empty: 'ClusterSetEmpty', bound: 'Bound' } as const;
export const clusterSetReason = {
  noClusterMatched: 'NoClusterMatched',
  clustersSelected: 'ClustersSelected',
  bound: 'ClusterSetBound',
  notFound: 'ClusterSetNotFound',
} as const;

export const profileCondition = { healthy: 'ControlPlaneHealthy', joined: 'Joined' } as const;
/** The manager that ClusterProfiles of a hub name, OCM's and ours. */
export const profileManager = 'open-cluster-management';

export const addonCondition = { available: 'Available' } as const;
/** Of an add-on whose health is told by its Lease in the managed cluster. */
export const addonReason = {
  leaseUpdated: 'ManagedClusterAddOnLeaseUpdated',
  leaseUpdateStopped: 'ManagedClusterAddOnLeaseUpdateStopped',
  leaseNotFound: 'ManagedClusterAddOnLeaseNotFound',
} as const;
/** Values of an add-on's feature label on its cluster. */
export const addonFeature = {
  available: 'available',
  unhealthy: 'unhealthy',
  unreachable: 'unreachable',
} as const;

/** Conditions of a work. All but the last two may also stand on a manifest. */
export const workCondition = {
  applied: 'Applied',
  available: 'Available',
  progressing: 'Progressing',
  degraded: 'Degraded',
  complete: 'Complete',
  /** Ours: everything is applied and has become what its spec asks for. */
  healthy: 'Healthy',
  /** Ours, only ever False: the status says less than there is to say. */
  statusComplete: 'StatusComplete',
  deleting: 'Deleting',
  /** In events from the agent only. */
  deleted: 'Deleted',
} as const;

/** Conditions of one manifest, besides those that its condition rules define. */
export const manifestCondition = {
  applied: 'Applied',
  available: 'Available',
  statusFeedbackSynced: 'StatusFeedbackSynced',
  complete: 'Complete',
  progressing: 'Progressing',
  degraded: 'Degraded',
  /** Ours, by the object's kind, where no rule defines it. */
  healthy: 'Healthy',
} as const;

export const workReason = {
  applied: 'AppliedManifestWorkComplete',
  applyFailed: 'AppliedManifestWorkFailed',
  available: 'ResourcesAvailable',
  notAvailable: 'ResourcesNotAvailable',
  statusUnknown: 'ResourcesStatusUnknown',
  rulesAggregated: 'ConditionRulesAggregated',
  deleting: 'WorkDeleting',
  deleted: 'ManifestsDeleted',
  /** Ours: the hub does not take the whole status. */
  statusTooLarge: 'StatusTooLarge',
  /** Ours: the klusterlet said goodbye, and nobody looks after the work. */
  left: 'KlusterletLeft',
} as const;

export const manifestReason = {
  applied: 'AppliedManifestComplete',
  applyFailed: 'AppliedManifestFailed',
  ignoreFieldError: 'AppliedManifestSSAIgnoreFieldError',
  available: 'ResourceAvailable',
  notAvailable: 'ResourceNotAvailable',
  fetchFailed: 'FetchingResourceFailed',
  incompleteMeta: 'IncompleteResourceMeta',
  noStatusFeedback: 'NoStatusFeedbackSynced',
  statusFeedbackSynced: 'StatusFeedbackSynced',
  statusFeedbackFailed: 'StatusFeedbackSyncFailed',
  ruleEvaluated: 'ConditionRuleEvaluated',
  ruleInvalid: 'ConditionRuleInvalid',
  ruleExpressionError: 'ConditionRuleExpressionError',
  ruleInternalError: 'ConditionRuleInternalError',
} as const;

/** Reasons of the conditions about health: ours, none of OCM's begins so. */
export const healthReason = {
  current: 'HealthCurrent',
  inProgress: 'HealthInProgress',
  failed: 'HealthFailed',
  terminating: 'HealthTerminating',
  notApplied: 'HealthNotApplied',
  unknown: 'HealthUnknown',
} as const;

/** Begins the reason of every condition that comes from condition rules, of manifests and works. */
export const conditionRuleReasonPrefix = 'ConditionRule';

// Flotilla's own

/** Begins our labels and annotations. */
export const flotillaPrefix = 'flotilla.dev/';
/** The field manager of writes by the hub's controllers. */
export const hubFieldManager = 'flotilla-hub';
/** The field manager of writes by the klusterlet, except of applied manifests. */
export const klusterletFieldManager = 'flotilla-klusterlet';

/** A label or annotation key of ours. */
export function flotillaKey(name: string): string {
  return `${flotillaPrefix}${name}`;
}

/**
 * On a ManagedCluster, of the hub: hashes of the public keys of the authorities that a klusterlet is to trust, sorted,
 * separated by commas. Their certificates are in the ConfigMap `kube-root-ca.crt` of the cluster's namespace.
 */
export const hubAuthoritiesAnnotation = flotillaKey('hub-authorities');
/** On a ManagedCluster, of its agent: the hashes of the authorities that it trusts, in the same form. */
export const agentTrustsAnnotation = `${agentAnnotationPrefix}/flotilla-trusts`;
/** On a ManagedCluster, of its agent: the hash of the authority that has issued the certificate that it uses. */
export const agentIssuerAnnotation = `${agentAnnotationPrefix}/flotilla-issued-by`;
/**
 * On a ManagedCluster, of the hub: the URLs at which the hub is or will be reached, separated by commas. Absent from hubs
 * that were not told: then a klusterlet keeps what it was told last.
 */
export const hubAddressesAnnotation = flotillaKey('hub-addresses');
/** In every namespace: the authorities of the API server, key `ca.crt`. */
export const rootCaConfigMapName = 'kube-root-ca.crt';

/** On a ManagedCluster: the hold of a mass deletion that is confirmed. */
export const confirmDeletionAnnotation = flotillaKey('confirm-deletion');

/** On what a klusterlet put into its cluster, and will take away when it leaves. */
export const installedByAnnotation = flotillaKey('installed-by');

/** In the secret of a bootstrap token, in place of `token-secret`: the SHA-256 of it, hexadecimal. */
export const tokenSecretHashKey = 'token-secret-hash';
/** On the secret of a bootstrap token: the cluster that joined with it. */
export const tokenUsedByAnnotation = flotillaKey('token-used-by');

/** On a work: the user whose write made its present generation, and when. Set by the hub, whatever a writer says. */
export const changedByAnnotation = flotillaKey('changed-by');
export const changedAtAnnotation = flotillaKey('changed-at');
/** On a work: how many former generations are kept of it, from 0 to 100; default `defaultHistoryLimit`. */
export const historyLimitAnnotation = flotillaKey('history-limit');
/** As many as a Deployment keeps. */
export const defaultHistoryLimit = 10;
/** On a revision: the work, the generation and the hash of the spec that it is of, to be found without reading it. */
export const workUidLabel = flotillaKey('work-uid');
export const generationLabel = flotillaKey('generation');
export const specHashLabel = flotillaKey('spec-hash');
/** On a revision: earlier generations that had the very same spec, oldest first, separated by commas. */
export const earlierGenerationsAnnotation = flotillaKey('earlier-generations');
/** On a revision: bytes of its spec as JSON. */
export const sizeAnnotation = flotillaKey('size-bytes');

/** Of a ManifestWorkPlan: whether the klusterlet has answered it. */
export const planCondition = { planned: 'Planned' } as const;
export const planReason = { planned: 'Planned', failed: 'PlanFailed', refused: 'PlanRefused' } as const;
/** On a work, with the value `true`: it is only to be planned. Other agents do not know it and would apply the work. */
export const planAnnotation = flotillaKey('plan');
/** The claim of a cluster whose agent knows `planAnnotation`: an agent that does not takes it away with its first report. */
export const plansClaimName = 'plans.flotilla.dev';
