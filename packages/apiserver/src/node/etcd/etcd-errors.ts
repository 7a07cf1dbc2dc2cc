/**
 * What etcd's and gRPC's failures mean to a store. Names and codes are etcd's (api/v3rpc/rpctypes). Pure but for the
 * constants of grpc-js; used by every file of this folder.
 */
import { type ServiceError, status } from '@grpc/grpc-js';
import { StoreError } from '../../storage/store-errors.js';

/** A call to one member that failed. */
export class EtcdCallError extends Error {
  override readonly name = 'EtcdCallError';
  readonly code: number;
  readonly endpoint: string;

  constructor(endpoint: string, { code, details }: { code: number; details: string }, cause?: unknown) {
    super(details, { cause });
    this.code = code;
    this.endpoint = endpoint;
  }

  static from(endpoint: string, error: ServiceError): EtcdCallError {
    return new EtcdCallError(endpoint, error, error);
  }
}

const transientCodes: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);

/** True when another member, or the same a moment later, may do what this one did not. */
export function isTransient(error: unknown): error is EtcdCallError {
  return error instanceof EtcdCallError && (transientCodes.has(error.code) || isBusy(error));
}

/** True when the request surely never left this process or was turned away at the door. */
export function wasNotSent(error: EtcdCallError): boolean {
  return (
    isBusy(error) ||
    (error.code === status.UNAVAILABLE && /no connection established|name resolution/i.test(error.message))
  );
}

/** True for a read, watch or compaction at a revision that is compacted away. */
export function isCompacted(error: unknown): boolean {
  return (
    error instanceof EtcdCallError && error.code === status.OUT_OF_RANGE && /compacted/.test(error.message)
  );
}

function isBusy(error: EtcdCallError): boolean {
  return error.code === status.RESOURCE_EXHAUSTED && /too many requests/.test(error.message);
}

/** For a failure that trying again does not mend. */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof EtcdCallError)) return error;
  const { code, endpoint, message } = error;
  const options = { cause: error };
  if (code === status.RESOURCE_EXHAUSTED && /space exceeded/.test(message)) {
    return new StoreError(
      'disk-full',
      `etcd has used up its space (${message}); compact and defragment it, then disarm its alarm`,
      options,
    );
  }
  if (/request is too large|larger than max/.test(message)) {
    return new StoreError('too-large', `the object is too large for etcd (${message})`, options);
  }
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) {
    return new StoreError('refused', `etcd at ${endpoint} refuses this server: ${message}`, options);
  }
  return new StoreError('io', `etcd at ${endpoint} failed: ${message}`, options);
}

/** When no member could be asked. */
export function newUnavailable(error: EtcdCallError): StoreError {
  return new StoreError('unavailable', `etcd does not answer: ${error.endpoint}: ${error.message}`, {
    cause: error,
  });
}

/** When nobody can tell whether a write was done. */
export function newUncertain(error: unknown): StoreError {
  const why = error instanceof Error ? error.message : String(error);
  return new StoreError('uncertain', `etcd did not say in time whether the write was done: ${why}`, {
    cause: error,
  });
}
