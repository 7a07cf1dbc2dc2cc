/**
 * CertificateSigningRequests: who asked is the server's word, the spec never changes, approval and signing are for
 * those who may do so for that signer, the certificate is written once. apiserver.md 5.3; k8s registry/certificates.
 */
import { equal, formatAge, newForbidden } from '@flotilla/api';
import { type CertificateRequest, PkiError } from '@flotilla/kube';
import type { Authorizer } from '../authorization/attributes.js';
import { ageColumn, nameColumn } from '../builtin/columns.js';
import { builtinSchema } from '../builtin/schemas.js';
import type { PrinterColumn, ResourceDefinition, WriteContext } from '../registry/resource.js';
import { type Csr, certificatesGroup, kubeClientSigner, readRequest } from './csr.js';
import { stampConditions, validateCsrSpec, validateCsrStatus } from './csr-validation.js';

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
        if (context.subresource !== 'status') return;
        stampConditions(object as Csr, old as Csr, context.nowMs);
        if (changesSigning(object as Csr, old as Csr)) {
          requireSignerVerb(authorizer, old as Csr, { user: context.user, verb: 'sign' });
        }
      },
      validate: (object) => validateCsrSpec(object as Csr),
      validateUpdate: (object, old, context) =>
        context.subresource === undefined
          ? []
          : validateCsrStatus(object as Csr, old as Csr, { isApproval: false }),
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
        validateUpdate: (object, old) => validateCsrStatus(object as Csr, old as Csr, { isApproval: true }),
        authorizeUpdate: async (_object, old, { user }) =>
          requireSignerVerb(authorizer, old as Csr, { user, verb: 'approve' }),
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

function changesSigning({ status }: Csr, old: Csr): boolean {
  return (
    (status?.certificate ?? '') !== (old.status?.certificate ?? '') ||
    !equal(status?.conditions ?? [], old.status?.conditions ?? [])
  );
}

/** The verb on the signer itself, or on all signers of its domain. */
function requireSignerVerb(
  authorizer: Authorizer,
  csr: Csr,
  { user, verb }: { user: WriteContext['user']; verb: 'approve' | 'sign' },
): void {
  const signer = csr.spec.signerName ?? '';
  const names = [signer, `${signer.slice(0, signer.indexOf('/'))}/*`];
  const asked = { verb, group: certificatesGroup, resource: 'signers' };
  if (names.some((name) => authorizer.authorize(user, { ...asked, name }).allowed)) return;
  throw newForbidden(
    { group: certificatesGroup, resource: 'certificatesigningrequests', name: csr.metadata.name ?? '' },
    `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`,
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
  nameColumn,
  ageColumn,
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
