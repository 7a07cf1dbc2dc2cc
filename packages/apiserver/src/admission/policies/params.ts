/**
 * The objects that a binding's paramRef names, of the policy's paramKind. Behaviour and texts of k8s.io/apiserver
 * pkg/admission/plugin/policy/generic. Reads the cache through a port. Called by the plugin.
 */
import {
  type KubeObject,
  labelSelectorFromObject,
  matchesLabels,
  type ParsedLabelSelector,
} from '@flotilla/api';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { ParamKind, ParamRef } from './policy-types.js';

/** What is stored, by definition; objects are immutable and in the definition's version. */
export interface ParamSource {
  findKind(apiVersion: string, kind: string): ResourceDefinition | undefined;
  get(
    definition: ResourceDefinition,
    key: { readonly namespace: string | undefined; readonly name: string },
  ): Promise<KubeObject | undefined>;
  list(definition: ResourceDefinition, namespace: string | undefined): Promise<readonly KubeObject[]>;
}

/** The policy cannot be used as it is: the failure policy decides. */
export class PolicyConfigurationError extends Error {
  override readonly name = 'PolicyConfigurationError';
}

/** The definition of the policy's params. @throws PolicyConfigurationError when the kind is not served. */
export function paramDefinition({ apiVersion, kind }: ParamKind, source: ParamSource): ResourceDefinition {
  const found = source.findKind(apiVersion, kind);
  if (found !== undefined) return found;
  const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  throw new PolicyConfigurationError(
    `failed to find resource referenced by paramKind: '${groupVersion}, Kind=${kind}'`,
  );
}

export interface ParamQuery {
  /** Undefined: the policy has no params. */
  readonly definition: ResourceDefinition | undefined;
  readonly ref: ParamRef | undefined;
  /** Of the request's object; undefined when that is cluster-scoped. */
  readonly namespace: string | undefined;
}

/**
 * The params to evaluate the policy with, once for each; `[null]` for once without. None: the policy is not evaluated.
 * @throws PolicyConfigurationError
 */
export async function collectParams(
  { definition, ref, namespace }: ParamQuery,
  source: ParamSource,
): Promise<readonly (KubeObject | null)[]> {
  if (definition === undefined || ref === undefined) return [null];
  const within = namespaceOf(definition, ref, namespace);
  let found: readonly KubeObject[];
  if (ref.name) {
    const param = await source.get(definition, { namespace: within, name: ref.name });
    found = param === undefined ? [] : [param];
  } else if (ref.selector !== undefined) {
    const selector: ParsedLabelSelector = labelSelectorFromObject(ref.selector);
    const all = await source.list(definition, within);
    found = all.filter(({ metadata }) => matchesLabels(selector, metadata.labels));
  } else {
    throw new PolicyConfigurationError('one of name or selector must be provided');
  }
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new PolicyConfigurationError(
      'no params found for policy binding with `Deny` parameterNotFoundAction',
    );
  }
  return found;
}

function namespaceOf(
  { namespaced }: ResourceDefinition,
  ref: ParamRef,
  namespace: string | undefined,
): string | undefined {
  if (!namespaced) {
    if (!ref.namespace) return undefined;
    throw new PolicyConfigurationError(
      'paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    );
  }
  if (ref.namespace) return ref.namespace;
  if (namespace) return namespace;
  throw new PolicyConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}
