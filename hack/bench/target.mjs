// Where hub and agent of the load are: which options go together. Loads nothing that has to be built first.

/** Parts whose load can be aimed elsewhere. */
export const foreignParts = ['work', 'thousand', 'manifests', 'saturation'];

/** Throws one clear sentence when the options do not go together. */
export function checkTarget({ hubKubeconfig, agent, cluster, managedKubeconfig, pids }, only) {
  if (agent !== 'own' && agent !== 'external') throw new Error('--agent takes own or external');
  if (agent === 'external' && [hubKubeconfig, cluster, managedKubeconfig].includes(undefined)) {
    throw new Error(
      '--agent external needs --hub-kubeconfig, --cluster and --managed-kubeconfig: such an agent is at work before the benchmark begins',
    );
  }
  if (
    agent === 'own' &&
    [managedKubeconfig, ...pids.klusterlet, ...pids.cluster].some((value) => value !== undefined)
  ) {
    throw new Error('--managed-kubeconfig, --agent-pid and --managed-pid need --agent external');
  }
  if (hubKubeconfig === undefined) {
    if (cluster !== undefined) throw new Error('--cluster needs --hub-kubeconfig');
    if (pids.hub.length > 0) throw new Error('--hub-pid needs --hub-kubeconfig');
    return;
  }
  const unfit = only.find((name) => !foreignParts.includes(name));
  if (unfit !== undefined) {
    throw new Error(`--hub-kubeconfig goes with ${foreignParts.join(', ')}, not with ${unfit}`);
  }
}
