/**
 * The resource `customresourcedefinitions` itself: a built-in kind whose status is decided in the write, so that a CRD
 * is served by the time its create is answered. Registered like any built-in definition.
 */
import { type KubeObject, setCondition } from '@flotilla/api';
import { builtinSchema } from '../builtin/schemas.js';
import type { ResourceDefinition, WriteContext } from '../registry/resource.js';
import { terminatingCondition, updateCrdStatus } from './crd-conditions.js';
import { defaultCrd } from './crd-defaults.js';
import {
  asCrd,
  type Crd,
  type CrdSpec,
  cleanupFinalizer,
  crdGroup,
  crdKind,
  crdResource,
} from './crd-types.js';
import { validateCrd, validateCrdStatus } from './crd-validation.js';

/** A conversion between versions of one custom resource, in place of a conversion webhook. */
export interface CustomConversion {
  /** Brings an object to another version, its apiVersion included. May change the object. */
  convert(object: KubeObject, apiVersion: string): KubeObject;
}

export interface CrdDefinitionOptions {
  /** All CRDs, from the cache. */
  listCrds(): readonly KubeObject[];
}

export function createCrdDefinition(options: CrdDefinitionOptions): ResourceDefinition {
  return {
    group: crdGroup,
    version: 'v1',
    resource: crdResource,
    singular: 'customresourcedefinition',
    kind: crdKind,
    listKind: `${crdKind}List`,
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    schema: builtinSchema(crdGroup, 'v1', crdKind),
    origin: 'builtin',
    columns: [],
    hasStatus: true,
    subresources: [],
    selectableFields: {},
    storageVersion: 'v1',
    strategy: {
      tracksGeneration: true,
      allowCreateOnUpdate: false,
      allowUnconditionalUpdate: false,
      deleteReturnsObject: false,
      nameRule: 'subdomain',
      prepareForCreate(object, context) {
        const crd = edit(object);
        delete crd.status;
        prepare(crd, options, context);
        const { finalizers = [] } = object.metadata;
        if (!finalizers.includes(cleanupFinalizer))
          object.metadata.finalizers = [...finalizers, cleanupFinalizer];
        commit(object, crd);
      },
      prepareForUpdate(object, _old, context) {
        if (context.subresource !== undefined) return;
        const crd = edit(object);
        prepare(crd, options, context);
        commit(object, crd);
      },
      validate: (object) => validateCrd(asCrd(object)),
      validateUpdate: (object, old, { subresource }) =>
        subresource === 'status' ? validateCrdStatus(asCrd(object)) : validateCrd(asCrd(object), asCrd(old)),
      beforeDelete(object, { nowMs }) {
        if (object.metadata.deletionTimestamp !== undefined) return;
        const crd = asCrd(object);
        const conditions = setCondition(crd.status?.conditions, terminatingCondition(), nowMs);
        object['status'] = { ...crd.status, conditions };
      },
    },
  };
}

/** A view whose spec can be changed even when the client sent none; validation names what is missing. */
function edit(object: KubeObject): Crd {
  const spec = (object['spec'] ?? {}) as CrdSpec; // type-checked against the schema
  object['spec'] = spec;
  return asCrd(object);
}

function prepare(crd: Crd, options: CrdDefinitionOptions, context: WriteContext): void {
  defaultCrd(crd);
  updateCrdStatus(crd, options.listCrds().map(asCrd), context.nowMs);
}

function commit(object: KubeObject, { spec, status }: Crd): void {
  object['spec'] = spec;
  object['status'] = status;
}
