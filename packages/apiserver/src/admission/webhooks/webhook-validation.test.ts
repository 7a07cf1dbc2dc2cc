import type { JsonObject } from '@flotilla/api';
import { expect } from 'chai';
import { validateWebhookConfiguration } from './webhook-validation.js';

const valid: JsonObject = {
  name: 'a.b.io',
  clientConfig: { url: 'https://example.com' },
  rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  timeoutSeconds: 10,
};

function faults(webhooks: readonly JsonObject[], version = 'v1'): string[] {
  return validateWebhookConfiguration({
    apiVersion: `admissionregistration.k8s.io/${version}`,
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'x' },
    webhooks,
  }).map(({ field, message }) => `${field}: ${message}`);
}

describe('validation of webhook configurations', () => {
  it('lets valid ones pass', () => {
    const more = {
      ...valid,
      name: 'c.b.io',
      admissionReviewVersions: ['v9', 'v1beta1'],
      matchConditions: [{ name: 'x', expression: "request.operation == 'CREATE' && !has(object.spec)" }],
    };
    expect(faults([valid, more])).to.deep.equal([]);
  });

  const cases: readonly [JsonObject, string][] = [
    [{ name: '' }, 'webhooks[0].name: Required value'],
    [
      { name: 'a.io' },
      'webhooks[0].name: Invalid value: "a.io": should be a domain with at least three segments separated by dots',
    ],
    [
      { sideEffects: undefined },
      'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
    ],
    [
      { sideEffects: 'Some' },
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    ],
    [
      { timeoutSeconds: 31 },
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
    [
      { failurePolicy: 'Maybe' },
      'webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
    ],
    [
      { admissionReviewVersions: [] },
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
    [
      { admissionReviewVersions: ['v2'] },
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
    ],
    [
      { admissionReviewVersions: ['v1', 'v1'] },
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version',
    ],
    [
      { clientConfig: {} },
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
    ],
    [
      { rules: [{ ...(valid['rules'] as JsonObject[])[0], operations: [] }] },
      'webhooks[0].rules[0].operations: Required value',
    ],
    [
      { matchConditions: [{ name: '', expression: 'true' }] },
      'webhooks[0].matchConditions[0].name: Required value',
    ],
  ];
  for (const [change, fault] of cases) {
    it(`says ${fault}`, () => {
      expect(faults([{ ...valid, ...change }])).to.deep.equal([fault]);
    });
  }

  it('compiles matchConditions', () => {
    const [fault = ''] = faults([
      { ...valid, matchConditions: [{ name: 'x', expression: 'nothing.at == 1' }] },
    ]);
    expect(fault).to.match(
      /^webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: "nothing.at == 1": /,
    );
    expect(fault).to.contain("undeclared reference to 'nothing'");
  });

  it('finds names that come twice, and is as lenient as v1beta1 was', () => {
    expect(faults([valid, valid])).to.deep.equal(['webhooks[1].name: Duplicate value: "a.b.io"']);
    expect(faults([{ ...valid, sideEffects: 'Unknown' }], 'v1beta1')).to.deep.equal([]);
  });
});
