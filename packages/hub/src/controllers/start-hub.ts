/** All of the hub's controllers as one part: started once the API that they work on answers, closed together. */
import type { Env, KubeClient } from '@flotilla/kube';
import { createClusterManagerStatus } from '../cluster-manager/cluster-manager-status.js';
import { type HubCertificates, noHubCertificates } from '../identity/hub-certificates.js';
import { defaultHubPolicies, type HubPolicies } from '../policies.js';
import { createAddonHealthController } from './addon-health.js';
import { createAgentKeyRecorder } from './agent-keys.js';
import { createAvailabilityWatch } from './availability.js';
import { createClusterClockController } from './cluster-clock.js';
import { createClusterLeaseController } from './cluster-lease.js';
import { createClusterProfileController } from './cluster-profiles.js';
import { createClusterSetBindingController } from './cluster-set-bindings.js';
import { createClusterSetController } from './cluster-sets.js';
import { createClusterTaintController } from './cluster-taints.js';
import { createHubContext } from './context.js';
import { createCsrApprover } from './csr-approver.js';
import { createExpiryWarnings } from './expiry-warnings.js';
import { createFinishedWorksController } from './finished-works.js';
import { createHubAuthoritiesController } from './hub-authorities.js';
import { applySharedRoles, createManagedClusterController } from './managed-cluster.js';
import { createManagedNamespaceController } from './managed-namespaces.js';
import { createOldInvitations } from './old-invitations.js';
import { createOldPlansController } from './old-plans.js';
import { createPreapprovedJoins } from './preapproved-joins.js';
import { createProfileStatusController } from './profile-status.js';
import { createTokenConsumer } from './token-consumer.js';

export interface RunningHub {
  /** In Prometheus text form, each line with its newline. */
  metrics(): string;
  close(): Promise<void>;
}

export interface StartHubOptions {
  readonly signal: AbortSignal;
  readonly policies?: HubPolicies;
  /** Of the hub itself; default: none that it knows of. */
  readonly certificates?: HubCertificates;
}

/** Resolves when everything has been seen once and the controllers work. */
export async function startHubControllers(
  client: KubeClient,
  env: Env,
  options: StartHubOptions,
): Promise<RunningHub> {
  const { signal, policies = defaultHubPolicies, certificates = noHubCertificates } = options;
  const context = createHubContext(client, env, policies);
  const availability = createAvailabilityWatch(context);
  const invitations = createOldInvitations(context);
  const clusterManager = createClusterManagerStatus(client, env);
  const informers = [
    context.clusters,
    context.clusterSets,
    context.clusterSetBindings,
    context.works,
    context.addons,
    context.profiles,
    context.leases,
    context.csrs,
    context.plans,
    clusterManager.informer,
    invitations.informer,
    context.rootCa,
  ];
  const controllers = [
    createManagedClusterController(context),
    createClusterLeaseController(context),
    createClusterClockController(context),
    createClusterTaintController(context),
    createClusterSetController(context),
    createClusterSetBindingController(context),
    createManagedNamespaceController(context),
    createClusterProfileController(context),
    createProfileStatusController(context),
    createAddonHealthController(context),
    createCsrApprover(context),
    createAgentKeyRecorder(context),
    createTokenConsumer(context),
    createHubAuthoritiesController(context),
    createExpiryWarnings(context, certificates),
    availability.controller,
    createPreapprovedJoins(context),
    clusterManager.controller,
    createFinishedWorksController(context),
    createOldPlansController(context),
    invitations.controller,
  ];
  await applySharedRoles(context);
  for (const informer of informers) informer.start(signal);
  await Promise.all(informers.map((informer) => informer.synced(signal)));
  for (const controller of controllers) controller.start(signal);
  return {
    metrics: () =>
      availability
        .metrics()
        .map((line) => `${line}\n`)
        .join(''),
    close: async () => {
      await Promise.all([...controllers, ...informers].map((part) => part.close()));
    },
  };
}
