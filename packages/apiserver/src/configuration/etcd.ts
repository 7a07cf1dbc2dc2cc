/**
 * Which etcd cluster a server keeps its objects in, if any. Reads the files that the flags name; connects to nothing.
 * Called when a server opens its store.
 */
import type { Files } from '@flotilla/kube';

/** Named as the flags of kube-apiserver that fill them. */
export interface EtcdOptions {
  /** `http(s)://host:port` of the members; absent: the store is in the data directory. */
  readonly etcdServers?: readonly string[];
  /** PEM files. */
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdPrefix?: string;
  /** Milliseconds; of any store. */
  readonly etcdCompactionInterval?: number;
}

/** What the store is opened with. */
export interface EtcdSettings {
  readonly endpoints: readonly string[];
  /** Begins with a slash and ends with none. */
  readonly prefix: string;
  /** PEM. */
  readonly tls: { readonly ca?: string; readonly certificate?: string; readonly key?: string };
}

/** Not kube-apiserver's `/registry`: an etcd that serves one of those may be shared. */
export const defaultEtcdPrefix = '/flotilla';

/** One URL of `--etcd-servers`, in its plainest form. @throws Error in one sentence. */
export function parseEtcdServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(`${JSON.stringify(text)} is not a URL like https://host:2379`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new Error(`${JSON.stringify(text)} must be scheme, host and port only, like https://host:2379`);
  }
  return `${url.protocol}//${url.hostname}:${url.port === '' ? '2379' : url.port}`;
}

/** `--etcd-prefix`. @throws Error in one sentence. */
export function parseEtcdPrefix(text: string): string {
  const prefix = text.replace(/\/+$/, '');
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(prefix)) {
    throw new Error(`${JSON.stringify(text)} is not a path like ${defaultEtcdPrefix}`);
  }
  return prefix;
}

/** Undefined: no etcd. @throws Error in one sentence that names the flag at fault. */
export async function loadEtcdSettings(
  options: EtcdOptions,
  files: Pick<Files, 'read'>,
): Promise<EtcdSettings | undefined> {
  const { etcdServers = [], etcdCafile, etcdCertfile, etcdKeyfile, etcdPrefix } = options;
  const fileFlags = [
    ['--etcd-cafile', etcdCafile],
    ['--etcd-certfile', etcdCertfile],
    ['--etcd-keyfile', etcdKeyfile],
    ['--etcd-prefix', etcdPrefix],
  ] as const;
  const given = fileFlags.find(([, value]) => value !== undefined)?.[0];
  if (etcdServers.length === 0) {
    if (given !== undefined) throw new Error(`${given} has no meaning without --etcd-servers`);
    return undefined;
  }
  const secure = etcdServers.filter((server) => server.startsWith('https:')).length;
  if (secure !== 0 && secure !== etcdServers.length) {
    throw new Error('--etcd-servers must be all http:// or all https://');
  }
  if (secure === 0 && given !== undefined && given !== '--etcd-prefix') {
    throw new Error(`${given} has no meaning for --etcd-servers with http://; use https://`);
  }
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined)) {
    throw new Error('--etcd-certfile and --etcd-keyfile belong together: give both');
  }
  const read = async (flag: string, path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined;
    const bytes = await files.read(path);
    if (bytes === undefined) throw new Error(`${flag} ${path}: there is no such file`);
    const text = Buffer.from(bytes).toString();
    if (!text.includes('-----BEGIN ')) throw new Error(`${flag} ${path}: it holds nothing in PEM form`);
    return text;
  };
  const ca = await read('--etcd-cafile', etcdCafile);
  const certificate = await read('--etcd-certfile', etcdCertfile);
  const key = await read('--etcd-keyfile', etcdKeyfile);
  return {
    endpoints: [...new Set(etcdServers)],
    prefix: etcdPrefix ?? defaultEtcdPrefix,
    tls: { ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) },
  };
}
