/**
 * Admission plugin MutatingAdmissionWebhook: one webhook after the other, each seeing what those before it changed. When
 * one changes the object, those before it that want to know (reinvocationPolicy IfNeeded) are asked once more, in a
 * second round of all mutating plugins. What a patch leaves is pruned and defaulted like a client's own object.
 */
import { clone, equal, isObject, type KubeObject, newInternalError, StatusError } from '@flotilla/api';
import { checkKind, cleanObject, type ExpectedBody } from '../../handlers/body.js';
import { applyJsonPatch } from '../../patch/json-patch.js';
import { convertVersion } from '../../registry/versions.js';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';
import { isAdmissionConfiguration } from '../matching/request-matcher.js';
import { type AdmissionAnswer, rejection } from './admission-review.js';
import type { Webhook } from './webhook-configurations.js';
import {
  ask,
  type Invocation,
  invocationOf,
  passOrFail,
  type WebhookDispatchDependencies,
  WebhookFailure,
} from './webhook-dispatch.js';

export function createMutatingWebhooks(dependencies: WebhookDispatchDependencies): AdmissionPlugin {
  const { configurations } = dependencies;
  // One write's memory between its two rounds.
  const rounds = new WeakMap<AdmissionAttributes, Rounds>();
  return {
    name: 'MutatingAdmissionWebhook',
    handles: (attributes) =>
      configurations.webhooks('mutating').length > 0 && !isAdmissionConfiguration(attributes),
    admit: (attributes) => {
      let state = rounds.get(attributes);
      if (state === undefined) {
        state = new Rounds();
        rounds.set(attributes, state);
      }
      return admitRound(attributes, state, dependencies);
    },
  };
}

/** Which webhooks are to be asked again. */
class Rounds {
  #asked = new Set<string>();
  readonly #again = new Set<string>();
  #lastOutput: KubeObject | undefined;

  /** A plugin has changed the object: those that were asked before want to see it. */
  onChange(): void {
    for (const id of this.#asked) this.#again.add(id);
    this.#asked = new Set();
  }

  onAsked(webhook: Webhook): void {
    if (webhook.reinvoked) this.#asked.add(webhook.id);
  }

  wantsAgain({ id }: Webhook): boolean {
    return this.#again.has(id);
  }

  startAgain(object: KubeObject | undefined): void {
    if (!equal(object, this.#lastOutput)) this.onChange();
  }

  /** Plugins may change the object in place, so the copy that is compared with is a private one. */
  end(object: KubeObject | undefined): void {
    const matters = this.#asked.size > 0 || this.#again.size > 0;
    this.#lastOutput = object === undefined || !matters ? undefined : clone(object);
  }
}

async function admitRound(
  attributes: AdmissionAttributes,
  state: Rounds,
  dependencies: WebhookDispatchDependencies,
): Promise<void> {
  const isAgain = attributes.reinvocation === 'running';
  if (isAgain) state.startAgain(attributes.object);
  for (const [index, webhook] of dependencies.configurations.webhooks('mutating').entries()) {
    if (webhook.matcher.match(attributes) === undefined) continue;
    complete(attributes);
    const invocation = await invocationOf(webhook, attributes, dependencies);
    if (invocation === undefined || (isAgain && !state.wantsAgain(webhook))) continue;
    const round = isAgain ? 1 : 0;
    const isChanged = await mutate(invocation, { attributes, dependencies, round, index });
    if (isChanged) {
      state.onChange();
      if (!isAgain) attributes.reinvocation = 'wanted';
    }
    state.onAsked(webhook);
  }
  state.end(attributes.object);
}

/** Webhooks see objects with the defaults of their kind, as clients do. */
function complete({ object, body, definition }: AdmissionAttributes): void {
  if (object !== undefined && body === undefined) definition.strategy.complete?.(object);
}

interface Mutation {
  readonly attributes: AdmissionAttributes;
  readonly dependencies: WebhookDispatchDependencies;
  readonly round: number;
  readonly index: number;
}

/** True when the object is another afterwards. */
async function mutate(
  invocation: Invocation,
  { attributes, dependencies, round, index }: Mutation,
): Promise<boolean> {
  const { webhook } = invocation;
  const place = `webhook.admission.k8s.io/round_${round}_index_${index}`;
  const who = { configuration: webhook.configuration, webhook: webhook.name };
  let isChanged = false;
  try {
    const answer = await ask(invocation, attributes, { ...dependencies, type: 'mutating' });
    if (!answer.allowed) throw rejection(webhook.name, answer.status);
    const operations = readPatch(webhook, answer);
    if (operations.length > 0) {
      isChanged = await apply(operations, invocation, attributes);
      if (isChanged) {
        const detail = { ...who, patch: operations, patchType: 'JSONPatch' };
        attributes.annotate(`patch.${place}`, JSON.stringify(detail));
      }
    }
  } catch (error) {
    const { env } = dependencies;
    passOrFail(error, { webhook, attributes, env, place: { type: 'mutating', round, index } });
  }
  attributes.annotate(`mutation.${place}`, JSON.stringify({ ...who, mutated: isChanged }));
  return isChanged;
}

function readPatch({ name }: Webhook, { patch }: AdmissionAnswer): readonly unknown[] {
  if (patch === undefined) return [];
  let why = 'it is no list of operations';
  try {
    const operations: unknown = JSON.parse(patch);
    if (Array.isArray(operations)) return operations;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new WebhookFailure(name, `received undecodable patch in webhook response: ${why}`);
}

async function apply(
  operations: readonly unknown[],
  { webhook, matched, objects }: Invocation,
  attributes: AdmissionAttributes,
): Promise<boolean> {
  const { definition, body } = attributes;
  const before = objects.object;
  if (before === undefined) {
    throw newInternalError(
      `admission webhook ${JSON.stringify(webhook.name)} attempted to modify the object, which is not supported for this operation`,
    );
  }
  const patched = asInternalError(() => {
    const value = applyJsonPatch(before, operations);
    if (!isObject(value)) throw new Error('the patch leaves no object');
    return fit(value, body ?? matched);
  });
  if (equal(patched, before)) return false;
  attributes.object =
    body === undefined && matched !== definition
      ? fit(await convertVersion(patched, { from: matched, to: definition }), definition)
      : patched;
  complete(attributes);
  return true;
}

function fit(value: Record<string, unknown>, expected: ExpectedBody): KubeObject {
  const object = checkKind(value, expected);
  cleanObject(object, expected);
  return object as KubeObject; // cleanObject made sure of metadata
}

/** A patch that does not fit is the webhook's mistake, not the client's. */
function asInternalError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw newInternalError(error.message, { cause: error });
  }
}
