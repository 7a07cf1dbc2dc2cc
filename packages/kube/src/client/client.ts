/**
 * A dynamic client for any resource of any Kubernetes API, over one Transport.
 * Every call throws StatusError for an API failure and TransportError when there was no answer.
 * It keeps no state and never retries; informers and controllers do.
 */
import type { KubeList, KubeObject, WatchEvent } from '@flotilla/api';
import type { Transport } from './transport.js';

/** A served resource. `resource` is the plural. */
export interface ResourceRef {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespaced: boolean;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Default 30,000; watches have none. */
  readonly timeoutMs?: number;
}

/** Where an object is; `namespace` only for namespaced resources. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  readonly dryRun?: boolean;
  readonly subresource?: string;
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  /** PartialObjectMetadata instead of whole objects. */
  readonly metadataOnly?: boolean;
}

export interface WatchOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly timeoutSeconds?: number;
  readonly sendInitialEvents?: boolean;
  readonly metadataOnly?: boolean;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions extends WriteOptions {
  /** For `apply` only. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}

export interface KubeClient {
  readonly transport: Transport;
  get<T = KubeObject>(
    ref: ResourceRef,
    key: ObjectKey,
    options?: CallOptions & { subresource?: string },
  ): Promise<T>;
  list<T = KubeObject>(ref: ResourceRef, options?: ListOptions): Promise<KubeList<T>>;
  /** The object's own metadata.namespace says where. */
  create<T = KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions & { name?: string }): Promise<T>;
  update<T = KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions): Promise<T>;
  patch<T = KubeObject>(
    ref: ResourceRef,
    key: ObjectKey,
    options: PatchOptions & { type: PatchType; body: unknown },
  ): Promise<T>;
  delete(ref: ResourceRef, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /**
   * Yields events, bookmarks included, until the server ends the stream, and throws on a transport failure.
   * An ERROR event is thrown as StatusError (410 Expired when the resourceVersion is too old).
   */
  watch<T = KubeObject>(ref: ResourceRef, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** GET of a path that is not a resource (`/version`, `/livez`), as text. */
  getText(path: string, options?: CallOptions): Promise<string>;
  /** A client whose calls carry Impersonate-User and Impersonate-Group. */
  impersonate(user: string, groups: readonly string[]): KubeClient;
}
