/** ManagedCluster: a cluster that has asked to join the hub, or has joined. Pure data. */
import { clusterCondition, clusterGroupName } from '../names.js';
import {
  bool,
  bytes,
  dateTime,
  enumOf,
  type Infer,
  int,
  list,
  listMap,
  mapOf,
  nullable,
  obj,
  quantity,
  required,
  str,
} from '../schema/dsl.js';
import { conditions, dnsLabelPattern, qualifiedNamePattern } from './common.js';
import { ageColumn, conditionColumn, defineKind, type KindObject } from './kind.js';

const clientConfig = obj(
  {
    url: required(str({ description: 'Address of the API server of the cluster; https.' })),
    caBundle: bytes({
      description: 'PEM certificates that sign the API server. Empty: the trust store of the system is used.',
    }),
  },
  { description: 'One way to reach the API server.' },
);

const taint = obj(
  {
    key: required(
      str({
        description: 'Name of the taint, with an optional domain and slash before it.',
        maxLength: 316,
        pattern: qualifiedNamePattern,
      }),
    ),
    value: str({ description: 'Value of the taint.', maxLength: 1024 }),
    effect: required(
      enumOf(['NoSelect', 'PreferNoSelect', 'NoSelectIfNew'], {
        description:
          'NoSelect: placements without a toleration drop the cluster. PreferNoSelect: they take it last. ' +
          'NoSelectIfNew: they keep it when they have it already.',
      }),
    ),
    timeAdded: nullable(dateTime({ description: 'When the taint was added. The hub sets it.' })),
  },
  { description: 'Keeps placements away from the cluster unless they tolerate it.' },
);

const spec = obj(
  {
    hubAcceptsClient: bool({
      description:
        'Whether the hub lets the klusterlet in. Setting it creates the namespace and the permissions of the ' +
        'cluster; clearing it takes the permissions back. Needs permission to update managedclusters/accept.',
    }),
    leaseDurationSeconds: int({
      description: 'Period of the heartbeat. After five periods without one, the cluster counts as unknown.',
      default: 60,
    }),
    managedClusterClientConfigs: list(clientConfig, {
      description:
        'Ways to reach the API server of the cluster, for programs that can. The hub never uses them.',
    }),
    taints: list(taint, { description: 'Taints of the cluster.' }),
  },
  { description: 'What the hub wants of the cluster.' },
);

const claim = obj(
  {
    name: str({ description: 'Name of the claim.', minLength: 1, maxLength: 253 }),
    value: str({ description: 'Value of the claim.', minLength: 1, maxLength: 1024 }),
  },
  { description: 'One claim.' },
);

const managedNamespace = obj(
  {
    name: required(
      str({ description: 'The namespace in the cluster.', maxLength: 63, pattern: dnsLabelPattern }),
    ),
    clusterSet: required(str({ description: 'The cluster set that asks for it.' })),
    conditions: conditions('State of the namespace in the cluster.'),
  },
  { description: 'One namespace that a cluster set wants in the cluster.' },
);

const status = obj(
  {
    conditions: conditions(
      'State of the cluster: HubAcceptedManagedCluster, ManagedClusterJoined, ManagedClusterConditionAvailable ' +
        'and others.',
    ),
    capacity: mapOf(quantity(), { description: 'Sum of the capacity of all nodes, by resource.' }),
    allocatable: mapOf(quantity(), {
      description: 'Sum of what pods can use on the nodes that are open for scheduling, by resource.',
    }),
    version: obj(
      { kubernetes: str({ description: 'Version of Kubernetes, for example v1.33.1.' }) },
      { description: 'Versions found in the cluster.' },
    ),
    clusterClaims: list(claim, { description: 'Claims that the cluster makes about itself.' }),
    managedNamespaces: listMap(managedNamespace, {
      description: 'Namespaces that cluster sets want in the cluster.',
      keys: ['clusterSet', 'name'],
    }),
  },
  { description: 'What the klusterlet and the hub know about the cluster.' },
);

export type ManagedClusterSpec = Infer<typeof spec>;
export type ManagedClusterStatus = Infer<typeof status>;
export type ManagedClusterClientConfig = Infer<typeof clientConfig>;
export type ManagedClusterClaim = Infer<typeof claim>;
export type ManagedNamespaceStatus = Infer<typeof managedNamespace>;
export type Taint = Infer<typeof taint>;
export type TaintEffect = Taint['effect'];
export type ManagedCluster = KindObject<ManagedClusterSpec, ManagedClusterStatus>;

export const managedClusterKind = defineKind({
  group: clusterGroupName,
  version: 'v1',
  kind: 'ManagedCluster',
  plural: 'managedclusters',
  shortNames: ['mcl', 'mcls'],
  namespaced: false,
  description:
    'A Kubernetes cluster under the hub. Its klusterlet creates it to ask to join; an administrator accepts it. ' +
    'Once accepted, the namespace of the same name holds what the hub sends to the cluster.',
  spec,
  status,
  columns: [
    {
      name: 'Hub Accepted',
      type: 'boolean',
      jsonPath: '.spec.hubAcceptsClient',
      description: 'Whether the hub lets the klusterlet in.',
    },
    {
      name: 'Managed Cluster URLs',
      type: 'string',
      jsonPath: '.spec.managedClusterClientConfigs[*].url',
      description: 'Addresses of the API server.',
    },
    conditionColumn('Joined', clusterCondition.joined, 'Whether the klusterlet has joined.'),
    conditionColumn(
      'Available',
      clusterCondition.available,
      'Whether the API server of the cluster is healthy.',
    ),
    ageColumn,
  ],
});
