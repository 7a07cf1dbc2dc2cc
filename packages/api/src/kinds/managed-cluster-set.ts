/** ManagedClusterSet: a group of clusters. ManagedClusterSetBinding lets a namespace use one. Pure data. */
import { clusterGroupName, clusterSetCondition } from '../names.js';
import { enumOf, type Infer, listMap, obj, required, str } from '../schema/dsl.js';
import { dnsLabelPattern, labelSelector, plainConditions } from './common.js';
import { ageColumn, conditionColumn, defineKind, type KindObject } from './kind.js';

const clusterSelector = obj(
  {
    selectorType: required(
      enumOf(['ExclusiveClusterSetLabel', 'LabelSelector'], {
        description:
          'ExclusiveClusterSetLabel: the clusters whose label cluster.open-cluster-management.io/clusterset ' +
          'names this set. LabelSelector: the clusters that labelSelector takes.',
        default: 'ExclusiveClusterSetLabel',
      }),
    ),
    labelSelector: { ...labelSelector, description: 'Takes clusters by label; for type LabelSelector only.' },
  },
  {
    description: 'Which clusters belong to the set.',
    default: { selectorType: 'ExclusiveClusterSetLabel' },
  },
);

const setSpec = obj(
  {
    clusterSelector,
    managedNamespaces: listMap(
      obj(
        {
          name: required(
            str({ description: 'Name of the namespace.', maxLength: 63, pattern: dnsLabelPattern }),
          ),
        },
        { description: 'One namespace.' },
      ),
      { description: 'Namespaces that must exist in every cluster of the set.', keys: ['name'] },
    ),
  },
  {
    description: 'What the set consists of.',
    default: { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } },
  },
);

const setStatus = obj(
  { conditions: plainConditions('State of the set: ClusterSetEmpty.') },
  { description: 'What the hub knows about the set.' },
);

export type ManagedClusterSetSpec = Infer<typeof setSpec>;
export type ManagedClusterSetStatus = Infer<typeof setStatus>;
export type ManagedClusterSet = KindObject<ManagedClusterSetSpec, ManagedClusterSetStatus>;

export const managedClusterSetKind = defineKind({
  group: clusterGroupName,
  version: 'v1beta2',
  kind: 'ManagedClusterSet',
  plural: 'managedclustersets',
  shortNames: ['mclset', 'mclsets'],
  namespaced: false,
  description:
    'A group of clusters to which permissions and placements can refer. Who may put a cluster into it is decided ' +
    'by the permission to create managedclustersets/join, who may use it by managedclustersets/bind.',
  spec: setSpec,
  status: setStatus,
  columns: [
    conditionColumn('Empty', clusterSetCondition.empty, 'Whether the set has no cluster.'),
    ageColumn,
  ],
});

const bindingSpec = obj(
  {
    clusterSet: str({
      description: 'Name of the set. It must be the name of the binding as well.',
      minLength: 1,
    }),
  },
  { description: 'What is bound.' },
);

const bindingStatus = obj(
  { conditions: plainConditions('State of the binding: Bound.') },
  { description: 'What the hub knows about the binding.' },
);

export type ManagedClusterSetBindingSpec = Infer<typeof bindingSpec>;
export type ManagedClusterSetBindingStatus = Infer<typeof bindingStatus>;
export type ManagedClusterSetBinding = KindObject<
  ManagedClusterSetBindingSpec,
  ManagedClusterSetBindingStatus
>;

export const managedClusterSetBindingKind = defineKind({
  group: clusterGroupName,
  version: 'v1beta2',
  kind: 'ManagedClusterSetBinding',
  plural: 'managedclustersetbindings',
  shortNames: ['mclsetbinding', 'mclsetbindings'],
  namespaced: true,
  description: 'Lets the placements of its namespace choose among the clusters of one set.',
  spec: bindingSpec,
  status: bindingStatus,
});
