/**
 * Namespaces: they come with the finalizer `kubernetes` in their spec, are held until it is taken out through the
 * `finalize` subresource, and carry their own name as a label. Emptying a namespace is a controller's work.
 */
import { type KubeObject, newForbidden } from '@flotilla/api';
import { objectAt, textAt, textsAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';

const nameLabel = 'kubernetes.io/metadata.name';
const protectedNames: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);
const ownKind = { group: '', version: 'v1', kind: 'Namespace' };

function labelName(object: KubeObject): void {
  const { name } = object.metadata;
  if (name === undefined || name === '') return;
  object.metadata.labels = { ...object.metadata.labels, [nameLabel]: name };
}

export const namespaces: BuiltinFacts = {
  group: '',
  resource: 'namespaces',
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  hub: true,
  hasStatus: true,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  columns: [nameColumn, fieldColumn('Status', ['status', 'phase']), ageColumn],
  selectableFields: { 'status.phase': (object) => textAt(object, 'status', 'phase') },
  defaults: labelName,
  create(object) {
    const finalizers = textsAt(object, 'spec', 'finalizers');
    object['spec'] = {
      finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'],
    };
    object['status'] = { phase: 'Active' };
  },
  update(object, old) {
    object['spec'] = old['spec']; // changed through the finalize subresource only
  },
  strategy: {
    nameRule: 'label',
    deleteReturnsObject: true,
    beforeDelete(object) {
      const name = object.metadata.name ?? '';
      if (protectedNames.has(name)) {
        throw newForbidden({ group: '', resource: 'namespaces', name }, 'this namespace may not be deleted');
      }
      object['status'] = { ...objectAt(object, 'status'), phase: 'Terminating' };
    },
    holdsDeletion: (object) => textsAt(object, 'spec', 'finalizers').length > 0,
  },
  subresources: [
    {
      name: 'finalize',
      verbs: ['update'],
      kind: ownKind,
      merge: (object, old) => ({
        ...old,
        spec: {
          ...(textsAt(object, 'spec', 'finalizers').length > 0 && {
            finalizers: textsAt(object, 'spec', 'finalizers'),
          }),
        },
      }),
    },
  ],
};
