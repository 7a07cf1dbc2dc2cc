/** Klusterlet: lives in the managed cluster and says how its agent is to run. `klusterlet run --klusterlet` reads it. Pure data. */
import { operatorGroupName } from '../names.js';
import { enumOf, type Infer, int, int64, list, mapOf, obj, required, str } from '../schema/dsl.js';
import { dnsLabelPattern } from './common.js';
import { defineKind, type KindObject } from './kind.js';
import {
  caBundle,
  eksClusterArnPattern,
  featureGates,
  hostNamePattern,
  imagePullSpec,
  nodePlacement,
  operatorStatus,
  resourceRequirement,
} from './operator-common.js';

const durationPattern = '^([0-9]+(s|m|h))+$';
const ipv4Pattern =
  '^(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$';

const qps = (server: string) =>
  int({ description: `Requests to ${server} in a second, on average.`, default: 50 });
const burst = (server: string) =>
  int({ description: `Requests to ${server} at once, at most.`, default: 100 });

const bootstrapKubeConfigs = obj(
  {
    type: required(
      enumOf(['None', 'LocalSecrets'], {
        description: 'None: the Secret bootstrap-hub-kubeconfig. LocalSecrets: those that are named below.',
        default: 'None',
      }),
    ),
    localSecretsConfig: obj(
      {
        kubeConfigSecrets: required(
          list(
            obj(
              { name: required(str({ description: 'Name of the Secret.' })) },
              { description: 'One Secret in the namespace of the agent.' },
            ),
            { description: 'Secrets with bootstrap kubeconfigs, the preferred hub first.' },
          ),
        ),
        hubConnectionTimeoutSeconds: int({
          description: 'How long a hub may be away before the next one is tried.',
          default: 600,
          minimum: 180,
        }),
      },
      { description: 'For type LocalSecrets.' },
    ),
  },
  { description: 'Where the kubeconfigs are with which the cluster joins a hub.' },
);

const arn = (whose: string) =>
  required(
    str({ description: `ARN of the EKS cluster ${whose}.`, minLength: 1, pattern: eksClusterArnPattern }),
  );

const registrationConfiguration = obj(
  {
    clientCertExpirationSeconds: int({
      description: 'How long a certificate is asked for; the signer has the last word.',
    }),
    featureGates,
    clusterAnnotations: mapOf(str(), {
      description: 'Annotations of the ManagedCluster; they begin with agent.open-cluster-management.io.',
    }),
    clusterLabels: mapOf(str(), { description: 'Labels of the ManagedCluster when it is made.' }),
    kubeAPIQPS: qps('the cluster'),
    kubeAPIBurst: burst('the cluster'),
    bootstrapKubeConfigs,
    registrationDriver: obj(
      {
        authType: required(
          enumOf(['csr', 'awsirsa', 'grpc'], { description: 'How the agent authenticates.', default: 'csr' }),
        ),
        awsIrsa: obj(
          { hubClusterArn: arn('of the hub'), managedClusterArn: arn('that is managed') },
          { description: 'For type awsirsa.' },
        ),
      },
      { description: 'How the agent gets to be known to the hub.' },
    ),
    addOnKubeClientRegistrationDriver: obj(
      {
        authType: enumOf(['csr', 'token'], { description: 'How agents of add-ons authenticate.' }),
        token: obj(
          { expirationSeconds: int64({ description: 'How long a token is valid.' }) },
          { description: 'For type token.' },
        ),
      },
      { description: 'How agents of add-ons get to be known to the hub.' },
    ),
    clusterClaimConfiguration: obj(
      {
        maxCustomClusterClaims: required(
          int({ description: 'How many claims are reported beside the reserved ones.', default: 20 }),
        ),
        reservedClusterClaimSuffixes: list(str({ minLength: 1, maxLength: 64 }), {
          description: 'Claims whose names end so are reported first and not counted.',
          maxItems: 10,
        }),
      },
      { description: 'Which claims of the cluster are reported.' },
    ),
  },
  { description: 'Registration of the cluster with its hub.' },
);

const workConfiguration = obj(
  {
    featureGates,
    kubeAPIQPS: qps('the cluster'),
    kubeAPIBurst: burst('the cluster'),
    hubKubeAPIQPS: qps('the hub'),
    hubKubeAPIBurst: burst('the hub'),
    appliedManifestWorkEvictionGracePeriod: str({
      description: 'How long a work must be missing on the hub before what it applied is deleted.',
      pattern: durationPattern,
    }),
    statusSyncInterval: str({
      description: 'How often works are looked over though nothing told of a change.',
      pattern: durationPattern,
    }),
  },
  { description: 'Works of the cluster.' },
);

const spec = obj(
  {
    namespace: str({
      description: 'Namespace of the agent; open-cluster-management-agent when empty.',
      maxLength: 57,
      pattern: '^open-cluster-management-[-a-z0-9]*[a-z0-9]$',
    }),
    clusterName: str({
      description: 'Name of the cluster on the hub.',
      maxLength: 63,
      pattern: dnsLabelPattern,
    }),
    externalServerURLs: list(
      obj({ url: required(str({ description: 'URL.' })), caBundle }, { description: 'One address.' }),
      { description: 'Addresses at which the API server of the cluster is reached from elsewhere.' },
    ),
    registrationImagePullSpec: imagePullSpec('the registration agent'),
    workImagePullSpec: imagePullSpec('the work agent'),
    imagePullSpec: imagePullSpec('both agents in one'),
    nodePlacement,
    priorityClassName: str({ description: 'Priority class of the pods.' }),
    deployOption: obj(
      { mode: str({ description: 'Default, Singleton, Hosted or SingletonHosted.' }) },
      { description: 'How the agents are deployed.' },
    ),
    hubApiServerHostAlias: obj(
      {
        ip: required(str({ description: 'Address of the hub.', pattern: ipv4Pattern })),
        hostname: required(str({ description: 'Host name of the hub.', pattern: hostNamePattern })),
      },
      { description: 'An address for a host name of the hub that DNS does not know.' },
    ),
    registrationConfiguration,
    workConfiguration,
    resourceRequirement,
  },
  { description: 'How the agent runs.' },
);

const status = operatorStatus('Applied, Available, HubConnectionDegraded, ValidFeatureGates');

export type KlusterletSpec = Infer<typeof spec>;
export type KlusterletStatus = Infer<typeof status>;
export type Klusterlet = KindObject<KlusterletSpec, KlusterletStatus>;

export const klusterletKind = defineKind({
  group: operatorGroupName,
  version: 'v1',
  kind: 'Klusterlet',
  plural: 'klusterlets',
  namespaced: false,
  description: 'The agent of a managed cluster: which hub it joins, under which name, and how it works.',
  spec,
  status,
});
