/**
 * Annotations by which objects in the stand-in cluster say how they are to behave: fail, hang, be slow, write to their
 * log. Read by the simulators of `packages/apiserver` and documented in docs/stand-in-cluster.md; a real cluster takes
 * no notice of them. Pure.
 */
const prefix = 'simulate.flotilla.dev/';

/** By what they say. Those of pods belong into pod templates. Times are in seconds and may have a fraction. */
export const simulationAnnotations = Object.freeze({
  /** Pod: the one container that the other annotations are about; absent: all. */
  container: `${prefix}container`,
  /** Pod: no node takes it; the value says why. */
  unschedulable: `${prefix}unschedulable`,
  /** Pod: so long in ContainerCreating. */
  startDelaySeconds: `${prefix}start-delay-seconds`,
  /** Pod: for ever in ContainerCreating; the value says which mount fails. */
  stuckCreating: `${prefix}stuck-creating`,
  /** Pod: so many pulls fail, or `always`. */
  imagePullFailures: `${prefix}image-pull-failures`,
  /** Pod: the container ends with this code. */
  exitCode: `${prefix}exit-code`,
  /** Pod: so long after its start; default 1. */
  exitAfterSeconds: `${prefix}exit-after-seconds`,
  /** Pod: its last words. */
  exitMessage: `${prefix}exit-message`,
  /** Pod: so many runs end so, and the next stays; absent: all do. */
  exitTimes: `${prefix}exit-times`,
  /** Pod: `true`: it ends killed for want of memory. */
  oomKilled: `${prefix}oom-killed`,
  /** Pod: so long from its start until it is ready. */
  readyDelaySeconds: `${prefix}ready-delay-seconds`,
  /** Pod: `true`: its readiness probe fails for ever. */
  neverReady: `${prefix}never-ready`,
  /** Pod: its deletion takes so long. */
  deleteDelaySeconds: `${prefix}delete-delay-seconds`,
  /** Pod: a container of an image without a command writes a line so often. */
  logEverySeconds: `${prefix}log-every-seconds`,
  /** Job: its first so many pods fail. */
  failPods: `${prefix}fail-pods`,
  /** Node: `true`: not ready; `unknown`: it is not heard of any more. */
  nodeNotReady: `${prefix}not-ready`,
  /** Service of type LoadBalancer: it gets no address; the value says why. */
  loadBalancerPending: `${prefix}load-balancer-pending`,
  /** PersistentVolumeClaim: no volume is made for it; the value says why. */
  claimPending: `${prefix}claim-pending`,
});
