/**
 * The one place that runs @kubernetes/client-node: credentials from `exec` plug-ins and old `auth-provider`s, which
 * it knows and we need not; the tokens of OpenID issuers are `oidc-auth.ts`'s. Loaded only for kubeconfigs with such a user, since it costs 80 MB.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isObject } from '@flotilla/api';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../env/env.js';
import { KubeconfigError } from '../kubeconfig/kubeconfig.js';
import type { ClientCertificate } from './https-transport.js';
import { createOidcAuth } from './oidc-auth.js';

export interface PluginCredentials {
  readonly authorization?: string;
  readonly certificate?: ClientCertificate;
}

export interface PluginAuthOptions {
  readonly clock: Clock;
  readonly contextName: string;
  /** For relative paths. */
  readonly folder: string;
  readonly label: string;
}

/** Plug-ins keep their answers until they expire; this spares asking them for each request. */
const cacheMs = 1000;

/** A function that gives current credentials; it rejects with KubeconfigError when the plug-in fails. */
export function createPluginAuth(text: string, options: PluginAuthOptions): () => Promise<PluginCredentials> {
  const config = new KubeConfig();
  config.loadFromString(text);
  config.makePathsAbsolute(options.folder);
  config.setCurrentContext(options.contextName);
  const current = oidcOf(config, options) ?? (() => ask(config));
  let answer: Promise<PluginCredentials> | undefined;
  let untilMs = 0;
  return () => {
    const nowMs = options.clock.monotonicMs();
    if (answer !== undefined && nowMs < untilMs) return answer;
    untilMs = nowMs + cacheMs;
    answer = current().catch((cause: unknown) => {
      untilMs = 0;
      const why = (cause instanceof Error ? cause.message : String(cause)).trim().split('\n', 1)[0];
      const user = config.getCurrentUser()?.name ?? '';
      const message = `${options.label}: user ${JSON.stringify(user)}: the credential plug-in failed: ${why}`;
      throw new KubeconfigError(message, { cause });
    });
    return answer;
  };
}

/** Undefined: the user has no tokens of an issuer. */
function oidcOf(
  config: KubeConfig,
  { clock, folder }: PluginAuthOptions,
): (() => Promise<PluginCredentials>) | undefined {
  const provider = config.getCurrentUser()?.authProvider;
  if (provider?.name !== 'oidc' || !isObject(provider.config)) return undefined;
  const settings = Object.fromEntries(
    Object.entries(provider.config).flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, value]] : [],
    ),
  );
  const data = settings['idp-certificate-authority-data'];
  const file = settings['idp-certificate-authority'];
  const ca =
    data !== undefined
      ? Buffer.from(data, 'base64').toString()
      : file && readFileSync(resolve(folder, file), 'utf8');
  const token = createOidcAuth({ clock, config: settings, ...(ca && { ca }) });
  return async () => {
    const current = await token();
    return current === undefined ? {} : { authorization: `Bearer ${current}` };
  };
}

async function ask(config: KubeConfig): Promise<PluginCredentials> {
  const settings: Parameters<KubeConfig['applyToHTTPSOptions']>[0] = {};
  await config.applyToHTTPSOptions(settings);
  const { cert, key, headers } = settings;
  const authorization =
    headers === undefined ? undefined : (headers as Record<string, unknown>)['Authorization'];
  return {
    ...(typeof authorization === 'string' && { authorization }),
    ...(cert !== undefined && key !== undefined && { certificate: { cert: String(cert), key: String(key) } }),
  };
}
