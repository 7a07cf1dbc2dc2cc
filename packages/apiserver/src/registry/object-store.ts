/**
 * The generic registry: create, update and delete of any stored resource over the store and the watch cache, with
 * the rules every Kubernetes kind obeys (metadata, status split, generation, finalizers, ownership, no-op writes,
 * admission). It takes decoded, pruned, defaulted objects in the request's version and answers in that version.
 * Called by the handlers and by the server's own loops; knows nothing of HTTP.
 */
import {
  clone,
  formatApiVersion,
  formatTime,
  hasReason,
  type KubeObject,
  newConflict,
  newInternalError,
  newNotFound,
  newStatusError,
  StatusError,
  validateObject,
} from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { AdmissionPlugin } from '../admission/admission.js';
import { keepManagedFields } from '../field-manager/entries.js';
import { updateManagedFields } from '../field-manager/managed-fields.js';
import { encodeObject } from '../storage/codec.js';
import { objectKey } from '../storage/keys.js';
import type { Revision, Store, StoreWrite } from '../storage/store.js';
import type { CachedObject } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { objectInVersion, storedForm } from './converted-objects.js';
import { type DeletePlan, planDelete } from './delete-rules.js';
import { withFieldManagerVersions } from './field-manager-versions.js';
import { generateName } from './generate-name.js';
import {
  preserveForUpdate,
  resetForCreate,
  tidyMetadata,
  validateMetadata,
  validateMetadataUpdate,
} from './object-meta.js';
import type { ResourceDefinition } from './resource.js';
import type { ResourceRegistry } from './resource-registry.js';
import { checkSize, storeFailure } from './store-failure.js';
import { dedupeOwners, throughDoor, updateErrors } from './subresource-doors.js';
import { isStaleVersion, storageRef, viewObject, withResourceVersion } from './versions.js';
import { WriteAdmission, type WriteToAdmit } from './write-admission.js';
import {
  alreadyExists,
  checkDeletePreconditions,
  checkNotMoved,
  checkUpdatePreconditions,
  modified,
  refuse,
  refuseVersion,
  subjectOf,
} from './write-errors.js';
import {
  type Change,
  type ChangeFunction,
  customSubresource,
  type DeleteRequest,
  type DeleteResult,
  type UpdateOptions,
  type UpdateResult,
  type WriteRequest,
  writeContext,
} from './write-request.js';
import { isNoOp, isReadyToGo, keepStatus, resetPaths, specChanged } from './write-rules.js';

export interface ObjectStoreDependencies {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly registry: ResourceRegistry;
  readonly env: Pick<Env, 'clock' | 'random'>;
  /** In the order in which they run. */
  readonly admission: readonly AdmissionPlugin[];
}

const noRevision = 0n as Revision;
/** Writers that collide make progress in turn; this many losses in a row mean something is wrong. */
const maxAttempts = 100;
const maxNameAttempts = 8;
/** How long a cache may lag behind the store before a write gives up. */
const catchUpTimeoutMs = 5_000;

export class ObjectStore {
  readonly #deps: ObjectStoreDependencies;
  readonly #admission: WriteAdmission;

  constructor(dependencies: ObjectStoreDependencies) {
    this.#deps = dependencies;
    this.#admission = new WriteAdmission(dependencies.admission, {
      get: ({ group, resource }, key) => {
        const definition = dependencies.registry.findPreferred(group, resource);
        if (definition?.convertThrough === undefined) return definition && this.get(definition, key);
        // Who asks here does not wait for a webhook: what is stored is shown.
        return this.find(definition, key)?.object;
      },
    });
  }

  /** Admission of what goes through a subresource and is not stored itself. @throws StatusError */
  admitThrough(request: WriteRequest, write: WriteToAdmit): Promise<KubeObject | undefined> {
    return this.#admission.pass(request, write);
  }

  /** As `get`, also where versions are converted by a webhook. @throws StatusError 500 when that fails. */
  async read(
    definition: ResourceDefinition,
    key: { readonly namespace?: string | undefined; readonly name: string },
  ): Promise<KubeObject | undefined> {
    const cached = this.find(definition, key);
    return cached && objectInVersion(definition, cached);
  }

  /** The object in the definition's version, from the cache; immutable. */
  get(
    definition: ResourceDefinition,
    key: { readonly namespace?: string | undefined; readonly name: string },
  ): KubeObject | undefined {
    const cached = this.find(definition, key);
    return cached && viewObject(definition, cached);
  }

  /** The cache's entry. */
  find(
    definition: ResourceDefinition,
    key: { readonly namespace?: string | undefined; readonly name: string },
  ): CachedObject | undefined {
    return this.#deps.cache.get(objectKey({ ...storageRef(definition), ...key }));
  }

  /** Stores a new object. `body` is a private copy. */
  async create(request: WriteRequest, body: KubeObject, managed = false): Promise<KubeObject> {
    const { generateName: base, name } = body.metadata;
    if ((name !== undefined && name !== '') || base === undefined || base === '') {
      return this.#createOnce(request, { object: body, managed });
    }
    for (let attempt = 1; ; attempt++) {
      const object = clone(body);
      object.metadata.name = generateName(base, this.#deps.env.random);
      try {
        return await this.#createOnce(request, { object, managed });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists') || attempt < maxNameAttempts) {
          if (hasReason(error, 'AlreadyExists')) continue;
          throw error;
        }
        const { status } = error;
        throw new StatusError({ ...status, details: { ...status.details, retryAfterSeconds: 1 } });
      }
    }
  }

  async #createOnce(request: WriteRequest, { object: body, managed }: Change): Promise<KubeObject> {
    const { definition } = request;
    const nowMs = this.#deps.env.clock.now();
    const context = writeContext(request, nowMs);
    const { resourceVersion } = body.metadata;
    const identity = { uid: this.#deps.env.random.uuid(), creationTimestamp: formatTime(nowMs) };
    this.#stampNew(request, body, identity);

    const admission = this.#admission.open(request, { operation: 'CREATE', object: body });
    const object = (await admission.mutate()) ?? body;
    if (object !== body) {
      checkNotMoved(request, object);
      this.#stampNew(request, object, identity);
      if (managed === true) keepManagedFields(object, body);
    }
    if (definition.strategy.tracksGeneration) object.metadata.generation = 1;
    await definition.strategy.prepareForCreate?.(object, context);
    if (managed !== true) await this.#trackFields(request, { object, live: undefined, nowMs });
    tidyMetadata(object.metadata);

    const errors = validateMetadata(object, definition);
    errors.push(...validateObject(object, definition.schema));
    errors.push(...(definition.strategy.validate?.(object, context) ?? []));
    refuse(request, object, errors);
    await admission.validate(object);

    const subject = subjectOf(request, object.metadata.name ?? '');
    const key = keyOf(definition, object);
    // Last, and not in a dry run: it is the store that minds.
    if (!request.dryRun) refuseVersion(resourceVersion);
    const existing = this.#deps.cache.get(key);
    if (existing !== undefined) throw alreadyExists(subject, existing);
    if (request.dryRun) return object;
    const stored = encodeObject(await storedForm(definition, object));
    const revision = await this.#write({ type: 'put', key, value: stored, expected: noRevision });
    if (revision === undefined) throw alreadyExists(subject, this.#deps.cache.get(key));
    return withResourceVersion(object, revision);
  }

  /** What is the server's to say about a new object. */
  #stampNew(
    request: WriteRequest,
    object: KubeObject,
    identity: { readonly uid: string; readonly creationTimestamp: string },
  ): void {
    const { definition, namespace } = request;
    if (definition.hasStatus && definition.takesStatusOnCreate !== true) keepStatus(object, undefined);
    resetForCreate(object.metadata);
    Object.assign(object.metadata, identity);
    if (definition.namespaced && namespace !== undefined) object.metadata.namespace = namespace;
    dedupeOwners(request, object);
  }

  /** Read, change, write; again from the start when another write came between. */
  async update(request: WriteRequest, change: ChangeFunction, options: UpdateOptions): Promise<UpdateResult> {
    const { definition, namespace, name } = request;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const current = this.find(definition, { namespace, name });
      if (current === undefined) {
        if (!options.createMissing) throw newNotFound(subjectOf(request));
        const { object, managed } = await change(undefined);
        try {
          return { object: await this.create(request, object, managed), created: true };
        } catch (error) {
          if (!hasReason(error, 'AlreadyExists')) throw error;
          // Another server may have made it: then it is in the store, and here in a moment.
          await this.#catchUp();
          if (this.find(definition, { namespace, name }) === undefined) throw error;
          continue;
        }
      }
      const old = await objectInVersion(definition, current);
      const object = await this.#updateOnce(request, { current, old, change: await change(old), options });
      if (object !== undefined) return { object, created: false };
      await this.#catchUp();
    }
    throw newConflict(subjectOf(request), modified);
  }

  /** Undefined: another write came between. */
  async #updateOnce(
    request: WriteRequest,
    update: { current: CachedObject; old: KubeObject; change: Change; options: UpdateOptions },
  ): Promise<KubeObject | undefined> {
    const { definition, subresource } = request;
    const { current, old, options } = update;
    const incoming = update.change.object;
    checkUpdatePreconditions(request, incoming, { old, isPut: options.isPut });
    const nowMs = this.#deps.env.clock.now();
    const context = writeContext(request, nowMs);

    let next = throughDoor(request, incoming, { old, context });
    const admission = this.#admission.open(request, { operation: 'UPDATE', object: next, oldObject: old });
    const admitted = (await admission.mutate()) ?? next;
    if (admitted !== next) {
      checkNotMoved(request, admitted);
      if (update.change.managed === true) keepManagedFields(admitted, next);
      next = throughDoor(request, admitted, { old, context });
    }
    next.metadata.name = old.metadata.name ?? request.name;
    if (old.metadata.namespace !== undefined) next.metadata.namespace = old.metadata.namespace;
    preserveForUpdate(next.metadata, old.metadata);
    await definition.strategy.prepareForUpdate?.(next, old, context);
    if (update.change.managed !== true) await this.#trackFields(request, { object: next, live: old, nowMs });
    tidyMetadata(next.metadata);
    if (
      subresource !== 'status' &&
      definition.strategy.tracksGeneration &&
      specChanged(definition, next, old)
    ) {
      next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    }

    const errors = validateMetadata(next, definition);
    errors.push(...validateMetadataUpdate(next, old));
    errors.push(...validateObject(next, definition.schema, { old }));
    errors.push(...updateErrors(request, { next, old, nowMs }));
    refuse(request, next, errors);
    await customSubresource(definition, subresource)?.authorizeUpdate?.(next, old, context);
    await admission.validate(next);

    if (isNoOp(next, old) && !isStaleVersion(definition, current)) return old;
    if (request.dryRun) return withResourceVersion(next, current.revision);
    if (isReadyToGo(definition, next)) {
      const revision = await this.#write({ type: 'delete', key: current.key, expected: current.revision });
      return revision && withResourceVersion(next, revision);
    }
    const value = encodeObject(await storedForm(definition, next));
    const revision = await this.#write({ type: 'put', key: current.key, value, expected: current.revision });
    return revision && withResourceVersion(next, revision);
  }

  /** Removes an object, or marks it for removal. */
  async delete(request: DeleteRequest): Promise<DeleteResult> {
    const { definition, namespace, name } = request;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const current = this.find(definition, { namespace, name });
      if (current === undefined) throw newNotFound(subjectOf(request));
      const old = await objectInVersion(definition, current);
      checkDeletePreconditions(request, old);
      const nowMs = this.#deps.env.clock.now();
      const touched = clone(old);
      definition.strategy.beforeDelete?.(touched, writeContext(request, nowMs));
      await this.#admission.pass(request, { operation: 'DELETE', object: undefined, oldObject: old });
      const result = await this.#execute(planDelete(touched, request, nowMs), { request, current, old });
      if (result !== undefined) return result;
      await this.#catchUp();
    }
    throw newConflict(subjectOf(request), modified);
  }

  async #execute(
    plan: DeletePlan,
    { request, current, old }: { request: DeleteRequest; current: CachedObject; old: KubeObject },
  ): Promise<DeleteResult | undefined> {
    const { key, revision: expected } = current;
    if (plan.action === 'remove') {
      if (request.dryRun) return { object: old, gone: true };
      const revision = await this.#write({ type: 'delete', key, expected });
      return revision && { object: withResourceVersion(old, revision), gone: true };
    }
    const next = plan.object;
    if (isNoOp(next, old)) return { object: old, gone: false };
    if (request.dryRun) return { object: next, gone: false };
    const value = encodeObject(await storedForm(request.definition, next));
    const revision = await this.#write({ type: 'put', key, value, expected });
    return revision && { object: withResourceVersion(next, revision), gone: false };
  }

  /** Undefined: something else than expected is there. */
  async #write(write: StoreWrite): Promise<Revision | undefined> {
    if (write.type === 'put') checkSize(write.value);
    try {
      const result = await this.#deps.store.write(write);
      return result.ok ? result.revision : undefined;
    } catch (error) {
      throw storeFailure(error);
    }
  }

  async #catchUp(): Promise<void> {
    try {
      if (await this.#deps.cache.catchUp({ timeoutMs: catchUpTimeoutMs })) return;
    } catch (error) {
      throw storeFailure(error);
    }
    throw newStatusError(504, 'Timeout', {
      message: 'Timeout: the watch cache lags behind the store',
      details: { retryAfterSeconds: 1 },
    });
  }

  async #trackFields(
    request: WriteRequest,
    { object, live, nowMs }: { object: KubeObject; live: KubeObject | undefined; nowMs: number },
  ): Promise<void> {
    const { definition, subresource } = request;
    object.metadata.managedFields = await withFieldManagerVersions(
      this.#deps.registry,
      definition,
      (convert) =>
        updateManagedFields({
          live,
          updated: object,
          schema: definition.schema,
          manager: request.fieldManager,
          apiVersion: formatApiVersion(definition),
          subresource,
          nowMs,
          resetPaths: resetPaths(definition, subresource),
          convert,
        }),
    );
  }
}

function keyOf(definition: ResourceDefinition, { metadata }: KubeObject): string {
  if (metadata.name === undefined) throw newInternalError('an object to store has no name');
  const namespace = definition.namespaced ? metadata.namespace : undefined;
  return objectKey({ ...storageRef(definition), namespace, name: metadata.name });
}
