/**
 * The workloads of the stand-in cluster. NOTHING RUNS: no image is pulled, no container is started, no traffic flows.
 * Deployments, StatefulSets, DaemonSets, Jobs and bare pods get the objects and statuses that a healthy cluster would
 * give them a moment after they are applied. For demos and tests of what watches workloads; it can prove nothing
 * about the workloads themselves.
 */
import type { ControlLoop, StartControllersOptions } from './start-controllers.js';
import { createDeploymentLoop } from './workloads/deployments.js';
import { createNodeLoop } from './workloads/nodes.js';
import { PodControl } from './workloads/pod-control.js';
import { createPodLoop } from './workloads/pods.js';
import { createReplicaSetLoop } from './workloads/replica-sets.js';
import { SimulatedCluster } from './workloads/simulated-cluster.js';

export function createWorkloadSimulator(options: StartControllersOptions): ControlLoop {
  const cluster = new SimulatedCluster(options);
  const pods = new PodControl(cluster);
  const controllers = [
    createNodeLoop(cluster, { kubeletVersion: 'v1.35.0+flotilla' }),
    createPodLoop(cluster, pods),
    createReplicaSetLoop(cluster, pods),
    createDeploymentLoop(cluster),
  ];
  return { informers: cluster.informers, controllers };
}
