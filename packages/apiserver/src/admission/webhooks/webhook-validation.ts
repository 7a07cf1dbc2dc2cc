/**
 * What may be written as a MutatingWebhookConfiguration or a ValidatingWebhookConfiguration, with kube-apiserver's texts
 * (k8s pkg/apis/admissionregistration/validation). v1beta1 lets webhooks have side effects. Called by the kinds'
 * strategies. Pure.
 */
import {
  dns1035LabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  fieldErrors,
  type JsonObject,
  type KubeObject,
} from '@flotilla/api';
import { at, listAt, numberAt, objectAt, objectsAt, textAt, textsAt } from '../../builtin/access.js';
import { validateClientConfig, type WebhookClientConfig } from '../../webhooks/client-config.js';
import { webhookConditionVariables } from '../matching/match-conditions.js';
import {
  validateMatchConditions,
  validateMatchRules,
  validateSelector,
} from '../matching/match-validation.js';

const { duplicate, invalid, notSupported, required } = fieldErrors;

const reviewVersions = ['v1', 'v1beta1'];
const noSideEffects = ['None', 'NoneOnDryRun'];
const allSideEffects = [...noSideEffects, 'Some', 'Unknown'];
const choices: readonly (readonly [string, readonly string[]])[] = [
  ['failurePolicy', ['Fail', 'Ignore']],
  ['matchPolicy', ['Equivalent', 'Exact']],
  ['reinvocationPolicy', ['IfNeeded', 'Never']],
];

/** Errors of the whole object. */
export function validateWebhookConfiguration(object: KubeObject): FieldError[] {
  const sideEffects = object.apiVersion.endsWith('/v1beta1') ? allSideEffects : noSideEffects;
  const names = new Set<string>();
  return objectsAt(object, 'webhooks').flatMap((webhook, index) => {
    const field = `webhooks[${index}]`;
    const errors = validateWebhook(webhook, field, sideEffects);
    const name = textAt(webhook, 'name');
    if (name !== '' && names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    return errors;
  });
}

function validateWebhook(webhook: JsonObject, field: string, sideEffects: readonly string[]): FieldError[] {
  const errors: FieldError[] = [
    ...validateName(textAt(webhook, 'name'), `${field}.name`),
    ...validateMatchRules(objectsAt(webhook, 'rules'), `${field}.rules`),
  ];
  for (const [key, supported] of choices) {
    const value = at(webhook, key);
    if (value === undefined || value === null || supported.includes(String(value))) continue;
    errors.push(notSupported(`${field}.${key}`, value, supported));
  }
  const effects = textAt(webhook, 'sideEffects');
  if (effects === '') {
    errors.push(required(`${field}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`));
  } else if (!sideEffects.includes(effects)) {
    errors.push(notSupported(`${field}.sideEffects`, effects, sideEffects));
  }
  const timeout = numberAt(webhook, 'timeoutSeconds');
  if (timeout < 1 || timeout > 30) {
    errors.push(
      invalid(`${field}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds'),
    );
  }
  for (const key of ['namespaceSelector', 'objectSelector']) {
    errors.push(...validateSelector(objectAt(webhook, key), `${field}.${key}`));
  }
  const config = objectAt(webhook, 'clientConfig') as WebhookClientConfig; // type-checked against the schema
  errors.push(...validateClientConfig(config, `${field}.clientConfig`));
  errors.push(
    ...validateMatchConditions(objectsAt(webhook, 'matchConditions'), {
      field: `${field}.matchConditions`,
      allow: webhookConditionVariables,
    }),
  );
  errors.push(...validateReviewVersions(webhook, `${field}.admissionReviewVersions`));
  return errors;
}

function validateName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const faults = dnsSubdomainFaults(name);
  if (faults.length > 0) return faults.map((fault) => invalid(field, name, fault));
  if (name.split('.').length >= 3) return [];
  return [invalid(field, name, 'should be a domain with at least three segments separated by dots')];
}

function validateReviewVersions(webhook: JsonObject, field: string): FieldError[] {
  if (listAt(webhook, 'admissionReviewVersions').length === 0) {
    return [required(field, `must specify one of ${reviewVersions.join(', ')}`)];
  }
  const versions = textsAt(webhook, 'admissionReviewVersions');
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalid(`${field}[${index}]`, version, 'duplicate version')]
      : dns1035LabelFaults(version).map((fault) => invalid(`${field}[${index}]`, version, fault)),
  );
  if (!versions.some((version) => reviewVersions.includes(version))) {
    errors.push(invalid(field, versions, `must include at least one of ${reviewVersions.join(', ')}`));
  }
  return errors;
}
