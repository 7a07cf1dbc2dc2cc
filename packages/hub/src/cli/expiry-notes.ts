/** What `hub clusters` says below its table, and `hub doctor`, about certificates that end soon. Pure. */
import { clusterCondition, findCondition, type ManagedCluster } from '@flotilla/api';

export interface ExpiryNote {
  /** Of the condition. */
  readonly message: string;
  /** The same with the clusters that it is about. */
  readonly text: string;
}

/** One for each message: what concerns all clusters is said once. */
export function expiryNotes(clusters: readonly ManagedCluster[]): readonly ExpiryNote[] {
  const byMessage = new Map<string, string[]>();
  for (const { metadata, status } of clusters) {
    const condition = findCondition(status?.conditions, clusterCondition.certificateExpiring);
    if (condition?.status !== 'True') continue;
    byMessage.set(condition.message, [...(byMessage.get(condition.message) ?? []), metadata.name ?? '']);
  }
  return [...byMessage].map(([message, names]) => ({ message, text: `${shown(names)}: ${message}` }));
}

function shown(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
