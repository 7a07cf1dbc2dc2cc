/**
 * Names as Kubernetes allows them: objects, labels, annotations. A `...Faults` function answers what is wrong in
 * Kubernetes' own words, one text for each fault, nothing for a good value; the predicates are built on them.
 * Called by the API server on every write, by admission and by selectors. Pure.
 */
import { invalid, required, tooLong } from '../schema/field-errors.js';
import type { FieldError } from '../status.js';
import { utf8Length } from './utf8-length.js';

/** How objects of a resource may be named: a DNS subdomain, a DNS label, or any one segment of a path. */
export type NameRule = 'subdomain' | 'label' | 'path';

const labelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomainFormat = `${labelFormat}(\\.${labelFormat})*`;
const label1035Format = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValueFormat = `(${qualifiedFormat})?`;

/** One form of text: what it must look like, and how an error describes it. */
interface Format {
  readonly pattern: RegExp;
  readonly maxLength: number;
  readonly fault: string;
}

function format(
  regex: string,
  options: { readonly maxLength: number; readonly text: string; readonly examples: readonly string[] },
): Format {
  const examples = options.examples.map((example) => `'${example}', `).join(' or ');
  return {
    pattern: new RegExp(`^${regex}$`),
    maxLength: options.maxLength,
    fault: `${options.text} (e.g. ${examples}regex used for validation is '${regex}')`,
  };
}

const dnsLabel = format(labelFormat, {
  maxLength: 63,
  text: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ['my-name', '123-abc'],
});

const dnsSubdomain = format(subdomainFormat, {
  maxLength: 253,
  text: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
});

const dns1035Label = format(label1035Format, {
  maxLength: 63,
  text: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ['my-name', 'abc-123'],
});

const qualifiedName = format(qualifiedFormat, {
  maxLength: 63,
  text: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyName', 'my.name', '123-abc'],
});

const labelValue = format(labelValueFormat, {
  maxLength: 63,
  text: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyValue', 'my_value', '12345'],
});

function faultsOf(value: string, { pattern, maxLength, fault }: Format): string[] {
  const faults: string[] = [];
  if (value.length > maxLength) faults.push(`must be no more than ${maxLength} characters`);
  if (!pattern.test(value)) faults.push(fault);
  return faults;
}

/** RFC 1123 label: namespaces, cluster names. */
export function dnsLabelFaults(value: string): string[] {
  const faults = faultsOf(value, dnsLabel);
  // A subdomain that is no label can only have dots too many; say that instead of the regex.
  if (faults.at(-1) === dnsLabel.fault && dnsSubdomain.pattern.test(value)) {
    faults[faults.length - 1] = 'must not contain dots';
  }
  return faults;
}

/** RFC 1123 subdomain: the names of most objects. */
export function dnsSubdomainFaults(value: string): string[] {
  return faultsOf(value, dnsSubdomain);
}

/** RFC 1035 label: the names of services. */
export function dns1035LabelFaults(value: string): string[] {
  return faultsOf(value, dns1035Label);
}

/** A value of a label. */
export function labelValueFaults(value: string): string[] {
  return faultsOf(value, labelValue);
}

/** A label key, annotation key or finalizer: `[<dns subdomain>/]<name>`. */
export function qualifiedNameFaults(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedName.fault} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const [name = '', prefix] = parts.reverse();
  const faults: string[] = [];
  if (prefix === '') faults.push('prefix part must be non-empty');
  else if (prefix !== undefined) {
    for (const fault of dnsSubdomainFaults(prefix)) faults.push(`prefix part ${fault}`);
  }
  if (name === '') faults.push('name part must be non-empty');
  for (const fault of faultsOf(name, qualifiedName)) faults.push(`name part ${fault}`);
  return faults;
}

/** Any one segment of a path: the names of RBAC objects. */
export function pathSegmentFaults(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

export function isDnsLabel(value: string): boolean {
  return value.length <= dnsLabel.maxLength && dnsLabel.pattern.test(value);
}

export function isDnsSubdomain(value: string): boolean {
  return value.length <= dnsSubdomain.maxLength && dnsSubdomain.pattern.test(value);
}

export function isQualifiedName(value: string): boolean {
  return qualifiedNameFaults(value).length === 0;
}

export function isLabelValue(value: string): boolean {
  return value.length <= labelValue.maxLength && labelValue.pattern.test(value);
}

/** What is wrong with a name under a rule, as texts. */
export function objectNameFaults(name: string, rule: NameRule): string[] {
  if (rule === 'label') return dnsLabelFaults(name);
  return rule === 'path' ? pathSegmentFaults(name) : dnsSubdomainFaults(name);
}

/** `metadata.name` under a rule. */
export function validateObjectName(name: string, rule: NameRule): FieldError[] {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  return objectNameFaults(name, rule).map((fault) => invalid('metadata.name', name, fault));
}

/** `metadata.generateName` under a rule; it may end in a dash, since something will follow it. */
export function validateGenerateName(base: string, rule: NameRule): FieldError[] {
  const name = base.length > 1 && base.endsWith('-') && rule !== 'path' ? `${base.slice(0, -1)}a` : base;
  return objectNameFaults(name, rule).map((fault) => invalid('metadata.generateName', base, fault));
}

/** Keys and values of labels, `field` being where they stand. */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  field = 'metadata.labels',
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const fault of qualifiedNameFaults(key)) errors.push(invalid(field, key, fault));
    for (const fault of labelValueFaults(value)) errors.push(invalid(field, value, fault));
  }
  return errors;
}

/** All annotations of an object together, keys included, may not be larger. */
export const annotationsSizeLimitBytes = 256 * 1024;

/** Keys and size of annotations, `field` being where they stand. Upper case is let through in the prefix too. */
export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  field = 'metadata.annotations',
): FieldError[] {
  const errors: FieldError[] = [];
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const fault of qualifiedNameFaults(key.toLowerCase())) errors.push(invalid(field, key, fault));
    sizeBytes += utf8Length(key) + utf8Length(value);
  }
  if (sizeBytes > annotationsSizeLimitBytes) errors.push(tooLong(field, annotationsSizeLimitBytes));
  return errors;
}
