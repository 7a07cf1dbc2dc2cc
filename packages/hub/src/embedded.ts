/**
 * The embedded hub: our own API server in this process, OCM's kinds in it, the hub's admission rules before it and its
 * controllers behind it. The only file of the hub that knows the API server.
 */
import type { KubeObject } from '@flotilla/api';
import {
  type AdmissionAttributes,
  type AdmissionPlugin,
  hubKubernetesVersion,
  type RunningServer,
  type RunServerOptions,
  runServer,
} from '@flotilla/apiserver';
import { type Clock, createClient, type Env, type KubeClient } from '@flotilla/kube';
import { readingFrom } from './admission/own-reads.js';
import { createReadGuard } from './admission/read-guard.js';
import type { AdmissionRequest, AdmissionRule } from './admission/rule.js';
import { admissionRules } from './admission/rules.js';
import { installHubApi } from './bootstrap.js';
import { LivePolicies } from './cluster-manager/live-policies.js';
import { startHubControllers } from './controllers/start-hub.js';
import { createCertificateGate } from './identity/certificate-gate.js';
import { followHubCertificates } from './identity/hub-certificates.js';
import { invitationPath } from './invitations/invitation.js';
import { createInvitationEndpoint } from './invitations/invitation-endpoint.js';
import { defaultHubPolicies, type HubPolicies } from './policies.js';

/** What the server under the hub is told is the operator's choice. */
export interface EmbeddedHubOptions
  extends Pick<
    RunServerOptions,
    | 'dataDir'
    | 'listen'
    | 'advertiseUrl'
    | 'alsoAdvertised'
    | 'kubeconfig'
    | 'serving'
    | 'authentication'
    | 'authorization'
    | 'certificates'
    | 'etcd'
    | 'audit'
  > {
  readonly env: Env;
  readonly policies: HubPolicies;
}

export interface EmbeddedHub {
  readonly url: string;
  close(): Promise<void>;
}

/** Resolves when `/readyz` answers 200. @throws Error in one sentence; nothing is left running then. */
export async function startEmbeddedHub(options: EmbeddedHubOptions): Promise<EmbeddedHub> {
  const { env } = options;
  const policies = new LivePolicies(options.policies);
  // Rules ask through the server that they guard: its client exists once it runs.
  let ownClient: KubeClient | undefined;
  const client = (): KubeClient => {
    if (ownClient === undefined) throw new Error('the hub has not started yet');
    return ownClient;
  };
  let disconnect: RunningServer['disconnect'] = () => undefined; // nobody is connected before it runs
  let metrics = (): string => ''; // of the controllers, where they run
  const gate = createCertificateGate({ env, disconnect: (isMeant) => disconnect(isMeant) });
  const running: RunningServer = await runServer({
    ...options,
    profile: 'hub',
    kubernetesVersion: hubKubernetesVersion,
    admission: hubAdmission(client, env.clock, policies),
    certificateRules: gate.rules,
    guard: createReadGuard(client),
    paths: new Map([[invitationPath, createInvitationEndpoint({ env, client })]]),
    secretPaths: new Set([invitationPath]),
    beforeReady: async (client, signal) => {
      ownClient = createClient(client.transport, { userAgent: 'hub' });
      await installHubApi(ownClient, env, signal);
      await gate.start(ownClient, signal);
      await policies.follow(ownClient, env, signal);
    },
    loops: {
      lease: 'flotilla-hub',
      start: async (client, { signal, certificates }) => {
        const own = createClient(client.transport, { userAgent: 'hub' });
        const started = await startHubControllers(own, env, {
          signal,
          policies,
          certificates: followHubCertificates(certificates),
        });
        metrics = started.metrics;
        return started;
      },
    },
    metrics: () => metrics(),
  });
  disconnect = running.disconnect;
  return { url: running.url, close: () => running.close() };
}

/** The hub's rules as plugins of the API server. */
export function hubAdmission(
  client: () => KubeClient,
  clock: Pick<Clock, 'now'>,
  policies: HubPolicies = defaultHubPolicies,
): AdmissionPlugin[] {
  return admissionRules.map((rule) => {
    const check = async (attributes: AdmissionAttributes): Promise<void> => {
      if (attributes.object !== undefined)
        await rule.check(
          { ...toRequest(attributes, attributes.object), nowMs: clock.now(), policies },
          readingFrom(client(), attributes.client),
        );
    };
    return {
      name: rule.name,
      handles: (attributes) => handles(rule, attributes),
      ...(rule.mutating ? { admit: check } : { validate: check }),
    };
  });
}

function handles(
  rule: AdmissionRule,
  { definition, operation, subresource, user }: AdmissionAttributes,
): boolean {
  return (
    subresource === rule.subresource &&
    definition.group === rule.group &&
    definition.resource === rule.resource &&
    (rule.operations as readonly string[]).includes(operation) &&
    user.username !== 'system:apiserver'
  );
}

function toRequest(
  attributes: AdmissionAttributes,
  object: KubeObject,
): Omit<AdmissionRequest, 'nowMs' | 'policies'> {
  const { operation, name, namespace, oldObject, user, dryRun } = attributes;
  return {
    operation: operation === 'CREATE' ? 'CREATE' : 'UPDATE',
    name: name === '' ? (object.metadata.name ?? '') : name,
    namespace,
    object,
    oldObject,
    user,
    dryRun,
  };
}
