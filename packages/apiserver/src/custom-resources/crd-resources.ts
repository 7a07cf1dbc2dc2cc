/**
 * From a CustomResourceDefinition to the definitions of the resources it serves, one for each served version. Pure;
 * the result shares schemas with the CRD object, which is immutable.
 */
import {
  compileJsonPath,
  evaluateJsonPath,
  formatApiVersion,
  type KubeObject,
  newForbidden,
  type Schema,
} from '@flotilla/api';
import type { PrinterColumn, ResourceDefinition, Strategy, VersionConverter } from '../registry/resource.js';
import { defineVersion } from '../registry/versions.js';
import type { Revision } from '../storage/store.js';
import type { CustomConversion } from './crd-definition.js';
import { type Crd, type CrdColumn, type CrdVersion, conditionIs, storageVersionOf } from './crd-types.js';

export interface CrdResourceOptions {
  readonly conversions: ReadonlyMap<string, CustomConversion>;
  /** Makes the way to a CRD's conversion webhook; absent: versions differ in their apiVersion only. */
  readonly webhookOf?: ((crd: Crd) => VersionConverter | undefined) | undefined;
  /** Also versions that are not served, and names that were not accepted: for cleaning up. */
  readonly includeUnserved?: boolean;
}

const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  value: '.metadata.creationTimestamp',
};

/** Empty while the CRD's names are not accepted. */
export function resourcesOf(crd: Crd, options: CrdResourceOptions): ResourceDefinition[] {
  const all = options.includeUnserved === true;
  if (!all && !conditionIs(crd, 'Established', 'True')) return [];
  const storageVersion = storageVersionOf(crd.spec);
  if (storageVersion === undefined) return [];
  const converter = options.webhookOf?.(crd);
  return (crd.spec.versions ?? [])
    .filter((version) => all || version.served === true)
    .map((version) => toDefinition(crd, version, { ...options, storageVersion, converter }));
}

interface CrdFacts extends CrdResourceOptions {
  readonly storageVersion: string;
  readonly converter: VersionConverter | undefined;
}

function toDefinition(
  crd: Crd,
  version: CrdVersion,
  { storageVersion, conversions, converter }: CrdFacts,
): ResourceDefinition {
  const { group = '', scope } = crd.spec;
  const names = { ...crd.spec.names, ...crd.status?.acceptedNames };
  const { plural = '', kind = '' } = names;
  const conversion = conversions.get(`${plural}.${group}`);
  const scale = version.subresources?.scale;
  const warning = deprecationWarning(version, { group, kind });
  const definition: ResourceDefinition = {
    group,
    version: version.name,
    resource: plural,
    singular: names.singular ?? kind.toLowerCase(),
    kind,
    listKind: names.listKind ?? `${kind}List`,
    namespaced: scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    schema: version.schema?.openAPIV3Schema ?? emptySchema,
    origin: 'crd',
    columns: columnsOf(version),
    strategy: strategyOf(crd, { group, plural }),
    hasStatus: version.subresources?.status !== undefined,
    ...(scale !== undefined && {
      scale: {
        specReplicasPath: scale.specReplicasPath ?? '',
        statusReplicasPath: scale.statusReplicasPath ?? '',
        ...(scale.labelSelectorPath !== undefined && { labelSelectorPath: scale.labelSelectorPath }),
      },
    }),
    subresources: [],
    selectableFields: selectableFieldsOf(version),
    storageVersion,
    ...(conversion !== undefined && {
      convert: {
        toStorage: (object) =>
          conversion.convert(object, formatApiVersion({ group, version: storageVersion })),
        fromStorage: (object) =>
          conversion.convert(object, formatApiVersion({ group, version: version.name })),
      },
    }),
    ...(conversion === undefined && converter !== undefined && { convertThrough: converter }),
    ...(warning !== undefined && { deprecationWarning: warning }),
  };
  defineVersion(definition, BigInt(crd.metadata.resourceVersion ?? '0') as Revision);
  return definition;
}

const emptySchema: Schema = { type: 'object' };

function deprecationWarning(
  version: CrdVersion,
  { group, kind }: { readonly group: string; readonly kind: string },
): string | undefined {
  if (version.deprecated !== true) return undefined;
  return version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated`;
}

function strategyOf(
  crd: Crd,
  { group, plural }: { readonly group: string; readonly plural: string },
): Strategy {
  return {
    tracksGeneration: true,
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: false,
    deleteReturnsObject: false,
    nameRule: 'subdomain',
    ...(crd.metadata.deletionTimestamp !== undefined && {
      prepareForCreate(object: KubeObject) {
        throw newForbidden(
          { group, resource: plural, name: object.metadata.name ?? '' },
          'create not allowed while custom resource definition is terminating',
        );
      },
    }),
  };
}

function columnsOf({ additionalPrinterColumns = [] }: CrdVersion): PrinterColumn[] {
  if (additionalPrinterColumns.length === 0) return [ageColumn];
  return additionalPrinterColumns.map((column: CrdColumn) => ({
    name: column.name ?? '',
    type: (column.type ?? 'string') as PrinterColumn['type'], // validated
    value: column.jsonPath ?? '',
    ...(column.format !== undefined && { format: column.format }),
    description: column.description ?? descriptionOf(column),
    ...(column.priority !== undefined && { priority: column.priority }),
  }));
}

function descriptionOf({ jsonPath = '' }: CrdColumn): string {
  return `Custom resource definition column (in JSONPath format): ${jsonPath}`;
}

function selectableFieldsOf({ selectableFields = [] }: CrdVersion): ResourceDefinition['selectableFields'] {
  const fields: Record<string, (object: KubeObject) => string> = {};
  for (const { jsonPath = '' } of selectableFields) {
    const path = compileJsonPath(jsonPath);
    fields[jsonPath.replace(/^\./, '')] = (object) => {
      const value = evaluateJsonPath(path, object)[0];
      return typeof value === 'object' || value === undefined ? '' : String(value);
    };
  }
  return fields;
}
