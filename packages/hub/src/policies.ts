/** What the operator decides about all clusters of a hub at once. Given to controllers and admission rules. */
import { leaseDurationTimes } from '@flotilla/api';

export interface HubPolicies {
  /** On the namespaces and RBAC objects that the hub makes for clusters, besides its own labels. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * User names: a cluster that one of them asks to join is accepted, and its first certificate approved, without an
   * operator. What an operator decides later stays. OCM's gate accepts every cluster, whoever asks.
   */
  readonly autoApproveUsers: readonly string[];
  /** After how many lease durations without a heartbeat a cluster is Unknown; OCM's 5 unless told otherwise. */
  readonly heartbeatGrace: number;
  /** URLs of the hub that clusters are told, for when the one that they joined at is gone; none: nothing is told. */
  readonly addresses: readonly string[];
}

export const defaultHubPolicies: HubPolicies = Object.freeze({
  labels: {},
  autoApproveUsers: [],
  heartbeatGrace: leaseDurationTimes,
  addresses: [],
});
