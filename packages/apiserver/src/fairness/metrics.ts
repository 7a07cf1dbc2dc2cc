/** Figures of priority and fairness in Prometheus text form, under the names of kube-apiserver. */
import { type LevelName, levelNames } from './classify.js';
import type { LevelQueue } from './level-queue.js';

type ByLevel = Record<LevelName, number>;

export interface FairnessMetrics {
  readonly dispatched: ByLevel;
  readonly rejected: Readonly<Record<'queue-full' | 'time-out' | 'cancelled', ByLevel>>;
}

export function newFairnessMetrics(): FairnessMetrics {
  const none = (): ByLevel => Object.fromEntries(levelNames.map((name) => [name, 0])) as ByLevel; // a number for each
  return { dispatched: none(), rejected: { 'queue-full': none(), 'time-out': none(), cancelled: none() } };
}

export function renderFairness(metrics: FairnessMetrics, levels: readonly LevelQueue[]): string[] {
  const name = (text: string): string => `apiserver_flowcontrol_${text}`;
  const lines: string[] = [];
  const series = (metric: string, type: 'gauge' | 'counter', read: (level: LevelQueue) => number): void => {
    lines.push(`# TYPE ${name(metric)} ${type}`);
    for (const level of levels) {
      lines.push(`${name(metric)}{priority_level="${level.name}"} ${read(level)}`);
    }
  };
  series('current_executing_requests', 'gauge', ({ executing }) => executing);
  series('current_inqueue_requests', 'gauge', ({ queued }) => queued);
  series('nominal_limit_seats', 'gauge', ({ limits }) => (Number.isFinite(limits.seats) ? limits.seats : 0));
  series('dispatched_requests_total', 'counter', (level) => metrics.dispatched[level.name]);
  lines.push(`# TYPE ${name('rejected_requests_total')} counter`);
  for (const [reason, counts] of Object.entries(metrics.rejected)) {
    for (const level of levelNames) {
      if (counts[level] === 0) continue;
      const labels = `priority_level="${level}",reason="${reason}"`;
      lines.push(`${name('rejected_requests_total')}{${labels}} ${counts[level]}`);
    }
  }
  return lines;
}
