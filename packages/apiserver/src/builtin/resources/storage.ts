/** The storage.k8s.io group: kept and shown, acted on by nobody here. */
import { fieldErrors, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, listAt, objectsAt, textAt, textsAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { validateImmutable } from '../validation.js';

const { required } = fieldErrors;

const group = 'storage.k8s.io';
const defaultClass = 'storageclass.kubernetes.io/is-default-class';

function isTrue(object: KubeObject, ...path: readonly string[]): boolean {
  return at(object, ...path) === true;
}

const storageClasses: BuiltinFacts = {
  group,
  resource: 'storageclasses',
  kind: 'StorageClass',
  shortNames: ['sc'],
  namespaced: false,
  columns: [
    {
      ...nameColumn,
      value: (object) =>
        `${object.metadata.name ?? ''}${object.metadata.annotations?.[defaultClass] === 'true' ? ' (default)' : ''}`,
    },
    fieldColumn('Provisioner', ['provisioner']),
    fieldColumn('ReclaimPolicy', ['reclaimPolicy']),
    fieldColumn('VolumeBindingMode', ['volumeBindingMode']),
    textColumn('AllowVolumeExpansion', (object) => isTrue(object, 'allowVolumeExpansion')),
    ageColumn,
  ],
  defaults: (object) => fill(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  validate: (object) => (textAt(object, 'provisioner') === '' ? [required('provisioner')] : []),
  validateUpdate: (object, old) =>
    validateImmutable(object, old, ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode']),
};

const csiDrivers: BuiltinFacts = {
  group,
  resource: 'csidrivers',
  kind: 'CSIDriver',
  namespaced: false,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('AttachRequired', (object) => isTrue(object, 'spec', 'attachRequired')),
    textColumn('PodInfoOnMount', (object) => isTrue(object, 'spec', 'podInfoOnMount')),
    textColumn('StorageCapacity', (object) => isTrue(object, 'spec', 'storageCapacity')),
    textColumn('TokenRequests', (object) => {
      const audiences = objectsAt(object, 'spec', 'tokenRequests').map((one) => textAt(one, 'audience'));
      return audiences.length === 0 ? '<unset>' : audiences.join(',');
    }),
    textColumn('RequiresRepublish', (object) => isTrue(object, 'spec', 'requiresRepublish')),
    textColumn('Modes', (object) => textsAt(object, 'spec', 'volumeLifecycleModes').join(',')),
    ageColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      requiresRepublish: false,
      seLinuxMount: false,
    });
    if (listAt(spec, 'volumeLifecycleModes').length === 0) spec['volumeLifecycleModes'] = ['Persistent'];
  },
};

const csiNodes: BuiltinFacts = {
  group,
  resource: 'csinodes',
  kind: 'CSINode',
  namespaced: false,
  columns: [
    nameColumn,
    { name: 'Drivers', type: 'integer', value: (object) => listAt(object, 'spec', 'drivers').length },
    ageColumn,
  ],
};

const volumeAttachments: BuiltinFacts = {
  group,
  resource: 'volumeattachments',
  kind: 'VolumeAttachment',
  namespaced: false,
  hasStatus: true,
  columns: [
    nameColumn,
    fieldColumn('Attacher', ['spec', 'attacher']),
    fieldColumn('PV', ['spec', 'source', 'persistentVolumeName']),
    fieldColumn('Node', ['spec', 'nodeName']),
    textColumn('Attached', (object) => isTrue(object, 'status', 'attached')),
    ageColumn,
  ],
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec']),
};

const csiStorageCapacities: BuiltinFacts = {
  group,
  resource: 'csistoragecapacities',
  kind: 'CSIStorageCapacity',
  namespaced: true,
  columns: [
    nameColumn,
    fieldColumn('StorageClassName', ['storageClassName']),
    fieldColumn('Capacity', ['capacity']),
    ageColumn,
  ],
};

const volumeAttributesClasses: BuiltinFacts = {
  group,
  resource: 'volumeattributesclasses',
  kind: 'VolumeAttributesClass',
  shortNames: ['vac'],
  namespaced: false,
  columns: [nameColumn, fieldColumn('DriverName', ['driverName']), ageColumn],
  validateUpdate: (object, old) => validateImmutable(object, old, ['driverName', 'parameters']),
};

export const storageResources: readonly BuiltinFacts[] = [
  storageClasses,
  csiDrivers,
  csiNodes,
  volumeAttachments,
  csiStorageCapacities,
  volumeAttributesClasses,
];
