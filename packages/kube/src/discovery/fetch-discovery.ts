/**
 * Asks a server what it serves: two requests where it can aggregate, one for each group version where it cannot.
 * A root that is unchanged since the last time (ETag) costs an empty answer. Called by `createDiscovery`.
 */
import { StatusError } from '@flotilla/api';
import { parseFailure } from '../client/status-response.js';
import { type Transport, TransportError } from '../client/transport.js';
import { type DiscoveredVersion, readAggregated, readGroups, readResources } from './documents.js';

/** What one root (`/api` or `/apis`) answered, and how to ask again cheaply. */
export interface DiscoveryRoot {
  readonly etag: string | undefined;
  readonly aggregated: boolean;
  readonly versions: readonly DiscoveredVersion[];
  /** Why group versions could not be read, by `group/version`. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** The last answer, for its ETag. */
  readonly previous?: DiscoveryRoot;
}

const aggregatedTypes = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',');
const timeoutMs = 32_000;
/** Requests at a time when a server knows only the legacy documents. */
const legacyConcurrency = 6;

/** Rejects when the root itself cannot be read; returns `previous` itself when nothing has changed. */
export async function fetchRoot(
  transport: Transport,
  path: '/api' | '/apis',
  options: FetchOptions,
): Promise<DiscoveryRoot> {
  const { previous, signal } = options;
  const response = await transport.request({
    method: 'GET',
    path,
    timeoutMs,
    headers: {
      accept: `${aggregatedTypes},application/json`,
      ...(previous?.etag !== undefined && { 'if-none-match': previous.etag }),
    },
    ...(signal && { signal }),
  });
  const body = await response.bytes();
  if (response.status === 304 && previous) return previous;
  if (response.status === 404 && path === '/api') return emptyRoot; // a server without core resources
  if (response.status !== 200) {
    throw parseFailure({ status: response.status, headers: response.headers, body });
  }
  const document = parseJson(body, path);
  if (/g=apidiscovery\.k8s\.io/.test(response.headers['content-type'] ?? '')) {
    const versions = readAggregated(document);
    return { etag: response.headers['etag'], aggregated: true, versions, failures: staleOf(versions) };
  }
  return fetchLegacy(transport, document, options);
}

const emptyRoot: DiscoveryRoot = { etag: undefined, aggregated: true, versions: [], failures: new Map() };

function staleOf(versions: readonly DiscoveredVersion[]): Map<string, string> {
  const stale = versions.filter((version) => version.resources === undefined);
  return new Map(stale.map(({ group, version }) => [`${group}/${version}`, 'the server calls it stale']));
}

async function fetchLegacy(
  transport: Transport,
  document: unknown,
  { signal }: FetchOptions,
): Promise<DiscoveryRoot> {
  const places = readGroups(document);
  const versions = new Array<DiscoveredVersion>(places.length);
  const failures = new Map<string, string>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < places.length; at = next++) {
      const place = places[at] as (typeof places)[number]; // below its length
      const { group, version, preferred } = place;
      const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      try {
        const resources = readResources(await getJson(transport, path, signal), preferred);
        versions[at] = { ...place, resources };
      } catch (error) {
        // One broken group hides no other; a server out of reach fails them all, and so the whole.
        if (!(error instanceof StatusError)) throw error;
        failures.set(`${group}/${version}`, error.message);
        versions[at] = { ...place, resources: undefined };
      }
    }
  };
  await Promise.all(Array.from({ length: legacyConcurrency }, work));
  return { etag: undefined, aggregated: false, versions, failures };
}

async function getJson(
  transport: Transport,
  path: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const headers = { accept: 'application/json' };
  const response = await transport.request({
    method: 'GET',
    path,
    headers,
    timeoutMs,
    ...(signal && { signal }),
  });
  const body = await response.bytes();
  if (response.status === 200) return parseJson(body, path);
  throw parseFailure({ status: response.status, headers: response.headers, body });
}

function parseJson(body: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (cause) {
    throw new TransportError(
      'config',
      `${path} answered with something that is not JSON: is this a Kubernetes API?`,
      {
        cause,
      },
    );
  }
}
