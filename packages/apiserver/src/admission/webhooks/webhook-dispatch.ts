/**
 * What mutating and validating webhooks have in common: whether one is to be asked about a request, asking it, and what
 * a failure to ask comes to. Behaviour and texts of k8s.io/apiserver pkg/admission/plugin/webhook.
 */
import { newBadRequest, newForbidden, newInternalError } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { Authorizer } from '../../authorization/attributes.js';
import type { ResourceDefinition } from '../../registry/resource.js';
import { WebhookCallError, type WebhookCaller } from '../../webhooks/webhook-caller.js';
import type { AdmissionAttributes } from '../admission.js';
import { admissionRequest, objectsFor } from '../matching/admission-request.js';
import { conditionInput } from '../matching/match-conditions.js';
import { namespaceOf } from '../matching/selectors.js';
import {
  type AdmissionAnswer,
  admissionReview,
  type ReviewedObjects,
  readAnswer,
  reviewVersion,
} from './admission-review.js';
import type { Webhook, WebhookConfigurations, WebhookType } from './webhook-configurations.js';

export interface WebhookDispatchDependencies {
  readonly configurations: WebhookConfigurations;
  readonly caller: WebhookCaller;
  /** For `authorizer` in matchConditions. */
  readonly authorizer: Authorizer;
  readonly env: Pick<Env, 'random' | 'log'>;
}

/** A webhook that is to be asked, and what it is to be shown. */
export interface Invocation {
  readonly webhook: Webhook;
  /** In whose version it wants to see the objects. */
  readonly matched: ResourceDefinition;
  readonly objects: ReviewedObjects;
}

/** A webhook that gave no usable answer: its failurePolicy decides. */
export class WebhookFailure extends Error {
  override readonly name = 'WebhookFailure';

  constructor(webhook: string, why: string, options: { cause?: unknown } = {}) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`, options);
  }
}

/**
 * Undefined: the webhook is not about this request.
 * @throws StatusError when that cannot be told and the webhook must not be passed over.
 */
export async function invocationOf(
  webhook: Webhook,
  attributes: AdmissionAttributes,
  { authorizer }: WebhookDispatchDependencies,
): Promise<Invocation | undefined> {
  const matched = webhook.matcher.match(attributes);
  if (matched === undefined) return undefined;
  const objects = await objectsFor(attributes, matched);
  if (webhook.conditions !== undefined) {
    const request = admissionRequest(attributes, { matched, uid: '' });
    const namespace = namespaceOf(attributes);
    const outcome = webhook.conditions.evaluate(
      conditionInput(attributes, { request, objects, authorizer, namespace }),
    );
    if (outcome.result === 'no' || (outcome.result === 'error' && webhook.failsOpen)) return undefined;
    if (outcome.result === 'error') {
      const { group, resource } = attributes.definition;
      throw newForbidden({ group, resource, name: attributes.name }, outcome.message);
    }
  }
  return { webhook, matched, objects };
}

/**
 * Asks the webhook, and passes its warnings and audit annotations on.
 * @throws WebhookFailure, and StatusError 400 for a dry run that the webhook cannot take part in.
 */
export async function ask(
  { webhook, matched, objects }: Invocation,
  attributes: AdmissionAttributes,
  { caller, env, type }: WebhookDispatchDependencies & { readonly type: WebhookType },
): Promise<AdmissionAnswer> {
  const { name } = webhook;
  if (attributes.dryRun && !webhook.allowsDryRun) {
    throw newBadRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  }
  const version = reviewVersion(webhook.reviewVersions);
  if (version === undefined) {
    throw new WebhookFailure(
      name,
      'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
    );
  }
  const uid = env.random.uuid();
  const review = admissionReview(attributes, objects, { version, uid, matched });
  const answer = readOrFail(name, await call(webhook, review, caller), {
    version,
    uid,
    mutating: type === 'mutating',
  });
  for (const [key, value] of Object.entries(answer.auditAnnotations)) {
    attributes.annotate(`${name}/${key}`, value);
  }
  for (const warning of answer.warnings) attributes.warn(warning);
  return answer;
}

async function call({ name, clientConfig, timeoutMs }: Webhook, review: object, caller: WebhookCaller) {
  try {
    return await caller.call(clientConfig, { review, timeoutMs });
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    const what = error.stage === 'client' ? 'could not get REST client' : 'failed to call webhook';
    throw new WebhookFailure(name, `${what}: ${error.message}`, { cause: error });
  }
}

function readOrFail(name: string, ...args: Parameters<typeof readAnswer>): AdmissionAnswer {
  try {
    return readAnswer(...args);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WebhookFailure(name, `received invalid webhook response: ${why}`, { cause: error });
  }
}

/** Where a webhook stands in the audit log. */
export interface AuditPlace {
  readonly type: WebhookType;
  readonly round: number;
  readonly index: number;
}

/** Lets a failure pass where the webhook says so. @throws StatusError 500 where it does not, other errors as they are. */
export function passOrFail(
  error: unknown,
  { webhook, attributes, env, place }: FailureContext,
): asserts error is WebhookFailure {
  if (!(error instanceof WebhookFailure)) throw error;
  if (!webhook.failsOpen) throw newInternalError(error.message, { cause: error });
  env.log.warn('webhook failed, the request goes on without it', {
    webhook: webhook.name,
    configuration: webhook.configuration,
    error: error.message,
  });
  const prefix = place.type === 'mutating' ? 'failed-open.mutation' : 'failed-open.validating';
  attributes.annotate(
    `${prefix}.webhook.admission.k8s.io/round_${place.round}_index_${place.index}`,
    webhook.name,
  );
}

interface FailureContext {
  readonly webhook: Webhook;
  readonly attributes: AdmissionAttributes;
  readonly env: Pick<Env, 'log'>;
  readonly place: AuditPlace;
}
