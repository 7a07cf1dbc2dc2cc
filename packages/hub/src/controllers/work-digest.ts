/** Works as the hub's controllers hold them in memory. Pure; called by the informer of works. */
import { cleanupPriorityAnnotation, findCondition, type ManifestWork, workCondition } from '@flotilla/api';

/** What the hub's controllers keep of a work: its identity, and what its deletion and that of its cluster depend on. */
export function digestOf({ apiVersion, kind, metadata, spec, status }: ManifestWork): ManifestWork {
  const { name, namespace, uid, resourceVersion, labels, deletionTimestamp } = metadata;
  const priority = metadata.annotations?.[cleanupPriorityAnnotation];
  const ttl = spec?.deleteOption?.ttlSecondsAfterFinished;
  const complete = ttl === undefined ? undefined : findCondition(status?.conditions, workCondition.complete);
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(ttl !== undefined && labels !== undefined && { labels }),
      ...(priority !== undefined && { annotations: { [cleanupPriorityAnnotation]: priority } }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    ...(ttl !== undefined && { spec: { deleteOption: { ttlSecondsAfterFinished: ttl } } }),
    ...(complete && { status: { conditions: [complete] } }),
  };
}
