/** Reads params of policies from the watch cache, in the version that the policy names. Called by the server's assembly. */
import { inVersion, objectInVersion } from '../../registry/converted-objects.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { storageRef, viewObject } from '../../registry/versions.js';
import { objectKey, resourcePrefix } from '../../storage/keys.js';
import type { WatchCache } from '../../watch-cache/watch-cache.js';
import type { ParamSource } from './params.js';

export function createParamSource(cache: WatchCache, registry: ResourceRegistry): ParamSource {
  return {
    findKind: (apiVersion, kind) => {
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
      return registry.findKind(group ?? '', version ?? '', kind);
    },
    get: async (definition, key) => {
      const cached = cache.get(objectKey({ ...storageRef(definition), ...key }));
      return cached && objectInVersion(definition, cached);
    },
    list: async (definition, namespace) => {
      const { items } = cache.list(resourcePrefix(storageRef(definition)), { namespace });
      return (await inVersion(definition, items)).map((cached) => viewObject(definition, cached));
    },
  };
}
