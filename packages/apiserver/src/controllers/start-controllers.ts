/**
 * The loops that a Kubernetes control plane runs beside its API server, as far as the profile needs them. Each works
 * through an ordinary client, so that it could as well run in a process of its own; only the garbage collector, which
 * every write concerns, listens to the server's watch cache.
 */

import type { KubeObject } from '@flotilla/api';
import {
  type Controller,
  createInformer,
  dropManagedFields,
  type Env,
  type Informer,
  type KubeClient,
  spawn,
  wellKnown,
} from '@flotilla/kube';
import { createPolicyStatusLoops } from '../admission/policies/policy-status.js';
import type { PendingUsage } from '../admission/quota/pending-usage.js';
import { createQuotaLoops } from '../admission/quota/quota-controller.js';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { LegacyTokenSubject } from '../service-accounts/legacy-tokens.js';
import type { ControllerSelection } from './controller-selection.js';
import { createEventExpiry } from './event-expiry.js';
import { createGarbageCollector } from './garbage-collector.js';
import { createKubernetesServiceLoop } from './kubernetes-service.js';
import { createLegacyTokenController } from './legacy-token-controller.js';
import { createNamespaceContentController } from './namespace-content.js';
import { createNamespaceController } from './namespace-controller.js';
import type { OwnershipCache } from './ownership-feed.js';
import { createTokenCleaner } from './token-cleaner.js';
import { createWorkloadSimulator } from './workload-simulator.js';
import type { CommandRuns } from './workloads/command-runs.js';

export interface ControllerContext {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
}

export interface StartControllersOptions extends ControllerContext {
  /** Of the server that `client` reaches, for the garbage collector, which looks at every write. */
  readonly cache: OwnershipCache;
  /** The same, for what is counted. */
  readonly reader: ObjectReader;
  readonly pending: PendingUsage;
  /** What plays the commands of simulated containers; undefined where there are none. */
  readonly commands: CommandRuns | undefined;
  /** Other servers write to the same store. */
  readonly isShared: boolean;
  readonly profile: 'hub' | 'cluster';
  readonly controllers: ControllerSelection;
  /** PEM, published as ConfigMap kube-root-ca.crt in every namespace. */
  readonly ca: string;
  readonly signLegacyToken: (subject: LegacyTokenSubject) => string;
  readonly signal: AbortSignal;
}

/** One loop with what it watches. */
export interface ControlLoop {
  readonly informers: readonly Informer<KubeObject>[];
  readonly controllers: readonly Controller[];
}

export interface RunningControllers {
  close(): Promise<void>;
}

export function startControllers(options: StartControllersOptions): RunningControllers {
  const namespaces = createInformer<KubeObject>(options.client, wellKnown.namespaces, {
    env: options.env,
    transform: dropManagedFields,
  });
  const loops = createLoops(options, namespaces);
  const informers = loops.flatMap((loop) => loop.informers);
  const controllers = loops.flatMap((loop) => loop.controllers);
  for (const informer of informers) informer.start(options.signal);
  const { log } = options.env;
  const started = spawn(
    'start controllers',
    async () => {
      await Promise.all(informers.map((informer) => informer.synced(options.signal)));
      for (const controller of controllers) controller.start(options.signal);
    },
    { log, signal: options.signal },
  );
  const parts: { close(): Promise<void> }[] = [...controllers, ...informers];
  if (options.controllers('garbage-collector-controller')) {
    const collector = createGarbageCollector(options);
    collector.start(options.signal);
    parts.push(collector);
  }
  return {
    close: async () => {
      await started.done;
      await Promise.all(parts.map((part) => part.close()));
    },
  };
}

function createLoops(options: StartControllersOptions, namespaces: Informer<KubeObject>): ControlLoop[] {
  const { profile, controllers: isOn } = options;
  const loops = [createEventExpiry(options)];
  const ofNamespaces: ControlLoop[] = [];
  if (isOn('namespace-controller')) ofNamespaces.push(createNamespaceController(options, namespaces));
  const content = {
    serviceAccount: isOn('serviceaccount-controller'),
    rootCa: isOn('root-ca-certificate-publisher-controller'),
  };
  if (content.serviceAccount || content.rootCa)
    ofNamespaces.push(createNamespaceContentController(options, { namespaces, content }));
  if (ofNamespaces.length > 0) loops.push({ informers: [namespaces], controllers: [] }, ...ofNamespaces);
  if (isOn('serviceaccount-token-controller')) loops.push(createLegacyTokenController(options));
  if (isOn('token-cleaner-controller')) loops.push(createTokenCleaner(options));
  if (isOn('resourcequota-controller')) loops.push(...createQuotaLoops(options));
  if (isOn('validatingadmissionpolicy-status-controller')) loops.push(...createPolicyStatusLoops(options));
  if (profile === 'cluster') {
    loops.push(createKubernetesServiceLoop(options));
    if (isOn('workload-simulator')) loops.push(createWorkloadSimulator(options));
  }
  return loops;
}
