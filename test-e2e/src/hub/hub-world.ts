/** A hub without agents in this process: its API server, rules and controllers on a virtual clock, for any user. */
import { hasReason, type KubeObject, type ManagedCluster } from '@flotilla/api';
import {
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type UserInfo,
} from '@flotilla/apiserver';
import {
  defaultHubPolicies,
  type HubPolicies,
  hubAdmission,
  installHubApi,
  startHubControllers,
} from '@flotilla/hub';
import {
  createClient,
  createStopController,
  generateKeyPair,
  type KubeClient,
  type ResourceRef,
  wellKnown,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';

export const clusterGroup = 'cluster.open-cluster-management.io';
export const setLabel = `${clusterGroup}/clusterset`;
export const setsRef: ResourceRef = {
  group: clusterGroup,
  version: 'v1beta2',
  resource: 'managedclustersets',
  namespaced: false,
};
export const bindingsRef: ResourceRef = {
  ...setsRef,
  resource: 'managedclustersetbindings',
  namespaced: true,
};

export const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

export class HubWorld {
  readonly env: TestEnv = createTestEnv();
  readonly policies: HubPolicies;
  readonly #stop = createStopController();
  #server: ApiServer | undefined;
  #close: (() => Promise<void>) | undefined;

  constructor(policies: Partial<HubPolicies> = {}) {
    this.policies = { ...defaultHubPolicies, ...policies };
  }

  async start(): Promise<void> {
    const { env, policies } = this;
    const server: ApiServer = createApiServer({
      store: createMemoryStore(),
      env,
      profile: 'hub',
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: 'https://hub.example:6443',
      clientCa: () => '',
      serviceAccountKey: generateKeyPair().privateKeyPem,
      admission: hubAdmission(() => createClient(server.transport()), env.clock, policies),
    });
    this.#server = server;
    await server.start();
    const own = createClient(server.transport(), { userAgent: 'hub' });
    const { signal } = this.#stop;
    const started = installHubApi(own, env, signal).then(() =>
      startHubControllers(own, env, { signal, policies }),
    );
    for (let i = 0; i < 40; i++) await env.clock.advance(50);
    const running = await started;
    this.#close = () => running.close();
  }

  async close(): Promise<void> {
    await this.#close?.();
    this.#server?.close();
  }

  get server(): ApiServer {
    if (this.#server === undefined) throw new Error('the hub has not started');
    return this.#server;
  }

  as(user: UserInfo): KubeClient {
    return createClient(this.server.transport(user));
  }

  get hub(): KubeClient {
    return this.as(admin);
  }

  settle(ms = 2000): Promise<void> {
    return this.env.clock.advance(ms);
  }

  getCluster(name: string): Promise<ManagedCluster> {
    return this.hub.get(wellKnown.managedClusters, { name });
  }

  createCluster(object: KubeObject, user = admin): Promise<ManagedCluster> {
    return this.as(user).create(wellKnown.managedClusters, object as ManagedCluster);
  }

  patchCluster(name: string, body: object, user = admin): Promise<ManagedCluster> {
    return this.as(user).patch(wellKnown.managedClusters, { name }, { type: 'merge', body });
  }

  createNamespace(name: string): Promise<KubeObject> {
    return this.hub.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    });
  }

  /** Gives a user a ClusterRole of these rules. */
  async allow(user: string, rules: readonly object[]): Promise<void> {
    const name = `${user}-${this.env.random.uuid()}`;
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const apiGroup = 'rbac.authorization.k8s.io';
    const { hub } = this;
    await hub.create(wellKnown.clusterRoles, { apiVersion, kind: 'ClusterRole', metadata: { name }, rules });
    await hub.create(wellKnown.clusterRoleBindings, {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [{ apiGroup, kind: 'User', name: user }],
    });
    await this.settle();
  }

  /** Sets conditions and more in the status of a cluster, as its agent does; conditions of other types stay. */
  async report(
    name: string,
    { conditions = {}, ...status }: { conditions?: Record<string, string> } & Record<string, unknown>,
  ): Promise<void> {
    const lastTransitionTime = new Date(this.env.clock.now()).toISOString();
    const known = ((await this.getCluster(name)).status?.conditions ?? []).filter(
      ({ type }) => conditions[type] === undefined,
    );
    const added = Object.entries(conditions).map(([type, value]) => {
      return { type, status: value, reason: 'Reported', message: `${type} is ${value}`, lastTransitionTime };
    });
    await this.hub.patch(
      wellKnown.managedClusters,
      { name },
      {
        type: 'merge',
        subresource: 'status',
        body: { status: { ...status, conditions: [...known, ...added] } },
      },
    );
    await this.settle();
  }
}

export function cluster(name: string, options: { labels?: object; spec?: object } = {}): KubeObject {
  return {
    apiVersion: `${clusterGroup}/v1`,
    kind: 'ManagedCluster',
    metadata: { name, ...(options.labels && { labels: options.labels as Record<string, string> }) },
    spec: options.spec ?? {},
  };
}

export function clusterSet(name: string, spec: object = {}): KubeObject {
  return { apiVersion: `${clusterGroup}/v1beta2`, kind: 'ManagedClusterSet', metadata: { name }, spec };
}

export function binding(namespace: string, name: string, set = name): KubeObject {
  return {
    apiVersion: `${clusterGroup}/v1beta2`,
    kind: 'ManagedClusterSetBinding',
    metadata: { name, namespace },
    spec: { clusterSet: set },
  };
}

/** The reason and message with which the hub refuses: as `Forbidden: …`. Fails when it does not. */
export async function refused(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (hasReason(error, 'Forbidden', 'BadRequest', 'Invalid')) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return expect.fail('it was not refused');
}
