/**
 * metav1.Status and the one error class that carries it, with a constructor for each kind of API failure.
 * Texts and reasons follow k8s.io/apimachinery/pkg/api/errors, because kubectl and client-go act on them.
 * The server throws StatusError and its HTTP edge renders it; the client parses it back into the same class.
 */

/** metav1.StatusCause. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** metav1.StatusDetails. `kind` is the plural resource, but the Kind for reason Invalid. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** metav1.Status. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: StatusReason;
  details?: StatusDetails;
  code: number;
}

export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'Gone'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'ServerTimeout'
  | 'InsufficientStorage';

/** A failed API call, on either side of the wire. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(status: Status, options?: { cause?: unknown }) {
    super(status.message ?? status.reason ?? `HTTP ${status.code}`, options);
    this.status = status;
  }

  get code(): number {
    return this.status.code;
  }

  get reason(): StatusReason | undefined {
    return this.status.reason;
  }
}

/** True when the error is a StatusError with one of the reasons. */
export function hasReason(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && error.reason !== undefined && reasons.includes(error.reason);
}

/** What a Status is about: a plural resource (or a Kind for newInvalid), its group, a name. */
export interface StatusSubject {
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

/** One field that is wrong; `message` is what follows the field's path, e.g. `Required value`. */
export interface FieldError {
  readonly field: string;
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueDuplicate'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid';
  readonly message: string;
}

/** Any failure Status. */
export function newStatusError(
  code: number,
  reason: StatusReason,
  options: { message: string; details?: StatusDetails; cause?: unknown },
): StatusError {
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: options.message,
    reason,
    ...(options.details && { details: options.details }),
    code,
  };
  return new StatusError(status, { cause: options.cause });
}

function qualified({ group, resource }: StatusSubject): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function details(subject: StatusSubject): StatusDetails {
  const { group, name, resource } = subject;
  return {
    ...(name !== undefined && name !== '' && { name }),
    ...(group !== '' && { group }),
    ...(resource !== '' && { kind: resource }),
  };
}

export function newBadRequest(message: string, options: { cause?: unknown } = {}): StatusError {
  return newStatusError(400, 'BadRequest', { message, ...options });
}

export function newUnauthorized(message = 'Unauthorized'): StatusError {
  return newStatusError(401, 'Unauthorized', { message });
}

/** 403; `why` follows `is forbidden: `. */
export function newForbidden(subject: StatusSubject, why: string): StatusError {
  const { name = '', resource } = subject;
  const named = name === '' ? '' : ` ${JSON.stringify(name)}`;
  const what = resource === '' ? '' : `${qualified(subject)}${named} is `;
  const message = `${what}forbidden: ${why}`;
  return newStatusError(403, 'Forbidden', { message, details: details(subject) });
}

export function newNotFound(subject: StatusSubject): StatusError {
  const message = `${qualified(subject)} ${JSON.stringify(subject.name ?? '')} not found`;
  return newStatusError(404, 'NotFound', { message, details: details(subject) });
}

export function newAlreadyExists(subject: StatusSubject): StatusError {
  const message = `${qualified(subject)} ${JSON.stringify(subject.name ?? '')} already exists`;
  return newStatusError(409, 'AlreadyExists', { message, details: details(subject) });
}

/** 409 Conflict; `why` follows `Operation cannot be fulfilled on <r> "<n>": `. */
export function newConflict(subject: StatusSubject, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} ${JSON.stringify(subject.name ?? '')}: ${why}`;
  return newStatusError(409, 'Conflict', { message, details: details(subject) });
}

export function newMethodNotSupported(subject: StatusSubject, verb: string): StatusError {
  const message = `${verb} is not supported on resources of kind "${qualified(subject)}"`;
  return newStatusError(405, 'MethodNotAllowed', { message, details: details(subject) });
}

export function newExpired(message: string): StatusError {
  return newStatusError(410, 'Expired', { message });
}

/** 422; `subject.resource` is the Kind here. kubectl prints the causes, so they repeat every error. */
export function newInvalid(subject: StatusSubject, errors: readonly FieldError[]): StatusError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return newStatusError(422, 'Invalid', {
    message: `${qualified(subject)} ${JSON.stringify(subject.name ?? '')} is invalid: ${list}`,
    details: {
      ...details(subject),
      causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
    },
  });
}

export function newInternalError(message: string, options: { cause?: unknown } = {}): StatusError {
  return newStatusError(500, 'InternalError', { message: `Internal error occurred: ${message}`, ...options });
}
