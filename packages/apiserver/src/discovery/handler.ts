/**
 * Serves the discovery documents of whatever the registry holds, cached until it changes. Legacy documents by
 * path; the aggregated form of `/api` and `/apis` when the client asks for it.
 */
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import { parseAccept } from '../server/negotiate.js';
import { CachedDocument, jsonResponse } from '../server/responses.js';
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type DiscoveredGroup,
} from './documents.js';

type AggregatedVersion = 'v2' | 'v2beta1';

export interface DiscoveryHandler {
  /** Undefined when the path is no discovery path or names nothing that is served. */
  handle(request: ApiRequest): ApiResponse | undefined;
}

/** `serverAddress` is the host and port that `/api` names to clients. */
export function createDiscoveryHandler(registry: ResourceRegistry, serverAddress: string): DiscoveryHandler {
  const documents = new Map<string, CachedDocument>();
  const aggregated = (path: '/api' | '/apis', version: AggregatedVersion): CachedDocument => {
    const key = `${path} ${version}`;
    const known = documents.get(key);
    if (known !== undefined) return known;
    const made = new CachedDocument(
      () => Buffer.from(JSON.stringify(aggregatedDiscovery(groupsOf(registry, path === '/api'), version))),
      `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    );
    documents.set(key, made);
    return made;
  };
  return {
    handle(request) {
      const path = request.path.replace(/\/+$/, '');
      if (path === '/api' || path === '/apis') {
        const version = wantsAggregated(request);
        if (version !== undefined) return aggregated(path, version).respond(request, registry.generation);
        const groups = groupsOf(registry, false);
        return jsonResponse(200, path === '/api' ? apiVersions(serverAddress) : apiGroupList(groups));
      }
      return groupDocument(registry, path);
    },
  };
}

function groupDocument(registry: ResourceRegistry, path: string): ApiResponse | undefined {
  const [prefix, first = '', second, ...rest] = path.slice(1).split('/');
  if (rest.length > 0) return undefined;
  if (prefix === 'api' && second === undefined) return versionDocument(registry, '', first);
  if (prefix !== 'apis') return undefined;
  if (second !== undefined) return versionDocument(registry, first, second);
  const group = groupsOf(registry, false).find(({ name }) => name === first);
  return group === undefined ? undefined : jsonResponse(200, apiGroup(group));
}

function versionDocument(
  registry: ResourceRegistry,
  group: string,
  version: string,
): ApiResponse | undefined {
  const definitions = registry.list(group, version);
  if (definitions.length === 0) return undefined;
  return jsonResponse(200, apiResourceList(group, { version, definitions }));
}

function groupsOf(registry: ResourceRegistry, core: boolean): DiscoveredGroup[] {
  return registry
    .groups()
    .filter(({ group }) => (group === '') === core)
    .map(({ group, versions }) => ({
      name: group,
      versions: versions.map((version) => ({ version, definitions: registry.list(group, version) })),
    }));
}

/** Other parameters (`profile=nopeer`) are ignored, as newer clients add them. */
function wantsAggregated(request: ApiRequest): AggregatedVersion | undefined {
  for (const { type, parameters } of parseAccept(String(request.headers['accept'] ?? ''))) {
    if (type !== 'application/json') continue;
    if (parameters['as'] === undefined) return undefined;
    if (parameters['as'] !== 'APIGroupDiscoveryList' || parameters['g'] !== 'apidiscovery.k8s.io') continue;
    const version = parameters['v'];
    if (version === 'v2' || version === 'v2beta1') return version;
  }
  return undefined;
}
