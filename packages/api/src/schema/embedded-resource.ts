/**
 * What x-kubernetes-embedded-resource demands of an object inside another: apiVersion and kind that could be real,
 * and metadata that decodes. Called by the validator.
 */
import { isObject, type JsonObject } from '../json.js';
import { formatPath, invalid, required, typeInvalid } from './field-errors.js';
import type { Sink } from './keywords.js';
import { validateObjectMeta } from './object-meta.js';

const dns1035 = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
const dns1123Subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Appends what is wrong with the embedded resource at the path. */
export function validateEmbeddedResource(resource: JsonObject, { path, errors }: Sink): void {
  const at = (key: string): string => formatPath([...path, key]);
  const { apiVersion, kind, metadata } = resource as {
    apiVersion?: unknown;
    kind?: unknown;
    metadata?: unknown;
  };
  if (apiVersion === undefined || apiVersion === '') {
    errors.push(required(at('apiVersion'), 'must not be empty'));
  } else if (typeof apiVersion !== 'string') {
    errors.push(typeInvalid(at('apiVersion'), apiVersion, 'must be a string'));
  } else if (apiVersion.split('/').length > 2) {
    errors.push(invalid(at('apiVersion'), apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  }
  if (kind === undefined || kind === '') {
    errors.push(required(at('kind'), 'must not be empty'));
  } else if (typeof kind !== 'string') {
    errors.push(typeInvalid(at('kind'), kind, 'must be a string'));
  } else if (!dns1035.test(kind.toLowerCase())) {
    errors.push(
      invalid(
        at('kind'),
        kind,
        "may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ),
    );
  }
  if (metadata === undefined) return;
  if (!isObject(metadata)) {
    errors.push(typeInvalid(at('metadata'), metadata, 'must be an object'));
    return;
  }
  const problem = validateObjectMeta(metadata);
  if (problem !== undefined) errors.push(invalid(at('metadata'), metadata, problem));
  const name = metadata['name'];
  // Kinds with path-like names (RBAC) exist, so only what no path segment may hold is refused.
  if (typeof name === 'string' && (name === '.' || name === '..' || /[/%]/.test(name))) {
    const why =
      name === '.' || name === '..'
        ? `may not be '${name}'`
        : `may not contain '${name.includes('/') ? '/' : '%'}'`;
    errors.push(invalid(formatPath([...path, 'metadata', 'name']), name, why));
  }
  const namespace = metadata['namespace'];
  if (typeof namespace === 'string' && namespace !== '' && !dns1123Subdomain.test(namespace)) {
    errors.push(
      invalid(
        formatPath([...path, 'metadata', 'namespace']),
        namespace,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ),
    );
  }
}
