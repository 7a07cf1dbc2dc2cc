/**
 * ClusterProfile of the Cluster Inventory API (SIG Multicluster, KEP-4322): a cluster as programs know it that choose
 * among clusters and need not know this hub. Fields and limits: sigs.k8s.io/cluster-inventory-api. Pure data.
 */
import {
  anyObject,
  bool,
  bytes,
  dateTime,
  type Infer,
  list,
  obj,
  required,
  str,
  type TypedSchema,
} from '../schema/dsl.js';
import { plainConditions } from './common.js';
import { ageColumn, conditionColumn, defineKind, type KindObject } from './kind.js';

const spec = obj(
  {
    displayName: str({ description: 'Name of the cluster for people.' }),
    clusterManager: required(
      obj(
        {
          name: required(
            str({ description: 'Name of the manager; `open-cluster-management` for this hub.' }),
          ),
        },
        {
          description: 'Who writes this profile.',
          'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'ClusterManager is immutable' }],
        },
      ),
    ),
  },
  { description: 'Which cluster it is, and who manages it.' },
);

const extensions = list(
  obj(
    {
      name: required(str({ description: 'Name of the extension.' })),
      extension: required(anyObject({ description: 'Whatever the extension wants.' })),
    },
    { description: 'One extension.' },
  ),
  { description: 'More for programs that know it.' },
);

/** As a cluster stands in a kubeconfig. */
const access = obj(
  {
    server: required(str({ description: 'Address of the API server.' })),
    'tls-server-name': str({
      description: 'Name that its certificate must have; default: that of the address.',
    }),
    'insecure-skip-tls-verify': bool({ description: 'Whether its certificate is not verified.' }),
    'certificate-authority': str({ description: 'File with the certificates that sign it.' }),
    'certificate-authority-data': bytes({ description: 'The certificates that sign it, as PEM.' }),
    'proxy-url': str({ description: 'Proxy through which it is reached.' }),
    'disable-compression': bool({ description: 'Whether answers are not to be compressed.' }),
    extensions,
  },
  { description: 'How the cluster is reached.' },
);

const providers = (description: string): TypedSchema<{ name: string; cluster?: Infer<typeof access> }[]> =>
  list(
    obj(
      { name: required(str({ description: 'Name of the provider.' })), cluster: access },
      { description: 'One way to get access.' },
    ),
    { description },
  );

const property = obj(
  {
    name: required(str({ description: 'Name of the property.', minLength: 1, maxLength: 253 })),
    value: required(str({ description: 'Value of the property.', minLength: 1, maxLength: 1024 })),
    lastObservedTime: dateTime({ description: 'When it was last seen in the cluster.' }),
  },
  { description: 'One property.' },
);

const status = obj(
  {
    conditions: plainConditions('State of the cluster: ControlPlaneHealthy and Joined.'),
    version: obj(
      { kubernetes: str({ description: 'Version of Kubernetes.' }) },
      { description: 'Versions found in the cluster.' },
    ),
    properties: list(property, { description: 'What the cluster says about itself: its claims.' }),
    accessProviders: providers('Ways to get access to the cluster. This hub writes none.'),
    credentialProviders: providers('Former name of accessProviders.'),
  },
  { description: 'What is known about the cluster.' },
);

export type ClusterProfileSpec = Infer<typeof spec>;
export type ClusterProfileStatus = Infer<typeof status>;
export type ClusterProfile = KindObject<ClusterProfileSpec, ClusterProfileStatus>;

export const clusterProfileKind = defineKind({
  group: 'multicluster.x-k8s.io',
  version: 'v1alpha1',
  kind: 'ClusterProfile',
  plural: 'clusterprofiles',
  namespaced: true,
  description:
    'One cluster of the fleet. The hub keeps one in each namespace that has a bound ManagedClusterSetBinding, for ' +
    'each cluster of the sets that are bound there.',
  spec,
  requiresSpec: true,
  status,
  columns: [
    conditionColumn('Healthy', 'ControlPlaneHealthy', 'Whether the API server of the cluster is healthy.'),
    { name: 'Version', type: 'string', jsonPath: '.status.version.kubernetes', description: 'Its version.' },
    ageColumn,
  ],
});
