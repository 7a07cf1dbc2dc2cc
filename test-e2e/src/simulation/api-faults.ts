/**
 * An API server in trouble, as its clients see it: refusals and errors in the words of Kubernetes, before or after the
 * request was carried out, and slow answers. Stands between a client and a simulated server; chance comes from the seed.
 */
import type { Status } from '@flotilla/api';
import {
  type Clock,
  type Random,
  sleep,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '@flotilla/kube';

export type ApiFault =
  /** 409 for writes. */
  | 'conflict'
  /** 410 for watches. */
  | 'expired'
  /** 429 with a Retry-After. */
  | 'busy'
  /** 500, or the same after the request was carried out. */
  | 'error'
  /** 503 for all that tells what is served. */
  | 'discovery'
  /** 403 for writes, as an admission webhook gives it. */
  | 'denied'
  /** Seconds for each answer. */
  | 'slow';

export const apiFaults: readonly ApiFault[] = [
  'conflict',
  'expired',
  'busy',
  'error',
  'discovery',
  'denied',
  'slow',
];

export interface Trouble {
  readonly fault: ApiFault;
  /** Of the requests that it can hit, from 0 to 1. */
  readonly share: number;
}

export interface ApiFaultsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Undefined: none now. */
  readonly trouble: () => Trouble | undefined;
  readonly onInjected: (fault: ApiFault) => void;
}

export function withApiFaults(inner: Transport, options: ApiFaultsOptions): Transport {
  return {
    request: async (request) => {
      const trouble = options.trouble();
      if (trouble === undefined || !hits(trouble.fault, request)) return inner.request(request);
      if (options.random.next() >= trouble.share) return inner.request(request);
      options.onInjected(trouble.fault);
      if (trouble.fault === 'slow') {
        await sleep(options.clock, 500 + options.random.next() * 8000, request.signal);
        return inner.request(request);
      }
      // What was carried out may still be answered by an error.
      if (trouble.fault === 'error' && options.random.next() < 0.4)
        await (await inner.request(request)).bytes();
      return refusal(trouble.fault);
    },
    close: () => inner.close(),
  };
}

function hits(fault: ApiFault, { method, path }: TransportRequest): boolean {
  const isWrite = method !== 'GET';
  const isWatch = path.includes('watch=');
  switch (fault) {
    case 'conflict':
    case 'denied':
      return isWrite;
    case 'expired':
      return isWatch;
    case 'discovery':
      return !isWrite && /^\/(api|apis)(\/[^/]+){0,2}\/?(\?|$)/.test(path);
    case 'error':
      return !isWatch;
    case 'busy':
    case 'slow':
      return true;
  }
}

const answers: Readonly<Record<Exclude<ApiFault, 'slow'>, Pick<Status, 'code' | 'reason' | 'message'>>> = {
  conflict: {
    code: 409,
    reason: 'Conflict',
    message: 'the object has been modified; please apply your changes',
  },
  expired: {
    code: 410,
    reason: 'Expired',
    message: 'The resourceVersion for the provided watch is too old.',
  },
  busy: { code: 429, reason: 'TooManyRequests', message: 'the server has received too many requests' },
  error: { code: 500, reason: 'InternalError', message: 'Internal error occurred: simulated' },
  discovery: {
    code: 503,
    reason: 'ServiceUnavailable',
    message: 'the server is currently unable to handle it',
  },
  denied: {
    code: 403,
    reason: 'Forbidden',
    message: 'admission webhook "sim" denied the request: simulated',
  },
};

function refusal(fault: Exclude<ApiFault, 'slow'>): TransportResponse {
  const { code = 500, reason, message } = answers[fault];
  const details = fault === 'busy' ? { details: { retryAfterSeconds: 1 } } : {};
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    message,
    ...details,
    code,
  };
  const body = Buffer.from(JSON.stringify(status));
  return {
    status: code,
    headers: { 'content-type': 'application/json', ...(fault === 'busy' && { 'retry-after': '1' }) },
    bytes: async () => body,
    chunks: async function* () {
      yield body;
    },
  };
}
