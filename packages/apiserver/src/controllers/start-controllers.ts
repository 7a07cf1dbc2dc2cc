/**
 * The loops that a Kubernetes control plane runs beside its API server, as far as the profile needs them. Each works
 * through an ordinary client, so that it could as well run in a process of its own; only the garbage collector, which
 * every write concerns, listens to the server's watch cache.
 */

import type { KubeObject } from '@flotilla/api';
import { createInformer, dropManagedFields, type Informer, spawn, wellKnown } from '@flotilla/kube';
import { createPolicyStatusLoops } from '../admission/policies/policy-status.js';
import { createQuotaLoops } from '../admission/quota/quota-controller.js';
import type { ControlLoop, StartControllersOptions } from './control-loop.js';
import { createEventExpiry } from './event-expiry.js';
import { createGarbageCollector } from './garbage-collector.js';
import { createKubernetesServiceLoop } from './kubernetes-service.js';
import { createLegacyTokenController } from './legacy-token-controller.js';
import { createNamespaceContentController } from './namespace-content.js';
import { createNamespaceController } from './namespace-controller.js';
import { createTokenCleaner } from './token-cleaner.js';
import { createWorkloadSimulator } from './workload-simulator.js';

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
