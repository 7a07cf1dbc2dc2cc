/**
 * The workloads of the stand-in cluster. NOTHING RUNS: no image is pulled, no container is started, no traffic flows.
 * Deployments, StatefulSets, DaemonSets, Jobs and bare pods get the objects and statuses that a healthy cluster would
 * give them a moment after they are applied. For demos and tests of what watches workloads; it can prove nothing
 * about the workloads themselves.
 */
import type { ControlLoop, StartControllersOptions } from './control-loop.js';
import { createAutoscalerLoop } from './workloads/autoscalers.js';
import { createDaemonSetLoop } from './workloads/daemon-sets.js';
import { createDeploymentLoop } from './workloads/deployments.js';
import { createDisruptionBudgetLoop } from './workloads/disruption-budgets.js';
import { createJobLoop } from './workloads/jobs.js';
import { createNodeLoop } from './workloads/nodes.js';
import { PodControl } from './workloads/pod-control.js';
import { createPodLoop } from './workloads/pods.js';
import { createReplicaSetLoop } from './workloads/replica-sets.js';
import { createServiceLoop } from './workloads/services.js';
import { SimulatedCluster } from './workloads/simulated-cluster.js';
import { createStatefulSetLoop } from './workloads/stateful-sets.js';
import { createVolumeClaimLoop } from './workloads/volume-claims.js';

export function createWorkloadSimulator(options: StartControllersOptions): ControlLoop {
  const cluster = new SimulatedCluster(options);
  const pods = new PodControl(cluster);
  const controllers = [
    createNodeLoop(cluster),
    createPodLoop(cluster, pods, options),
    createReplicaSetLoop(cluster, pods),
    createDeploymentLoop(cluster),
    createStatefulSetLoop(cluster, pods),
    createDaemonSetLoop(cluster, pods),
    createJobLoop(cluster, pods),
    createServiceLoop(cluster, pods),
    createVolumeClaimLoop(cluster),
    createDisruptionBudgetLoop(cluster, pods),
    createAutoscalerLoop(cluster),
  ];
  return { informers: cluster.informers, controllers };
}
