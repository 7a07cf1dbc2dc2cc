/**
 * The process' own figures for `/metrics`, under prom-client's default names: how late the event loop is, memory, CPU.
 * Lag is since the last scrape, and measured from the first one on: to measure it wakes the process up. Called by
 * run-server.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

export interface RuntimeMetrics {
  /** Lines in Prometheus text form; begins a new span of lag. */
  render(): string;
  close(): void;
}

/** Fifty looks a second: what is measured is late by no more than this, and an idle process is hardly woken. */
const resolutionMs = 20;
const nanosecondsPerSecond = 1e9;

export function startRuntimeMetrics(): RuntimeMetrics {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  return {
    render: () => {
      histogram.enable();
      const text = renderLag(histogram) + renderProcess();
      histogram.reset();
      return text;
    },
    close: () => void histogram.disable(),
  };
}

function renderLag(histogram: IntervalHistogram): string {
  // Node counts the time from one look to the next, which is the resolution when nothing is late.
  const late = (nanoseconds: number): number =>
    Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds - resolutionMs * 1e6) / nanosecondsPerSecond : 0;
  const isEmpty = histogram.count === 0;
  const of = (nanoseconds: number): number => (isEmpty ? 0 : late(nanoseconds));
  return [
    gauge('nodejs_eventloop_lag_min_seconds', of(histogram.min)),
    gauge('nodejs_eventloop_lag_max_seconds', of(histogram.max)),
    gauge('nodejs_eventloop_lag_mean_seconds', of(histogram.mean)),
    gauge('nodejs_eventloop_lag_stddev_seconds', isEmpty ? 0 : histogram.stddev / nanosecondsPerSecond),
    gauge('nodejs_eventloop_lag_p50_seconds', of(histogram.percentile(50))),
    gauge('nodejs_eventloop_lag_p90_seconds', of(histogram.percentile(90))),
    gauge('nodejs_eventloop_lag_p99_seconds', of(histogram.percentile(99))),
  ].join('');
}

function renderProcess(): string {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    gauge('process_resident_memory_bytes', rss),
    gauge('nodejs_heap_size_used_bytes', heapUsed),
    gauge('nodejs_heap_size_total_bytes', heapTotal),
    gauge('nodejs_external_memory_bytes', external),
    `# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ${(user + system) / 1e6}\n`,
  ].join('');
}

function gauge(name: string, value: number): string {
  return `# TYPE ${name} gauge\n${name} ${Number.isFinite(value) ? value : 0}\n`;
}
