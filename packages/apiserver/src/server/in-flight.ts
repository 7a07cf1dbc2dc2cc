/**
 * Bounds the requests in progress, reads and writes apart, as kube-apiserver's max-in-flight filter does.
 * Watches are not counted. Requests of system:masters and of the lease and health paths always get through, so
 * that a flood neither locks the operator out nor makes living clusters look dead.
 */
import { newStatusError } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { RequestInfo } from './request-info.js';

export interface InFlightLimits {
  readonly maxReads: number;
  readonly maxWrites: number;
}

/** kube-apiserver's own defaults. */
export const defaultInFlightLimits: InFlightLimits = Object.freeze({ maxReads: 400, maxWrites: 200 });

const reads = new Set(['get', 'list']);

export class InFlight {
  readonly #limits: InFlightLimits;
  #reads = 0;
  #writes = 0;

  constructor(limits: InFlightLimits = defaultInFlightLimits) {
    this.#limits = limits;
  }

  get counts(): { readonly reads: number; readonly writes: number } {
    return { reads: this.#reads, writes: this.#writes };
  }

  /**
   * Takes a place and gives the function that frees it.
   * @throws StatusError 429 with retryAfterSeconds when all are taken.
   */
  enter(info: RequestInfo, user: UserInfo): () => void {
    if (info.verb === 'watch' || isPrivileged(info, user)) return () => undefined;
    if (reads.has(info.verb)) {
      if (this.#reads >= this.#limits.maxReads) throw tooMany();
      this.#reads++;
      return () => void this.#reads--;
    }
    if (this.#writes >= this.#limits.maxWrites) throw tooMany();
    this.#writes++;
    return () => void this.#writes--;
  }
}

function isPrivileged(info: RequestInfo, user: UserInfo): boolean {
  return !info.isResource || info.resource === 'leases' || user.groups.includes('system:masters');
}

function tooMany(): Error {
  return newStatusError(429, 'TooManyRequests', {
    message: 'Too many requests, please try again later.',
    details: { retryAfterSeconds: 1 },
  });
}
