/**
 * One managed cluster of a simulated fleet: its server, the klusterlet beside it with its two links, and whoever else
 * works in it. Made by the world.
 */
import type { KubeObject } from '@flotilla/api';
import type { StoreEvent } from '@flotilla/apiserver';
import {
  createClient,
  type KubeClient,
  type Transport,
  type TransportRequest,
  wellKnown,
} from '@flotilla/kube';
import type { SimulatedNetwork, TestEnv } from '@flotilla/kube/testing';
import type { ClusterView } from './cluster-view.js';
import { KlusterletProcess } from './klusterlet-process.js';
import type { ClusterModel } from './model/cluster-model.js';
import { clusterLink, foreignNames, hubLink } from './scenario.js';
import { ServerProcess } from './server-process.js';
import type { SimulatedPki } from './simulated-pki.js';

export interface FleetCluster {
  readonly name: string;
  readonly server: ServerProcess;
  readonly klusterlet: KlusterletProcess;
  /** Whoever else works in that cluster; its way in never fails but with the server. */
  readonly foreigner: KubeClient;
  /** Called, once, before the next write of the klusterlet reaches this cluster. */
  ambush: ((request: TransportRequest) => Promise<void>) | undefined;
}

export interface FleetClusterOptions {
  readonly name: string;
  readonly minor: number;
  readonly pki: SimulatedPki;
  readonly hub: ServerProcess;
  readonly network: SimulatedNetwork;
  /** Of the process of this name. */
  readonly envOf: (process: string) => TestEnv;
  /** The way to a server that may be in trouble. */
  readonly troubled: (server: ServerProcess, transport: Transport) => Transport;
  readonly onEvent: (event: StoreEvent) => void;
  readonly onFailure: (error: unknown) => void;
  /** The klusterlet ended by itself. */
  readonly onExit: (error: unknown) => void;
}

const admin = { username: 'foreigner', groups: ['system:masters', 'system:authenticated'] };

/** Nothing of it runs yet. */
export function createFleetCluster(options: FleetClusterOptions): FleetCluster {
  const { name, minor, pki, hub, network, envOf, troubled, onEvent, onFailure, onExit } = options;
  const server = new ServerProcess({
    name,
    env: envOf(name),
    profile: 'cluster',
    kubernetesVersion: { major: 1, minor, patch: 0 },
    pki,
    onEvent,
    onFailure,
  });
  const klusterlet = new KlusterletProcess({
    clusterName: name,
    env: envOf(`klusterlet-${name}`),
    hub,
    hubCa: pki.ca.certificatePem,
    cluster: server,
    toHub: (transport) => network.link(hubLink(name), troubled(hub, transport)),
    toCluster: (transport) =>
      network.link(
        clusterLink(name),
        troubled(
          server,
          ambushed(transport, () => cluster),
        ),
      ),
    onExit,
  });
  const foreigner = createClient(server.dial(() => ({ user: admin })));
  const cluster: FleetCluster = { name, server, klusterlet, foreigner, ambush: undefined };
  return cluster;
}

/** The objects of somebody else. @throws what the cluster answers. */
export async function plantForeign(
  { foreigner }: Pick<FleetCluster, 'foreigner'>,
  { view, model }: { readonly view: ClusterView; readonly model: ClusterModel },
): Promise<void> {
  for (const name of foreignNames) {
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default' },
      data: { owner: 'somebody else' },
    };
    const { metadata } = await foreigner.create(wellKnown.configMaps, object);
    const key = `/registry/core/configmaps/default/${name}`;
    view.foreign.set(metadata.uid ?? '', { key, mayChange: false });
    model.planted(key, metadata.uid ?? '');
  }
}

/** Lets somebody else be a moment faster. */
function ambushed(inner: Transport, cluster: () => FleetCluster): Transport {
  return {
    request: async (request) => {
      const { ambush } = cluster();
      if (ambush !== undefined && request.method !== 'GET') await ambush(request);
      return inner.request(request);
    },
    close: () => inner.close(),
  };
}
