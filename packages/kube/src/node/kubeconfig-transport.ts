/**
 * A Transport from a kubeconfig or from a pod's service account. Files that it names are followed as they are
 * rotated. Called by `main` and `cli` files and by the klusterlet's registration.
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import type { Transport } from '../client/transport.js';
import type { Clock, Env } from '../env/env.js';
import {
  type Kubeconfig,
  KubeconfigError,
  type KubeconfigUser,
  loadKubeconfig,
} from '../kubeconfig/kubeconfig.js';
import type { PluginCredentials } from './client-node-auth.js';
import type { RequestHeaders } from './connection.js';
import { createFileCache, readText } from './file-cache.js';
import {
  type ClientCertificate,
  createHttpsTransport,
  type HttpsTransportOptions,
} from './https-transport.js';

/** A file, or a text with the folder that its relative paths start from. */
export type KubeconfigSource =
  | { readonly file: string }
  | { readonly text: string; readonly folder?: string };

export interface KubeconfigTransportOptions {
  readonly env: Pick<Env, 'clock' | 'files'>;
  readonly context?: string;
  /** What the server is called in error messages; default `Kubernetes API`. */
  readonly label?: string;
  /** Proxy from the environment; the kubeconfig's own `proxy-url` comes first. */
  readonly proxy?: NonNullable<HttpsTransportOptions['proxy']>;
}

export interface ConfiguredTransport {
  readonly transport: Transport;
  readonly kubeconfig: Kubeconfig;
}

/** Age after which a credential file is read again; kubelet rotates them long before they expire. */
const credentialMaxAgeMs = 10_000;

/** Rejects with KubeconfigError when the kubeconfig, or a file it names, cannot be used. */
export async function transportFromKubeconfig(
  source: KubeconfigSource,
  options: KubeconfigTransportOptions,
): Promise<ConfiguredTransport> {
  const { env, context } = options;
  const isFile = 'file' in source;
  const label = isFile ? `kubeconfig ${source.file}` : 'kubeconfig';
  const text = isFile ? await readText(source.file, { files: env.files, label: 'kubeconfig' }) : source.text;
  const folder = resolve(isFile ? dirname(source.file) : (source.folder ?? '.'));
  const kubeconfig = loadKubeconfig(text, {
    ...(isFile && { file: source.file }),
    ...(context !== undefined && { context }),
  });
  const place: Place = { env, label, at: (path) => (isAbsolute(path) ? path : resolve(folder, path)) };
  const { cluster, user, contextName } = kubeconfig;
  const ca =
    cluster.caFile === undefined
      ? undefined
      : await readText(place.at(cluster.caFile), { files: env.files, label });
  const plugin = user.needsPlugin
    ? await loadPlugin(text, { clock: env.clock, contextName, folder, label })
    : undefined;
  const caData = cluster.caData ?? ca;
  const proxy =
    cluster.proxyUrl === undefined
      ? options.proxy
      : { url: cluster.proxyUrl, ...(caData !== undefined && { ca: caData }) };
  const credentials = plugin === undefined ? await readCredentials(user, place) : pluginCredentials(plugin);
  const transport = createHttpsTransport({
    server: cluster.server,
    clock: env.clock,
    ...credentials,
    ...withHeaders(credentials.headers, user),
    ...(options.label !== undefined && { label: options.label }),
    ...(caData !== undefined && { ca: caData }),
    ...(cluster.tlsServerName !== undefined && { tlsServerName: cluster.tlsServerName }),
    ...(cluster.insecureSkipTlsVerify && { insecureSkipVerify: true }),
    ...(proxy && { proxy }),
  });
  return { transport, kubeconfig };
}

export interface InClusterOptions {
  readonly env: Pick<Env, 'clock' | 'files'>;
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly host: string;
  readonly port: string;
  /** Default: where kubelet mounts the service account. */
  readonly folder?: string;
  readonly label?: string;
}

export interface InClusterTransport {
  readonly transport: Transport;
  /** The pod's own. */
  readonly namespace: string;
}

/** Rejects with KubeconfigError when the service account's files are missing. */
export async function transportInCluster(options: InClusterOptions): Promise<InClusterTransport> {
  const { env, host, port, folder = '/var/run/secrets/kubernetes.io/serviceaccount' } = options;
  const read = { files: env.files, label: 'in-cluster configuration' };
  const [ca, namespace] = await Promise.all([
    readText(`${folder}/ca.crt`, read),
    readText(`${folder}/namespace`, read),
  ]);
  const place: Place = { env, label: read.label, at: (path) => path };
  const credentials = await readCredentials({ tokenFile: `${folder}/token`, needsPlugin: false }, place);
  const transport = createHttpsTransport({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    clock: env.clock,
    ca,
    ...credentials,
    ...(options.label !== undefined && { label: options.label }),
  });
  return { transport, namespace: namespace.trim() };
}

interface Place {
  readonly env: Pick<Env, 'clock' | 'files'>;
  readonly label: string;
  readonly at: (path: string) => string;
}

type Credentials = Pick<HttpsTransportOptions, 'clientCertificate' | 'bearerToken' | 'headers'>;

async function readCredentials(user: KubeconfigUser, place: Place): Promise<Credentials> {
  const clientCertificate = await readCertificate(user, place);
  const bearerToken = await readToken(user, place);
  const { username, password = '' } = user;
  const basic = `Basic ${Buffer.from(`${username ?? ''}:${password}`).toString('base64')}`;
  return {
    ...(clientCertificate && { clientCertificate }),
    ...(bearerToken && { bearerToken }),
    ...(username !== undefined && { headers: () => ({ authorization: basic }) }),
  };
}

/** Data goes before files, as in kubectl. The first reading happens here, so that a missing file is told at once. */
async function readCertificate(
  user: KubeconfigUser,
  place: Place,
): Promise<NonNullable<Credentials['clientCertificate']> | undefined> {
  const { clientCertificateData, clientCertificateFile, clientKeyData, clientKeyFile } = user;
  if (clientCertificateData !== undefined && clientKeyData !== undefined) {
    const fixed: ClientCertificate = { cert: clientCertificateData, key: clientKeyData };
    return () => fixed;
  }
  const paths = [
    ...(clientCertificateData === undefined && clientCertificateFile !== undefined
      ? [clientCertificateFile]
      : []),
    ...(clientKeyData === undefined && clientKeyFile !== undefined ? [clientKeyFile] : []),
  ];
  if (paths.length === 0) return undefined;
  const read = createFileCache(paths.map(place.at), cacheOptions(place));
  const certificate = async (): Promise<ClientCertificate> => {
    const texts = [...(await read())];
    const cert = clientCertificateData ?? texts.shift() ?? '';
    return { cert, key: clientKeyData ?? texts.shift() ?? '' };
  };
  await certificate();
  return certificate;
}

async function readToken(
  user: KubeconfigUser,
  place: Place,
): Promise<NonNullable<Credentials['bearerToken']> | undefined> {
  const { token, tokenFile } = user;
  if (tokenFile === undefined) return token === undefined ? undefined : () => token;
  const read = createFileCache([place.at(tokenFile)], cacheOptions(place));
  const current = async (): Promise<string> => ((await read())[0] ?? '').trim();
  await current();
  return current;
}

function cacheOptions({ env, label }: Place) {
  return { files: env.files, clock: env.clock, maxAgeMs: credentialMaxAgeMs, label };
}

interface PluginSetup {
  readonly clock: Clock;
  readonly contextName: string;
  readonly folder: string;
  readonly label: string;
}

async function loadPlugin(text: string, setup: PluginSetup): Promise<() => Promise<PluginCredentials>> {
  const { createPluginAuth } = await import('./client-node-auth.js');
  try {
    return createPluginAuth(text, setup);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeconfigError(`${setup.label}: ${why}`, { cause });
  }
}

function pluginCredentials(ask: () => Promise<PluginCredentials>): Credentials {
  return {
    clientCertificate: async () => (await ask()).certificate,
    headers: async () => {
      const { authorization } = await ask();
      return authorization === undefined ? {} : { authorization };
    },
  };
}

function withHeaders(inner: Credentials['headers'], user: KubeconfigUser): Pick<Credentials, 'headers'> {
  if (user.impersonate === undefined) return {};
  const impersonation: RequestHeaders = {
    'impersonate-user': user.impersonate,
    ...(user.impersonateGroups && { 'impersonate-group': user.impersonateGroups }),
  };
  return { headers: async () => ({ ...(await inner?.()), ...impersonation }) };
}
