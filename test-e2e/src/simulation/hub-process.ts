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
import { createClient, createStopController, type Env } from '@flotilla/kube';
import { ServerProcess, type ServerProcessOptions } from './server-process.js';

export interface HubProcessOptions
  extends Pick<ServerProcessOptions, 'name' | 'env' | 'pki' | 'onEvent' | 'onFailure'> {
  readonly policies?: Partial<HubPolicies>;
}

export function createHubProcess({ policies: given, ...options }: HubProcessOptions): ServerProcess {
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
      await startHubControllers(client, life.env, { signal, policies });
    },
  });
  return hub;
}
