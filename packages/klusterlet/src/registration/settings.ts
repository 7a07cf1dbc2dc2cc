/** What the operator of a managed cluster decides about its agent. Saved by `klusterlet join`; every field has a default. */

export interface AgentSettings {
  /** How often the cluster's API server is asked whether it is well, and the status is compared with the hub's. */
  readonly healthCheckPeriodSeconds: number;
  /** Claims besides the reserved ones; more of them are not reported. */
  readonly maxCustomClusterClaims: number;
  /** Claims whose names end so count as reserved. */
  readonly reservedClusterClaimSuffixes: readonly string[];
  /** For the ManagedCluster; only keys that begin with `agent.open-cluster-management.io` get there. */
  readonly clusterAnnotations: Readonly<Record<string, string>>;
  /** Life of a client certificate that the agent asks for; the hub may give less. Absent: as long as the hub gives. */
  readonly clientCertExpirationSeconds?: number;
  /** For a klusterlet with several hubs: without a heartbeat for so long it tries the others. */
  readonly hubConnectionTimeoutSeconds: number;
}

/** The numbers are those of OCM's agent. */
export const defaultAgentOptions: AgentSettings = Object.freeze({
  healthCheckPeriodSeconds: 60,
  maxCustomClusterClaims: 20,
  reservedClusterClaimSuffixes: [],
  clusterAnnotations: {},
  hubConnectionTimeoutSeconds: 600,
});
