/** The parts of a ManifestWork's spec: manifests, how each is applied, who applies it, how it is deleted. Pure data. */
import { defaultFieldManager } from '../names.js';
import {
  bool,
  embeddedResource,
  enumOf,
  type Infer,
  int64,
  list,
  listMap,
  obj,
  required,
  str,
} from '../schema/dsl.js';
import { dnsSubdomainPattern } from './common.js';
import { feedbackRule } from './manifest-work-feedback.js';

const manifest = embeddedResource({ description: 'One Kubernetes object, whole.' });

export const workload = obj(
  { manifests: list(manifest, { description: 'The objects. At least one.' }) },
  { description: 'The objects to apply.' },
);

const orphaningRule = obj(
  {
    group: str({ description: 'API group; empty for the core group.' }),
    resource: required(str({ description: 'Resource, that is the plural in lower case.' })),
    name: required(str({ description: 'Name of the object.' })),
    namespace: str({ description: 'Namespace of the object; empty when it has none.' }),
  },
  { description: 'One object to leave behind. All fields must match exactly.' },
);

export const deleteOption = obj(
  {
    propagationPolicy: enumOf(['Foreground', 'Orphan', 'SelectivelyOrphan'], {
      description:
        'Foreground: the applied objects are deleted before the work goes. Orphan: all of them stay. ' +
        'SelectivelyOrphan: those named in selectivelyOrphans stay.',
      default: 'Foreground',
    }),
    selectivelyOrphans: obj(
      { orphaningRules: list(orphaningRule, { description: 'Objects that stay.' }) },
      { description: 'What stays, for SelectivelyOrphan.' },
    ),
    ttlSecondsAfterFinished: int64({
      description:
        'Seconds after which the hub deletes a work whose condition Complete is true. 0: at once. Absent: never.',
    }),
  },
  { description: 'What happens to the applied objects when the work, or a manifest in it, is deleted.' },
);

const resourceIdentifier = obj(
  {
    group: str({ description: 'API group; empty for the core group.' }),
    resource: required(str({ description: 'Resource, that is the plural in lower case.' })),
    name: required(str({ description: 'Name of the object; `*` stands for any characters.' })),
    namespace: str({
      description: 'Namespace of the object, empty when it has none; `*` stands for any characters.',
    }),
  },
  { description: 'Which manifests the entry is about.' },
);

const ignoreField = obj(
  {
    condition: required(
      enumOf(['OnSpokePresent', 'OnSpokeChange'], {
        description:
          'OnSpokePresent: the fields are left alone once the object exists. OnSpokeChange: they are left alone ' +
          'when the cluster changed them, until the manifest changes.',
        default: 'OnSpokePresent',
      }),
    ),
    jsonPaths: list(str(), { description: 'Fields, in the JSONPath dialect of kubectl.' }),
    jsonPointers: list(str(), { description: 'Fields, as JSON Pointers (RFC 6901).' }),
    jqPathExpressions: list(str(), { description: 'Fields, as jq path expressions.' }),
  },
  { description: 'Fields that are not enforced, and when.' },
);

const serverSideApply = obj(
  {
    force: bool({ description: 'Take fields over that another manager owns, instead of failing.' }),
    fieldManager: str({
      description: 'Name under which fields are owned. It must begin with work-agent.',
      default: defaultFieldManager,
      pattern: '^work-agent',
    }),
    ignoreFields: listMap(ignoreField, {
      description: 'Fields that are not enforced.',
      keys: ['condition'],
    }),
  },
  { description: 'Settings for ServerSideApply.' },
);

const updateStrategy = obj(
  {
    type: required(
      enumOf(['Update', 'CreateOnly', 'ServerSideApply', 'ReadOnly'], {
        description:
          'Update: read, merge and write. CreateOnly: create, then leave alone. ServerSideApply: apply with field ' +
          'ownership. ReadOnly: write nothing, only report.',
        default: 'Update',
      }),
    ),
    serverSideApply,
  },
  { description: 'How the object is written. Absent: Update.' },
);

const conditionRule = obj(
  {
    condition: required(
      str({
        description: 'Type of the condition. A manifest with condition Complete is not applied any more.',
      }),
    ),
    type: required(
      enumOf(['WellKnownConditions', 'CEL'], {
        description:
          'WellKnownConditions: built-in knowledge about well-known kinds. CEL: the expressions in celExpressions.',
      }),
    ),
    celExpressions: list(str(), {
      description: 'CEL expressions over `object`. The condition is true when all of them are.',
    }),
    message: str({ description: 'Message of the condition.' }),
    messageExpression: str({
      description:
        'CEL expression over `object` and `result` that gives the message. Counts before message unless it gives ' +
        'an empty string.',
    }),
  },
  {
    description: 'How one condition of the manifest is found.',
    'x-kubernetes-validations': [
      { rule: `self.type != 'CEL' || self.condition != ""`, message: 'Condition is required for CEL rules' },
    ],
  },
);

export const manifestConfig = obj(
  {
    resourceIdentifier: required(resourceIdentifier),
    feedbackRules: list(feedbackRule, { description: 'Which values of its status are reported.' }),
    feedbackScrapeType: enumOf(['Poll', 'Watch'], {
      description: 'How values are kept fresh: by reading now and then, or by a watch.',
      default: 'Poll',
    }),
    updateStrategy,
    conditionRules: listMap(conditionRule, {
      description: 'Conditions found from the live object.',
      keys: ['condition'],
    }),
  },
  { description: 'Settings for the manifests that match.' },
);

const subjectName = (description: string) =>
  str({ description, minLength: 1, maxLength: 253, pattern: dnsSubdomainPattern });

export const executor = obj(
  {
    subject: obj(
      {
        type: required(enumOf(['ServiceAccount'], { description: 'Kind of identity.' })),
        serviceAccount: obj(
          {
            namespace: required(subjectName('Namespace of the service account.')),
            name: required(subjectName('Name of the service account.')),
          },
          { description: 'A service account of the managed cluster, for type ServiceAccount.' },
        ),
      },
      { description: 'The identity.' },
    ),
  },
  {
    description:
      'With whose permissions the manifests are applied. Absent: the permissions of the klusterlet itself.',
  },
);

/** One object of a work as it stands in the spec. */
export type Manifest = Infer<typeof manifest>;
export type DeleteOption = Infer<typeof deleteOption>;
export type OrphaningRule = Infer<typeof orphaningRule>;
export type ResourceIdentifier = Infer<typeof resourceIdentifier>;
export type IgnoreField = Infer<typeof ignoreField>;
export type ServerSideApplyConfig = Infer<typeof serverSideApply>;
export type UpdateStrategy = Infer<typeof updateStrategy>;
export type ConditionRule = Infer<typeof conditionRule>;
export type ManifestConfigOption = Infer<typeof manifestConfig>;
export type ManifestWorkExecutor = Infer<typeof executor>;
