/**
 * Writes down from which address a certificate was asked for, so that whoever approves can see it. The guard sees the
 * address, and the rule the object: the user of the request, one object for each, is what they share.
 */
import { flotillaKey } from '@flotilla/api';
import type { GuardedRequest } from './guarded-request.js';
import type { AdmissionRule, Requester } from './rule.js';

/** On a CertificateSigningRequest; nobody but the hub says it. */
export const sourceAddressAnnotation = flotillaKey('source-address');

const addresses = new WeakMap<Requester, string>();

/** Called by the guard for each request that it sees. */
export function noteSource({ user, verb, resource, remoteAddress }: GuardedRequest): void {
  if (verb === 'create' && resource === 'certificatesigningrequests') addresses.set(user, remoteAddress);
}

export const csrSourceRule: AdmissionRule = {
  name: 'csr-source',
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  operations: ['CREATE', 'UPDATE'],
  mutating: true,
  check: ({ operation, object, oldObject, user }) => {
    const address =
      operation === 'CREATE'
        ? addresses.get(user)
        : oldObject?.metadata.annotations?.[sourceAddressAnnotation];
    const { [sourceAddressAnnotation]: _claimed, ...annotations } = object.metadata.annotations ?? {};
    if (address) annotations[sourceAddressAnnotation] = address;
    if (Object.keys(annotations).length > 0) object.metadata.annotations = annotations;
    else delete object.metadata.annotations;
  },
};
