/** The paths of an API server that are no resources: discovery, OpenAPI, health, version, metrics, token issuer. */
import { createDiscoveryHandler } from '../discovery/handler.js';
import { createOpenApiHandler } from '../openapi/handler.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { ServiceAccountTokens } from '../service-accounts/tokens.js';
import type { ApiRequest, ApiResponse } from './handler.js';
import { type KubernetesVersion, versionInfo } from './kubernetes-version.js';
import { jsonResponse, textResponse } from './responses.js';
import type { ServerHealth } from './server-health.js';

/** Undefined: there is no such path. */
export type PathHandler = (request: ApiRequest) => ApiResponse | undefined | Promise<ApiResponse | undefined>;

export interface OtherPathsOptions {
  readonly registry: ResourceRegistry;
  readonly advertiseUrl: string;
  readonly kubernetesVersion: KubernetesVersion;
  readonly health: ServerHealth;
  readonly tokens: ServiceAccountTokens;
  readonly renderMetrics: () => string;
  /** By the first part of the path. */
  readonly more: ReadonlyMap<string, PathHandler> | undefined;
}

export function createOtherPaths(options: OtherPathsOptions): PathHandler {
  const discovery = createDiscoveryHandler(options.registry, new URL(options.advertiseUrl).host);
  const openApi = createOpenApiHandler(options.registry);
  return (request) => {
    const first = request.path.split('/', 2)[1] ?? '';
    switch (first) {
      case 'api':
      case 'apis':
        return discovery.handle(request);
      case 'openapi':
        return openApi.handle(request);
      case 'healthz':
      case 'livez':
      case 'readyz':
        return options.health.respond(first, request);
      case 'version':
        return jsonResponse(200, versionInfo(options.kubernetesVersion));
      case 'metrics':
        return textResponse(200, options.renderMetrics());
      case '.well-known':
      case 'openid':
        return options.tokens.discoveryDocument(request.path);
      case '':
        return jsonResponse(200, { paths: rootPaths });
      default:
        return options.more?.get(first)?.(request);
    }
  };
}

const rootPaths = [
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version',
];
