/**
 * The `clientConfig` that admission webhooks and conversion webhooks share: reading and validating it. Pure. Called by
 * the validation of both kinds of configuration and by the caller.
 */
import { X509Certificate } from 'node:crypto';
import { dnsSubdomainFaults, type FieldError, fieldErrors } from '@flotilla/api';

const { invalid, required } = fieldErrors;

export interface WebhookService {
  readonly namespace?: string;
  readonly name?: string;
  readonly path?: string;
  readonly port?: number;
}

export interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: WebhookService;
  /** Base64 of PEM, as JSON has it. */
  readonly caBundle?: string;
}

export const defaultServicePort = 443;

const form = '; desired format: https://host[/path]';

/**
 * Faults of a clientConfig, as kube-apiserver words them. Not of its caBundle: tools that fill that in later put what they
 * like there, and the reference lets them.
 */
export function validateClientConfig(config: WebhookClientConfig, path: string): FieldError[] {
  const { url, service } = config;
  const errors: FieldError[] = [];
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(path, 'exactly one of url or service is required'));
  } else if (url !== undefined) {
    errors.push(...validateUrl(url, `${path}.url`));
  } else if (service !== undefined) {
    errors.push(...validateService(service, `${path}.service`));
  }
  return errors;
}

function validateUrl(text: string, path: string): FieldError[] {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?/.exec(text);
  const scheme = match?.[1] ?? '';
  const authority = match?.[2] ?? '';
  const errors: FieldError[] = [];
  if (scheme.toLowerCase() !== 'https') {
    errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${form}`));
  }
  const at = authority.lastIndexOf('@');
  if (authority.slice(at + 1) === '') errors.push(invalid(path, '', `host must be provided${form}`));
  else if (!URL.canParse(text)) errors.push(required(path, `url must be a valid URL${form}`));
  if (at >= 0) {
    errors.push(invalid(path, authority.slice(0, at), 'user information is not permitted in the URL'));
  }
  const hash = text.indexOf('#');
  if (hash >= 0 && hash < text.length - 1) {
    errors.push(invalid(path, text.slice(hash + 1), 'fragments are not permitted in the URL'));
  }
  const query = /\?([^#]+)/.exec(text)?.[1];
  if (query !== undefined) errors.push(invalid(path, query, 'query parameters are not permitted in the URL'));
  return errors;
}

function validateService(
  { name = '', namespace = '', path, port = defaultServicePort }: WebhookService,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${field}.name`, 'service name is required'));
  if (namespace === '') errors.push(required(`${field}.namespace`, 'service namespace is required'));
  if (port < 1 || port > 65_535) {
    errors.push(invalid(`${field}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'));
  }
  if (path !== undefined) errors.push(...validatePath(path, `${field}.path`));
  return errors;
}

function validatePath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalid(field, path, 'segment[0] may not be empty')];
  const errors: FieldError[] = [];
  if (!path.startsWith('/')) errors.push(invalid(field, path, "must start with a '/'"));
  const inner = path.slice(1).replace(/\/$/, '');
  inner.split('/').forEach((step, index) => {
    if (step === '') errors.push(invalid(field, path, `segment[${index}] may not be empty`));
    else
      for (const fault of dnsSubdomainFaults(step))
        errors.push(invalid(field, path, `segment[${index}]: ${fault}`));
  });
  return errors;
}

/** The bundle as PEM; undefined when there is none. */
export function caBundlePem(caBundle: string | undefined): string | undefined {
  return caBundle === undefined || caBundle === '' ? undefined : Buffer.from(caBundle, 'base64').toString();
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Why a bundle cannot be used. */
export function caBundleFault(caBundle: string | undefined): string | undefined {
  const pem = caBundlePem(caBundle);
  if (pem === undefined) return undefined;
  const certificates = pem.match(certificatePattern) ?? [];
  if (certificates.length === 0) {
    return 'unable to load root certificates: unable to parse bytes as PEM block';
  }
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `unable to load root certificates: ${why}`;
  }
}
