/** ClusterClaim: lives in the managed cluster and says one thing about it; the klusterlet reports it. Pure data. */
import { clusterGroupName } from '../names.js';
import { type Infer, obj, str } from '../schema/dsl.js';
import { defineKind, type KindObject } from './kind.js';

const spec = obj(
  { value: str({ description: 'What the claim says.', minLength: 1, maxLength: 1024 }) },
  { description: 'The claim.' },
);

export type ClusterClaimSpec = Infer<typeof spec>;
export type ClusterClaim = KindObject<ClusterClaimSpec>;

export const clusterClaimKind = defineKind({
  group: clusterGroupName,
  version: 'v1alpha1',
  kind: 'ClusterClaim',
  plural: 'clusterclaims',
  namespaced: false,
  description:
    'One statement about the cluster it is created in, for example its region or its identity. Its name is the ' +
    'name of the claim. The klusterlet reports it in the status of the ManagedCluster.',
  spec,
});
