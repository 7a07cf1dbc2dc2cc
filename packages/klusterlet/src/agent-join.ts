/** Joining by the token that is left in the data directory: the first time, and when nothing else lets an agent in. */
import { StatusError } from '@flotilla/api';
import { createClient, type Env, loadKubeconfig, type Transport } from '@flotilla/kube';
import { type HubAddress, hubAt } from './hub-address.js';
import { patiently } from './patiently.js';
import { type BootstrapOptions, bootstrap, DeniedError, isFinal } from './registration/bootstrap.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from './registration/state.js';

export interface JoinOptions extends Omit<BootstrapOptions, 'clusterName' | 'agentId' | 'signal'> {
  readonly env: Env;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly dialHub: (address: HubAddress) => Transport;
}

export async function bootstrapToken({ state }: JoinOptions): Promise<string | undefined> {
  const kubeconfig = await state.readBootstrapKubeconfig();
  return kubeconfig === undefined ? undefined : loadKubeconfig(kubeconfig).user.token;
}

export function needsToken({ config }: JoinOptions): string {
  return `run "klusterlet join" with a new join string ("hub token create --cluster ${config.clusterName}" on the hub)`;
}

export function joinPatiently(
  options: JoinOptions,
  signal: AbortSignal,
): Promise<HubCredentials | undefined> {
  const { env } = options;
  return patiently({ env, signal, what: 'hub not reached', isFinal }, () => join(options, signal));
}

/** By the token. @throws Error when there is none, or the hub refuses it. */
export async function join(options: JoinOptions, signal: AbortSignal): Promise<HubCredentials> {
  const { state, config } = options;
  const token = await bootstrapToken(options);
  if (token === undefined) {
    throw new Error(
      `the hub certificate of ${config.clusterName} is missing and there is no token: ${needsToken(options)}`,
    );
  }
  const transport = options.dialHub({ ...hubAt(config), token });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    return await bootstrap(hub, { ...options, ...config, signal });
  } catch (error) {
    if (error instanceof DeniedError) await state.forgetPending(); // the next join asks anew
    throw refusedToken(error, config.hubServer);
  } finally {
    await transport.close();
  }
}

/** A 401 while joining is always about the token of the join string. */
function refusedToken(error: unknown, hubServer: string): unknown {
  if (!(error instanceof StatusError) || error.code !== 401) return error;
  const why = error.message.replace(/^Unauthorized: /, '');
  const remedy = why.includes('hub token create') ? '' : '; make a new join string with "hub token create"';
  return new Error(`the hub at ${hubServer} refused the token (token): ${why}${remedy}`, { cause: error });
}
