/**
 * The answers to SubjectAccessReview and its relatives. A question may name groups and resources that nobody serves:
 * permissions are texts. Checks and wording as k8s.io/kubernetes pkg/apis/authorization/validation. Pure.
 */
import { type FieldError, fieldErrors, type KubeObject, newBadRequest, newInvalid } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { AccessAttributes } from './attributes.js';
import type { RbacAuthorizer } from './rbac-authorizer.js';

const { invalid } = fieldErrors;

interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly unknown[];
}

/** authorization.k8s.io/v1 ResourceAttributes. */
interface AskedResource {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly fieldSelector?: SelectorAttributes;
  readonly labelSelector?: SelectorAttributes;
}

interface ReviewSpec {
  readonly resourceAttributes?: AskedResource;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export function reviewAccess(authorizer: RbacAuthorizer, body: KubeObject): KubeObject {
  const spec = specOf(body);
  refuse(body, [...subjectErrors(spec), ...questionErrors(spec), ...metadataErrors(body)]);
  return decide(authorizer, body, subjectOf(spec));
}

/** The review of one namespace: who may ask it there learns of nothing else. */
export function reviewLocalAccess(authorizer: RbacAuthorizer, body: KubeObject): KubeObject {
  const spec = specOf(body);
  const { namespace = '' } = body.metadata;
  const asked = spec.resourceAttributes?.namespace ?? '';
  const errors = [...subjectErrors(spec), ...questionErrors(spec), ...metadataErrors(body)];
  if (spec.resourceAttributes !== undefined && asked !== namespace) {
    errors.push(invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  }
  if (spec.nonResourceAttributes !== undefined) {
    errors.push(
      invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'),
    );
  }
  refuse(body, errors);
  return decide(authorizer, body, subjectOf(spec));
}

export function reviewOwnAccess(
  authorizer: RbacAuthorizer,
  body: KubeObject,
  { user }: { readonly user: UserInfo },
): KubeObject {
  refuse(body, [...questionErrors(specOf(body)), ...metadataErrors(body)]);
  return decide(authorizer, body, user);
}

export function reviewOwnRules(
  authorizer: RbacAuthorizer,
  body: KubeObject,
  { user }: { readonly user: UserInfo },
): KubeObject {
  const { namespace = '' } = (body['spec'] ?? {}) as { namespace?: string }; // SelfSubjectRulesReviewSpec
  if (namespace === '') throw newBadRequest('no namespace on request');
  const rules = authorizer.rulesFor(user, namespace);
  return {
    ...body,
    status: {
      resourceRules: rules
        .filter(({ resources = [] }) => resources.length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames !== undefined && { resourceNames }),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    },
  };
}

function specOf(body: KubeObject): ReviewSpec {
  return (body['spec'] ?? {}) as ReviewSpec; // types were checked on the way in
}

function subjectOf({ user = '', groups = [], uid = '', extra }: ReviewSpec): UserInfo {
  return { username: user, groups, ...(uid !== '' && { uid }), ...(extra !== undefined && { extra }) };
}

function decide(authorizer: RbacAuthorizer, body: KubeObject, user: UserInfo): KubeObject {
  const { allowed, reason } = authorizer.authorize(user, attributesOf(specOf(body)));
  return { ...body, status: { allowed, ...(reason !== '' && { reason }) } };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: ReviewSpec): AccessAttributes {
  if (resourceAttributes === undefined) {
    return { verb: nonResourceAttributes?.verb ?? '', path: nonResourceAttributes?.path ?? '' };
  }
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = resourceAttributes;
  return {
    verb,
    group,
    resource,
    ...(subresource !== '' && { subresource }),
    ...(namespace !== '' && { namespace }),
    ...(name !== '' && { name }),
  };
}

function refuse({ apiVersion, kind }: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  throw newInvalid({ group: apiVersion.slice(0, apiVersion.indexOf('/')), resource: kind }, errors);
}

function subjectErrors({ user = '', groups = [] }: ReviewSpec): FieldError[] {
  if (user !== '' || groups.length > 0) return [];
  return [invalid('spec.user', user, 'at least one of user or group must be specified')];
}

function questionErrors({ resourceAttributes, nonResourceAttributes }: ReviewSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes, detail));
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    errors.push(invalid('spec.resourceAttributes', undefined, detail));
  }
  for (const name of ['fieldSelector', 'labelSelector'] as const) {
    const selector = resourceAttributes?.[name];
    if (selector === undefined) continue;
    const path = `spec.resourceAttributes.${name}`;
    const { rawSelector = '', requirements = [] } = selector;
    if (rawSelector !== '' && requirements.length > 0) {
      errors.push(
        invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'),
      );
    }
    if (rawSelector === '' && requirements.length === 0) {
      errors.push({
        field: `${path}.requirements`,
        reason: 'FieldValueRequired',
        message: `Required value: when ${path} is specified, requirements or rawSelector is required`,
      });
    }
  }
  return errors;
}

/** A review is a question, not an object: it has no name, labels or owners. */
function metadataErrors({ metadata }: KubeObject): FieldError[] {
  const { namespace: _, managedFields: __, creationTimestamp: ___, ...rest } = metadata;
  return Object.keys(rest).length === 0 ? [] : [invalid('metadata', rest, 'must be empty')];
}
