/**
 * The apps group, and what shares its shape in the core group (replication controllers, pod templates): defaults,
 * immutable selectors, selectors that match their template, scale.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, listAt, numberAt, objectAt, objectsAt, textAt } from '../access.js';
import {
  ageColumn,
  containerColumns,
  countColumn,
  nameColumn,
  numberColumn,
  selectorColumn,
  showLabels,
  textColumn,
} from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { sameValue, validateImmutable, validateTemplateSelector } from '../validation.js';
import { defaultPodTemplate } from './pod-defaults.js';
import { validatePodTemplate } from './pod-validation.js';

const { forbidden, invalid } = fieldErrors;

const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
} as const;

const strategy = { tracksGeneration: true } as const;

function defaultTemplate(spec: JsonObject): void {
  const { template } = spec;
  if (isObject(template)) defaultPodTemplate(template);
}

/** The desired count; absent means 1, as for the workload's controller. */
function replicas(object: KubeObject): number {
  const value = at(object, 'spec', 'replicas');
  return typeof value === 'number' ? value : 1;
}

function validateReplicas(object: KubeObject): FieldError[] {
  const count = replicas(object);
  return count < 0 ? [invalid('spec.replicas', count, 'must be greater than or equal to 0')] : [];
}

function validateWorkload(object: KubeObject): FieldError[] {
  return [
    ...validateReplicas(object),
    ...validateTemplateSelector(object),
    ...validatePodTemplate(objectAt(object, 'spec', 'template'), {
      field: 'spec.template',
      restartPolicies: ['Always'],
    }),
  ];
}

const deployments: BuiltinFacts = {
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  scale,
  strategy,
  columns: [
    nameColumn,
    textColumn('Ready', (object) => `${numberAt(object, 'status', 'readyReplicas')}/${replicas(object)}`),
    countColumn('Up-to-date', 'status', 'updatedReplicas'),
    countColumn('Available', 'status', 'availableReplicas'),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    const rollout = ensure(spec, 'strategy');
    fill(rollout, { type: 'RollingUpdate' });
    if (rollout['type'] === 'RollingUpdate') {
      fill(ensure(rollout, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
    }
    defaultTemplate(spec);
  },
  validate(object) {
    const errors = validateWorkload(object);
    const rollout = objectAt(object, 'spec', 'strategy');
    if (rollout['type'] === 'Recreate' && isObject(rollout['rollingUpdate'])) {
      errors.push(
        forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
      );
    }
    return errors;
  },
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.selector']),
};

const replicaSets: BuiltinFacts = {
  group: 'apps',
  resource: 'replicasets',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  strategy,
  selectableFields: { 'status.replicas': (object) => String(numberAt(object, 'status', 'replicas')) },
  columns: [
    nameColumn,
    numberColumn('Desired', replicas),
    countColumn('Current', 'status', 'replicas'),
    countColumn('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { replicas: 1 });
    defaultTemplate(spec);
  },
  validate: validateWorkload,
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.selector']),
};

const statefulSetMutable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

const statefulSets: BuiltinFacts = {
  group: 'apps',
  resource: 'statefulsets',
  kind: 'StatefulSet',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  scale,
  strategy,
  columns: [
    nameColumn,
    textColumn('Ready', (object) => `${numberAt(object, 'status', 'readyReplicas')}/${replicas(object)}`),
    ageColumn,
    ...containerColumns,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
    const update = ensure(spec, 'updateStrategy');
    fill(update, { type: 'RollingUpdate' });
    if (update['type'] === 'RollingUpdate') fill(ensure(update, 'rollingUpdate'), { partition: 0 });
    fill(ensure(spec, 'persistentVolumeClaimRetentionPolicy'), {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
    for (const claim of objectsAt(spec, 'volumeClaimTemplates')) {
      fill(claim as JsonObject, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
      fill(ensure(claim, 'spec'), { volumeMode: 'Filesystem' });
      fill(ensure(claim, 'status'), { phase: 'Pending' });
    }
    defaultTemplate(spec);
  },
  validate: validateWorkload,
  validateUpdate(object, old) {
    const spec = objectAt(object, 'spec');
    const before = objectAt(old, 'spec');
    const changed = [...new Set([...Object.keys(spec), ...Object.keys(before)])].some(
      (key) => !statefulSetMutable.has(key) && !sameValue(spec[key], before[key]),
    );
    return changed
      ? [
          forbidden(
            'spec',
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
          ),
        ]
      : [];
  },
};

const daemonSets: BuiltinFacts = {
  group: 'apps',
  resource: 'daemonsets',
  kind: 'DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  strategy,
  columns: [
    nameColumn,
    countColumn('Desired', 'status', 'desiredNumberScheduled'),
    countColumn('Current', 'status', 'currentNumberScheduled'),
    countColumn('Ready', 'status', 'numberReady'),
    countColumn('Up-to-date', 'status', 'updatedNumberScheduled'),
    countColumn('Available', 'status', 'numberAvailable'),
    textColumn('Node Selector', (object) =>
      showLabels(at(object, 'spec', 'template', 'spec', 'nodeSelector')),
    ),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { revisionHistoryLimit: 10 });
    const update = ensure(spec, 'updateStrategy');
    fill(update, { type: 'RollingUpdate' });
    if (update['type'] === 'RollingUpdate')
      fill(ensure(update, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
    defaultTemplate(spec);
  },
  validate: validateWorkload,
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.selector']),
};

const controllerRevisions: BuiltinFacts = {
  group: 'apps',
  resource: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
  columns: [
    nameColumn,
    textColumn('Controller', (object) => {
      const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
      if (owner === undefined) return '<none>';
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/', 1)[0]}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    countColumn('Revision', 'revision'),
    ageColumn,
  ],
  validateUpdate: (object, old) => validateImmutable(object, old, ['data']),
};

const replicationControllers: BuiltinFacts = {
  group: '',
  resource: 'replicationcontrollers',
  kind: 'ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  scale,
  strategy,
  selectableFields: { 'status.replicas': (object) => String(numberAt(object, 'status', 'replicas')) },
  columns: [
    nameColumn,
    numberColumn('Desired', replicas),
    countColumn('Current', 'status', 'replicas'),
    countColumn('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...containerColumns,
    textColumn('Selector', (object) => showLabels(at(object, 'spec', 'selector')), { wide: true }),
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { replicas: 1 });
    const labels = objectAt(spec, 'template', 'metadata', 'labels');
    if (Object.keys(labels).length > 0) {
      if (Object.keys(objectAt(spec, 'selector')).length === 0) spec['selector'] = { ...labels };
      if (Object.keys(object.metadata.labels ?? {}).length === 0) {
        object.metadata.labels = Object.fromEntries(
          Object.keys(labels).map((key) => [key, textAt(labels, key)]),
        );
      }
    }
    defaultTemplate(spec);
  },
  validate: validateReplicas,
};

const podTemplates: BuiltinFacts = {
  group: '',
  resource: 'podtemplates',
  kind: 'PodTemplate',
  namespaced: true,
  strategy,
  columns: [
    nameColumn,
    textColumn('Containers', (object) => names(object, 'name')),
    textColumn('Images', (object) => names(object, 'image')),
    textColumn('Pod Labels', (object) => showLabels(at(object, 'template', 'metadata', 'labels'))),
  ],
  defaults(object) {
    const { template } = object;
    if (isObject(template)) defaultPodTemplate(template);
  },
};

function names(object: KubeObject, key: string): string {
  return listAt(object, 'template', 'spec', 'containers')
    .map((container) => textAt(container, key))
    .join(',');
}

/** Workload controllers and what they are made of. */
export const workloadResources: readonly BuiltinFacts[] = [
  replicationControllers,
  podTemplates,
  deployments,
  replicaSets,
  statefulSets,
  daemonSets,
  controllerRevisions,
];
