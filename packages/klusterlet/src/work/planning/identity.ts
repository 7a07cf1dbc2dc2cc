/**
 * What a manifest says it is, and how objects are named inside the work agent. A manifest is input from the hub and
 * may be anything: what cannot be read becomes a sentence for its condition, never an exception. Pure.
 */
import { isObject, type KubeObject, parseApiVersion } from '@flotilla/api';
import type { ObjectKey, ResourceRef } from '@flotilla/kube';

export interface ManifestIdentity {
  readonly apiVersion: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Empty when the manifest names none. */
  readonly namespace: string;
  readonly name: string;
}

export type ReadManifest =
  | { readonly identity: ManifestIdentity; readonly object: KubeObject }
  | { readonly problem: string };

export function readManifest(manifest: unknown): ReadManifest {
  if (!isObject(manifest)) return { problem: 'the manifest is not an object' };
  const apiVersion = textOf(manifest['apiVersion']);
  const kind = textOf(manifest['kind']);
  if (kind === '') return { problem: "Object 'Kind' is missing" };
  if (apiVersion === '') return { problem: "Object 'apiVersion' is missing" };
  const metadata = isObject(manifest['metadata']) ? manifest['metadata'] : {};
  const name = textOf(metadata['name']);
  if (name === '') return { problem: 'name must be set in manifest' };
  return {
    identity: {
      apiVersion,
      ...parseApiVersion(apiVersion),
      kind,
      namespace: textOf(metadata['namespace']),
      name,
    },
    object: { ...manifest, apiVersion, kind, metadata: { ...metadata, name } },
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** One object of the managed cluster, whatever version it is read in. */
export interface ObjectPlace {
  readonly group: string;
  readonly resource: string;
  /** Empty or absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

/** The place as a map key. */
export function placeId({ group, resource, namespace = '', name }: ObjectPlace): string {
  return `${resource}.${group}/${namespace}/${name}`;
}

/** The place of an object that is addressed by reference and key. */
export function placeOf({ group, resource }: ResourceRef, { namespace, name }: ObjectKey): ObjectPlace {
  return { group, resource, ...(namespace !== undefined && { namespace }), name };
}
