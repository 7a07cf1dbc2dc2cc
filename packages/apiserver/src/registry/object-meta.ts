/**
 * The rules of ObjectMeta that hold for every kind: what a client may send, what survives an update, what is
 * well-formed. Called by the object store on each write. Pure: identifiers and times are given.
 */
import {
  equal,
  type FieldError,
  fieldErrors,
  type KubeObject,
  type ObjectMeta,
  qualifiedNameFaults,
  validateAnnotations,
  validateGenerateName,
  validateLabels,
  validateObjectName,
} from '@flotilla/api';
import type { ResourceDefinition } from './resource.js';

const { forbidden, invalid, required } = fieldErrors;

/** Finalizers that stand for a propagation policy. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** Checks of metadata at every write. */
export function validateMetadata(object: KubeObject, definition: ResourceDefinition): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  const { nameRule } = definition.strategy;
  const { generateName = '', name = '' } = metadata;
  if (generateName !== '') errors.push(...validateGenerateName(generateName, nameRule));
  errors.push(...validateObjectName(name, nameRule));
  if (definition.namespaced) {
    if (metadata.namespace === undefined || metadata.namespace === '') {
      errors.push(required('metadata.namespace'));
    }
  } else if (metadata.namespace !== undefined && metadata.namespace !== '') {
    errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  }
  errors.push(...validateLabels(metadata.labels), ...validateAnnotations(metadata.annotations));
  validateOwnerReferences(metadata, errors);
  validateFinalizers(metadata.finalizers, errors);
  return errors;
}

function validateOwnerReferences({ ownerReferences }: ObjectMeta, errors: FieldError[]): void {
  if (ownerReferences === undefined) return;
  const field = 'metadata.ownerReferences';
  let controller: string | undefined;
  for (const reference of ownerReferences) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
    if (apiVersion === '')
      errors.push(invalid(`${field}.apiVersion`, apiVersion, 'version must not be empty'));
    if (kind === '') errors.push(invalid(`${field}.kind`, kind, 'must not be empty'));
    if (name === '') errors.push(invalid(`${field}.name`, name, 'must not be empty'));
    if (uid === '') errors.push(invalid(`${field}.uid`, uid, 'must not be empty'));
    if (apiVersion === 'v1' && kind === 'Event') {
      errors.push(invalid(field, reference, 'is disallowed from being an owner'));
    }
    if (reference.controller !== true) continue;
    if (controller !== undefined) {
      errors.push(
        invalid(
          field,
          ownerReferences,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
      continue;
    }
    controller = name;
  }
}

function validateFinalizers(finalizers: readonly string[] | undefined, errors: FieldError[]): void {
  if (finalizers === undefined) return;
  for (const finalizer of finalizers) {
    for (const fault of qualifiedNameFaults(finalizer)) {
      errors.push(invalid('metadata.finalizers', finalizer, fault));
    }
  }
  if (finalizers.includes(foregroundFinalizer) && finalizers.includes(orphanFinalizer)) {
    errors.push(
      invalid(
        'metadata.finalizers',
        finalizers,
        `finalizer ${orphanFinalizer} and ${foregroundFinalizer} cannot be both set`,
      ),
    );
  }
}

/** Checks of metadata against what is stored. */
export function validateMetadataUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (old.metadata.deletionTimestamp === undefined) return errors;
  const before = new Set(old.metadata.finalizers);
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (added.length > 0) {
    errors.push(
      forbidden(
        'metadata.finalizers',
        `no new finalizers can be added if the object is being deleted, found new finalizers ${formatList(added)}`,
      ),
    );
  }
  return errors;
}

/** A list of strings as Go prints it with %#v. */
function formatList(items: readonly string[]): string {
  return `[]string{${items.map((item) => JSON.stringify(item)).join(', ')}}`;
}

/** Removes repeated owner references in place; answers the UIDs that were repeated. */
export function dedupeOwnerReferences(metadata: ObjectMeta): string[] {
  const references = metadata.ownerReferences;
  if (references === undefined || references.length < 2) return [];
  const seen: typeof references = [];
  const repeated = new Set<string>();
  for (const reference of references) {
    if (seen.some((kept) => kept.uid === reference.uid && equal(kept, reference)))
      repeated.add(reference.uid);
    else seen.push(reference);
  }
  if (repeated.size > 0) metadata.ownerReferences = seen;
  return [...repeated];
}

/** What a client cannot choose for a new object is taken out, in place. */
export function resetForCreate(metadata: ObjectMeta): void {
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.generation;
  delete metadata.resourceVersion;
}

/** What a client cannot change is taken from `old`, in place. */
export function preserveForUpdate(metadata: ObjectMeta, old: ObjectMeta): void {
  keep(metadata, old, 'uid');
  keep(metadata, old, 'creationTimestamp');
  keep(metadata, old, 'deletionTimestamp');
  keep(metadata, old, 'deletionGracePeriodSeconds');
  keep(metadata, old, 'generation');
  delete metadata.selfLink;
  delete metadata.resourceVersion;
}

function keep(metadata: ObjectMeta, old: ObjectMeta, key: keyof ObjectMeta): void {
  const value = old[key];
  if (value === undefined) delete metadata[key];
  else Object.assign(metadata, { [key]: value });
}

/** Empty maps and lists of metadata are left out, as the Go types do when they encode. */
export function tidyMetadata(metadata: ObjectMeta): void {
  const values = metadata as Record<string, unknown>; // read and deleted by key only
  for (const key of Object.keys(values)) {
    const value = values[key];
    if (value === undefined || value === null || value === '') delete values[key];
    else if (Array.isArray(value) ? value.length === 0 : isEmptyObject(value)) delete values[key];
  }
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
