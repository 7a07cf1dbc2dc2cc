/**
 * How the object store refuses: preconditions that do not hold, names that are taken, fields that are invalid. Texts
 * are kube-apiserver's, since clients act on some of them.
 */
import {
  type FieldError,
  fieldErrors,
  type KubeObject,
  newAlreadyExists,
  newBadRequest,
  newConflict,
  newInvalid,
  StatusError,
  type StatusSubject,
} from '@flotilla/api';
import type { CachedObject } from '../watch-cache/types.js';
import type { DeleteRequest, WriteRequest } from './write-request.js';

/** The text of a lost race; clients retry on the reason that comes with it. */
export const modified =
  'the object has been modified; please apply your changes to the latest version and try again';

/** What errors about the request's object are about. */
export function subjectOf(
  { definition, name }: WriteRequest,
  objectName = name,
): StatusSubject & { name: string } {
  return { group: definition.group, resource: definition.resource, name: objectName };
}

/** What is new has no version yet; `0` stands for none. @throws StatusError 400. */
export function refuseVersion(resourceVersion: string | undefined): void {
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0') return;
  throw newBadRequest('resourceVersion should not be set on objects to be created');
}

/** @throws StatusError 422 unless there are no errors. */
export function refuse(
  { definition }: WriteRequest,
  object: KubeObject,
  errors: readonly FieldError[],
): void {
  if (errors.length === 0) return;
  const name = object.metadata.name ?? '';
  throw newInvalid({ group: definition.group, resource: definition.kind, name }, errors);
}

/** 409; says so when the object in the way is on its way out. */
export function alreadyExists(
  subject: StatusSubject & { name: string },
  existing: CachedObject | undefined,
): StatusError {
  const error = newAlreadyExists(subject);
  if (existing?.object.metadata.deletionTimestamp === undefined) return error;
  return new StatusError({ ...error.status, message: `object is being deleted: ${error.message}` });
}

/** An object that admission has changed is still where the request goes. @throws StatusError 400. */
export function checkNotMoved({ definition, namespace }: WriteRequest, { metadata }: KubeObject): void {
  if (!definition.namespaced || (metadata.namespace ?? '') === (namespace ?? '')) return;
  throw newBadRequest(
    'the namespace of the provided object does not match the namespace sent on the request',
  );
}

/** @throws StatusError 409. */
export function checkDeletePreconditions(request: DeleteRequest, { metadata }: KubeObject): void {
  const subject = subjectOf(request);
  if (request.uid !== undefined && request.uid !== metadata.uid) {
    throw newConflict(
      subject,
      `the UID in the precondition (${request.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (request.resourceVersion !== undefined && request.resourceVersion !== metadata.resourceVersion) {
    throw newConflict(
      subject,
      `the ResourceVersion in the precondition (${request.resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** @throws StatusError 409 for a uid or resourceVersion that differs, 422 for a PUT that had to name one. */
export function checkUpdatePreconditions(
  request: WriteRequest,
  incoming: KubeObject,
  { old, isPut }: { readonly old: KubeObject; readonly isPut: boolean },
): void {
  const { resourceVersion, uid } = incoming.metadata;
  const subject = subjectOf(request);
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw newConflict(
      subject,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0') {
    if (isPut && !request.definition.strategy.allowUnconditionalUpdate) {
      refuse(request, incoming, [
        fieldErrors.invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
      ]);
    }
  } else if (resourceVersion !== old.metadata.resourceVersion) {
    throw newConflict(subject, modified);
  }
}
