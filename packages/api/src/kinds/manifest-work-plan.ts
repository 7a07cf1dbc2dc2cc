/**
 * ManifestWorkPlan, ours: a question to a klusterlet, what a work would do to its cluster. A kind of its own and not a
 * marked ManifestWork, since an agent that does not know the mark would apply it. Pure data.
 */
import { flotillaGroupName } from '../names.js';
import { enumOf, type Infer, int, int64, list, obj, required, str } from '../schema/dsl.js';
import { conditions } from './common.js';
import { ageColumn, conditionColumn, defineKind, type KindObject } from './kind.js';
import { manifestWorkSpec } from './manifest-work.js';

const spec = obj(
  {
    workName: required(
      str({
        description:
          'Name of the ManifestWork that is to have this spec. What the work of that name has applied and this spec ' +
          'has not is planned to be deleted.',
        minLength: 1,
        maxLength: 253,
      }),
    ),
    workSpec: required(manifestWorkSpec),
  },
  { description: 'The question.' },
);

const change = obj(
  {
    path: required(
      str({ description: 'The field, for example `spec.template.spec.containers[name=web].image`.' }),
    ),
    from: str({ description: 'The value before as JSON, cut when it is long; absent when there is none.' }),
    to: str({ description: 'The value after as JSON, cut when it is long; absent when there is none.' }),
  },
  { description: 'One field that would change. Values of Secrets are masked.' },
);

const manifestPlan = obj(
  {
    ordinal: int({
      description: 'Position of the manifest in the spec, from 0; absent for what the spec has not.',
    }),
    group: str({ description: 'API group; empty for the core group.' }),
    version: str({ description: 'API version.' }),
    kind: str({ description: 'Kind of the object; empty for what the spec has not.' }),
    resource: str({ description: 'Resource, that is the plural in lower case. Empty when not served.' }),
    name: str({ description: 'Name of the object.' }),
    namespace: str({ description: 'Namespace of the object; empty when it has none.' }),
    action: required(
      enumOf(['create', 'change', 'unchanged', 'delete', 'refused'], {
        description:
          'What would be done. Refused: the cluster, or the permissions of the executor, would not have it.',
      }),
    ),
    message: str({ description: 'Why, or what else there is to know.', maxLength: 4096 }),
    changes: list(change, { description: 'Fields that would change.' }),
    moreChanges: int({ description: 'How many more there are.' }),
  },
  { description: 'What would be done to one object.' },
);

const status = obj(
  {
    observedGeneration: int64({ description: 'The generation of the plan that this answers.', minimum: 0 }),
    conditions: conditions('Planned: whether the question was answered.'),
    summary: obj(
      {
        create: int({ description: 'Objects that would be created.' }),
        change: int({ description: 'Objects that would be changed.' }),
        unchanged: int({ description: 'Objects that would stay as they are.' }),
        delete: int({ description: 'Objects that would be deleted.' }),
        refused: int({ description: 'Objects that would be refused.' }),
      },
      { description: 'How many objects there are of each action.' },
    ),
    manifests: list(manifestPlan, {
      description: 'One entry for each manifest, in their order, then those that would be deleted.',
    }),
  },
  { description: 'The answer, as the klusterlet gives it. Nothing was written to the cluster.' },
);

export type ManifestWorkPlanSpec = Infer<typeof spec>;
export type ManifestWorkPlanStatus = Infer<typeof status>;
export type ManifestPlan = Infer<typeof manifestPlan>;
export type FieldChange = Infer<typeof change>;
export type ManifestWorkPlan = KindObject<ManifestWorkPlanSpec, ManifestWorkPlanStatus>;

export const manifestWorkPlanKind = defineKind({
  group: flotillaGroupName,
  version: 'v1alpha1',
  kind: 'ManifestWorkPlan',
  plural: 'manifestworkplans',
  namespaced: true,
  description:
    'Asks the klusterlet of the cluster whose namespace this is in what a ManifestWork would do there. It answers by ' +
    'dry runs, with defaulting and admission, and writes nothing. Deleted an hour after it was made.',
  spec,
  requiresSpec: true,
  status,
  columns: [
    { name: 'Work', type: 'string', jsonPath: '.spec.workName' },
    conditionColumn('Planned', 'Planned', 'Whether the klusterlet has answered.'),
    { name: 'Create', type: 'integer', jsonPath: '.status.summary.create' },
    { name: 'Change', type: 'integer', jsonPath: '.status.summary.change' },
    { name: 'Delete', type: 'integer', jsonPath: '.status.summary.delete' },
    { name: 'Refused', type: 'integer', jsonPath: '.status.summary.refused' },
    ageColumn,
  ],
});
