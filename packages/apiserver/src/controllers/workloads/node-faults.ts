/** Nodes that are asked to fail: what their conditions and taints are to say. Pure. */
import { type KubeObject, simulationAnnotations } from '@flotilla/api';
import { objectsAt } from '../../builtin/access.js';

export interface NodeFault {
  /** Of the Ready condition. */
  readonly status: 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly taint: string;
}

const faults: Readonly<Record<string, NodeFault>> = {
  true: {
    status: 'False',
    reason: 'KubeletNotReady',
    message: 'container runtime is down: simulated by an annotation of the node',
    taint: 'node.kubernetes.io/not-ready',
  },
  unknown: {
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    taint: 'node.kubernetes.io/unreachable',
  },
};

export function nodeFaultOf({ metadata }: KubeObject): NodeFault | undefined {
  return faults[metadata.annotations?.[simulationAnnotations.nodeNotReady] ?? ''];
}

/** The taints that a failing node gets and a recovered one loses. */
export const nodeFaultTaints: ReadonlySet<string> = new Set(Object.values(faults).map(({ taint }) => taint));

/** Not said to be failing; also a node that is not known, or has said nothing yet. */
export function isNodeReady(node: KubeObject | undefined): boolean {
  const ready = objectsAt(node, 'status', 'conditions').find((one) => one['type'] === 'Ready');
  return ready === undefined || ready['status'] === 'True';
}
