/** ClusterManager: says how the hub is to run. The hub reads the one named `cluster-manager`. Pure data. */
import { operatorGroupName } from '../names.js';
import { bool, enumOf, type Infer, int, list, listMap, obj, required, str } from '../schema/dsl.js';
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

const maximum = 65535;

const bindConfiguration = obj(
  {
    port: int({ description: 'Port of the webhook server.', default: 9443, maximum }),
    healthProbePort: int({ description: 'Port of the health probes.', default: 8000, maximum }),
    metricsPort: int({ description: 'Port of the metrics.', default: 8080, maximum }),
    hostNetwork: bool({ description: 'In the network of the node.' }),
  },
  { description: 'Where the webhook server listens.' },
);

const webhook = (whose: string) => obj({ bindConfiguration }, { description: `Webhook server of ${whose}.` });

const hostedWebhook = (whose: string) =>
  obj(
    {
      address: required(
        str({ description: 'Where the hub reaches the webhook server.', pattern: hostNamePattern }),
      ),
      port: int({ description: 'Its port there.', default: 443, maximum }),
      bindConfiguration,
    },
    { description: `Webhook server of ${whose}.` },
  );

const identities = (what: string) =>
  list(str(), { description: `${what} whose clusters are accepted without asking.` });

const registrationConfiguration = obj(
  {
    autoApproveUsers: list(str(), {
      description:
        'Users whose clusters are accepted, and their certificate requests approved, without asking.',
    }),
    featureGates,
    registrationDrivers: listMap(
      obj(
        {
          authType: required(
            enumOf(['csr', 'awsirsa', 'grpc'], { description: 'How agents authenticate.', default: 'csr' }),
          ),
          csr: obj({ autoApprovedIdentities: identities('Users') }, { description: 'For type csr.' }),
          grpc: obj({ autoApprovedIdentities: identities('Users') }, { description: 'For type grpc.' }),
          awsirsa: obj(
            {
              hubClusterArn: str({
                description: 'ARN of the EKS cluster of the hub.',
                pattern: eksClusterArnPattern,
              }),
              autoApprovedIdentities: identities('Patterns of ARNs'),
              tags: list(str(), { description: 'Tags of what is made in AWS, `key=value`.' }),
            },
            { description: 'For type awsirsa.' },
          ),
        },
        { description: 'One way for agents to get to be known.' },
      ),
      { description: 'Ways for agents to get to be known.', keys: ['authType'] },
    ),
    importerConfiguration: obj(
      { renderers: list(str(), { description: 'Names of the renderers.' }) },
      { description: 'Import of clusters from other providers.' },
    ),
  },
  { description: 'Registration of clusters.' },
);

const host = { host: str({ description: 'Host name.' }), caBundle };
const endpoint = (protocol: string) =>
  obj(
    {
      type: required(
        enumOf(['hostname', 'loadBalancer', 'route'], {
          description: 'How it is reached.',
          default: 'hostname',
        }),
      ),
      hostname: obj(
        { ...host, host: required(str({ description: 'Host name.' })) },
        { description: 'By a name.' },
      ),
      loadBalancer: obj(host, { description: 'By a load balancer.' }),
      route: obj(host, { description: 'By a route.' }),
    },
    { description: `For protocol ${protocol}.` },
  );

const serverConfiguration = obj(
  {
    imagePullSpec: imagePullSpec('the server'),
    featureGates,
    endpointsExposure: list(
      obj(
        {
          protocol: required(
            enumOf(['grpc', 'https'], { description: 'Protocol of the address.', default: 'grpc' }),
          ),
          usage: str({ description: 'What the address is for.' }),
          grpc: endpoint('grpc'),
          https: endpoint('https'),
        },
        { description: 'One address.' },
      ),
      { description: 'Addresses of the server.' },
    ),
  },
  { description: 'The server that agents connect to.' },
);

const repository = 'quay.io/open-cluster-management';

const spec = obj(
  {
    registrationImagePullSpec: imagePullSpec('the registration controller', `${repository}/registration`),
    workImagePullSpec: imagePullSpec('the work controller', `${repository}/work`),
    placementImagePullSpec: imagePullSpec('the placement controller', `${repository}/placement`),
    addOnManagerImagePullSpec: imagePullSpec('the add-on manager', `${repository}/addon-manager`),
    nodePlacement,
    deployOption: obj(
      {
        mode: required(
          enumOf(['Default', 'Hosted'], { description: 'Where the hub is deployed.', default: 'Default' }),
        ),
        default: obj(
          {
            registrationWebhookConfiguration: webhook('registration'),
            workWebhookConfiguration: webhook('work'),
            addonWebhookConfiguration: webhook('add-ons'),
          },
          { description: 'For mode Default.' },
        ),
        hosted: obj(
          {
            registrationWebhookConfiguration: hostedWebhook('registration'),
            workWebhookConfiguration: hostedWebhook('work'),
          },
          { description: 'For mode Hosted.' },
        ),
      },
      { description: 'How the hub is deployed.', default: { mode: 'Default' } },
    ),
    registrationConfiguration,
    workConfiguration: obj(
      {
        featureGates,
        workDriver: enumOf(['kube', 'mqtt', 'grpc'], {
          description: 'How works get to their clusters.',
          default: 'kube',
        }),
      },
      { description: 'Works.', default: { workDriver: 'kube' } },
    ),
    placementConfiguration: obj({ featureGates }, { description: 'Placement.' }),
    addOnManagerConfiguration: obj({ featureGates }, { description: 'The add-on manager.' }),
    resourceRequirement,
    serverConfiguration,
  },
  { description: 'How the hub runs.', default: { deployOption: { mode: 'Default' } } },
);

const status = operatorStatus('Applied, HubRegistrationDegraded, Progressing, ValidFeatureGates');

export type ClusterManagerSpec = Infer<typeof spec>;
export type ClusterManagerStatus = Infer<typeof status>;
export type ClusterManager = KindObject<ClusterManagerSpec, ClusterManagerStatus>;

export const clusterManagerKind = defineKind({
  group: operatorGroupName,
  version: 'v1',
  kind: 'ClusterManager',
  plural: 'clustermanagers',
  namespaced: false,
  description: 'The hub: who is accepted without asking, and which features are on.',
  spec,
  status,
});
