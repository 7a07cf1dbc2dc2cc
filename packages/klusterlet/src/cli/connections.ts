/** The two servers of a klusterlet, as its commands reach them: its own cluster, and the hub. */
import { homedir } from 'node:os';
import { join as joinPath, resolve } from 'node:path';
import {
  createClient,
  createFailoverTransport,
  createRateLimitedTransport,
  type Env,
  type KubeClient,
  type RateLimit,
  type Transport,
} from '@flotilla/kube';
import { createHttpsTransport, transportFromKubeconfig, transportInCluster } from '@flotilla/kube/node';
import type { HubAddress } from '../hub-address.js';
import { hubProxy } from './hub-proxy.js';

/** The path of the managed cluster's kubeconfig; undefined: in-cluster. */
export function managedKubeconfig(given: string | undefined): string | undefined {
  const named = given ?? process.env['KUBECONFIG'];
  if (named !== undefined) return resolve(named);
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined
    ? joinPath(homedir(), '.kube', 'config')
    : undefined;
}

export interface ManagedConnection {
  readonly client: KubeClient;
  readonly server: string;
  readonly ca: string | undefined;
}

export async function connectManaged(env: Env, kubeconfig: string | undefined): Promise<ManagedConnection> {
  const label = 'managed cluster';
  if (kubeconfig === undefined) {
    const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
    const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
    const { transport } = await transportInCluster({ env, host, port, label });
    const client = createClient(transport, { userAgent: 'work-agent' });
    return { client, server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, ca: undefined };
  }
  const { transport, kubeconfig: loaded } = await transportFromKubeconfig(
    { file: kubeconfig },
    { env, label },
  );
  const client = createClient(transport, { userAgent: 'work-agent' });
  return { client, server: loaded.cluster.server, ca: loaded.cluster.caData };
}

/** Says nothing until the first request. */
export function dialHub(env: Env, address: HubAddress, limit?: RateLimit): Transport {
  const transport = dialAddresses(env, address);
  return limit === undefined
    ? transport
    : createRateLimitedTransport(transport, { ...limit, clock: env.clock });
}

/** The client, with so many requests at a time and no more. The transport beneath stays the caller's to close. */
export function limitedClient(
  { transport }: KubeClient,
  { env, ...limit }: RateLimit & { env: Env },
): KubeClient {
  const limited = createRateLimitedTransport(transport, { ...limit, clock: env.clock });
  return createClient(limited, { userAgent: 'work-agent' });
}

function dialAddresses(env: Env, { server, alternatives = [], ...address }: HubAddress): Transport {
  const first = dialOne(env, { server, ...address });
  if (typeof alternatives !== 'function' && alternatives.length === 0) return first;
  const dialled = new Map([[server, first]]);
  const at = (url: string): Transport => {
    const transport = dialled.get(url) ?? dialOne(env, { server: url, ...address });
    dialled.set(url, transport);
    return transport;
  };
  const current = typeof alternatives === 'function' ? alternatives : () => alternatives;
  const { request } = createFailoverTransport(() => [first, ...current().map(at)]);
  return {
    request,
    // Also those that are named no longer.
    close: async () => {
      await Promise.all([...dialled.values()].map((transport) => transport.close()));
    },
  };
}

function dialOne(env: Env, { server, ca, proxyUrl, credentials, token }: HubAddress): Transport {
  const proxy = hubProxy(server, { ca, ...(proxyUrl !== undefined && { url: proxyUrl }) });
  return createHttpsTransport({
    server,
    ca,
    label: 'hub',
    clock: env.clock,
    ...(proxy && { proxy }),
    ...(credentials && {
      clientCertificate: () => {
        const current = credentials();
        return current && { cert: current.certificatePem, key: current.privateKeyPem };
      },
    }),
    ...(token !== undefined && { bearerToken: () => token }),
  });
}
