/** How server-side apply refuses fields that the schema does not know. Called for the body of an apply. */
import { StatusError } from '@flotilla/api';
import type { ExpectedBody } from './body.js';
import type { ResourceRequest } from './resource-request.js';

/**
 * An applied field that the schema does not know has no owner to be: it is refused whatever `fieldValidation` says, with
 * the code and the words of kube-apiserver. @throws StatusError 500 unless there are no such paths.
 */
export function refuseUndeclared(
  paths: readonly string[],
  { expected, request }: { readonly expected: ExpectedBody; readonly request: ResourceRequest },
): void {
  if (paths.length === 0) return;
  const { group, version, kind } = expected;
  const { name = '', namespace = '' } = request;
  const faults = paths.map((path) => `.${path}: field not declared in schema`);
  const text = faults.length === 1 ? faults.join('') : ['errors:', ...faults].join('\n  ');
  throw new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `failed to create typed patch object (${namespace}/${name}; ${group}/${version}, Kind=${kind}): ${text}`,
    code: 500,
  });
}
