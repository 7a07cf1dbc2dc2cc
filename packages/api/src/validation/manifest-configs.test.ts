import { expect } from 'chai';
import type { ManifestWork } from '../kinds/manifest-work.js';
import type { ManifestConfigOption } from '../kinds/manifest-work-spec.js';
import { StatusError } from '../status.js';
import { validateManifestWork } from './manifest-work.js';

const resourceIdentifier = { resource: 'configmaps', name: 'a' };
const config = (rules: Omit<ManifestConfigOption, 'resourceIdentifier'>): ManifestConfigOption => ({
  resourceIdentifier,
  ...rules,
});
const cel = (...celExpressions: string[]): ManifestConfigOption =>
  config({ conditionRules: [{ condition: 'Fine', type: 'CEL', celExpressions }] });
const path = (...paths: string[]): ManifestConfigOption =>
  config({
    feedbackRules: [
      { type: 'WellKnownStatus' },
      { type: 'JSONPaths', jsonPaths: paths.map((each, i) => ({ name: `p${i}`, path: each })) },
    ],
  });

const ignoring = (...jsonPaths: string[]): ManifestConfigOption =>
  config({
    updateStrategy: {
      type: 'ServerSideApply',
      serverSideApply: { ignoreFields: [{ condition: 'OnSpokeChange', jsonPaths }] },
    },
  });

function work(...manifestConfigs: ManifestConfigOption[]): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'w', namespace: 'c1' },
    spec: {
      workload: { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }] },
      manifestConfigs,
    },
  };
}

describe('validateManifestConfigs', () => {
  it('accepts rules that compile', () => {
    validateManifestWork(
      work(
        cel('hasConditions(object.status)', 'object.a.b == 1'),
        path('.status.a', '{.status.conditions[?(@.type=="A")].status}'),
        config({
          conditionRules: [{ condition: 'X', type: 'CEL', messageExpression: 'result ? "a" : "b"' }],
        }),
      ),
    );
  });

  for (const [what, bad, message] of [
    [
      'an expression',
      work(cel('true'), cel('true', 'nope')),
      'spec.manifestConfigs[1].conditionRules[0].celExpressions[1]: Invalid value: "nope": compilation failed: Unknown variable: nope',
    ],
    [
      'a message expression',
      work(
        config({
          conditionRules: [
            { condition: 'A', type: 'WellKnownConditions' },
            { condition: 'B', type: 'WellKnownConditions', messageExpression: '1' },
          ],
        }),
      ),
      'spec.manifestConfigs[0].conditionRules[1].messageExpression: Invalid value: "1": compilation failed: must evaluate to a string, not int',
    ],
    [
      'a path',
      work(path('.a', '.b[')),
      /^spec\.manifestConfigs\[0]\.feedbackRules\[1]\.jsonPaths\[1]\.path: Invalid value: "\.b\[": compilation failed: /,
    ],
    [
      'a path of an ignored field',
      work(ignoring('.spec.replicas', 'spec..[')),
      /^spec\.manifestConfigs\[0]\.updateStrategy\.serverSideApply\.ignoreFields\[0]\.jsonPaths\[1]: Invalid value: "spec\.\.\[": compilation failed: /,
    ],
  ] as const) {
    it(`refuses ${what} that does not compile`, () => {
      expect(() => validateManifestWork(bad))
        .to.throw(StatusError, message)
        .that.includes({ code: 400, reason: 'BadRequest' });
    });
  }

  for (const [condition, why] of [
    ['Applied', 'the condition Applied is built in and cannot be defined by a rule'],
    ['Deleting', 'the condition Deleting is built in'],
    ['not a type', 'a condition type must match'],
    ['', 'a condition type must match'],
    ['x'.repeat(317), 'a condition type may have at most 316 characters'],
  ] as const) {
    it(`refuses a rule for a condition that no status can hold: ${condition.slice(0, 20)}`, () => {
      const bad = work(config({ conditionRules: [{ condition, type: 'WellKnownConditions' }] }));
      expect(() => validateManifestWork(bad)).to.throw(
        StatusError,
        new RegExp(
          `^spec\\.manifestConfigs\\[0\\]\\.conditionRules\\[0\\]\\.condition: Invalid value: .*: ${why}`,
        ),
      );
      validateManifestWork(bad, { old: bad });
    });
  }

  it('ignores expressions that the type of the rule does not use', () => {
    validateManifestWork(
      work(
        config({
          conditionRules: [{ condition: 'A', type: 'WellKnownConditions', celExpressions: ['nope'] }],
          feedbackRules: [{ type: 'WellKnownStatus', jsonPaths: [{ name: 'a', path: '[' }] }],
        }),
      ),
    );
  });

  it('does not judge again what the old work has, wherever it stands', () => {
    const old = work(cel('nope'), path('['));
    validateManifestWork({ ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }, { old });
    validateManifestWork(work(path('.a', '['), cel('true', 'nope')), { old });
    expect(() => validateManifestWork(work(cel('nope', 'neither')), { old })).to.throw('celExpressions[1]');
  });

  it('quotes only the beginning of a long expression', () => {
    expect(() => validateManifestWork(work(cel(`nope + "${'x'.repeat(10_000)}"`))))
      .to.throw(StatusError)
      .with.property('message')
      .with.lengthOf.below(600);
  });
});
