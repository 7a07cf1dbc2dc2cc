/**
 * The one place that runs @kubernetes/client-node: credentials from `exec` plug-ins and old `auth-provider`s, which
 * it knows and we need not. Loaded only for kubeconfigs with such a user, since it costs 80 MB.
 */
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../env/env.js';
import { KubeconfigError } from '../kubeconfig/kubeconfig.js';
import type { ClientCertificate } from './https-transport.js';

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
const cacheMs = 5000;

/** A function that gives current credentials; it rejects with KubeconfigError when the plug-in fails. */
export function createPluginAuth(text: string, options: PluginAuthOptions): () => Promise<PluginCredentials> {
  const config = new KubeConfig();
  config.loadFromString(text);
  config.makePathsAbsolute(options.folder);
  config.setCurrentContext(options.contextName);
  let answer: Promise<PluginCredentials> | undefined;
  let untilMs = 0;
  return () => {
    const nowMs = options.clock.monotonicMs();
    if (answer !== undefined && nowMs < untilMs) return answer;
    untilMs = nowMs + cacheMs;
    answer = ask(config).catch((cause: unknown) => {
      untilMs = 0;
      const why = (cause instanceof Error ? cause.message : String(cause)).trim().split('\n', 1)[0];
      const user = config.getCurrentUser()?.name ?? '';
      const message = `${options.label}: user ${JSON.stringify(user)}: the credential plug-in failed: ${why}`;
      throw new KubeconfigError(message, { cause });
    });
    return answer;
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
