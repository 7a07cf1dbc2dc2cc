import { expect } from 'chai';
import { validateBinding, validatePolicy } from './policy-validation.js';

const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const good = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] };

function problems(spec: object): string[] {
  return validatePolicy({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'p' },
    spec: { ...good, ...spec },
  }).map(({ field, message }) => `${field}: ${message}`);
}

describe('validation of ValidatingAdmissionPolicies', () => {
  it('lets a good one through', () => {
    expect(problems({})).to.deep.equal([]);
    expect(
      problems({
        failurePolicy: 'Ignore',
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        variables: [
          { name: 'a', expression: 'object.spec' },
          { name: 'b', expression: 'variables.a.x' },
        ],
        validations: [
          {
            expression: 'variables.b == params.data.x',
            messageExpression: '"x" + params.data.x',
            reason: 'Forbidden',
          },
        ],
        auditAnnotations: [{ key: 'k', valueExpression: "'v'" }],
        matchConditions: [{ name: 'm', expression: 'params != null' }],
      }),
    ).to.deep.equal([]);
  });

  const cases: readonly [object, string][] = [
    [{ matchConstraints: undefined }, 'spec.matchConstraints: Required value'],
    [{ matchConstraints: {} }, 'spec.matchConstraints.resourceRules: Required value'],
    [
      { matchConstraints: { resourceRules: [{ ...rule, operations: ['*', 'CREATE'] }] } },
      `spec.matchConstraints.resourceRules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
    ],
    [
      { matchConstraints: { resourceRules: [rule], matchPolicy: 'Fuzzy' } },
      'spec.matchConstraints.matchPolicy: Unsupported value: "Fuzzy": supported values: "Equivalent", "Exact"',
    ],
    [
      { failurePolicy: 'Maybe' },
      'spec.failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
    ],
    [{ paramKind: { kind: 'X' } }, 'spec.paramKind.apiVersion: Required value'],
    [
      { validations: [{ expression: ' ' }] },
      'spec.validations[0].expression: Required value: expression is not specified',
    ],
    [
      { validations: [{ expression: 'object.x' }, { expression: '"a"' }] },
      'spec.validations[1].expression: Invalid value: "\\"a\\"": must evaluate to bool but got string',
    ],
    [
      { validations: [{ expression: 'params.x == 1' }] },
      `spec.validations[0].expression: Invalid value: "params.x == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^`,
    ],
    [
      { validations: [{ expression: 'true', messageExpression: '1' }] },
      'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int',
    ],
    [
      { validations: [{ expression: 'true', message: 'a\nb' }] },
      'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
    ],
    [
      { validations: [{ expression: 'true ||\nfalse' }] },
      'spec.validations[0].message: Required value: message must be specified if expression contains line breaks',
    ],
    [
      { validations: [{ expression: 'true', reason: 'Because' }] },
      'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
    ],
    [
      { variables: [{ name: '1x', expression: 'true' }] },
      'spec.variables[0].name: Invalid value: "1x": name is not a valid CEL identifier',
    ],
    [
      {
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
      },
      `spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: undefined field 'b'\n | variables.b\n | .........^`,
    ],
    [
      { auditAnnotations: [{ key: '', valueExpression: "'x'" }] },
      'spec.auditAnnotations[0].key: Required value: key is not specified',
    ],
    [
      { auditAnnotations: [{ key: 'a', valueExpression: '1' }] },
      'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
    ],
    [
      {
        matchConditions: [
          { name: 'a', expression: 'true' },
          { name: 'a', expression: 'true' },
        ],
      },
      'spec.matchConditions[1].name: Duplicate value: "a"',
    ],
  ];
  for (const [spec, expected] of cases) {
    it(`says: ${expected.split('\n')[0]}`, () => {
      expect(problems(spec)).to.deep.equal([expected]);
    });
  }

  it('wants something to do', () => {
    expect(problems({ validations: [] })).to.deep.equal([
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ]);
  });
});

describe('validation of ValidatingAdmissionPolicyBindings', () => {
  const cases: readonly [object, readonly string[]][] = [
    [{}, []],
    [{ policyName: '' }, ['spec.policyName: Required value']],
    [{ validationActions: [] }, ['spec.validationActions: Required value']],
    [
      { validationActions: ['Deny', 'Warn'] },
      [
        'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    [
      { validationActions: ['Shout'] },
      ['spec.validationActions[0]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"'],
    ],
    [{ validationActions: ['Deny', 'Deny'] }, ['spec.validationActions[1]: Duplicate value: "Deny"']],
    [
      { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
      [
        'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      ],
    ],
    [{ paramRef: { name: 'a' } }, ['spec.paramRef.parameterNotFoundAction: Required value']],
  ];
  for (const [spec, expected] of cases) {
    it(`of ${JSON.stringify(spec)}`, () => {
      const found = validateBinding({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'b' },
        spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
      });
      expect(found.map(({ field, message }) => `${field}: ${message}`)).to.deep.equal(expected);
    });
  }
});
