/**
 * Admission plugin ValidatingAdmissionPolicy: asks each policy in force about each write that it and one of its
 * bindings match, and denies, warns or notes for the audit log as the binding says. Texts and reasons are those of
 * kube-apiserver. Objects of admission itself are exempt. Policies are evaluated one after the other.
 */
import {
  type AdmissionInput,
  type KubeObject,
  newForbidden,
  StatusError,
  type StatusReason,
  withParams,
} from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { Authorizer } from '../../authorization/attributes.js';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';
import { admissionRequest, objectsFor } from '../matching/admission-request.js';
import { conditionInput } from '../matching/match-conditions.js';
import { isAdmissionConfiguration, type RequestMatcher } from '../matching/request-matcher.js';
import { namespaceOf } from '../matching/selectors.js';
import type { Denial } from './compiled-policy.js';
import { collectParams, type ParamSource, PolicyConfigurationError, paramDefinition } from './params.js';
import { type ActiveBinding, type ActivePolicy, PolicyIndex } from './policy-index.js';

export interface PolicyPluginOptions {
  readonly reader: ObjectReader;
  readonly registry: ResourceRegistry;
  readonly authorizer: Authorizer;
  readonly params: ParamSource;
}

export interface PolicyPlugin extends AdmissionPlugin {
  close(): void;
}

export function createPolicyPlugin(options: PolicyPluginOptions): PolicyPlugin {
  const index = new PolicyIndex(options.reader, options.registry);
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (attributes) => index.active().length > 0 && !isAdmissionConfiguration(attributes),
    validate: (attributes) => new Dispatch(options, attributes).run(index.active()),
    close: () => index.close(),
  };
}

interface Refusal {
  readonly policy: string;
  readonly binding: string | undefined;
  readonly message: string;
  /** Undefined: Invalid, as for what could not be evaluated. */
  readonly reason: string | undefined;
}

/** One request on its way past all policies. */
class Dispatch {
  readonly #options: PolicyPluginOptions;
  readonly #attributes: AdmissionAttributes;
  readonly #refusals: Refusal[] = [];
  /** By the version in which a policy sees the object: converted once. */
  readonly #inputs = new Map<ResourceDefinition, AdmissionInput>();

  constructor(options: PolicyPluginOptions, attributes: AdmissionAttributes) {
    this.#options = options;
    this.#attributes = attributes;
  }

  async run(policies: readonly ActivePolicy[]): Promise<void> {
    for (const policy of policies) await this.#ask(policy);
    const [first] = this.#refusals;
    if (first !== undefined) throw refusal(first, this.#attributes);
  }

  async #ask(policy: ActivePolicy): Promise<void> {
    const matched = this.#match(policy.matcher, policy, undefined);
    if (matched === undefined) return;
    const { paramKind } = policy.spec;
    const definition = await this.#configured(policy, undefined, () =>
      paramKind === undefined ? [] : [paramDefinition(paramKind, this.#options.params)],
    );
    if (definition === undefined) return;
    const annotations = new Map<string, string[]>();
    for (const binding of policy.bindings) {
      if (this.#match(binding.matcher, policy, binding) === undefined) continue;
      const params = await this.#configured(policy, binding, () =>
        collectParams(
          {
            definition: definition[0],
            ref: binding.spec.paramRef,
            namespace: this.#attributes.definition.namespaced ? this.#attributes.namespace : undefined,
          },
          this.#options.params,
        ),
      );
      for (const param of params ?? []) {
        const input = withParams(await this.#inputFor(matched), param);
        const verdict = policy.program().evaluate(input);
        for (const denial of verdict.denials) this.#act(denial, policy, binding);
        for (const message of verdict.annotationErrors) {
          this.#refusals.push({ policy: policy.name, binding: binding.name, message, reason: undefined });
        }
        for (const [key, value] of verdict.annotations) collect(annotations, key, value);
      }
    }
    for (const [key, values] of annotations) {
      this.#attributes.annotate(`${policy.name}/${key}`, values.join(', '));
    }
  }

  #match(
    matcher: RequestMatcher,
    policy: ActivePolicy,
    binding: ActiveBinding | undefined,
  ): ResourceDefinition | undefined {
    try {
      return matcher.match(this.#attributes);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#misconfigured(policy, binding, error.message);
      return undefined;
    }
  }

  async #configured<T>(
    policy: ActivePolicy,
    binding: ActiveBinding | undefined,
    make: () => T | Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof PolicyConfigurationError)) throw error;
      this.#misconfigured(policy, binding, error.message);
      return undefined;
    }
  }

  #misconfigured(policy: ActivePolicy, binding: ActiveBinding | undefined, why: string): void {
    if (policy.spec.failurePolicy === 'Ignore') return;
    this.#refusals.push({
      policy: policy.name,
      binding: binding?.name,
      message: `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${why}`,
      reason: undefined,
    });
  }

  async #inputFor(matched: ResourceDefinition): Promise<AdmissionInput> {
    const known = this.#inputs.get(matched);
    if (known !== undefined) return known;
    const attributes = this.#attributes;
    const input = conditionInput(attributes, {
      request: admissionRequest(attributes, { matched, uid: '' }),
      objects: await objectsFor(attributes, matched),
      authorizer: this.#options.authorizer,
      namespace: shownNamespace(attributes),
    });
    this.#inputs.set(matched, input);
    return input;
  }

  #act({ index, message, reason }: Denial, policy: ActivePolicy, binding: ActiveBinding): void {
    const { validationActions } = binding.spec;
    for (const action of validationActions) {
      switch (action) {
        case 'Deny':
          this.#refusals.push({ policy: policy.name, binding: binding.name, message, reason });
          break;
        case 'Warn':
          this.#attributes.warn(
            `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${message}`,
          );
          break;
        case 'Audit':
          this.#attributes.annotate(
            'validation.policy.admission.k8s.io/validation_failure',
            JSON.stringify([
              {
                message,
                policy: policy.name,
                binding: binding.name,
                expressionIndex: index,
                validationActions,
              },
            ]),
          );
      }
    }
  }
}

/** The namespace without what the reference hides from expressions. */
function shownNamespace(attributes: AdmissionAttributes): KubeObject | undefined {
  const namespace = namespaceOf(attributes);
  if (namespace === undefined) return undefined;
  const { managedFields: _, ownerReferences: _owners, ...metadata } = namespace.metadata;
  return { ...namespace, metadata };
}

function collect(into: Map<string, string[]>, key: string, value: string): void {
  const values = into.get(key);
  if (values === undefined) into.set(key, [value]);
  else if (!values.includes(value)) values.push(value);
}

const codes: ReadonlyMap<string, number> = new Map([
  ['Unauthorized', 401],
  ['Forbidden', 403],
  ['RequestEntityTooLarge', 413],
]);

function refusal(
  { policy, binding, message, reason = 'Invalid' }: Refusal,
  { definition, name, object }: AdmissionAttributes,
): StatusError {
  const with_ = binding === undefined ? '' : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${with_} denied request: ${message}`;
  const subject = {
    group: definition.group,
    resource: definition.resource,
    name: name || object?.metadata.name || object?.metadata.generateName || 'Unknown/errorGettingName',
  };
  const { status } = newForbidden(subject, text);
  return new StatusError({
    ...status,
    code: codes.get(reason) ?? 422,
    reason: reason as StatusReason, // validation lets known ones in only
    details: { ...status.details, causes: [{ message: text }] },
  });
}
