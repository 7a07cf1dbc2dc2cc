/**
 * The flags `--requestheader-*`: which proxies may name users in headers, and in which. Called when a server starts.
 */
import type { FrontProxySettings } from '../authentication/front-proxy.js';
import { checkedBundle } from './pem-bundle.js';
import { type WatchedFileEnv, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface FrontProxyOptions {
  /** PEM bundle of the issuers of proxies' certificates; without it there is no front proxy. */
  readonly requestheaderClientCaFile?: string;
  /** Default: any name. */
  readonly requestheaderAllowedNames?: readonly string[];
  /** Default X-Remote-User. */
  readonly requestheaderUsernameHeaders?: readonly string[];
  /** Default X-Remote-Uid. */
  readonly requestheaderUidHeaders?: readonly string[];
  /** Default X-Remote-Group. */
  readonly requestheaderGroupHeaders?: readonly string[];
  /** Default X-Remote-Extra-. */
  readonly requestheaderExtraHeadersPrefix?: readonly string[];
}

export interface LoadedFrontProxy {
  readonly settings: FrontProxySettings;
  /** Called when the bundle has changed. */
  readonly onChange: (fn: () => void) => void;
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Undefined: no front proxy is wanted. @throws Error in one sentence that names the flag at fault. */
export async function loadFrontProxy(
  options: FrontProxyOptions,
  { env, signal }: { readonly env: WatchedFileEnv; readonly signal: AbortSignal },
): Promise<LoadedFrontProxy | undefined> {
  const { requestheaderClientCaFile: path } = options;
  if (path === undefined) {
    if (
      Object.entries(options).some(([name, value]) => name.startsWith('requestheader') && value !== undefined)
    ) {
      throw new Error(
        'the flags --requestheader-* need --requestheader-client-ca-file, by which proxies are known',
      );
    }
    return undefined;
  }
  const names = (flag: string, given: readonly string[] | undefined, preset: string): readonly string[] => {
    const bad = given?.find((name) => !headerName.test(name));
    if (bad !== undefined) throw new Error(`${flag}: ${JSON.stringify(bad)} is no name of a header`);
    return given === undefined || given.length === 0 ? [preset] : given;
  };
  const header = (name: string): string => `--requestheader-${name}`;
  const bundle = await watchFiles({
    files: [{ flag: '--requestheader-client-ca-file', path }],
    env,
    signal,
    parse: ([text = '']) => checkedBundle(text),
  });
  return {
    settings: {
      clientCa: () => bundle.current,
      allowedNames: options.requestheaderAllowedNames ?? [],
      usernameHeaders: names(
        header('username-headers'),
        options.requestheaderUsernameHeaders,
        'X-Remote-User',
      ),
      uidHeaders: names(header('uid-headers'), options.requestheaderUidHeaders, 'X-Remote-Uid'),
      groupHeaders: names(header('group-headers'), options.requestheaderGroupHeaders, 'X-Remote-Group'),
      extraHeadersPrefix: names(
        header('extra-headers-prefix'),
        options.requestheaderExtraHeadersPrefix,
        'X-Remote-Extra-',
      ),
    },
    onChange: (fn) => bundle.onChange(fn),
  };
}
