/** Admission webhooks and policies as objects. What they do to requests is the admission folder's work. */
import { isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { validateBinding, validatePolicy } from '../../admission/policies/policy-validation.js';
import { validateWebhookConfiguration } from '../../admission/webhooks/webhook-validation.js';
import { ensure, fill, listAt, objectAt, objectsAt, textAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn, numberColumn, textColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';

const group = 'admissionregistration.k8s.io';

function defaultMatch(constraints: JsonObject): void {
  fill(constraints, { matchPolicy: 'Equivalent' });
  for (const key of ['namespaceSelector', 'objectSelector']) constraints[key] ??= {};
  for (const list of ['resourceRules', 'excludeResourceRules']) {
    for (const rule of objectsAt(constraints, list)) fill(rule, { scope: '*' });
  }
}

/** v1beta1 was more trusting than v1. */
function defaultWebhooks(object: KubeObject): void {
  const old = object.apiVersion === `${group}/v1beta1`;
  for (const webhook of objectsAt(object, 'webhooks')) {
    fill(webhook, { failurePolicy: old ? 'Ignore' : 'Fail', matchPolicy: old ? 'Exact' : 'Equivalent' });
    webhook['timeoutSeconds'] ??= old ? 30 : 10;
    if (old) {
      fill(webhook, { sideEffects: 'Unknown' });
      if (listAt(webhook, 'admissionReviewVersions').length === 0)
        webhook['admissionReviewVersions'] = ['v1beta1'];
    }
    if (object.kind === 'MutatingWebhookConfiguration') fill(webhook, { reinvocationPolicy: 'Never' });
    for (const key of ['namespaceSelector', 'objectSelector']) webhook[key] ??= {};
    for (const rule of objectsAt(webhook, 'rules')) fill(rule, { scope: '*' });
    const service = objectAt(webhook, 'clientConfig', 'service');
    if (Object.keys(service).length > 0) fill(service, { port: 443 });
  }
}

const webhookColumns = [
  nameColumn,
  numberColumn('Webhooks', (object) => listAt(object, 'webhooks').length),
  ageColumn,
];

function webhooks(resource: string, kind: string): BuiltinFacts {
  return {
    group,
    resource,
    kind,
    categories: ['api-extensions'],
    namespaced: false,
    hub: true,
    strategy: { tracksGeneration: true },
    columns: webhookColumns,
    defaults: defaultWebhooks,
    validate: validateWebhookConfiguration,
  };
}

const policies: BuiltinFacts = {
  group,
  resource: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
  categories: ['api-extensions'],
  namespaced: false,
  hub: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    numberColumn('Validations', (object) => listAt(object, 'spec', 'validations').length),
    textColumn('ParamKind', (object) => {
      const kind = objectAt(object, 'spec', 'paramKind');
      return Object.keys(kind).length === 0
        ? '<unset>'
        : `${textAt(kind, 'apiVersion')}/${textAt(kind, 'kind')}`;
    }),
    ageColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { failurePolicy: 'Fail' });
    const constraints = spec['matchConstraints'];
    if (isObject(constraints)) defaultMatch(constraints);
  },
  validate: validatePolicy,
};

const bindings: BuiltinFacts = {
  group,
  resource: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
  categories: ['api-extensions'],
  namespaced: false,
  hub: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    fieldColumn('PolicyName', ['spec', 'policyName']),
    textColumn('ParamRef', (object) => {
      const ref = objectAt(object, 'spec', 'paramRef');
      if (Object.keys(ref).length === 0) return '<unset>';
      const namespace = textAt(ref, 'namespace');
      return `${namespace === '' ? '' : `${namespace}/`}${textAt(ref, 'name') || '*'}`;
    }),
    ageColumn,
  ],
  defaults(object) {
    const resources = ensure(object, 'spec')['matchResources'];
    if (isObject(resources)) defaultMatch(resources);
  },
  validate: validateBinding,
};

export const admissionResources: readonly BuiltinFacts[] = [
  webhooks('mutatingwebhookconfigurations', 'MutatingWebhookConfiguration'),
  webhooks('validatingwebhookconfigurations', 'ValidatingWebhookConfiguration'),
  policies,
  bindings,
];
