/**
 * A hub and a managed cluster, both our own API server in this process, on a virtual clock and a network that can be
 * cut, with a real work agent between them. For tests of the work agent as a whole.
 */
import { type Condition, type KubeObject, kinds, type ManifestWork, toCrd } from '@flotilla/api';
import {
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type MemoryStore,
} from '@flotilla/apiserver';
import { createWorkAgent, type WorkAgentOptions } from '@flotilla/klusterlet';
import {
  createClient,
  createStopController,
  generateKeyPair,
  type KubeClient,
  type ResourceRef,
  wellKnown,
} from '@flotilla/kube';
import {
  createSimulatedNetwork,
  createTestEnv,
  type SimulatedNetwork,
  type TestEnv,
} from '@flotilla/kube/testing';
import { expect } from 'chai';

export const clusterName = 'cluster1';
export const hubServer = 'https://hub.example:6443';
export const agentId = 'agent-1';

/** Who an agent is, where it is not the usual one. */
export interface AgentIdentity {
  readonly agentId?: string;
  readonly hubServer?: string;
}

export interface World {
  readonly env: TestEnv;
  readonly network: SimulatedNetwork;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly hubServerObject: ApiServer;
  readonly managedServerObject: ApiServer;
  /** Below the managed cluster's API server. */
  readonly managedStore: MemoryStore;
  readonly hubStore: MemoryStore;
  /** Every request that reached the managed cluster from the agent: `METHOD path`. */
  readonly requests: string[];
  startAgent(options?: Partial<WorkAgentOptions>, identity?: AgentIdentity): void;
  /** Ends the agent as a process that is asked to stop; its files stay. */
  stopAgent(): Promise<void>;
  close(): Promise<void>;
}

let serviceAccountKey: string | undefined;

export async function createWorld(seed = 1): Promise<World> {
  const env = createTestEnv({ seed });
  const network = createSimulatedNetwork({
    clock: env.clock,
    random: env.random,
    faults: { latencyMs: [0, 1], detectMs: 2000 },
  });
  serviceAccountKey ??= generateKeyPair().privateKeyPem;
  const key = serviceAccountKey;
  const hubStore = createMemoryStore();
  const managedStore = createMemoryStore();
  const start = async (profile: 'hub' | 'cluster'): Promise<ApiServer> => {
    const server = createApiServer({
      store: profile === 'hub' ? hubStore : managedStore,
      env,
      profile,
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: `https://${profile}.example:6443`,
      clientCa: () => '',
      serviceAccountKey: key,
    });
    await server.start();
    return server;
  };
  const hubApi = await start('hub');
  const managedApi = await start('cluster');
  const hub = createClient(hubApi.transport());
  const managed = createClient(managedApi.transport());
  await applyCrds(hub, ['manifestworks']);
  await applyCrds(managed, ['appliedmanifestworks']);
  await createNamespace(hub, clusterName);
  await createNamespace(managed, 'default');
  await env.clock.advance(1000);

  const requests: string[] = [];
  const agentTransport = network.link('managed', managedApi.transport());
  const counted = {
    request: (request: Parameters<typeof agentTransport.request>[0]) => {
      requests.push(`${request.method} ${request.path}`);
      return agentTransport.request(request);
    },
    close: () => agentTransport.close(),
  };
  let running: { stop: AbortController; done: Promise<void> } | undefined;
  const world: World = {
    env,
    network,
    hub,
    managed,
    hubServerObject: hubApi,
    managedServerObject: managedApi,
    managedStore,
    hubStore,
    requests,
    startAgent: (options, identity) => {
      const stop = createStopController();
      const agent = createWorkAgent({
        env,
        hub: createClient(network.link('hub', hubApi.transport())),
        managed: createClient(counted),
        clusterName,
        agentId,
        hubServer,
        worksDir: '/data/works',
        ...identity,
        ...(options && { options }),
      });
      running = { stop, done: agent.run(stop.signal) };
    },
    stopAgent: async () => {
      running?.stop.abort(new Error('the agent was stopped'));
      await running?.done;
      running = undefined;
    },
    close: async () => {
      await world.stopAgent();
      hubApi.close();
      managedApi.close();
    },
  };
  return world;
}

export async function applyCrds(client: KubeClient, plurals: readonly string[]): Promise<void> {
  for (const kind of kinds.filter(({ plural }) => plurals.includes(plural))) {
    await client.create(wellKnown.customResourceDefinitions, toCrd(kind));
  }
}

export async function createNamespace(client: KubeClient, name: string): Promise<void> {
  await client.create(wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

export function configMap(
  name: string,
  data: Record<string, string> = {},
  namespace = 'default',
): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

export function work(name: string, manifests: readonly KubeObject[], spec: object = {}): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, namespace: clusterName },
    spec: { workload: { manifests: manifests as never }, ...spec }, // the schema's type of any object
  };
}

export const createWork = (world: World, object: ManifestWork): Promise<ManifestWork> =>
  world.hub.create(wellKnown.manifestWorks, object);

export const getWork = (world: World, name: string): Promise<ManifestWork | undefined> =>
  find<ManifestWork>(world.hub, wellKnown.manifestWorks, { namespace: clusterName, name });

/** Changes a work on the hub by a merge patch. */
export const patchWork = (world: World, name: string, body: object): Promise<ManifestWork> =>
  world.hub.patch(wellKnown.manifestWorks, { namespace: clusterName, name }, { type: 'merge', body });

export async function find<T = KubeObject>(
  client: KubeClient,
  ref: ResourceRef,
  key: { name: string; namespace?: string },
): Promise<T | undefined> {
  try {
    return await client.get<T>(ref, key);
  } catch {
    return undefined;
  }
}

/** Moves the clock until the probe answers something. */
export async function eventually<T>(
  world: World,
  probe: () => Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  const startMs = world.env.clock.monotonicMs();
  const endMs = startMs + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found as T;
    if (world.env.clock.monotonicMs() > endMs) {
      const log = world.env.log.entries.slice(-15).map((entry) => JSON.stringify(entry, errorsAsText));
      throw new Error(`not reached after ${limitMs} ms of virtual time; log:\n${log.join('\n')}`);
    }
    // Closely at first, then in ever longer steps.
    await world.env.clock.advance(Math.max(5, (world.env.clock.monotonicMs() - startMs) / 50));
  }
}

function errorsAsText(_: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

export function conditionsOf(object: ManifestWork | undefined): Record<string, string> {
  const conditions = object?.status?.conditions ?? [];
  return Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
}

/** The status of one condition of every manifest, in the order of the spec. */
export const manifestStatuses = (object: ManifestWork, type: string): (string | undefined)[] =>
  (object.status?.resourceStatus?.manifests ?? []).map(
    ({ conditions }) => conditions.find((each) => each.type === type)?.status,
  );

/** One condition of one manifest. */
export const manifestCondition = (object: ManifestWork, type: string, index = 0): Condition | undefined =>
  object.status?.resourceStatus?.manifests?.[index]?.conditions.find((each) => each.type === type);

/** The work, once all its manifests report these statuses for its present generation. */
export function untilManifests(
  world: World,
  name: string,
  { type, statuses }: { type: string; statuses: readonly string[] },
): Promise<ManifestWork> {
  return eventually(world, async () => {
    const found = await getWork(world, name);
    const applied = found?.status?.conditions?.find((each) => each.type === 'Applied');
    if (found === undefined || applied?.observedGeneration !== found.metadata.generation) return undefined;
    return manifestStatuses(found, type).join() === statuses.join() && found;
  });
}

/** Applies to the objects of a work that all have this name, or a pattern of it. */
export const forResource = (resource: string, name: string, config: object): object => {
  const [plural, group = ''] = resource.split(/\.(.*)/);
  return { resourceIdentifier: { group, resource: plural, namespace: 'default', name }, ...config };
};

/** The work, once its condition is so for its present generation. */
export function untilCondition(
  world: World,
  name: string,
  { type, status = 'True' }: { type: string; status?: string },
): Promise<ManifestWork> {
  return eventually(world, async () => {
    const found = await getWork(world, name);
    const condition = found?.status?.conditions?.find((each) => each.type === type);
    return (
      condition?.status === status && condition.observedGeneration === found?.metadata.generation && found
    );
  });
}

/** Lets everything that is under way come to rest. */
export async function settle(world: World, ms = 500): Promise<void> {
  await world.env.clock.advance(ms);
}

export function expectDefined<T>(value: T): NonNullable<T> {
  expect(value).to.not.equal(undefined);
  return value as NonNullable<T>;
}
