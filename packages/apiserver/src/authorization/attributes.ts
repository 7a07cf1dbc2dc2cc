/** What a request wants to do, and the words in which a refusal says so (k8s.io/apiserver pkg/endpoints/handlers/responsewriters). */
import type { UserInfo } from '../authentication/user.js';

export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface NonResourceAttributes {
  readonly verb: string;
  readonly path: string;
}

export type AccessAttributes = ResourceAttributes | NonResourceAttributes;

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

export interface Authorizer {
  authorize(user: UserInfo, attributes: AccessAttributes): Decision;
}

export function isNonResource(attributes: AccessAttributes): attributes is NonResourceAttributes {
  return 'path' in attributes;
}

/** `User "u" cannot get resource "pods" in API group "" in the namespace "ns"`. */
export function describeRefusal(user: UserInfo, attributes: AccessAttributes): string {
  const who = `User ${JSON.stringify(user.username)}`;
  if (isNonResource(attributes))
    return `${who} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  const { verb, group, resource, subresource, namespace } = attributes;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return `${who} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
