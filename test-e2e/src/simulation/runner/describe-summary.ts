/** A campaign's figures as text for a terminal. Pure. */
import type { Counts } from '../tally.js';
import type { Summary } from './campaign.js';

export function describeProgress({ runs, failures, clusterHours, tookMs }: Summary): string {
  const rate = (runs / (tookMs / 1000)).toFixed(1);
  return `${runs} runs, ${failures.length} failed, ${clusterHours.toFixed(1)} cluster-hours simulated, ${rate} runs/s`;
}

export function describeSummary(summary: Summary): string {
  const { runs, failures, clusterHours, events, tookMs, medianMs, faults, checks } = summary;
  return [
    `${runs} runs in ${(tookMs / 1000).toFixed(0)} s (median ${medianMs.toFixed(0)} ms each), ${failures.length} failed`,
    `${clusterHours.toFixed(1)} cluster-hours simulated, ${events} durable changes`,
    ...table('faults injected', faults),
    ...table('checks made', checks),
    '',
  ].join('\n');
}

function table(title: string, counts: Counts): string[] {
  const rows = Object.entries(counts);
  const total = rows.reduce((sum, [, count]) => sum + count, 0);
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return [
    `${title}: ${total}`,
    ...rows.map(([name, count]) => `  ${name.padEnd(width)}  ${String(count).padStart(9)}`),
  ];
}
