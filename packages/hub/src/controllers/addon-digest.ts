/** What the informer of add-ons keeps in memory. Pure. */
import { cleanupPriorityAnnotation, type ManagedClusterAddOn } from '@flotilla/api';

/** What the hub's controllers keep of an add-on: its identity, how it is, and what its deletion depends on. */
export function digestOfAddon({
  apiVersion,
  kind,
  metadata,
  status,
}: ManagedClusterAddOn): ManagedClusterAddOn {
  const { name, namespace, uid, resourceVersion, deletionTimestamp } = metadata;
  const priority = metadata.annotations?.[cleanupPriorityAnnotation];
  const { conditions } = status ?? {};
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(priority !== undefined && { annotations: { [cleanupPriorityAnnotation]: priority } }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    ...(conditions && { status: { conditions } }),
  };
}
