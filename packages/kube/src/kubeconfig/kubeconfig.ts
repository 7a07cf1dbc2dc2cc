/**
 * Reads a kubeconfig into a plain model of the one context that is wanted. Names nothing but what the file says:
 * files it points to are read later, by `node/kubeconfig-transport.ts`. Errors name the file and the field. Pure.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import { parse } from 'yaml';

export interface KubeconfigCluster {
  readonly server: string;
  /** PEM, out of `certificate-authority-data`. */
  readonly caData?: string;
  readonly caFile?: string;
  readonly insecureSkipTlsVerify: boolean;
  readonly tlsServerName?: string;
  readonly proxyUrl?: string;
}

export interface KubeconfigUser {
  /** PEM. */
  readonly clientCertificateData?: string;
  readonly clientCertificateFile?: string;
  /** PEM. */
  readonly clientKeyData?: string;
  readonly clientKeyFile?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly impersonate?: string;
  readonly impersonateGroups?: readonly string[];
  /** A program or an old plug-in gives the credentials. */
  readonly needsPlugin: boolean;
}

/** One context of a kubeconfig with its cluster and user. */
export interface Kubeconfig {
  readonly contextName: string;
  readonly clusterName: string;
  readonly userName: string;
  readonly namespace: string | undefined;
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
}

export interface LoadKubeconfigOptions {
  /** Default: the file's current-context. */
  readonly context?: string;
  /** What error messages call the text; default `kubeconfig`. */
  readonly file?: string;
}

/** A kubeconfig that cannot be used; the message names file and field. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/** Throws KubeconfigError. */
export function loadKubeconfig(text: string, options: LoadKubeconfigOptions = {}): Kubeconfig {
  const source = new Source(options.file === undefined ? 'kubeconfig' : `kubeconfig ${options.file}`);
  const root = source.parse(text);
  const contextName = options.context ?? source.text(root, 'current-context');
  if (contextName === undefined) {
    const names = source.names(root, 'contexts');
    throw source.error(`current-context is not set, name a context; it has: ${names}`);
  }
  const context = source.entry(root, { list: 'contexts', body: 'context', name: contextName });
  const at = `context ${JSON.stringify(contextName)}`;
  const clusterName = source.required(context, 'cluster', at);
  const userName = source.text(context, 'user') ?? '';
  const cluster = source.entry(root, { list: 'clusters', body: 'cluster', name: clusterName });
  const user = userName === '' ? {} : source.entry(root, { list: 'users', body: 'user', name: userName });
  return {
    contextName,
    clusterName,
    userName,
    namespace: source.text(context, 'namespace'),
    cluster: readCluster(source, cluster, clusterName),
    user: readUser(source, user, userName),
  };
}

function readCluster(source: Source, entry: JsonObject, name: string): KubeconfigCluster {
  const at = `cluster ${JSON.stringify(name)}`;
  const server = source.required(entry, 'server', at);
  if (!/^https?:\/\//.test(server) || !URL.canParse(server)) {
    throw source.error(`${at}: server must be a URL with https:// or http://, not ${JSON.stringify(server)}`);
  }
  return compact<KubeconfigCluster>({
    server,
    caData: source.base64(entry, 'certificate-authority-data', at),
    caFile: source.text(entry, 'certificate-authority'),
    insecureSkipTlsVerify: entry['insecure-skip-tls-verify'] === true,
    tlsServerName: source.text(entry, 'tls-server-name'),
    proxyUrl: source.text(entry, 'proxy-url'),
  });
}

function readUser(source: Source, entry: JsonObject, name: string): KubeconfigUser {
  const at = `user ${JSON.stringify(name)}`;
  const groups = entry['as-groups'];
  const user = compact<KubeconfigUser>({
    clientCertificateData: source.base64(entry, 'client-certificate-data', at),
    clientCertificateFile: source.text(entry, 'client-certificate'),
    clientKeyData: source.base64(entry, 'client-key-data', at),
    clientKeyFile: source.text(entry, 'client-key'),
    token: source.text(entry, 'token'),
    tokenFile: source.text(entry, 'tokenFile'),
    username: source.text(entry, 'username'),
    password: source.text(entry, 'password'),
    impersonate: source.text(entry, 'as'),
    impersonateGroups: Array.isArray(groups) ? groups.map(String) : undefined,
    needsPlugin: isObject(entry['exec']) || isObject(entry['auth-provider']),
  });
  const hasCertificate = (user.clientCertificateData ?? user.clientCertificateFile) !== undefined;
  const hasKey = (user.clientKeyData ?? user.clientKeyFile) !== undefined;
  if (hasCertificate && !hasKey) throw source.error(`${at}: client-key or client-key-data is missing`);
  if (hasKey && !hasCertificate) {
    throw source.error(`${at}: client-certificate or client-certificate-data is missing`);
  }
  return user;
}

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Leaves out what is undefined. */
function compact<T extends object>(fields: Loose<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T; // the same fields
}

interface EntryAddress {
  readonly list: 'clusters' | 'contexts' | 'users';
  readonly body: 'cluster' | 'context' | 'user';
  readonly name: string;
}

/** Field access with errors that name the file. */
class Source {
  readonly #label: string;

  constructor(label: string) {
    this.#label = label;
  }

  error(message: string, cause?: unknown): KubeconfigError {
    return new KubeconfigError(`${this.#label}: ${message}`, { cause });
  }

  parse(text: string): JsonObject {
    let root: unknown;
    try {
      root = parse(text, { logLevel: 'error' });
    } catch (cause) {
      const [line] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
      throw this.error(`not YAML: ${line?.replace(/:$/, '')}`, cause);
    }
    if (!isObject(root)) throw this.error(text.trim() === '' ? 'it is empty' : 'it is not a YAML mapping');
    return root;
  }

  text(parent: JsonObject, field: string): string | undefined {
    const value = parent[field];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'object') throw this.error(`${field} must be a string`);
    return String(value);
  }

  required(parent: JsonObject, field: string, at: string): string {
    const value = this.text(parent, field);
    if (value === undefined) throw this.error(`${at}: ${field} is missing`);
    return value;
  }

  base64(parent: JsonObject, field: string, at: string): string | undefined {
    const value = this.text(parent, field)?.replaceAll(/\s/g, '');
    if (value === undefined) return undefined;
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw this.error(`${at}: ${field} is not base64`);
    return Buffer.from(value, 'base64').toString('utf8');
  }

  names(root: JsonObject, list: EntryAddress['list']): string {
    const names = this.#entries(root, list).map((entry) => String(entry['name']));
    return names.length === 0 ? 'none' : names.sort().join(', ');
  }

  entry(root: JsonObject, { list, body, name }: EntryAddress): JsonObject {
    const found = this.#entries(root, list).find((entry) => String(entry['name']) === name);
    if (found === undefined) {
      throw this.error(`${body} ${JSON.stringify(name)} not found; it has: ${this.names(root, list)}`);
    }
    const value = found[body] ?? {};
    if (!isObject(value)) throw this.error(`${body} ${JSON.stringify(name)} must be a mapping`);
    return value;
  }

  #entries(root: JsonObject, list: EntryAddress['list']): JsonObject[] {
    const value = root[list] ?? [];
    if (!Array.isArray(value)) throw this.error(`${list} must be a list`);
    return value.filter(isObject);
  }
}
