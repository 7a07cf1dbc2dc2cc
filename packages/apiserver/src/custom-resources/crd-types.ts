/**
 * The parts of apiextensions.k8s.io/v1 CustomResourceDefinition that this folder reads and writes. Objects have been
 * type-checked against the built-in schema before they are seen as this.
 */
import type { Condition, KubeObject, ObjectMeta, Schema } from '@flotilla/api';

export const crdGroup = 'apiextensions.k8s.io';
export const crdResource = 'customresourcedefinitions';
export const crdKind = 'CustomResourceDefinition';

/** Put on every CRD, so that its instances are deleted before it. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export interface CrdNames {
  plural?: string;
  singular?: string;
  kind?: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

export interface CrdColumn {
  readonly name?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath?: string;
}

export interface CrdScale {
  readonly specReplicasPath?: string;
  readonly statusReplicasPath?: string;
  readonly labelSelectorPath?: string;
}

export interface CrdVersion {
  readonly name: string;
  readonly served?: boolean;
  readonly storage?: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: Schema };
  readonly subresources?: { readonly status?: object; readonly scale?: CrdScale };
  readonly additionalPrinterColumns?: readonly CrdColumn[];
  readonly selectableFields?: readonly { readonly jsonPath?: string }[];
}

/** A WebhookClientConfig that defaults are still filled in to. */
export interface CrdClientConfig {
  url?: string;
  service?: { namespace?: string; name?: string; path?: string; port?: number };
  caBundle?: string;
}

export interface CrdSpec {
  group?: string;
  scope?: string;
  names?: CrdNames;
  versions?: CrdVersion[];
  conversion?: {
    strategy?: string;
    webhook?: {
      clientConfig?: CrdClientConfig;
      conversionReviewVersions?: string[];
    };
  };
  preserveUnknownFields?: boolean;
}

export interface CrdStatus {
  conditions?: Condition[];
  acceptedNames?: CrdNames;
  storedVersions?: string[];
}

export interface Crd extends KubeObject {
  metadata: ObjectMeta;
  spec: CrdSpec;
  status?: CrdStatus;
}

/** A CRD that was decoded against the built-in schema. */
export function asCrd(object: KubeObject): Crd {
  // The schema has made sure of the types; a missing spec reads as an empty one.
  return { ...object, spec: (object['spec'] ?? {}) as CrdSpec } as Crd;
}

export function storageVersionOf({ versions }: CrdSpec): string | undefined {
  return versions?.find((version) => version.storage === true)?.name;
}

export function conditionIs(crd: Crd, type: string, status: Condition['status']): boolean {
  return (
    crd.status?.conditions?.some((condition) => condition.type === type && condition.status === status) ===
    true
  );
}
