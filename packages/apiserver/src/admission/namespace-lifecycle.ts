/**
 * Admission plugin NamespaceLifecycle: nothing is created in a namespace that does not exist or is going away.
 * Updates and deletes stay allowed, so that a terminating namespace can be emptied.
 */
import { newForbidden, newNotFound, StatusError } from '@flotilla/api';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.js';

/** Created in a terminating namespace all the same: questions about permissions, which are not stored. */
const alwaysAllowed = new Set(['localsubjectaccessreviews']);

/** The plugin; it reads namespaces through `attributes.client`. */
export function createNamespaceLifecycle(): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation, definition }) => operation === 'CREATE' && definition.namespaced,
    admit: check,
  };
}

function check({ definition, namespace, name, client }: AdmissionAttributes): void {
  if (namespace === undefined || alwaysAllowed.has(definition.resource)) return;
  const found = client.get({ group: '', resource: 'namespaces' }, { name: namespace });
  if (found === undefined) throw newNotFound({ group: '', resource: 'namespaces', name: namespace });
  if (found.metadata.deletionTimestamp === undefined) return;

  const refused = newForbidden(
    { group: definition.group, resource: definition.resource, name },
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  throw new StatusError({
    ...refused.status,
    details: {
      ...refused.status.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
