/**
 * What an admission rule is: one write that it may complete or refuse, and the question whether its requester has a
 * permission that stands in RBAC rules only. The rules themselves stand beside this file, by kind.
 */
import type { KubeObject } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import type { HubPolicies } from '../policies.js';

export interface Requester {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** One write, as a rule sees it. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly name: string;
  readonly namespace: string | undefined;
  /** May be changed in place by a mutating rule. */
  readonly object: KubeObject;
  readonly oldObject: KubeObject | undefined;
  readonly user: Requester;
  readonly dryRun: boolean;
  /** When the write is made, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly policies: HubPolicies;
}

export interface AdmissionRule {
  readonly name: string;
  readonly group: string;
  readonly resource: string;
  /** Default: writes of the object itself. */
  readonly subresource?: string | undefined;
  readonly operations: readonly ('CREATE' | 'UPDATE')[];
  /** Runs before validation; may change the object. */
  readonly mutating: boolean;
  /** @throws StatusError to refuse. */
  check(request: AdmissionRequest, client: KubeClient): Promise<void> | void;
}

/** Asks by a SubjectAccessReview whether the requester has a permission. */
export async function isAllowed(
  client: KubeClient,
  { user, attributes }: { user: Requester; attributes: Record<string, string> },
): Promise<boolean> {
  const review = await client.create<KubeObject>(wellKnown.subjectAccessReviews, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: user.username,
      groups: user.groups,
      ...(user.uid !== undefined && { uid: user.uid }),
      ...(user.extra && { extra: user.extra }),
      resourceAttributes: attributes,
    },
  });
  return (review['status'] as { allowed?: boolean } | undefined)?.allowed === true; // SubjectAccessReviewStatus
}
