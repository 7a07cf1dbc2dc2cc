/**
 * Admission plugin ValidatingAdmissionWebhook: all validating webhooks that are about a write are asked at the same time;
 * the first in order that refuses decides what the client is told.
 */
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';
import { isAdmissionConfiguration } from '../matching/request-matcher.js';
import { rejection } from './admission-review.js';
import {
  ask,
  type Invocation,
  invocationOf,
  passOrFail,
  type WebhookDispatchDependencies,
} from './webhook-dispatch.js';

export function createValidatingWebhooks(dependencies: WebhookDispatchDependencies): AdmissionPlugin {
  const { configurations } = dependencies;
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (attributes) =>
      configurations.webhooks('validating').length > 0 && !isAdmissionConfiguration(attributes),
    validate: (attributes) => validate(attributes, dependencies),
  };
}

async function validate(
  attributes: AdmissionAttributes,
  dependencies: WebhookDispatchDependencies,
): Promise<void> {
  const invocations: { readonly invocation: Invocation; readonly index: number }[] = [];
  for (const [index, webhook] of dependencies.configurations.webhooks('validating').entries()) {
    const invocation = await invocationOf(webhook, attributes, dependencies);
    if (invocation !== undefined) invocations.push({ invocation, index });
  }
  if (invocations.length === 0) return;
  const outcomes = await Promise.allSettled(
    invocations.map(({ invocation, index }) => judge(invocation, index, { attributes, dependencies })),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function judge(
  invocation: Invocation,
  index: number,
  {
    attributes,
    dependencies,
  }: { attributes: AdmissionAttributes; dependencies: WebhookDispatchDependencies },
): Promise<void> {
  const { webhook } = invocation;
  try {
    const answer = await ask(invocation, attributes, { ...dependencies, type: 'validating' });
    if (!answer.allowed) throw rejection(webhook.name, answer.status);
  } catch (error) {
    const place = { type: 'validating', round: 0, index } as const;
    passOrFail(error, { webhook, attributes, env: dependencies.env, place });
  }
}
