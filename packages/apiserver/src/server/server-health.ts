/**
 * What a server says of its health: `/livez` that it answers, `/healthz` besides that it has once been ready, `/readyz`
 * that it is so now and reaches its store. Test environments begin when `/healthz` is well, and then expect the
 * namespaces and roles of every cluster. Kept by the API server.
 */
import type { Store } from '../storage/store.js';
import { storeHealth } from './freshness.js';
import type { ApiRequest } from './handler.js';
import { type HealthCheck, healthResponse } from './health.js';

const ping: HealthCheck = { name: 'ping', check: () => undefined };

export class ServerHealth {
  readonly #endpoints: Readonly<Record<'livez' | 'healthz' | 'readyz', readonly HealthCheck[]>>;
  #isReady = false;
  #hasBeenReady = false;

  constructor(store: Store) {
    const ready: HealthCheck = { name: 'ready', check: () => (this.#isReady ? undefined : 'not ready') };
    const started: HealthCheck = {
      name: 'poststarthook/rbac/bootstrap-roles',
      check: () => (this.#hasBeenReady ? undefined : 'not finished'),
    };
    this.#endpoints = {
      livez: [ping],
      healthz: [ping, started],
      readyz: [ping, ...storeHealth(store), ready],
    };
  }

  setReady(ready: boolean): void {
    this.#isReady = ready;
    this.#hasBeenReady ||= ready;
  }

  /** Answers the endpoint and the paths below it, which are its single checks. */
  respond(name: 'livez' | 'healthz' | 'readyz', request: ApiRequest): ReturnType<typeof healthResponse> {
    return healthResponse({ name, checks: this.#endpoints[name] }, request);
  }
}
