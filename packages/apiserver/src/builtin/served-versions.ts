/**
 * Which API versions of a built-in resource a Kubernetes minor serves, as the Kubernetes deprecation guide and the
 * lifecycle comments of k8s.io/api have it, so that a stand-in cluster of an old version refuses what the real one
 * refuses. Resources that are not listed have been served as v1 since before 1.16. Left out are versions whose objects
 * have another form and that nobody needs in a stand-in: autoscaling/v2beta1 (until 1.24) and
 * flowcontrol.apiserver.k8s.io/v1beta1 and v1beta2 (until 1.25 and 1.28). Pure data.
 */

/** One version of a resource. */
export interface VersionSpan {
  /** When several groups serve the same objects; absent: the resource's own group. */
  readonly group?: string;
  readonly version: string;
  /** First minor that serves it by default. */
  readonly since?: number;
  /** Last minor that serves it. */
  readonly until?: number;
  /** First minor that warns, and what it names instead. */
  readonly deprecated?: { readonly since: number; readonly replacement?: string };
}

const v1: VersionSpan = { version: 'v1' };

/** Before this minor no server sends warnings. */
const firstWarningMinor = 19;

function beta(
  until: number,
  options: { since?: number; deprecated: number; group: string; kind: string },
): VersionSpan {
  const { group, kind, since, deprecated } = options;
  return {
    version: 'v1beta1',
    until,
    ...(since !== undefined && { since }),
    deprecated: { since: deprecated, replacement: `${group}/v1 ${kind}` },
  };
}

function rbac(kind: string): readonly VersionSpan[] {
  return [v1, beta(21, { deprecated: 17, group: 'rbac.authorization.k8s.io', kind })];
}

/** `<resource>.<group>` -> its versions, the preferred one first. */
const spans: Readonly<Record<string, readonly VersionSpan[]>> = {
  'cronjobs.batch': [
    { version: 'v1', since: 21 },
    beta(24, { deprecated: 21, group: 'batch', kind: 'CronJob' }),
  ],
  'poddisruptionbudgets.policy': [
    { version: 'v1', since: 21 },
    beta(24, { deprecated: 21, group: 'policy', kind: 'PodDisruptionBudget' }),
  ],
  'endpointslices.discovery.k8s.io': [
    { version: 'v1', since: 21 },
    beta(24, { since: 17, deprecated: 21, group: 'discovery.k8s.io', kind: 'EndpointSlice' }),
  ],
  'ingresses.networking.k8s.io': [
    { version: 'v1', since: 19 },
    beta(21, { deprecated: 19, group: 'networking.k8s.io', kind: 'Ingress' }),
    {
      group: 'extensions',
      version: 'v1beta1',
      until: 21,
      deprecated: { since: 14, replacement: 'networking.k8s.io/v1 Ingress' },
    },
  ],
  'ingressclasses.networking.k8s.io': [
    { version: 'v1', since: 19 },
    beta(21, { since: 18, deprecated: 19, group: 'networking.k8s.io', kind: 'IngressClass' }),
  ],
  'horizontalpodautoscalers.autoscaling': [
    { version: 'v2', since: 23 },
    v1,
    {
      version: 'v2beta2',
      until: 25,
      deprecated: { since: 23, replacement: 'autoscaling/v2 HorizontalPodAutoscaler' },
    },
  ],
  'events.': [
    v1,
    { group: 'events.k8s.io', version: 'v1', since: 19 },
    // Kubernetes names no replacement for this one, nor for RuntimeClass.
    { group: 'events.k8s.io', version: 'v1beta1', until: 24, deprecated: { since: 22 } },
  ],
  'roles.rbac.authorization.k8s.io': rbac('Role'),
  'rolebindings.rbac.authorization.k8s.io': rbac('RoleBinding'),
  'clusterroles.rbac.authorization.k8s.io': rbac('ClusterRole'),
  'clusterrolebindings.rbac.authorization.k8s.io': rbac('ClusterRoleBinding'),
  'leases.coordination.k8s.io': [
    v1,
    beta(21, { deprecated: 19, group: 'coordination.k8s.io', kind: 'Lease' }),
  ],
  'priorityclasses.scheduling.k8s.io': [
    v1,
    beta(21, { deprecated: 14, group: 'scheduling.k8s.io', kind: 'PriorityClass' }),
  ],
  'storageclasses.storage.k8s.io': [
    v1,
    beta(21, { deprecated: 19, group: 'storage.k8s.io', kind: 'StorageClass' }),
  ],
  'volumeattachments.storage.k8s.io': [
    v1,
    beta(21, { deprecated: 19, group: 'storage.k8s.io', kind: 'VolumeAttachment' }),
  ],
  'csidrivers.storage.k8s.io': [
    { version: 'v1', since: 18 },
    beta(21, { deprecated: 19, group: 'storage.k8s.io', kind: 'CSIDriver' }),
  ],
  'csinodes.storage.k8s.io': [
    { version: 'v1', since: 17 },
    beta(21, { deprecated: 17, group: 'storage.k8s.io', kind: 'CSINode' }),
  ],
  'csistoragecapacities.storage.k8s.io': [
    { version: 'v1', since: 24 },
    beta(26, { since: 21, deprecated: 24, group: 'storage.k8s.io', kind: 'CSIStorageCapacity' }),
  ],
  'volumeattributesclasses.storage.k8s.io': [{ version: 'v1', since: 34 }],
  'runtimeclasses.node.k8s.io': [
    { version: 'v1', since: 20 },
    { version: 'v1beta1', until: 24, deprecated: { since: 22 } },
  ],
  'flowschemas.flowcontrol.apiserver.k8s.io': flowControl('FlowSchema'),
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': flowControl('PriorityLevelConfiguration'),
  'validatingwebhookconfigurations.admissionregistration.k8s.io': [
    v1,
    beta(21, {
      deprecated: 16,
      group: 'admissionregistration.k8s.io',
      kind: 'ValidatingWebhookConfiguration',
    }),
  ],
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': [
    v1,
    beta(21, { deprecated: 16, group: 'admissionregistration.k8s.io', kind: 'MutatingWebhookConfiguration' }),
  ],
  'validatingadmissionpolicies.admissionregistration.k8s.io': [{ version: 'v1', since: 30 }],
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': [{ version: 'v1', since: 30 }],
  'servicecidrs.networking.k8s.io': [{ version: 'v1', since: 33 }],
  'ipaddresses.networking.k8s.io': [{ version: 'v1', since: 33 }],
};

function flowControl(kind: string): readonly VersionSpan[] {
  return [
    { version: 'v1', since: 29 },
    {
      version: 'v1beta3',
      since: 26,
      until: 31,
      deprecated: { since: 29, replacement: `flowcontrol.apiserver.k8s.io/v1 ${kind}` },
    },
  ];
}

/** A version as one server serves it. */
export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly warning?: string;
}

/** The served versions of a resource, the preferred one first; empty: this minor does not know the resource. */
export function servedVersions(
  subject: { readonly group: string; readonly resource: string; readonly kind: string },
  minor: number,
): readonly ServedVersion[] {
  const { group: own, resource, kind } = subject;
  const known = spans[`${resource}.${own}`] ?? [v1];
  return known
    .filter(({ since = 0, until = Number.POSITIVE_INFINITY }) => since <= minor && minor <= until)
    .map(({ group = own, version, until, deprecated }) => {
      const warned = deprecated !== undefined && Math.max(deprecated.since, firstWarningMinor) <= minor;
      if (!warned || until === undefined) return { group, version };
      const replacement = deprecated.replacement === undefined ? '' : `; use ${deprecated.replacement}`;
      return {
        group,
        version,
        warning: `${group}/${version} ${kind} is deprecated in v1.${deprecated.since}+, unavailable in v1.${until + 1}+${replacement}`,
      };
    });
}

/** Where objects are kept, whatever is served: data outlives a change of the stand-in's version. */
export function storageVersionOf(subject: {
  readonly group: string;
  readonly resource: string;
}): ServedVersion {
  const { group, resource } = subject;
  return { group, version: (spans[`${resource}.${group}`] ?? [v1])[0]?.version ?? 'v1' };
}
