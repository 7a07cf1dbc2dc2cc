/**
 * What a list, watch or deletecollection has to look at before its selectors are asked: one object where they name it,
 * those that the watch cache knows by a label, or all in scope. Called by the handlers of collections.
 */
import type { ResourceDefinition } from '../registry/resource.js';
import { storageRef } from '../registry/versions.js';
import { objectKey, resourcePrefix } from '../storage/keys.js';
import type { ListOptions, ListResult } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { Selection } from './selectors.js';

export interface CandidatesRequest {
  readonly definition: ResourceDefinition;
  readonly selection: Pick<Selection, 'namespace' | 'name' | 'having'>;
  readonly at?: Pick<ListOptions, 'revision' | 'startAfter'>;
}

/** In key order. Not all of them are selected. @throws CompactedError when the revision has left the window. */
export function listCandidates(
  cache: WatchCache,
  { definition, selection, at = {} }: CandidatesRequest,
): ListResult {
  const { namespace, name, having } = selection;
  const isOne = name !== undefined && (!definition.namespaced || namespace !== undefined);
  if (isOne && at.revision === undefined && at.startAfter === undefined) {
    const found = cache.get(objectKey({ ...storageRef(definition), namespace, name }));
    return { items: found === undefined ? [] : [found], revision: cache.currentRevision, remaining: 0 };
  }
  const prefix = resourcePrefix(storageRef(definition));
  if (having === undefined) return cache.list(prefix, { namespace, ...at });
  return cache.candidates(prefix, { namespace, having, ...at });
}
