/**
 * A cluster that is asked for by a user of `--auto-approve-users` is accepted as it is made, and says when. Only then:
 * an operator who denies it later is not overruled. Its first certificate is approved by `csr-approver.ts`.
 */
import { automaticallyAcceptedOnAnnotation, clusterGroupName, formatTime, isObject } from '@flotilla/api';
import type { AdmissionRequest, AdmissionRule } from './rule.js';

export const autoAcceptRule: AdmissionRule = {
  name: 'managedcluster-auto-accept',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE'],
  mutating: true,
  check: (request) => {
    const { object, nowMs } = request;
    const spec = object['spec'] ?? {};
    if (!isAutoAccepted(request) || !isObject(spec)) return;
    object['spec'] = { ...spec, hubAcceptsClient: true };
    object.metadata.annotations = {
      ...object.metadata.annotations,
      [automaticallyAcceptedOnAnnotation]: formatTime(nowMs),
    };
  },
};

export function isAutoAccepted({
  operation,
  user,
  policies,
}: Pick<AdmissionRequest, 'operation' | 'user' | 'policies'>): boolean {
  return operation === 'CREATE' && policies.autoApproveUsers.includes(user.username);
}
