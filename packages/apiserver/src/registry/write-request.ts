/**
 * What the object store is told about a write besides the object: where it goes, who makes it, and how. Made by the
 * handlers from a request, and by the server's own loops for theirs.
 */
import type { KubeObject } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { ExpectedBody } from '../handlers/body.js';
import type { PropagationPolicy } from '../handlers/options.js';
import type { CustomSubresource, ResourceDefinition, WriteContext } from './resource.js';

export interface WriteRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  /** Empty for a create that leaves the name to the server. */
  readonly name: string;
  readonly subresource: string | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  /** The operation's options object as admission webhooks see it. */
  readonly options: Readonly<Record<string, unknown>>;
  warn(text: string): void;
  /** Adds an annotation to the request's entry in the audit log; absent: there is none. */
  readonly annotate?: ((key: string, value: string) => void) | undefined;
  /** Through a door whose objects are another view of the resource's own (scale): what admission is to see. */
  readonly admissionView?: AdmissionView | undefined;
}

/** A view of objects under which they are written. */
export interface AdmissionView {
  readonly body: ExpectedBody;
  show(object: KubeObject): KubeObject;
  /** The object with what the view may change. */
  take(view: KubeObject, object: KubeObject): KubeObject;
}

export interface DeleteRequest extends WriteRequest {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: PropagationPolicy | undefined;
  readonly orphanDependents: boolean | undefined;
  /** Preconditions. */
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/** What an update makes of the stored object. */
export interface Change {
  /** A private copy, decoded, pruned and defaulted; its metadata.resourceVersion and uid are preconditions. */
  readonly object: KubeObject;
  /** Its managedFields are final already (server-side apply). */
  readonly managed?: boolean;
}

/**
 * Computes the new state from the stored one (`undefined`: there is none, and creating is allowed). Called again with
 * a newer state when another write came between. Must not change `old`.
 */
export type ChangeFunction = (old: KubeObject | undefined) => Change | Promise<Change>;

export interface UpdateOptions {
  /** A missing object is created instead of refused. */
  readonly createMissing: boolean;
  /** PUT: a missing resourceVersion is judged by the strategy. Patches always have one. */
  readonly isPut: boolean;
}

export interface UpdateResult {
  readonly object: KubeObject;
  readonly created: boolean;
}

export interface DeleteResult {
  /** The last or the new state. */
  readonly object: KubeObject;
  /** False: it stays until its finalizers, its content or its grace period are done. */
  readonly gone: boolean;
}

/** The strategy's view of a write. */
export function writeContext(request: WriteRequest, nowMs: number): WriteContext {
  return {
    user: request.user,
    nowMs,
    namespace: request.namespace,
    dryRun: request.dryRun,
    subresource: request.subresource,
    warn: (text) => request.warn(text),
  };
}

/** The subresource of that name which the definition declares, if any. */
export function customSubresource(
  definition: ResourceDefinition,
  name: string | undefined,
): CustomSubresource | undefined {
  return name === undefined
    ? undefined
    : definition.subresources.find((subresource) => subresource.name === name);
}
