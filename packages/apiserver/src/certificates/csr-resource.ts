/**
 * CertificateSigningRequests: who asked is the server's word, the spec never changes, approval is for those who may
 * approve for that signer, the certificate is written once. apiserver.md 5.3; k8s registry/certificates.
 */
import {
  type FieldError,
  formatAge,
  formatTime,
  type KubeObject,
  newForbidden,
  parseTime,
} from '@flotilla/api';
import {
  type CertificateRequest,
  certificateUsages,
  PkiError,
  parseCertificateRequest,
} from '@flotilla/kube';
import type { Authorizer } from '../authorization/attributes.js';
import { builtinSchema } from '../builtin/schemas.js';
import type { PrinterColumn, ResourceDefinition, WriteContext } from '../registry/resource.js';

export const certificatesGroup = 'certificates.k8s.io';
export const kubeClientSigner = 'kubernetes.io/kube-apiserver-client';

export interface CsrCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

/** certificates.k8s.io/v1 CertificateSigningRequest. */
export interface Csr extends KubeObject {
  spec: {
    request?: string;
    signerName?: string;
    usages?: string[];
    expirationSeconds?: number;
    username?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
  };
  status?: { conditions?: CsrCondition[]; certificate?: string };
}

const shortestSeconds = 600;

export function certificateSigningRequestResource(authorizer: Authorizer): ResourceDefinition {
  const kind = { group: certificatesGroup, version: 'v1', kind: 'CertificateSigningRequest' };
  return {
    ...kind,
    resource: 'certificatesigningrequests',
    singular: 'certificatesigningrequest',
    listKind: 'CertificateSigningRequestList',
    namespaced: false,
    shortNames: ['csr'],
    categories: [],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    get schema() {
      return builtinSchema(certificatesGroup, 'v1', 'CertificateSigningRequest');
    },
    origin: 'builtin',
    columns,
    hasStatus: true,
    storageVersion: 'v1',
    selectableFields: { 'spec.signerName': (object) => (object as Csr).spec.signerName ?? '' },
    strategy: {
      tracksGeneration: false,
      allowCreateOnUpdate: false,
      allowUnconditionalUpdate: true,
      deleteReturnsObject: false,
      nameRule: 'path',
      prepareForCreate: (object, context) => takeRequester(object as Csr, context),
      prepareForUpdate: (object, old, context) => {
        (object as Csr).spec = (old as Csr).spec;
        if (context.subresource === 'status') stampConditions(object as Csr, old as Csr, context.nowMs);
      },
      validate: (object) => validateSpec(object as Csr),
      validateUpdate: (object, old, context) =>
        context.subresource === undefined ? [] : validateConditions(object as Csr, old as Csr),
    },
    subresources: [
      {
        name: 'approval',
        verbs: ['get', 'patch', 'update'],
        kind,
        merge: (object, old, context) => {
          const status = { ...(old as Csr).status, conditions: (object as Csr).status?.conditions ?? [] };
          const merged: Csr = { ...(old as Csr), status };
          stampConditions(merged, old as Csr, context.nowMs);
          return merged;
        },
        validateUpdate: (object, old) => validateConditions(object as Csr, old as Csr),
        authorizeUpdate: async (_object, old, context) => mayApprove(authorizer, old as Csr, context),
      },
    ],
  };
}

function takeRequester(csr: Csr, { user }: WriteContext): void {
  csr.spec = {
    ...csr.spec,
    username: user.username,
    groups: [...user.groups],
    ...(user.uid !== undefined && { uid: user.uid }),
    ...(user.extra && {
      extra: Object.fromEntries(Object.entries(user.extra).map(([key, list]) => [key, [...list]])),
    }),
  };
  if (user.uid === undefined) delete csr.spec.uid;
  if (user.extra === undefined) delete csr.spec.extra;
  delete csr.status;
  const request = tryRead(csr);
  if (csr.spec.signerName === kubeClientSigner && request?.organizations.includes('system:masters')) {
    throw newForbidden(
      { group: certificatesGroup, resource: 'certificatesigningrequests', name: csr.metadata.name ?? '' },
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
  }
}

/** The request's content, if it can be read. */
function tryRead(csr: Csr): CertificateRequest | undefined {
  try {
    return readRequest(csr);
  } catch (error) {
    if (error instanceof PkiError) return undefined; // validation says why
    throw error;
  }
}

/** @throws PkiError. */
export function readRequest(csr: Csr): CertificateRequest {
  return parseCertificateRequest(Buffer.from(csr.spec.request ?? '', 'base64').toString('utf8'));
}

function invalid(field: string, value: unknown, detail: string): FieldError {
  return {
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${detail}`,
  };
}

function required(field: string, detail = ''): FieldError {
  return {
    field,
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  };
}

function validateSpec(csr: Csr): FieldError[] {
  const errors: FieldError[] = [];
  const { signerName = '', usages = [], expirationSeconds } = csr.spec;
  if (!/^[a-z0-9.-]+\.[a-z0-9.-]+\/[^/].*$/.test(signerName)) {
    errors.push(
      signerName === ''
        ? required('spec.signerName')
        : invalid(
            'spec.signerName',
            signerName,
            'must be a fully qualified domain and path of the form "example.com/signer-name"',
          ),
    );
  }
  if (usages.length === 0) errors.push(required('spec.usages', 'usages must be specified'));
  for (const [index, usage] of usages.entries()) {
    if (!certificateUsages.includes(usage)) {
      errors.push({
        field: `spec.usages[${index}]`,
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(usage)}`,
      });
    }
  }
  if (expirationSeconds !== undefined && expirationSeconds < shortestSeconds) {
    errors.push(
      invalid(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${shortestSeconds} seconds`,
      ),
    );
  }
  try {
    readRequest(csr);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    errors.push(invalid('spec.request', csr.spec.request ?? '', error.message));
  }
  return errors;
}

function stampConditions(csr: Csr, old: Csr, nowMs: number): void {
  const before = new Map((old.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  const time = formatTime(nowMs);
  const conditions = (csr.status?.conditions ?? []).map((condition) => {
    const known = before.get(condition.type);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? time,
      lastTransitionTime: known?.lastTransitionTime ?? condition.lastTransitionTime ?? time,
    };
  });
  if (csr.status !== undefined) csr.status = { ...csr.status, conditions };
}

const decisions = new Set(['Approved', 'Denied', 'Failed']);

function validateConditions(csr: Csr, old: Csr): FieldError[] {
  const field = 'status.conditions';
  const errors: FieldError[] = [];
  const types = new Set((csr.status?.conditions ?? []).map(({ type }) => type));
  for (const { type } of old.status?.conditions ?? []) {
    if (decisions.has(type) && !types.has(type)) {
      errors.push({
        field,
        reason: 'FieldValueForbidden',
        message: `Forbidden: updates may not remove a condition of type ${JSON.stringify(type)}`,
      });
    }
  }
  if (types.has('Approved') && types.has('Denied')) {
    errors.push(invalid(field, 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  }
  for (const condition of csr.status?.conditions ?? []) {
    if (decisions.has(condition.type) && condition.status !== 'True') {
      errors.push({
        field,
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(condition.status)}: supported values: "True"`,
      });
    }
  }
  const before = old.status?.certificate ?? '';
  if (before !== '' && csr.status?.certificate !== before) {
    errors.push({
      field: 'status.certificate',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: updates may not set certificate content once it is set',
    });
  }
  return errors;
}

/** `approve` on the signer itself or on all signers of its domain. */
function mayApprove(authorizer: Authorizer, csr: Csr, { user }: WriteContext): void {
  const signer = csr.spec.signerName ?? '';
  const names = [signer, `${signer.slice(0, signer.indexOf('/'))}/*`];
  const allowed = names.some(
    (name) =>
      authorizer.authorize(user, { verb: 'approve', group: certificatesGroup, resource: 'signers', name })
        .allowed,
  );
  if (allowed) return;
  throw newForbidden(
    { group: certificatesGroup, resource: 'certificatesigningrequests', name: csr.metadata.name ?? '' },
    `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
  );
}

function conditionText(csr: Csr): string {
  const types = new Set((csr.status?.conditions ?? []).map(({ type }) => type));
  const state = types.has('Denied') ? ['Denied'] : types.has('Approved') ? ['Approved'] : ['Pending'];
  if (types.has('Failed')) state.push('Failed');
  if (csr.status?.certificate) state.push('Issued');
  return state.join(',');
}

const columns: readonly PrinterColumn[] = [
  { name: 'Name', type: 'string', format: 'name', value: (object) => object.metadata.name ?? '' },
  {
    name: 'Age',
    type: 'string',
    value: ({ metadata }, nowMs) =>
      metadata.creationTimestamp ? formatAge(nowMs - parseTime(metadata.creationTimestamp)) : '<unknown>',
  },
  { name: 'SignerName', type: 'string', value: (object) => (object as Csr).spec.signerName ?? '' },
  { name: 'Requestor', type: 'string', value: (object) => (object as Csr).spec.username ?? '' },
  {
    name: 'RequestedDuration',
    type: 'string',
    value: (object) => {
      const seconds = (object as Csr).spec.expirationSeconds;
      return seconds === undefined ? '<none>' : formatAge(seconds * 1000);
    },
  },
  { name: 'Condition', type: 'string', value: (object) => conditionText(object as Csr) },
];
