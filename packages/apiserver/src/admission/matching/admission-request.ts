/**
 * The `request` of an AdmissionReview, and of CEL in admission, without the objects; and the objects in the version in
 * which a webhook or a policy wants to see them. Called by the plugins of admission/webhooks and admission/policies.
 */
import type { JsonObject, KubeObject } from '@flotilla/api';
import type { ResourceDefinition } from '../../registry/resource.js';
import { convertVersion } from '../../registry/versions.js';
import { customSubresource } from '../../registry/write-request.js';
import type { AdmissionAttributes } from '../admission.js';
import { isNamespace } from './selectors.js';

/** A group, version and kind, as JSON. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/**
 * AdmissionRequest but for object and oldObject. `matched` is the definition that the matcher found, `uid` is new for
 * each review.
 */
export function admissionRequest(
  attributes: AdmissionAttributes,
  { matched, uid }: { readonly matched: ResourceDefinition; readonly uid: string },
): JsonObject {
  const { definition, operation, name, subresource, user, dryRun, options } = attributes;
  // A Namespace is in itself, as the reference has it.
  const namespace = isNamespace(attributes) ? name : attributes.namespace;
  return {
    uid,
    kind: kindOf(attributes, matched),
    resource: resourceOf(matched),
    ...(subresource !== undefined && { subResource: subresource }),
    requestKind: kindOf(attributes, definition),
    requestResource: resourceOf(definition),
    ...(subresource !== undefined && { requestSubResource: subresource }),
    ...(name !== '' && { name }),
    ...(namespace !== undefined && namespace !== '' && { namespace }),
    operation,
    userInfo: {
      username: user.username,
      ...(user.uid !== undefined && { uid: user.uid }),
      groups: [...user.groups],
      ...(user.extra !== undefined && { extra: { ...user.extra } }),
    },
    dryRun,
    options: { ...options },
  };
}

/** The kind that goes through the resource, or through its subresource where that has one of its own. */
export function kindOf(
  { body, subresource }: Pick<AdmissionAttributes, 'body' | 'subresource'>,
  definition: ResourceDefinition,
): GroupVersionKind {
  const { group, version, kind } = body ?? customSubresource(definition, subresource)?.kind ?? definition;
  return { group, version, kind };
}

function resourceOf({ group, version, resource }: ResourceDefinition): JsonObject {
  return { group, version, resource };
}

/** New and old object in the version of `matched`. The request's own are given as they are: not to be changed. */
export async function objectsFor(
  { definition, body, object, oldObject }: AdmissionAttributes,
  matched: ResourceDefinition,
): Promise<{ readonly object: KubeObject | undefined; readonly oldObject: KubeObject | undefined }> {
  // A Scale or an Eviction is the same in every version of the resource it goes through.
  if (matched === definition || body !== undefined) return { object, oldObject };
  const [next, old] = await Promise.all(
    [object, oldObject].map(
      async (each) => each && (await convertVersion(each, { from: definition, to: matched })),
    ),
  );
  return { object: next, oldObject: old };
}
