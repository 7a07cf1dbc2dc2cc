/** How server-side apply refuses fields that the schema does not know. Called for the body of an apply. */
import { newBadRequest } from '@flotilla/api';
import type { ExpectedBody } from './body.js';
import type { ResourceRequest } from './resource-request.js';

/**
 * An applied field that the schema does not know has no owner to be: it is refused whatever `fieldValidation` says, in
 * the words of kube-apiserver, which however calls it a failure of its own (500). @throws StatusError 400 unless there
 * are no such paths.
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
  throw newBadRequest(
    `failed to create typed patch object (${namespace}/${name}; ${group}/${version}, Kind=${kind}): ${text}`,
  );
}
