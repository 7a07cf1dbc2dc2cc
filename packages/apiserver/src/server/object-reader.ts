/**
 * Reads other objects for authentication, authorization and admission, straight from the watch cache: no copy, no
 * request. Objects are immutable and may be a revision behind what another replica has just written.
 */
import type { KubeObject } from '@flotilla/api';
import type { ObjectChange, ObjectReader } from '../authentication/object-reader.js';
import { objectKey, resourcePrefix } from '../storage/keys.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';

export function createObjectReader(cache: WatchCache): ObjectReader {
  return {
    get: (group, resource, key) => cache.get(objectKey({ group, resource, ...key }))?.object,
    list: (group, resource, namespace): KubeObject[] =>
      cache.list(resourcePrefix({ group, resource }), { namespace }).items.map((item) => item.object),
    onChange: (group, resource, fn: (change: ObjectChange) => void) => {
      const watch = cache.watch(
        resourcePrefix({ group, resource }),
        {},
        {
          onEvents: (events) => {
            for (const event of events) fn({ type: event.type, object: event.object.object });
            return true;
          },
          onEnd: () => undefined,
        },
      );
      watch.resume();
      return () => watch.close();
    },
  };
}
