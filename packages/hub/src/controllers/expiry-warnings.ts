/**
 * Warns thirty days before a certificate ends that a cluster's connection needs and that nobody has renewed: that of its
 * agent, the hub's serving certificate, the hub's authorities. As a condition of each ManagedCluster that is concerned,
 * and as an event when it becomes true. What is renewed in time is never told.
 */
import {
  type ConditionUpdate,
  clusterCondition,
  clusterReason,
  findCondition,
  formatTime,
  isConditionTrue,
  type ManagedCluster,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { recordClusterEvent } from '../events/cluster-events.js';
import { agentKeysAnnotation, agentKeysOf } from '../identity/agent-keys.js';
import type { HubCertificate, HubCertificates } from '../identity/hub-certificates.js';
import { writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

/** Certificates that live for less than ten times this are told in their last tenth: they are renewed in their last fifth. */
const warnBeforeMs = 30 * 86_400_000;
const warnPart = 0.1;
/** Longest that one timer waits. */
const longestWaitMs = 12 * 3_600_000;

interface Life {
  readonly fromMs: number;
  readonly notAfterMs: number;
}

/** From when on the end of such a certificate is told. */
export function warnFromMs({ fromMs, notAfterMs }: Life): number {
  return notAfterMs - Math.min(warnBeforeMs, (notAfterMs - fromMs) * warnPart);
}

interface Finding {
  readonly life: Life;
  readonly reason: string;
  readonly message: string;
}

export interface ExpiryOptions {
  readonly nowMs: number;
  readonly hub: readonly HubCertificate[];
}

/** All certificates that the cluster depends on, the most pressing kind first. */
function certificatesOf(cluster: ManagedCluster, { hub }: Pick<ExpiryOptions, 'hub'>): readonly Finding[] {
  const [newest] = agentKeysOf(cluster);
  const findings: Finding[] = [];
  if (newest?.notAfterMs !== undefined) {
    findings.push({
      life: { fromMs: newest.issuedAtMs, notAfterMs: newest.notAfterMs },
      reason: clusterReason.clientCertificateExpiring,
      message: `The certificate of the agent ends at ${formatTime(newest.notAfterMs)} and has not been renewed.`,
    });
  }
  for (const { role, notBeforeMs, notAfterMs } of hub) {
    const isServing = role === 'serving';
    findings.push({
      life: { fromMs: notBeforeMs, notAfterMs },
      reason: isServing ? clusterReason.servingCertificateExpiring : clusterReason.authorityExpiring,
      message: isServing
        ? `The serving certificate of the hub ends at ${formatTime(notAfterMs)}; afterwards no agent can connect.`
        : `A certificate authority of the hub ends at ${formatTime(notAfterMs)}: make another with "hub ca roll".`,
    });
  }
  return findings;
}

/** The condition to write; undefined when it stands as it should, or there is nothing to tell. */
export function planExpiryCondition(
  cluster: ManagedCluster,
  options: ExpiryOptions,
): ConditionUpdate | undefined {
  const type = clusterCondition.certificateExpiring;
  const recorded = findCondition(cluster.status?.conditions, type);
  const due = certificatesOf(cluster, options).filter(({ life }) => options.nowMs >= warnFromMs(life));
  const [first] = due;
  if (first === undefined) {
    if (recorded === undefined || recorded.status === 'False') return undefined;
    return {
      type,
      status: 'False',
      reason: clusterReason.certificatesInTime,
      message: 'All certificates are in time.',
    };
  }
  const message = due.map((finding) => finding.message).join(' ');
  if (recorded?.status === 'True' && recorded.reason === first.reason && recorded.message === message)
    return undefined;
  return { type, status: 'True', reason: first.reason, message };
}

const keysOf = ({ metadata }: ManagedCluster): string | undefined =>
  metadata.annotations?.[agentKeysAnnotation];

/** When the condition may change next without anybody writing the cluster. */
function nextLookMs(cluster: ManagedCluster, options: ExpiryOptions): number {
  const waits = certificatesOf(cluster, options)
    .map(({ life }) => warnFromMs(life) - options.nowMs)
    .filter((waitMs) => waitMs > 0);
  return Math.max(1000, Math.min(longestWaitMs, ...waits));
}

export function createExpiryWarnings(context: HubContext, hubCertificates: HubCertificates): Controller {
  const controller = createController({
    name: 'expiry-warnings',
    env: context.env,
    reconcile: yieldingToOthers(async (name) => {
      const cluster = context.clusters.cache.get(name);
      // Its namespace, where the event goes, is there by then.
      if (cluster === undefined || !isConditionTrue(cluster, clusterCondition.hubAccepted)) return undefined;
      const options = { nowMs: context.env.clock.now(), hub: hubCertificates.list() };
      const planned = planExpiryCondition(cluster, options);
      if (planned !== undefined) {
        await writeCondition(context, cluster, planned);
        const { status, reason, message } = planned;
        if (status === 'True')
          await recordClusterEvent(context, cluster, { type: 'Warning', reason, message });
      }
      return { requeueAfterMs: nextLookMs(cluster, options) };
    }),
  });
  hubCertificates.onChange(() => {
    for (const { metadata } of context.clusters.cache.list()) controller.enqueue(metadata.name ?? '');
  });
  context.clusters.onChange(({ type, object, old }) => {
    if (type === 'deleted') return;
    // Another certificate has another time to look at it.
    const isNew = old === undefined || keysOf(old) !== keysOf(object);
    const planned = planExpiryCondition(object, {
      nowMs: context.env.clock.now(),
      hub: hubCertificates.list(),
    });
    if (isNew || planned !== undefined) controller.enqueue(object.metadata.name ?? '');
  });
  return controller;
}
