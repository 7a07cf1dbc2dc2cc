/**
 * What the API server must know to serve one resource in one version. Built-in kinds and CRDs both become
 * this, and everything generic (discovery, OpenAPI, CRUD, watch, patches, tables) is driven by it alone.
 */
import type { FieldError, JsonObject, KubeObject, Schema } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** metav1.TableColumnDefinition, and how its cell is had. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** Above 0: shown with `-o wide` only. */
  readonly priority?: number;
  /** A simple JSONPath (CRDs), or a function of the object (built-in kinds). */
  readonly value: string | ((object: KubeObject, nowMs: number) => string | number | boolean | null);
}

/** What a write happens in. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly nowMs: number;
  readonly namespace: string | undefined;
  readonly dryRun: boolean;
  readonly subresource: string | undefined;
  /** Adds a `Warning:` header. */
  warn(text: string): void;
}

/**
 * Where a kind departs from the generic rules. Functions get an object they may change in place and must not keep.
 * Errors are returned as field errors (422) or thrown as StatusError.
 */
export interface Strategy {
  /** metadata.generation is kept (all CRs and the built-in kinds of apiserver.md 2.2.4). */
  readonly tracksGeneration: boolean;
  /** PUT of a missing object creates it (Lease, Endpoints, RBAC ...). */
  readonly allowCreateOnUpdate: boolean;
  /** PUT without resourceVersion is let through. */
  readonly allowUnconditionalUpdate: boolean;
  /** DELETE answers the object instead of a Status. */
  readonly deleteReturnsObject: boolean;
  readonly nameRule: 'subdomain' | 'label' | 'path';
  /** Fills in what the kind defaults, in its canonical form; the next two do so, too. For those who look before them. */
  complete?(object: KubeObject): void;
  /** After pruning and schema defaults, before validation. */
  prepareForCreate?(object: KubeObject, context: WriteContext): void | Promise<void>;
  prepareForUpdate?(object: KubeObject, old: KubeObject, context: WriteContext): void | Promise<void>;
  /** On top of the schema's own validation. */
  validate?(object: KubeObject, context: WriteContext): readonly FieldError[];
  validateUpdate?(object: KubeObject, old: KubeObject, context: WriteContext): readonly FieldError[];
  /** Refuses a delete by throwing (the namespace `default`, say). */
  beforeDelete?(object: KubeObject, context: WriteContext): void;
  /** Finalizers in other places than metadata.finalizers: true while the object must stay (Namespace). */
  holdsDeletion?(object: KubeObject): boolean;
}

export interface ScaleSpec {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

/** A request to a subresource that answers by itself. */
export interface ConnectContext {
  readonly request: ApiRequest;
  readonly user: UserInfo;
  readonly namespace: string | undefined;
  readonly name: string;
  /** What follows the subresource in the path, undecoded, with its leading slash; empty when nothing does. */
  readonly rest: string;
}

/** A subresource that is neither plain `status` nor `scale`: TokenRequest, approval, finalize, eviction, log ... */
export interface CustomSubresource {
  readonly name: string;
  readonly verbs: readonly Verb[];
  /** The kind of its body, as discovery reports it. */
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** Schema of the body; absent: the parent's own. */
  readonly schema?: Schema;
  /** For `update`/`patch` of the parent through this door: takes what may change over into `old`'s copy. */
  merge?(object: KubeObject, old: KubeObject, context: WriteContext): KubeObject;
  validateUpdate?(object: KubeObject, old: KubeObject, context: WriteContext): readonly FieldError[];
  /** Extra permission check or effect before an update through this door is stored. Throws StatusError. */
  authorizeUpdate?(object: KubeObject, old: KubeObject, context: WriteContext): Promise<void>;
  /** For `create`: POST to the subresource, or to the resource itself for virtual kinds; answers 201. */
  create?(
    body: KubeObject,
    context: WriteContext & { readonly name: string; readonly parent: KubeObject | undefined },
  ): Promise<KubeObject>;
  /** Answers every verb: logs, exec, proxies. Throws StatusError. */
  connect?(context: ConnectContext): Promise<ApiResponse>;
  /** For `connect`: its options as the object that CONNECT admission sees; absent: there is no such admission. */
  connectOptions?(context: ConnectContext): JsonObject;
  /** Upgrading with GET needs the permission to create, too (Kubernetes 1.35). */
  readonly upgradeNeedsCreate?: boolean;
}

/** Brings objects to another version of their kind by asking somebody else. */
export interface VersionConverter {
  /** As many objects, in the same order, all of that version; the given ones stay as they are. @throws StatusError */
  convert(objects: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]>;
}

export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  /** Plural. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly schema: Schema;
  /** Kind of description: decides patch types, strict decoding, protobuf, list item GVKs. */
  readonly origin: 'builtin' | 'crd';
  /** CRDs: after the name. Built-in kinds list their name column (format `name`) themselves. */
  readonly columns: readonly PrinterColumn[];
  readonly strategy: Strategy;
  readonly hasStatus: boolean;
  /** Whether a new object keeps the status it comes with, as a Node does: a kubelet registers itself whole. */
  readonly takesStatusOnCreate?: boolean;
  readonly scale?: ScaleSpec;
  readonly subresources: readonly CustomSubresource[];
  /** Field selector label -> value, besides metadata.name and metadata.namespace. */
  readonly selectableFields: Readonly<Record<string, (object: KubeObject) => string>>;
  /** Not stored: POST only, answered by this (access reviews, token reviews). */
  readonly virtual?: (body: KubeObject, context: WriteContext) => Promise<KubeObject>;
  /** The version objects are stored in; equal to `version` when there is only one. */
  readonly storageVersion: string;
  /** The group objects are stored under when it is not `group`: events and ingresses are served by two groups. */
  readonly storageGroup?: string;
  /** Brings a stored object to this version and back; absent: only apiVersion changes. */
  readonly convert?: {
    toStorage(object: KubeObject): KubeObject;
    fromStorage(object: KubeObject): KubeObject;
  };
  /** In place of `convert`: objects of other versions come to this one, and go back, by a webhook. */
  readonly convertThrough?: VersionConverter;
  /** Warning sent on every request to a deprecated version. */
  readonly deprecationWarning?: string;
}
