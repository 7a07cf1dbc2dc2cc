/**
 * Validation of CustomResourceDefinitions: names, versions, schemas, subresources, columns, and what may not change
 * (apiserver.md 4.1, 4.2). Answers every fault with the field it is in. Pure.
 */
import {
  compileJsonPath,
  dns1035LabelFaults,
  dnsSubdomainFaults,
  equal,
  type FieldError,
  fieldErrors,
  type Schema,
  validateStructuralSchema,
} from '@flotilla/api';
import { caBundleFault, validateClientConfig } from '../webhooks/client-config.js';
import { isProtectedGroup, readApproval } from './crd-conditions.js';
import {
  type Crd,
  type CrdColumn,
  type CrdScale,
  type CrdVersion,
  conditionIs,
  storageVersionOf,
} from './crd-types.js';

const { duplicate, forbidden, invalid, notSupported, required, tooMany } = fieldErrors;

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const maxSelectableFields = 8;
const approvalField = 'metadata.annotations[api-approved.kubernetes.io]';

/** Faults of a CRD; with `old`, schemas that did not change are not judged again. */
export function validateCrd(crd: Crd, old?: Crd): FieldError[] {
  const errors: FieldError[] = [];
  validateIdentity(crd, errors);
  validateNames(crd, errors);
  validateConversion(crd, errors);
  const versions = crd.spec.versions ?? [];
  if (versions.length === 0) errors.push(required('spec.versions', 'at least one version is required'));
  const seen = new Set<string>();
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}]`;
    if (seen.has(version.name)) errors.push(duplicate(`${path}.name`, version.name));
    seen.add(version.name);
    const before = old?.spec.versions?.find(({ name }) => name === version.name);
    if (before === undefined || !equal(before, version)) validateVersion(version, path, errors);
  });
  if (versions.length > 0 && versions.filter((version) => version.storage === true).length !== 1) {
    errors.push(
      invalid(
        'spec.versions',
        versions.map(({ name, storage }) => ({ name, storage })),
        'must have exactly one version marked as storage version',
      ),
    );
  }
  if (crd.spec.preserveUnknownFields === true) {
    errors.push(
      invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  }
  validateStoredVersions(crd, errors);
  if (old !== undefined) validateChange(crd, old, errors);
  return errors;
}

function validateIdentity({ metadata, spec }: Crd, errors: FieldError[]): void {
  const { group = '', scope = '', names } = spec;
  if (group === '') {
    errors.push(required('spec.group'));
  } else {
    for (const fault of dnsSubdomainFaults(group)) errors.push(invalid('spec.group', group, fault));
    if (!group.includes('.'))
      errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
  if (scope === '') errors.push(required('spec.scope'));
  else if (scope !== 'Cluster' && scope !== 'Namespaced') {
    errors.push(notSupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  if (metadata.name !== `${names?.plural ?? ''}.${group}`) {
    errors.push(invalid('metadata.name', metadata.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  }
  if (!isProtectedGroup(group)) return;
  const { text, kind } = readApproval({ metadata, spec } as Crd);
  const rule = 'protected groups must have approval annotation "api-approved.kubernetes.io"';
  const link = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (kind === 'missing') errors.push(required(approvalField, `${rule}, ${link}`));
  if (kind === 'bad') {
    errors.push(
      invalid(
        approvalField,
        text,
        `${rule} with either a URL or a reason starting with "unapproved", ${link}`,
      ),
    );
  }
}

function validateNames({ spec }: Crd, errors: FieldError[]): void {
  const {
    plural = '',
    singular = '',
    kind = '',
    listKind = '',
    shortNames = [],
    categories = [],
  } = spec.names ?? {};
  const check = (field: string, value: string, isKind: boolean): void => {
    if (value === '') {
      errors.push(required(`spec.names.${field}`));
      return;
    }
    for (const fault of dns1035LabelFaults(isKind ? value.toLowerCase() : value)) {
      const text = isKind ? `may have mixed case, but should otherwise match: ${fault}` : fault;
      errors.push(invalid(`spec.names.${field}`, value, text));
    }
  };
  check('plural', plural, false);
  check('singular', singular, false);
  check('kind', kind, true);
  check('listKind', listKind, true);
  if (kind !== '' && kind === listKind) {
    errors.push(invalid('spec.names.listKind', listKind, 'kind and listKind may not be the same'));
  }
  shortNames.forEach((name, index) => {
    check(`shortNames[${index}]`, name, false);
  });
  categories.forEach((name, index) => {
    check(`categories[${index}]`, name, false);
  });
}

function validateConversion({ spec }: Crd, errors: FieldError[]): void {
  const { strategy = 'None', webhook } = spec.conversion ?? {};
  if (strategy === 'None') {
    if (webhook !== undefined) {
      errors.push(
        forbidden('spec.conversion.webhook', 'should not be set when strategy is not set to Webhook'),
      );
    }
    return;
  }
  if (strategy !== 'Webhook') {
    errors.push(notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook']));
    return;
  }
  const path = 'spec.conversion.webhook';
  if (webhook?.clientConfig === undefined) {
    errors.push(required(`${path}.clientConfig`, 'required when strategy is set to Webhook'));
  } else {
    errors.push(...validateClientConfig(webhook.clientConfig, `${path}.clientConfig`));
  }
  const reviewVersions = webhook?.conversionReviewVersions ?? [];
  if (reviewVersions.length === 0) {
    errors.push(required(`${path}.conversionReviewVersions`));
  } else if (!reviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) {
    errors.push(
      invalid(`${path}.conversionReviewVersions`, reviewVersions, 'must include at least one of v1, v1beta1'),
    );
  }
}

/** A bundle that can be used stays one: the versions would be served no more. */
function validateCaBundle(crd: Crd, old: Crd, errors: FieldError[]): void {
  const bundleOf = ({ spec }: Crd): string | undefined => spec.conversion?.webhook?.clientConfig?.caBundle;
  const fault = caBundleFault(bundleOf(crd));
  if (fault === undefined || caBundleFault(bundleOf(old)) !== undefined) return;
  errors.push(invalid('spec.conversion.webhook.clientConfig.caBundle', bundleOf(crd), fault));
}

function validateVersion(version: CrdVersion, path: string, errors: FieldError[]): void {
  if (version.name === undefined || version.name === '') errors.push(required(`${path}.name`));
  else
    for (const fault of dns1035LabelFaults(version.name))
      errors.push(invalid(`${path}.name`, version.name, fault));
  if (version.deprecationWarning !== undefined) validateWarning(version, path, errors);

  const schema = version.schema?.openAPIV3Schema;
  const schemaPath = `${path}.schema.openAPIV3Schema`;
  const hasStatus = version.subresources?.status !== undefined;
  if (schema === undefined) errors.push(required(schemaPath, 'schemas are required'));
  else errors.push(...validateStructuralSchema(schema, { path: schemaPath, hasStatus }));
  const { scale } = version.subresources ?? {};
  if (scale !== undefined) validateScale(scale, `${path}.subresources.scale`, errors);
  version.additionalPrinterColumns?.forEach((column, index) => {
    validateColumn(column, `${path}.additionalPrinterColumns[${index}]`, errors);
  });
  validateSelectableFields(version, path, errors);
}

function validateWarning(version: CrdVersion, path: string, errors: FieldError[]): void {
  const { deprecated, deprecationWarning = '' } = version;
  const field = `${path}.deprecationWarning`;
  if (deprecated !== true) {
    errors.push(invalid(field, deprecationWarning, 'can only be set for deprecated versions'));
  }
  if (deprecationWarning.length > 256) {
    errors.push(invalid(field, deprecationWarning, 'must be <= 256 characters long'));
  }
  if (deprecationWarning === '') errors.push(invalid(field, deprecationWarning, 'must not be empty'));
}

/** A path of plain field names, such as `.spec.replicas`. */
const plainPath = /^(?:\.[A-Za-z_][\w-]*)+$/;

function validateScale(scale: CrdScale, path: string, errors: FieldError[]): void {
  const check = (field: keyof CrdScale, roots: readonly string[], isRequired: boolean): void => {
    const value = scale[field] ?? '';
    if (value === '') {
      if (isRequired) errors.push(required(`${path}.${field}`));
    } else if (!plainPath.test(value)) {
      errors.push(
        invalid(`${path}.${field}`, value, 'only JSON paths without the array notation are allowed'),
      );
    } else if (!roots.some((root) => value.startsWith(`${root}.`))) {
      errors.push(invalid(`${path}.${field}`, value, `should be a json path under ${roots.join(' or ')}`));
    }
  };
  check('specReplicasPath', ['.spec'], true);
  check('statusReplicasPath', ['.status'], true);
  check('labelSelectorPath', ['.spec', '.status'], false);
}

function validateColumn(column: CrdColumn, path: string, errors: FieldError[]): void {
  if ((column.name ?? '') === '') errors.push(required(`${path}.name`));
  if ((column.type ?? '') === '')
    errors.push(required(`${path}.type`, `must be one of ${columnTypes.join(',')}`));
  else if (!columnTypes.includes(column.type ?? '')) {
    errors.push(invalid(`${path}.type`, column.type, `must be one of ${columnTypes.join(',')}`));
  }
  const { jsonPath = '' } = column;
  if (jsonPath === '') {
    errors.push(required(`${path}.jsonPath`));
    return;
  }
  try {
    compileJsonPath(jsonPath);
  } catch (error) {
    errors.push(invalid(`${path}.jsonPath`, jsonPath, `is an invalid path: ${(error as Error).message}`));
  }
}

function validateSelectableFields(version: CrdVersion, path: string, errors: FieldError[]): void {
  const fields = version.selectableFields ?? [];
  if (fields.length > maxSelectableFields) {
    errors.push(tooMany(`${path}.selectableFields`, fields.length, maxSelectableFields));
  }
  const seen = new Set<string>();
  fields.forEach(({ jsonPath = '' }, index) => {
    const field = `${path}.selectableFields[${index}].jsonPath`;
    if (jsonPath === '') {
      errors.push(required(field));
      return;
    }
    if (seen.has(jsonPath)) errors.push(duplicate(field, jsonPath));
    seen.add(jsonPath);
    if (!plainPath.test(jsonPath)) {
      errors.push(invalid(field, jsonPath, 'is an invalid path: only plain fields can be selected'));
    } else if (jsonPath === '.metadata' || jsonPath.startsWith('.metadata.')) {
      errors.push(invalid(field, jsonPath, 'must not point to fields in metadata'));
    } else {
      const target = schemaAt(version.schema?.openAPIV3Schema, jsonPath);
      if (target === undefined) errors.push(invalid(field, jsonPath, 'does not refer to a valid field'));
      else if (target.type !== 'string' && target.type !== 'integer' && target.type !== 'boolean') {
        errors.push(
          invalid(
            field,
            jsonPath,
            'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
          ),
        );
      }
    }
  });
}

function schemaAt(schema: Schema | undefined, path: string): Schema | undefined {
  let node = schema;
  for (const key of path.split('.').slice(1)) node = node?.properties?.[key];
  return node;
}

function validateStoredVersions({ spec, status }: Crd, errors: FieldError[]): void {
  const names = new Set((spec.versions ?? []).map(({ name }) => name));
  status?.storedVersions?.forEach((version, index) => {
    if (!names.has(version)) {
      errors.push(invalid(`status.storedVersions[${index}]`, version, 'must appear in spec.versions'));
    }
  });
}

/** What an update through the status endpoint may not do. */
export function validateCrdStatus(crd: Crd): FieldError[] {
  const errors: FieldError[] = [];
  const stored = crd.status?.storedVersions ?? [];
  if (stored.length === 0) {
    errors.push(invalid('status.storedVersions', stored, 'must have at least one stored version'));
  }
  const storage = storageVersionOf(crd.spec);
  if (storage !== undefined && stored.length > 0 && !stored.includes(storage)) {
    errors.push(invalid('status.storedVersions', stored, `must have the storage version ${storage}`));
  }
  validateStoredVersions(crd, errors);
  return errors;
}

function validateChange(crd: Crd, old: Crd, errors: FieldError[]): void {
  validateCaBundle(crd, old, errors);
  const immutable = 'field is immutable';
  if (crd.spec.group !== old.spec.group) errors.push(invalid('spec.group', crd.spec.group, immutable));
  if (crd.spec.names?.plural !== old.spec.names?.plural) {
    errors.push(invalid('spec.names.plural', crd.spec.names?.plural, immutable));
  }
  if (!conditionIs(old, 'Established', 'True')) return;
  if (crd.spec.scope !== old.spec.scope) errors.push(invalid('spec.scope', crd.spec.scope, immutable));
  if (crd.spec.names?.kind !== old.spec.names?.kind) {
    errors.push(invalid('spec.names.kind', crd.spec.names?.kind, immutable));
  }
}
