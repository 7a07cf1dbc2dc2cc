/** The server's own figures in Prometheus text form, under kube-apiserver's names where it has the same thing. */
import type { RequestInfo } from './request-info.js';

interface Series {
  count: number;
  seconds: number;
}

/** What is read at scrape time. */
export interface Gauges {
  readonly objects: number;
  readonly watches: number;
  readonly droppedWatches: number;
  /** Labels by which the watch cache keeps objects, of all resources. */
  readonly labelIndexes: number;
  readonly readsInFlight: number;
  readonly writesInFlight: number;
  /** Absent when no audit log is kept. */
  readonly audit?: { readonly events: number; readonly dropped: number };
}

/** Requests for resources that do not exist are counted as one, or a scanner would fill the memory. */
const maxSeries = 5000;

export class ServerMetrics {
  readonly #requests = new Map<string, Series>();

  record(info: RequestInfo, { code, durationMs }: { code: number; durationMs: number }): void {
    const key = this.#key(info, code);
    const series = this.#requests.get(key) ?? { count: 0, seconds: 0 };
    series.count++;
    series.seconds += durationMs / 1000;
    this.#requests.set(key, series);
  }

  #key(info: RequestInfo, code: number): string {
    const { verb, group, version, resource, subresource = '' } = info;
    const named = info.isResource && code !== 404 && code !== 403;
    const labels = named
      ? `verb="${verb}",group="${group}",version="${version}",resource="${resource}",subresource="${subresource}",code="${code}"`
      : `verb="${info.isResource ? verb : 'other'}",group="",version="",resource="",subresource="",code="${code}"`;
    return this.#requests.size < maxSeries || this.#requests.has(labels)
      ? labels
      : 'verb="other",group="",version="",resource="",subresource="",code=""';
  }

  /** `more`: lines that others have made. */
  render(gauges: Gauges, more: readonly string[] = []): string {
    const lines = ['# TYPE apiserver_request_total counter'];
    for (const [labels, { count }] of this.#requests)
      lines.push(`apiserver_request_total{${labels}} ${count}`);
    lines.push('# TYPE apiserver_request_duration_seconds summary');
    for (const [labels, { count, seconds }] of this.#requests) {
      lines.push(`apiserver_request_duration_seconds_sum{${labels}} ${seconds.toFixed(6)}`);
      lines.push(`apiserver_request_duration_seconds_count{${labels}} ${count}`);
    }
    const gauge = (name: string, value: number): number =>
      lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
    gauge('apiserver_resource_objects', gauges.objects);
    gauge('apiserver_registered_watchers', gauges.watches);
    gauge('apiserver_terminated_watchers_total', gauges.droppedWatches);
    gauge('apiserver_watch_cache_label_indexes', gauges.labelIndexes);
    lines.push('# TYPE apiserver_current_inflight_requests gauge');
    lines.push(`apiserver_current_inflight_requests{request_kind="readOnly"} ${gauges.readsInFlight}`);
    lines.push(`apiserver_current_inflight_requests{request_kind="mutating"} ${gauges.writesInFlight}`);
    if (gauges.audit !== undefined) {
      lines.push('# TYPE apiserver_audit_event_total counter');
      lines.push(`apiserver_audit_event_total ${gauges.audit.events}`);
      lines.push('# TYPE apiserver_audit_error_total counter');
      lines.push(`apiserver_audit_error_total{plugin="log"} ${gauges.audit.dropped}`);
    }
    return `${[...lines, ...more].join('\n')}\n`;
  }
}
