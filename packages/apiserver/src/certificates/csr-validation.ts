/**
 * What a CertificateSigningRequest may say: a readable request, a signer's full name, known usages; of conditions, that
 * decisions stay as they were made and only /approval makes them. k8s pkg/apis/certificates/validation. Pure.
 */
import { equal, type FieldError, fieldErrors, formatTime } from '@flotilla/api';
import { certificateUsages, PkiError, splitCertificates } from '@flotilla/kube';
import { type Csr, type CsrCondition, readRequest } from './csr.js';

const { forbidden, invalid, notSupported, required } = fieldErrors;

const shortestSeconds = 600;
const signerForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[^/\s]+$/;
const decisions = ['Approved', 'Denied', 'Failed'];
const approvals = ['Approved', 'Denied'];

export function validateCsrSpec(csr: Csr): FieldError[] {
  const { signerName = '', usages = [], expirationSeconds, request = '' } = csr.spec;
  const errors: FieldError[] = [];
  if (signerName === '') errors.push(required('spec.signerName'));
  else if (!signerForm.test(signerName)) {
    const detail = 'must be a fully qualified domain and path of the form "example.com/signer-name"';
    errors.push(invalid('spec.signerName', signerName, detail));
  }
  if (usages.length === 0) errors.push(required('spec.usages', 'usages must be specified'));
  for (const [index, usage] of usages.entries()) {
    if (!certificateUsages.includes(usage)) {
      errors.push(notSupported(`spec.usages[${index}]`, usage, certificateUsages));
    }
  }
  if (expirationSeconds !== undefined && expirationSeconds < shortestSeconds) {
    const detail = `may not specify a duration less than ${shortestSeconds} seconds`;
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, detail));
  }
  const problem = pkiProblem(() => readRequest(csr));
  if (problem !== undefined) errors.push(invalid('spec.request', request, problem));
  return errors;
}

/** Why something cannot be read; undefined when it can. */
function pkiProblem(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof PkiError) return error.message;
    throw error;
  }
}

/** Times of conditions, where the client left them to the server. */
export function stampConditions(csr: Csr, old: Csr, nowMs: number): void {
  if (csr.status === undefined) return;
  const time = formatTime(nowMs);
  const conditions = (csr.status.conditions ?? []).map((condition) => {
    const known = old.status?.conditions?.find(({ type }) => type === condition.type);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? time,
      lastTransitionTime: condition.lastTransitionTime ?? known?.lastTransitionTime ?? time,
    };
  });
  csr.status = { ...csr.status, ...(conditions.length > 0 && { conditions }) };
}

/** Of an update through `/approval` or `/status`. */
export function validateCsrStatus(csr: Csr, old: Csr, options: { isApproval: boolean }): FieldError[] {
  const field = 'status.conditions';
  const conditions = csr.status?.conditions ?? [];
  const errors = decisions
    .filter((type) => ofType(csr, type).length < ofType(old, type).length)
    .map((type) => forbidden(field, `updates may not remove a condition of type ${JSON.stringify(type)}`));
  if (!options.isApproval) errors.push(...approvalErrors(csr, old));
  for (const [index, { type, status }] of conditions.entries()) {
    const path = `${field}[${index}]`;
    if (type === '') errors.push(required(`${path}.type`));
    if (decisions.includes(type) && status !== 'True') {
      errors.push(notSupported(`${path}.status`, status, ['True']));
    }
    if (type === 'Denied' && ofType(csr, 'Approved').length > 0) {
      const detail = 'Approved and Denied conditions are mutually exclusive';
      errors.push(invalid(`${path}.type`, type, detail));
    }
    if (conditions.findIndex((other) => other.type === type) < index) {
      errors.push(fieldErrors.duplicate(`${path}.type`, type));
    }
  }
  errors.push(...certificateErrors(csr.status?.certificate ?? '', old.status?.certificate ?? ''));
  return errors;
}

/** Who may sign may not therefore approve. */
function approvalErrors(csr: Csr, old: Csr): FieldError[] {
  return approvals.flatMap((type) => {
    const [now, before] = [ofType(csr, type), ofType(old, type)];
    if (now.length < before.length || equal(now, before)) return [];
    const change = now.length > before.length ? 'add' : 'modify';
    return [
      forbidden('status.conditions', `updates may not ${change} a condition of type ${JSON.stringify(type)}`),
    ];
  });
}

function certificateErrors(certificate: string, before: string): FieldError[] {
  const field = 'status.certificate';
  if (certificate === before) return [];
  if (before !== '') return [forbidden(field, 'updates may not modify existing certificate content')];
  let count = 0;
  const problem = pkiProblem(() => {
    count = splitCertificates(Buffer.from(certificate, 'base64').toString('utf8')).length;
  });
  if (problem !== undefined) return [invalid(field, '<certificate data>', problem)];
  return count > 0
    ? []
    : [invalid(field, '<certificate data>', 'must contain at least one CERTIFICATE PEM block')];
}

function ofType({ status }: Csr, type: string): readonly CsrCondition[] {
  return (status?.conditions ?? []).filter((condition) => condition.type === type);
}
