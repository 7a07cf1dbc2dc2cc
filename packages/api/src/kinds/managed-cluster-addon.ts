/**
 * ManagedClusterAddOn: an add-on that is enabled in one cluster. Nothing here acts on it; OCM's registration agent
 * does not start its work unless the hub serves it, and add-ons of OCM are told of by it. Pure data.
 */
import { addonGroupName } from '../names.js';
import { enumOf, type Infer, int64, list, listMap, obj, required, str } from '../schema/dsl.js';
import { conditions } from './common.js';
import { conditionColumn, defineKind, type KindObject } from './kind.js';

const namespace = str({ description: 'Namespace of the configuration; empty when it has none.' });
const group = str({ description: 'API group; empty for the core group.', default: '' });
const resource = required(str({ description: 'Resource, that is the plural in lower case.', minLength: 1 }));
const name = required(str({ description: 'Name of the configuration.', minLength: 1 }));

const config = obj({ group, resource, name, namespace }, { description: 'One configuration object.' });

const spec = obj(
  {
    configs: list(config, {
      description: 'Configurations for this cluster, in place of those of the whole fleet.',
    }),
  },
  { description: 'How the add-on is wanted in this cluster.' },
);

const configVersion = (description: string) =>
  obj({ name, namespace, specHash: str({ description: 'Hash of its spec.' }) }, { description });

const configReference = obj(
  {
    group,
    resource,
    desiredConfig: configVersion('The configuration that is wanted.'),
    lastAppliedConfig: configVersion('The configuration that was last applied with success.'),
    lastObservedGeneration: int64({ description: 'Generation of the configuration that was last seen.' }),
  },
  { description: 'One configuration in use.' },
);

const user = str({ description: 'User name that the agent of the add-on asks for.' });
const groups = list(str(), { description: 'Groups that the agent of the add-on asks for.' });

const registration = obj(
  {
    type: required(
      enumOf(['kubeClient', 'customSigner'], { description: 'Which of the two forms below is used.' }),
    ),
    kubeClient: obj(
      {
        driver: enumOf(['csr', 'token'], {
          description: 'How the agent authenticates; set by the klusterlet.',
        }),
        subject: obj({ user, groups }, { description: 'Who the agent is on the hub.' }),
      },
      { description: 'The agent talks to the API of the hub.' },
    ),
    customSigner: obj(
      {
        signerName: required(
          str({
            description: 'Signer of the certificate.',
            minLength: 5,
            maxLength: 571,
            pattern: '^([a-z0-9][a-z0-9-]*[a-z0-9]\\.)+[a-z]+\\/[a-z0-9-\\.]+$',
          }),
        ),
        subject: obj(
          {
            user,
            groups,
            organizationUnits: list(str(), { description: 'Units that the agent of the add-on asks for.' }),
          },
          { description: 'Subject of the certificate.' },
        ),
      },
      { description: 'The agent gets a certificate for something else.' },
    ),
  },
  { description: 'One credential of the agent of the add-on.' },
);

const relatedObject = obj(
  {
    group: required(str({ description: 'API group; empty for the core group.' })),
    resource: required(str({ description: 'Resource, that is the plural in lower case.' })),
    name: required(str({ description: 'Name of the object.' })),
    namespace: str({ description: 'Namespace of the object; empty when it has none.' }),
  },
  { description: 'One object that helps to understand the add-on.' },
);

const status = obj(
  {
    namespace: str({ description: 'Namespace of the agent in the managed cluster.' }),
    conditions: conditions('State of the add-on; Available, Degraded and Progressing among them.'),
    relatedObjects: list(relatedObject, { description: 'Objects that help to understand the add-on.' }),
    addOnMeta: obj(
      {
        displayName: str({ description: 'Name for people.' }),
        description: str({ description: 'What the add-on does.' }),
      },
      { description: 'What people are told about the add-on.' },
    ),
    supportedConfigs: listMap(obj({ group, resource }, { description: 'One kind of configuration.' }), {
      description: 'Kinds of configuration that the add-on takes.',
      keys: ['group', 'resource'],
    }),
    configReferences: list(configReference, { description: 'Configurations in use.' }),
    registrations: list(registration, { description: 'Credentials that the agent of the add-on needs.' }),
    healthCheck: obj(
      {
        mode: enumOf(['Lease', 'Customized'], {
          description: 'By a lease that the agent renews, or by conditions that the add-on writes itself.',
          default: 'Lease',
        }),
      },
      { description: 'How it is told whether the add-on is healthy.' },
    ),
  },
  { description: 'State of the add-on in this cluster.' },
);

export type ManagedClusterAddOnSpec = Infer<typeof spec>;
export type ManagedClusterAddOnStatus = Infer<typeof status>;
export type ManagedClusterAddOn = KindObject<ManagedClusterAddOnSpec, ManagedClusterAddOnStatus>;

export const managedClusterAddOnKind = defineKind({
  group: addonGroupName,
  version: 'v1beta1',
  kind: 'ManagedClusterAddOn',
  plural: 'managedclusteraddons',
  shortNames: ['mca', 'mcas'],
  namespaced: true,
  description:
    'An add-on that is enabled in the cluster in whose namespace it is, and what is known of it. Its name is the ' +
    'name of the add-on.',
  spec,
  requiresSpec: true,
  status,
  columns: [
    conditionColumn('Available', 'Available', 'Whether the add-on works.'),
    conditionColumn('Degraded', 'Degraded', 'Whether the add-on works less well than it should.'),
    conditionColumn('Progressing', 'Progressing', 'Whether the add-on is being changed.'),
  ],
});
