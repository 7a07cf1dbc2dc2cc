/**
 * What a cluster is made of besides workloads: nodes, volumes and claims, quotas, limits, component statuses.
 */
import { type FieldError, fieldErrors, isObject, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, objectAt, objectsAt, textAt, textsAt } from '../access.js';
import { ageColumn, createdAtColumn, fieldColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { sameValue, validateImmutable } from '../validation.js';

const { forbidden, required } = fieldErrors;

const rolePrefix = 'node-role.kubernetes.io/';

function nodeRoles(object: KubeObject): string {
  const labels = object.metadata.labels ?? {};
  const roles = Object.keys(labels).flatMap((key) => {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) return [key.slice(rolePrefix.length)];
    return key === 'kubernetes.io/role' && labels[key] !== '' ? [labels[key] ?? ''] : [];
  });
  return roles.length === 0 ? '<none>' : roles.sort().join(',');
}

function nodeStatus(object: KubeObject): string {
  const ready = objectsAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  const text = ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return at(object, 'spec', 'unschedulable') === true ? `${text},SchedulingDisabled` : text;
}

function nodeAddress(object: KubeObject, type: string): string {
  const found = objectsAt(object, 'status', 'addresses').find((one) => textAt(one, 'type') === type);
  return textAt(found, 'address') || '<none>';
}

function nodeInfo(name: string, key: string): ReturnType<typeof textColumn> {
  return textColumn(name, (object) => textAt(object, 'status', 'nodeInfo', key) || '<unknown>', {
    wide: true,
  });
}

const nodes: BuiltinFacts = {
  group: '',
  resource: 'nodes',
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  takesStatusOnCreate: true,
  strategy: { deleteReturnsObject: false },
  selectableFields: {
    'spec.unschedulable': (object) => String(at(object, 'spec', 'unschedulable') === true),
  },
  columns: [
    nameColumn,
    textColumn('Status', nodeStatus),
    textColumn('Roles', nodeRoles),
    ageColumn,
    fieldColumn('Version', ['status', 'nodeInfo', 'kubeletVersion']),
    textColumn('Internal-IP', (object) => nodeAddress(object, 'InternalIP'), { wide: true }),
    textColumn('External-IP', (object) => nodeAddress(object, 'ExternalIP'), { wide: true }),
    nodeInfo('OS-Image', 'osImage'),
    nodeInfo('Kernel-Version', 'kernelVersion'),
    nodeInfo('Container-Runtime', 'containerRuntimeVersion'),
  ],
};

const modeNames: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function accessModes(...modes: readonly string[]): string {
  return modes.map((mode) => modeNames[mode] ?? mode).join(',');
}

const volumeModeColumn = textColumn(
  'VolumeMode',
  (object) => textAt(object, 'spec', 'volumeMode') || '<unset>',
  {
    wide: true,
  },
);

const attributesClassColumn = textColumn(
  'VolumeAttributesClass',
  (object) => textAt(object, 'spec', 'volumeAttributesClassName') || '<unset>',
);

const persistentVolumes: BuiltinFacts = {
  group: '',
  resource: 'persistentvolumes',
  kind: 'PersistentVolume',
  shortNames: ['pv'],
  namespaced: false,
  hasStatus: true,
  strategy: { deleteReturnsObject: true },
  columns: [
    nameColumn,
    fieldColumn('Capacity', ['spec', 'capacity', 'storage']),
    textColumn('Access Modes', (object) => accessModes(...textsAt(object, 'spec', 'accessModes'))),
    fieldColumn('Reclaim Policy', ['spec', 'persistentVolumeReclaimPolicy']),
    textColumn('Status', (object) =>
      object.metadata.deletionTimestamp === undefined ? textAt(object, 'status', 'phase') : 'Terminating',
    ),
    textColumn('Claim', (object) => {
      const claim = objectAt(object, 'spec', 'claimRef');
      return Object.keys(claim).length === 0 ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`;
    }),
    fieldColumn('StorageClass', ['spec', 'storageClassName']),
    attributesClassColumn,
    fieldColumn('Reason', ['status', 'reason']),
    ageColumn,
    volumeModeColumn,
  ],
  defaults(object) {
    fill(ensure(object, 'spec'), { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  },
  create(object) {
    object['status'] = { phase: 'Available' };
  },
  validate(object) {
    const errors: FieldError[] = [];
    if (textsAt(object, 'spec', 'accessModes').length === 0) errors.push(required('spec.accessModes'));
    if (at(object, 'spec', 'capacity', 'storage') === undefined) errors.push(required('spec.capacity'));
    return errors;
  },
};

const persistentVolumeClaims: BuiltinFacts = {
  group: '',
  resource: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  shortNames: ['pvc'],
  namespaced: true,
  hasStatus: true,
  strategy: { deleteReturnsObject: true },
  columns: [
    nameColumn,
    textColumn('Status', (object) =>
      object.metadata.deletionTimestamp === undefined ? textAt(object, 'status', 'phase') : 'Terminating',
    ),
    fieldColumn('Volume', ['spec', 'volumeName']),
    textColumn('Capacity', (object) =>
      textAt(object, 'spec', 'volumeName') === '' ? '' : textAt(object, 'status', 'capacity', 'storage'),
    ),
    textColumn('Access Modes', (object) =>
      textAt(object, 'spec', 'volumeName') === ''
        ? ''
        : accessModes(...textsAt(object, 'status', 'accessModes')),
    ),
    fieldColumn('StorageClass', ['spec', 'storageClassName']),
    attributesClassColumn,
    ageColumn,
    volumeModeColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { volumeMode: 'Filesystem' });
    // dataSource and dataSourceRef mirror each other where only one is given.
    if (isObject(spec['dataSource']) && !isObject(spec['dataSourceRef']))
      spec['dataSourceRef'] = { ...spec['dataSource'] };
  },
  create(object) {
    object['status'] = { phase: 'Pending' };
  },
  validate(object) {
    const errors: FieldError[] = [];
    if (textsAt(object, 'spec', 'accessModes').length === 0) {
      errors.push(required('spec.accessModes', 'at least 1 access mode is required'));
    }
    if (at(object, 'spec', 'resources', 'requests', 'storage') === undefined) {
      errors.push(required('spec.resources[storage]'));
    }
    return errors;
  },
  validateUpdate(object, old) {
    const {
      resources: _r,
      volumeName: _v,
      volumeAttributesClassName: _a,
      ...spec
    } = objectAt(object, 'spec');
    const { resources: _R, volumeName, volumeAttributesClassName: _A, ...before } = objectAt(old, 'spec');
    const bound = typeof volumeName === 'string' && volumeName !== '';
    const moved = bound && volumeName !== textAt(object, 'spec', 'volumeName');
    return sameValue(spec, before) && !moved
      ? []
      : [
          forbidden(
            'spec',
            'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
          ),
        ];
  },
};

function amounts(object: KubeObject, prefix: 'requests' | 'limits'): string {
  const hard = objectAt(object, 'status', 'hard');
  const used = objectAt(object, 'status', 'used');
  return Object.keys(hard)
    .filter((key) => (prefix === 'limits') === key.startsWith('limits.'))
    .sort()
    .map((key) => `${key}: ${String(used[key] ?? '')}/${String(hard[key])}`)
    .join(', ');
}

const resourceQuotas: BuiltinFacts = {
  group: '',
  resource: 'resourcequotas',
  kind: 'ResourceQuota',
  shortNames: ['quota'],
  namespaced: true,
  hub: true,
  hasStatus: true,
  strategy: { deleteReturnsObject: true },
  columns: [
    nameColumn,
    textColumn('Request', (object) => amounts(object, 'requests')),
    textColumn('Limit', (object) => amounts(object, 'limits')),
    ageColumn,
  ],
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.scopes']),
};

const limitRanges: BuiltinFacts = {
  group: '',
  resource: 'limitranges',
  kind: 'LimitRange',
  shortNames: ['limits'],
  namespaced: true,
  hub: true,
  strategy: { allowCreateOnUpdate: true },
  columns: [nameColumn, createdAtColumn],
  defaults(object) {
    for (const limit of objectsAt(object, 'spec', 'limits')) {
      if (textAt(limit, 'type') !== 'Container') continue;
      const max = objectAt(limit, 'max');
      const byDefault = { ...max, ...objectAt(limit, 'default') };
      if (Object.keys(byDefault).length > 0) limit['default'] = byDefault;
      const request = { ...objectAt(limit, 'min'), ...byDefault, ...objectAt(limit, 'defaultRequest') };
      if (Object.keys(request).length > 0) limit['defaultRequest'] = request;
    }
  },
};

const componentStatuses: BuiltinFacts = {
  group: '',
  resource: 'componentstatuses',
  kind: 'ComponentStatus',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  columns: [nameColumn, ageColumn],
};

export const clusterResources: readonly BuiltinFacts[] = [
  nodes,
  persistentVolumes,
  persistentVolumeClaims,
  resourceQuotas,
  limitRanges,
  componentStatuses,
];
