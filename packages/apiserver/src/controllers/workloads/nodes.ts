/**
 * The one Node of the stand-in cluster: registers it, gives it capacity and a Ready condition, says that every other
 * node that somebody makes is ready too, and renews the lease of its own. There is no machine behind any of them.
 */
import { formatMicroTime, formatTime, hasReason, type JsonObject, type KubeObject } from '@flotilla/api';
import { type Controller, createController, keyOf, wellKnown } from '@flotilla/kube';
import { objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { recordEvents } from './event-recorder.js';
import { isNodeReady, type NodeFault, nodeFaultOf, nodeFaultTaints } from './node-faults.js';
import type { SimulatedCluster } from './simulated-cluster.js';

export const standInNodeName = 'stand-in';

const leaseNamespace = 'kube-node-lease';
const leaseDurationSeconds = 40;
/** Half of the duration: one renewal may fail. */
const renewMs = (leaseDurationSeconds * 1000) / 2;
const capacity = {
  cpu: '32',
  memory: '64Gi',
  // As the server writes it: whatever is spelled otherwise differs from what was read, and is written again for ever.
  pods: '1k',
  'ephemeral-storage': '200Gi',
  'hugepages-1Gi': '0',
  'hugepages-2Mi': '0',
};

export function createNodeLoop(cluster: SimulatedCluster): Controller {
  const nodes = cluster.informer('', 'nodes');
  let kubeletVersion: string | undefined;
  const controller = createController({
    name: 'stand-in-nodes',
    env: cluster.env,
    maxDelayMs: 10_000,
    reconcile: async (name) => {
      const node = nodes.cache.get(name);
      if (node !== undefined) {
        if (node.metadata.deletionTimestamp === undefined) {
          kubeletVersion ??= await serverVersion(cluster);
          await writeNode(cluster, node, nodeStatus(node, { kubeletVersion, nowMs: cluster.nowMs }));
        }
      } else if (name === standInNodeName) await cluster.create(wellKnown.nodes, newNode());
      if (name !== standInNodeName) return undefined;
      const own = nodes.cache.get(name);
      // A node that is not heard of lets its lease expire.
      if (own === undefined || nodeFaultOf(own)?.status !== 'Unknown') await renewLease(cluster, own);
      return { requeueAfterMs: renewMs };
    },
  });
  controller.enqueue(standInNodeName);
  nodes.onChange(({ object }) => controller.enqueue(keyOf(object)));
  return controller;
}

/** Nodes of a cluster run its own version. */
async function serverVersion({ client }: SimulatedCluster): Promise<string> {
  const version: unknown = JSON.parse(await client.getText('/version'));
  return textAt(version, 'gitVersion');
}

function newNode(): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: standInNodeName,
      labels: {
        'kubernetes.io/hostname': standInNodeName,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': 'amd64',
        'node-role.kubernetes.io/control-plane': '',
      },
      annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    },
    spec: { podCIDR: '10.244.0.0/16', podCIDRs: ['10.244.0.0/16'] },
  };
}

/** Its status, and the taints and the event that go with a change of readiness. */
async function writeNode(cluster: SimulatedCluster, node: KubeObject, status: JsonObject): Promise<void> {
  const fault = nodeFaultOf(node);
  const wasReady = isNodeReady(node);
  await cluster.writeStatus(wellKnown.nodes, node, status);
  const taints = objectsAt(node, 'spec', 'taints');
  const others = taints.filter((taint) => !nodeFaultTaints.has(textAt(taint, 'key')));
  const wanted = fault === undefined ? [] : ['NoSchedule', 'NoExecute'];
  const own = wanted.map((effect) => ({ key: fault?.taint, effect }));
  if (taints.length - others.length !== own.length || taints.some((taint) => isOtherFault(taint, fault))) {
    await cluster.change(wellKnown.nodes, node, { spec: { taints: [...others, ...own] } });
  }
  if (fault === undefined || !wasReady) return;
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  const events = [{ type: 'Normal' as const, reason: 'NodeNotReady', message }];
  await recordEvents(cluster, node, { events, component: 'node-controller' });
}

function isOtherFault(taint: JsonObject, fault: NodeFault | undefined): boolean {
  const key = textAt(taint, 'key');
  return nodeFaultTaints.has(key) && key !== fault?.taint;
}

/** Heartbeats go to the lease, so that a status is written once. */
function nodeStatus(
  node: KubeObject,
  { kubeletVersion, nowMs }: { kubeletVersion: string; nowMs: number },
): JsonObject {
  const time = formatTime(nowMs);
  const old = objectsAt(node, 'status', 'conditions');
  const fault = nodeFaultOf(node);
  const conditions = [
    {
      type: 'MemoryPressure',
      status: 'False',
      reason: 'StandIn',
      message: 'there is no machine behind this node',
    },
    {
      type: 'DiskPressure',
      status: 'False',
      reason: 'StandIn',
      message: 'there is no machine behind this node',
    },
    {
      type: 'PIDPressure',
      status: 'False',
      reason: 'StandIn',
      message: 'there is no machine behind this node',
    },
    {
      type: 'Ready',
      status: fault?.status ?? 'True',
      reason: fault?.reason ?? 'StandInReady',
      message: fault?.message ?? 'pods on this node are said to run; nothing does',
    },
  ].map(
    (condition) =>
      old.find((one) => one['type'] === condition.type && one['status'] === condition.status) ?? {
        ...condition,
        lastHeartbeatTime: time,
        lastTransitionTime: time,
      },
  );
  return {
    ...objectAt(node, 'status'),
    capacity,
    allocatable: capacity,
    conditions: [...conditions, ...old.filter((one) => !conditions.some(({ type }) => type === one['type']))],
    addresses: [
      { type: 'InternalIP', address: '172.18.0.2' },
      { type: 'Hostname', address: node.metadata.name },
    ],
    nodeInfo: {
      machineID: node.metadata.uid,
      systemUUID: node.metadata.uid,
      bootID: node.metadata.uid,
      kernelVersion: 'none',
      osImage: 'stand-in',
      containerRuntimeVersion: 'stand-in://1',
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
  };
}

async function renewLease({ client, env }: SimulatedCluster, node: KubeObject | undefined): Promise<void> {
  const key = { namespace: leaseNamespace, name: standInNodeName };
  const uid = node?.metadata.uid;
  const spec = {
    holderIdentity: standInNodeName,
    leaseDurationSeconds,
    renewTime: formatMicroTime(env.clock.now()),
  };
  try {
    await client.patch(wellKnown.leases, key, { type: 'merge', body: { spec } });
    return;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  if (uid === undefined) return; // comes again when the node is there
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: standInNodeName, uid }];
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...key, ownerReferences },
    spec,
  };
  try {
    await client.create(wellKnown.leases, lease);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists', 'NotFound')) throw error;
  }
}
