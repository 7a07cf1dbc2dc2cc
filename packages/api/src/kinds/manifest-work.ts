/** ManifestWork: a set of manifests for one cluster, and what became of them. Pure data. */
import { workCondition, workGroupName } from '../names.js';
import { type Infer, int, list, obj, required, str } from '../schema/dsl.js';
import { conditions } from './common.js';
import { ageColumn, conditionColumn, defineKind, type KindObject } from './kind.js';
import { feedbackValue } from './manifest-work-feedback.js';
import { deleteOption, executor, manifestConfig, workload } from './manifest-work-spec.js';

/** The spec of a ManifestWork, and the template of a ManifestWorkReplicaSet. */
export const manifestWorkSpec = obj(
  {
    workload,
    deleteOption,
    manifestConfigs: list(manifestConfig, {
      description:
        'How single manifests are applied and reported. When several entries match a manifest, the first one that ' +
        'sets a field counts for that field.',
    }),
    executor,
  },
  { description: 'What is to be in the cluster.' },
);

const resourceMeta = obj(
  {
    ordinal: required(int({ description: 'Position of the manifest in the spec, from 0.' })),
    group: str({ description: 'API group; empty for the core group.' }),
    version: str({ description: 'API version.' }),
    kind: str({ description: 'Kind of the object.' }),
    resource: str({ description: 'Resource, that is the plural in lower case. Empty when not served.' }),
    name: str({ description: 'Name of the object.' }),
    namespace: str({ description: 'Namespace of the object; empty when it has none.' }),
  },
  { description: 'Which manifest this is about. Only the ordinal is set when it could not be read.' },
);

const manifestStatus = obj(
  {
    resourceMeta: required(resourceMeta),
    statusFeedback: obj(
      { values: feedbackValue },
      { description: 'Values that the feedback rules picked from the status of the object.' },
    ),
    conditions: required(
      conditions(
        'State of the manifest: Applied, Available, StatusFeedbackSynced, and those of its condition rules.',
      ),
    ),
  },
  { description: 'What became of one manifest.' },
);

const status = obj(
  {
    conditions: conditions(
      'State of the whole work: Applied, Available, Deleting, and those that condition rules give.',
    ),
    resourceStatus: obj(
      { manifests: list(manifestStatus, { description: 'One entry for each manifest, in their order.' }) },
      { description: 'State of the single manifests.' },
    ),
  },
  { description: 'What became of it, as the klusterlet reports.' },
);

export type ManifestWorkSpec = Infer<typeof manifestWorkSpec>;
export type ManifestWorkStatus = Infer<typeof status>;
export type ManifestCondition = Infer<typeof manifestStatus>;
export type ManifestResourceMeta = Infer<typeof resourceMeta>;
export type ManifestWork = KindObject<ManifestWorkSpec, ManifestWorkStatus>;

export const manifestWorkKind = defineKind({
  group: workGroupName,
  version: 'v1',
  kind: 'ManifestWork',
  plural: 'manifestworks',
  namespaced: true,
  description:
    'Kubernetes objects that are to exist in one managed cluster. Create it in the namespace named after the ' +
    'cluster; the klusterlet there applies it, keeps it so, and reports back.',
  spec: manifestWorkSpec,
  status,
  columns: [
    conditionColumn('Applied', workCondition.applied, 'Whether all manifests were applied.'),
    conditionColumn('Available', workCondition.available, 'Whether all applied objects exist.'),
    ageColumn,
  ],
});
