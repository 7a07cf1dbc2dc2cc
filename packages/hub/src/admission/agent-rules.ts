/**
 * What an agent may change of the objects that RBAC lets it write (registration.md 10.6, 5): its status and heartbeat,
 * the address of its cluster, its finalizer on works. OCM grants whole objects, and so taints, labels that lead into
 * cluster sets, and the works themselves; its agents use no more than what is let through here.
 */
import {
  agentAnnotationPrefix,
  clusterCondition,
  clusterGroupName,
  clusterSetLabel,
  defaultClusterSetName,
  equal,
  findCondition,
  isObject,
  type KubeObject,
  type ManagedCluster,
  managedClusterLeaseName,
  manifestWorkFinalizer,
  newForbidden,
  workGroupName,
} from '@flotilla/api';
import { agentCluster } from '../identity/agent-identity.js';
import type { AdmissionRequest, AdmissionRule } from './rule.js';

/** Whether the write is an agent's, and which field of the object it may not change but does. */
type Overstep = (request: AdmissionRequest & { readonly oldObject: KubeObject }) => string | undefined;

function agentRule(
  kind: Pick<AdmissionRule, 'name' | 'group' | 'resource' | 'subresource'>,
  overstep: Overstep,
): AdmissionRule {
  const { group, resource } = kind;
  return {
    ...kind,
    operations: ['UPDATE'],
    mutating: false,
    check: (request) => {
      const { oldObject, user, name } = request;
      if (oldObject === undefined || agentCluster(user) === undefined) return;
      const field = overstep({ ...request, oldObject });
      if (field === undefined) return;
      throw newForbidden({ group, resource, name }, `the agent of a managed cluster may not change ${field}`);
    },
  };
}

/** Of an agent's annotations; they are those that OCM's agents may copy to their cluster. */
const isAgentAnnotation = (key: string): boolean => key.startsWith(agentAnnotationPrefix);

function annotationsOf({ metadata }: KubeObject, isOpen: (key: string) => boolean): object {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !isOpen(key)));
}

function changedMetadata(
  object: KubeObject,
  old: KubeObject,
  open: { readonly annotation?: (key: string) => boolean; readonly finalizer?: string },
): string | undefined {
  const isOpen = open.annotation ?? (() => false);
  if (!equal(labelsOf(object), labelsOf(old))) return 'metadata.labels';
  if (!equal(annotationsOf(object, isOpen), annotationsOf(old, isOpen))) return 'metadata.annotations';
  const finalizers = ({ metadata }: KubeObject): readonly string[] =>
    (metadata.finalizers ?? []).filter((finalizer) => finalizer !== open.finalizer);
  if (!equal(finalizers(object), finalizers(old))) return 'metadata.finalizers';
  if (!equal(object.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? []))
    return 'metadata.ownerReferences';
  return undefined;
}

/** A cluster without the label is in the default set, which another rule writes out at the first update. */
function labelsOf(object: KubeObject): Readonly<Record<string, string>> {
  const labels = object.metadata.labels ?? {};
  const isCluster = object.kind === 'ManagedCluster';
  return isCluster && !labels[clusterSetLabel]
    ? { ...labels, [clusterSetLabel]: defaultClusterSetName }
    : labels;
}

/** The first field of the part, but those that are open, that differs. */
function changedField(
  part: { readonly object: unknown; readonly old: unknown; readonly path: string },
  open: readonly string[],
): string | undefined {
  const now = isObject(part.object) ? part.object : {};
  const before = isObject(part.old) ? part.old : {};
  const field = [...new Set([...Object.keys(now), ...Object.keys(before)])].find(
    (key) => !open.includes(key) && !equal(now[key] ?? null, before[key] ?? null),
  );
  return field === undefined ? undefined : `${part.path}.${field}`;
}

const managedCluster = agentRule(
  { name: 'agent-managedcluster', group: clusterGroupName, resource: 'managedclusters' },
  ({ object, oldObject }) =>
    changedMetadata(object, oldObject, { annotation: isAgentAnnotation }) ??
    changedField({ object: object['spec'], old: oldObject['spec'], path: 'spec' }, [
      'managedClusterClientConfigs',
    ]),
);

/** Conditions that are the hub's word about the cluster. */
const hubConditions = [
  clusterCondition.hubAccepted,
  clusterCondition.clockSynced,
  clusterCondition.certificateExpiring,
  clusterCondition.deleting,
];

/** Without what the agent says of them. */
function managedNamespacesOf(cluster: KubeObject): object[] {
  const { managedNamespaces = [] } = (cluster as ManagedCluster).status ?? {}; // the rule's own resource
  return managedNamespaces.map(({ name, clusterSet }) => ({ name, clusterSet }));
}

const managedClusterStatus = agentRule(
  {
    name: 'agent-managedcluster-status',
    group: clusterGroupName,
    resource: 'managedclusters',
    subresource: 'status',
  },
  ({ object, oldObject }) => {
    const conditionsOf = (one: KubeObject) => (one as ManagedCluster).status?.conditions; // the rule's own resource
    const changed = hubConditions.find(
      (type) =>
        !equal(
          findCondition(conditionsOf(object), type) ?? null,
          findCondition(conditionsOf(oldObject), type) ?? null,
        ),
    );
    if (changed !== undefined) return `the condition ${changed}, which is the hub's`;
    return equal(managedNamespacesOf(object), managedNamespacesOf(oldObject))
      ? undefined
      : 'which namespaces its cluster sets manage';
  },
);

const manifestWork = agentRule(
  { name: 'agent-manifestwork', group: workGroupName, resource: 'manifestworks' },
  ({ object, oldObject }) =>
    changedMetadata(object, oldObject, { finalizer: manifestWorkFinalizer }) ??
    (equal(object['spec'] ?? null, oldObject['spec'] ?? null) ? undefined : 'spec'),
);

const lease = agentRule(
  { name: 'agent-lease', group: 'coordination.k8s.io', resource: 'leases' },
  ({ object, oldObject, name }) =>
    name === managedClusterLeaseName
      ? (changedMetadata(object, oldObject, {}) ??
        changedField({ object: object['spec'], old: oldObject['spec'], path: 'spec' }, ['renewTime']))
      : `a lease other than ${managedClusterLeaseName}`,
);

export const agentRules: readonly AdmissionRule[] = [
  managedCluster,
  managedClusterStatus,
  manifestWork,
  lease,
];
