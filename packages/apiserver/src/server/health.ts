/**
 * `/healthz`, `/livez`, `/readyz`: named checks, `?verbose`, `?exclude=`, and one check by path.
 * Formats of k8s.io/apiserver/pkg/server/healthz.
 */
import type { ApiRequest, ApiResponse } from './handler.js';
import { textResponse } from './responses.js';

export interface HealthCheck {
  readonly name: string;
  /** Why it fails, for the log only; undefined when it passes. */
  check(): string | undefined | Promise<string | undefined>;
}

export interface HealthEndpoint {
  /** `livez`, `readyz` or `healthz`. */
  readonly name: string;
  readonly checks: readonly HealthCheck[];
}

export async function healthResponse(
  endpoint: HealthEndpoint,
  request: ApiRequest,
): Promise<ApiResponse | undefined> {
  const wanted = request.path.slice(endpoint.name.length + 2);
  if (wanted !== '') {
    const one = endpoint.checks.find((check) => check.name === wanted);
    if (one === undefined) return undefined;
    return (await one.check()) === undefined
      ? textResponse(200, 'ok')
      : textResponse(500, `internal server error: ${one.name} failed\n`);
  }
  const excluded = new Set(request.query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of endpoint.checks) {
    if (excluded.has(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
    } else if ((await check.check()) === undefined) {
      lines.push(`[+]${check.name} ok`);
    } else {
      failed = true;
      lines.push(`[-]${check.name} failed: reason withheld`);
    }
  }
  if (failed) return textResponse(500, `${lines.join('\n')}\n${endpoint.name} check failed\n`);
  const verbose = request.query.has('verbose');
  return textResponse(200, verbose ? `${lines.join('\n')}\n${endpoint.name} check passed\n` : 'ok');
}
