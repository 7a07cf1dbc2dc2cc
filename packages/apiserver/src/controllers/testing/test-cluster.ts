/** For tests: an API server with all its loops in one process, on a virtual clock. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import {
  createCertificateAuthority,
  createClient,
  createStopController,
  generateKeyPair,
  type KubeClient,
  type ResourceRef,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import type { AdmissionPlugin } from '../../admission/admission.js';
import { type ApiServer, createApiServer } from '../../server/api-server.js';
import { startControlPlane } from '../../server/control-plane.js';
import { createMemoryStore, type MemoryStore } from '../../storage/memory-store.js';
import type { ControllerSelection } from '../controller-selection.js';

export interface TestCluster {
  readonly env: TestEnv;
  readonly client: KubeClient;
  readonly server: ApiServer;
  /** Creates the object in the resource, in the namespace of its metadata. */
  make(ref: ResourceRef, object: PartialObject): Promise<KubeObject>;
  /** The object, or undefined when there is none. */
  find(ref: ResourceRef, name: string, namespace?: string): Promise<KubeObject | undefined>;
  names(ref: ResourceRef, namespace?: string): Promise<string[]>;
  /** Moves time until the check does not throw; at most a minute. */
  eventually(check: () => Promise<unknown>): Promise<void>;
  /** Lets pass so much time and all that follows from it. */
  pass(ms: number): Promise<void>;
  /** Stops the loops and the server; the store stays as it is, for another start. */
  close(): Promise<void>;
}

export type PartialObject = JsonObject & { readonly metadata: KubeObject['metadata'] };

export function ref(group: string, version: string, resource: string): ResourceRef {
  return { group, version, resource, namespaced: true };
}

export interface TestClusterOptions {
  readonly profile: 'hub' | 'cluster';
  readonly store?: MemoryStore;
  readonly env?: TestEnv;
  readonly controllers?: ControllerSelection;
  /** Of the Kubernetes version; default 35. */
  readonly minor?: number;
  readonly admission?: readonly AdmissionPlugin[];
  /** How often history is compacted, and how long events are kept in memory. */
  readonly historyMs?: number;
}

const kinds: Readonly<Record<string, string>> = {
  configmaps: 'ConfigMap',
  secrets: 'Secret',
  pods: 'Pod',
  deployments: 'Deployment',
  statefulsets: 'StatefulSet',
  daemonsets: 'DaemonSet',
  jobs: 'Job',
  services: 'Service',
  persistentvolumeclaims: 'PersistentVolumeClaim',
  poddisruptionbudgets: 'PodDisruptionBudget',
  horizontalpodautoscalers: 'HorizontalPodAutoscaler',
  nodes: 'Node',
  namespaces: 'Namespace',
  events: 'Event',
  clusterroles: 'ClusterRole',
  customresourcedefinitions: 'CustomResourceDefinition',
};

export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const { profile, store = createMemoryStore(), env = createTestEnv() } = options;
  const { clock, random } = env;
  const ca = createCertificateAuthority({
    commonName: 'test-ca',
    validityMs: 10 * 365 * 24 * 3_600_000,
    nowMs: clock.now(),
    random,
  });
  const server = createApiServer({
    store,
    env,
    profile,
    kubernetesVersion: { major: 1, minor: options.minor ?? 35, patch: 0 },
    advertiseUrl: 'https://hub.example:6443',
    clientCa: () => ca.certificatePem,
    serviceAccountKey: generateKeyPair().privateKeyPem,
    ...(options.admission && { admission: options.admission }),
    ...(options.historyMs !== undefined && { recentEventsMs: options.historyMs }),
  });
  await server.start();
  const stop = createStopController();
  const plane = await startControlPlane(server, {
    env,
    profile,
    store,
    ca,
    signal: stop.signal,
    compactEveryMs: options.historyMs,
    ...(options.controllers && { controllers: options.controllers }),
  });
  const client = createClient(server.transport());
  await clock.advance(100);
  return {
    env,
    client,
    server,
    make: (at, object) => {
      const apiVersion = at.group === '' ? at.version : `${at.group}/${at.version}`;
      return client.create<KubeObject>(at, { apiVersion, kind: kinds[at.resource] ?? '', ...object });
    },
    find: async (at, name, namespace) => {
      const { items } = await client.list<KubeObject>(at, {
        fieldSelector: `metadata.name=${name}`,
        ...(namespace !== undefined && { namespace }),
      });
      return items[0];
    },
    names: async (at, namespace) => {
      const { items } = await client.list<KubeObject>(at, { ...(namespace !== undefined && { namespace }) });
      return items.map(({ metadata }) => metadata.name ?? '').sort();
    },
    eventually: async (check) => {
      for (let waitedMs = 0; ; waitedMs += 50) {
        try {
          await check();
          return;
        } catch (error) {
          if (waitedMs >= 60_000) throw error;
        }
        await clock.advance(50);
      }
    },
    pass: (ms) => clock.advance(ms),
    close: async () => {
      stop.abort(new Error('the test is over'));
      await plane.close();
      server.close();
    },
  };
}
