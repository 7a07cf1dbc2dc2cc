/** A hub as a simulated process: API server, rules, read guard, certificate gate and controllers. */
import { hubKubernetesVersion } from '@flotilla/apiserver';
import {
  createCertificateGate,
  createReadGuard,
  defaultHubPolicies,
  type HubPolicies,
  hubAdmission,
  installHubApi,
  startHubControllers,
} from '@flotilla/hub';
import { type Clock, createClient, createStopController, type Env, type Transport } from '@flotilla/kube';
import { ServerProcess, type ServerProcessOptions } from './server-process.js';

export interface HubProcessOptions
  extends Pick<ServerProcessOptions, 'name' | 'env' | 'pki' | 'onEvent' | 'onFailure'> {
  readonly policies?: Partial<HubPolicies>;
  /** The way of its controllers to its server, once they have started; default: that is never in trouble for them. */
  readonly troubled?: (server: ServerProcess, transport: Transport, clock: Clock) => Transport;
}

export function createHubProcess({
  policies: given,
  troubled = (_, transport) => transport,
  ...options
}: HubProcessOptions): ServerProcess {
  const { env } = options;
  const policies = { ...defaultHubPolicies, ...given };
  const newGate = (life: Env) =>
    createCertificateGate({ env: life, disconnect: (isMeant) => hub.disconnect(isMeant) });
  let gate = newGate(env);
  const hub: ServerProcess = new ServerProcess({
    ...options,
    profile: 'hub',
    kubernetesVersion: hubKubernetesVersion,
    admission: (server) => hubAdmission(() => createClient(server().transport()), env.clock, policies),
    guard: (server) => createReadGuard(() => createClient(server().transport())),
    certificateRules: {
      refuses: (certificate) => gate.rules.refuses(certificate),
      whenExpired: (certificate, nowMs) => gate.rules.whenExpired(certificate, nowMs),
    },
    beside: async (server, life) => {
      const client = createClient(server.transport(), { userAgent: 'hub' });
      const { signal } = createStopController();
      await installHubApi(client, life.env, signal);
      gate = newGate(life.env);
      await gate.start(client, signal);
      const calm = server.transport();
      const shaken = troubled(hub, calm, life.env.clock);
      let hasStarted = false;
      const transport: Transport = {
        request: (request) => (hasStarted ? shaken : calm).request(request),
        close: () => calm.close(),
      };
      await startHubControllers(createClient(transport, { userAgent: 'hub' }), life.env, {
        signal,
        policies,
      });
      hasStarted = true;
    },
  });
  return hub;
}
