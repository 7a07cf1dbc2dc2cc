/** Pieces of schema that Klusterlet and ClusterManager share. Pure data. */
import {
  bytes,
  enumOf,
  type Infer,
  int64,
  list,
  listMap,
  mapOf,
  obj,
  quantity,
  required,
  str,
} from '../schema/dsl.js';
import { conditions } from './common.js';

export const hostNamePattern =
  '^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\\-]*[a-zA-Z0-9])\\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\\-]*[A-Za-z0-9])$';
export const eksClusterArnPattern = '^arn:aws:eks:([a-zA-Z0-9-]+):(\\d{12}):cluster/([a-zA-Z0-9-]+)$';

const featureGate = obj(
  {
    feature: required(str({ description: 'Name of the feature.' })),
    mode: enumOf(['Enable', 'Disable'], { description: 'Whether it is on.', default: 'Disable' }),
  },
  { description: 'One feature that is switched.' },
);

export type FeatureGate = Infer<typeof featureGate>;

export const featureGates = list(featureGate, { description: 'Features that are switched on or off.' });

export const caBundle = bytes({ description: 'Authorities to trust, PEM in base64.' });

export const imagePullSpec = (what: string, image?: string) =>
  str({ description: `Image of ${what}.`, ...(image !== undefined && { default: image }) });

export const nodePlacement = obj(
  {
    nodeSelector: mapOf(str(), { description: 'Labels that a node must have.' }),
    tolerations: list(
      obj(
        {
          key: str({ description: 'Key of the taint; empty: every taint.' }),
          operator: str({ description: 'Exists, or Equal, which is the default.' }),
          value: str({ description: 'Value of the taint, for Equal.' }),
          effect: str({ description: 'Effect of the taint; empty: every effect.' }),
          tolerationSeconds: int64({ description: 'How long a NoExecute taint is tolerated.' }),
        },
        { description: 'One taint that is tolerated.' },
      ),
      { description: 'Taints that are tolerated.' },
    ),
  },
  { description: 'On which nodes the pods run.' },
);

export const resourceRequirement = obj(
  {
    type: enumOf(['Default', 'BestEffort', 'ResourceRequirement'], {
      description: 'Where the requirements come from.',
      default: 'Default',
    }),
    resourceRequirements: obj(
      {
        claims: listMap(
          obj(
            {
              name: required(str({ description: 'Name of the claim in the pod.' })),
              request: str({ description: 'Name of the request within the claim.' }),
            },
            { description: 'One resource claim.' },
          ),
          { description: 'Resource claims of the container.', keys: ['name'] },
        ),
        limits: mapOf(quantity(), { description: 'The most that the container gets.' }),
        requests: mapOf(quantity(), { description: 'What the container is given for sure.' }),
      },
      { description: 'The requirements, for type ResourceRequirement.' },
    ),
  },
  { description: 'Compute resources of the containers.' },
);

const objectFields = {
  group: required(str({ description: 'API group; empty for the core group.' })),
  version: required(str({ description: 'API version.' })),
  resource: required(str({ description: 'Resource, that is the plural in lower case.' })),
  namespace: str({ description: 'Namespace of the object.' }),
  name: required(str({ description: 'Name of the object.' })),
};

/** Status of both kinds. */
export const operatorStatus = (conditionTypes: string) =>
  obj(
    {
      observedGeneration: int64({ description: 'The generation of the spec that was last dealt with.' }),
      conditions: conditions(`State: ${conditionTypes}.`),
      generations: list(
        obj(
          {
            ...objectFields,
            lastGeneration: required(int64({ description: 'Its generation when it was last written.' })),
          },
          { description: 'One object that was written.' },
        ),
        { description: 'Generations of what was written.' },
      ),
      relatedResources: list(obj(objectFields, { description: 'One object.' }), {
        description: 'Objects that belong to it.',
      }),
    },
    { description: 'What became of the spec.' },
  );
