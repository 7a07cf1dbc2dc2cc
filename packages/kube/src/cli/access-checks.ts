/** Asks an API server, by SelfSubjectAccessReviews, what the client may do there. Called by the checks of the commands. */
import type { KubeObject } from '@flotilla/api';
import type { KubeClient } from '../client/client.js';

export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

const reviews = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'selfsubjectaccessreviews',
  namespaced: false,
} as const;

/** Those that the client lacks. @throws StatusError or TransportError when the server cannot be asked. */
export async function missingRights(client: KubeClient, rights: readonly Right[]): Promise<readonly Right[]> {
  const answers = await Promise.all(
    rights.map(async (right) => {
      const review = await client.create<KubeObject>(
        reviews,
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          metadata: {},
          spec: { resourceAttributes: { ...right } },
        },
        { timeoutMs: 10_000 },
      );
      const { allowed } = (review['status'] ?? {}) as { allowed?: boolean }; // SubjectAccessReviewStatus
      return allowed === true ? [] : [right];
    }),
  );
  return answers.flat();
}

/** `create certificatesigningrequests.certificates.k8s.io`. */
export function formatRight({ verb, group, resource, subresource, namespace, name }: Right): string {
  const type = `${resource}${group === '' ? '' : `.${group}`}${subresource ? `/${subresource}` : ''}`;
  const object = name === undefined ? type : `${type} ${name}`;
  return `${verb} ${object}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
