/**
 * The policies in force: each that is bound, with its bindings, compiled once for each version of the object. Follows
 * the cache, so that a policy counts from the very write that created it. Empty, it costs one comparison per request.
 */
import { type KubeObject, StatusError } from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import {
  createRequestMatcher,
  type MatchCriteria,
  type RequestMatcher,
} from '../matching/request-matcher.js';
import { type CompiledPolicy, compilePolicy } from './compiled-policy.js';
import {
  type BindingSpec,
  bindingSpec,
  type MatchResources,
  type PolicySpec,
  policySpec,
} from './policy-types.js';

export interface ActiveBinding {
  readonly name: string;
  readonly spec: BindingSpec;
  readonly matcher: RequestMatcher;
}

export interface ActivePolicy {
  readonly name: string;
  readonly spec: PolicySpec;
  readonly matcher: RequestMatcher;
  /** Compiled at the first request that matches. */
  readonly program: () => CompiledPolicy;
  readonly bindings: readonly ActiveBinding[];
}

const group = 'admissionregistration.k8s.io';
const policies = 'validatingadmissionpolicies';
const bindings = 'validatingadmissionpolicybindings';

export class PolicyIndex {
  readonly #reader: ObjectReader;
  readonly #registry: Pick<ResourceRegistry, 'all' | 'generation'>;
  readonly #compiled = new WeakMap<KubeObject, Omit<ActivePolicy, 'bindings'>>();
  readonly #stops: (() => void)[] = [];
  #active: readonly ActivePolicy[] | undefined;

  constructor(reader: ObjectReader, registry: Pick<ResourceRegistry, 'all' | 'generation'>) {
    this.#reader = reader;
    this.#registry = registry;
    const changed = (): void => {
      this.#active = undefined;
    };
    for (const resource of [policies, bindings]) this.#stops.push(reader.onChange(group, resource, changed));
  }

  /** By name, as the reference evaluates them in no promised order. */
  active(): readonly ActivePolicy[] {
    this.#active ??= this.#build();
    return this.#active;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #build(): readonly ActivePolicy[] {
    const byPolicy = new Map<string, ActiveBinding[]>();
    for (const object of this.#reader.list(group, bindings)) {
      const spec = bindingSpec(object);
      const binding = {
        name: object.metadata.name ?? '',
        spec,
        matcher: this.#matcher(spec.matchResources),
      };
      const list = byPolicy.get(spec.policyName);
      if (list === undefined) byPolicy.set(spec.policyName, [binding]);
      else list.push(binding);
    }
    const active: ActivePolicy[] = [];
    for (const object of this.#reader.list(group, policies)) {
      const bound = byPolicy.get(object.metadata.name ?? '');
      if (bound === undefined) continue;
      active.push({ ...this.#compile(object), bindings: bound });
    }
    return active;
  }

  /** One that was stored with a selector which is not valid fails at each request, as its failure policy says. */
  #matcher(resources: MatchResources | undefined): RequestMatcher {
    try {
      return createRequestMatcher(criteria(resources), this.#registry);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return {
        match() {
          throw error;
        },
      };
    }
  }

  #compile(object: KubeObject): Omit<ActivePolicy, 'bindings'> {
    const known = this.#compiled.get(object);
    if (known !== undefined) return known;
    const spec = policySpec(object);
    let program: CompiledPolicy | undefined;
    const compiled = {
      name: object.metadata.name ?? '',
      spec,
      matcher: this.#matcher(spec.matchConstraints),
      program: () => {
        program ??= compilePolicy(spec);
        return program;
      },
    };
    this.#compiled.set(object, compiled);
    return compiled;
  }
}

/** No rules: everything, which validation allows in bindings only. */
function criteria(resources: MatchResources = {}): MatchCriteria {
  const { resourceRules = [] } = resources;
  return { ...resources, resourceRules: resourceRules.length === 0 ? undefined : resourceRules };
}
