import type { ConditionRule, KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { evaluateRules } from './condition-rules.js';

const deployment: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { replicas: 2 },
  status: { replicas: 2, conditions: [{ type: 'Available', status: 'True' }] },
};
const job = (...types: string[]): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j' },
  status: { conditions: types.map((type) => ({ type, status: 'True' })) },
});
const pod = (status?: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  ...(status && { status }),
});

const cel = (rule: Partial<ConditionRule>): ConditionRule => ({ type: 'CEL', condition: 'Fine', ...rule });
const complete: ConditionRule = { type: 'WellKnownConditions', condition: 'Complete' };

function evaluated(object: KubeObject, ...rules: ConditionRule[]): string[][] {
  return evaluateRules(object, rules).map(({ status, reason, message }) => [status, reason, message]);
}

const yes = 'object.status.replicas == object.spec.replicas';
const no = 'object.status.replicas > object.spec.replicas';

describe('condition rules', () => {
  const cases: readonly [string, KubeObject, ConditionRule, string[] | undefined][] = [
    ['that holds', deployment, cel({ celExpressions: [yes] }), ['True', 'Evaluated', 'Manifest is Fine']],
    [
      'that does not hold',
      deployment,
      cel({ celExpressions: [yes, no] }),
      ['False', 'Evaluated', 'Manifest is not Fine'],
    ],
    ['without expressions', deployment, cel({}), ['True', 'Evaluated', 'Manifest is Fine']],
    ['with a message', deployment, cel({ celExpressions: [no], message: 'm' }), ['False', 'Evaluated', 'm']],
    [
      'with a message expression before the message',
      deployment,
      cel({
        celExpressions: [no],
        message: 'm',
        messageExpression: '(result ? "yes" : "no") + object.metadata.name',
      }),
      ['False', 'Evaluated', 'noweb'],
    ],
    [
      'with an empty message by expression',
      deployment,
      cel({ celExpressions: [yes], message: 'm', messageExpression: '""' }),
      ['True', 'Evaluated', 'm'],
    ],
    [
      'with a message expression that fails',
      deployment,
      cel({ celExpressions: [yes], message: 'm', messageExpression: 'object.gone' }),
      ['True', 'Evaluated', 'no such key: gone'],
    ],
    [
      'that reads what is not there',
      deployment,
      cel({ celExpressions: ['object.gone == 1'], message: 'm' }),
      ['False', 'ExpressionError', 'no such key: gone'],
    ],
    [
      'that does not compile',
      deployment,
      cel({ celExpressions: ['nonsense'] }),
      ['False', 'ExpressionError', 'unknown variable: nonsense'],
    ],
    [
      'of an unknown type',
      deployment,
      cel({ type: 'Other' as 'CEL' }), // as a newer hub would have it
      ['Unknown', 'Invalid', 'Unrecognized condition rule type Other'],
    ],
    ['of a finished job', job('Complete'), complete, ['True', 'Evaluated', 'Job is finished']],
    ['of a failed job', job('Failed'), complete, ['True', 'Evaluated', 'Job is finished']],
    ['of a running job', job(), complete, ['False', 'Evaluated', 'Job is not finished']],
    ['of a pod', pod({ phase: 'Running' }), complete, ['False', 'Evaluated', 'Pod is in phase Running']],
    [
      'of a pod that ended',
      pod({ phase: 'Failed' }),
      complete,
      ['True', 'Evaluated', 'Pod is in phase Failed'],
    ],
    ['of a pod without status', pod(), complete, ['False', 'ExpressionError', 'no such key: status']],
    ['of a pod without phase', pod({}), complete, ['False', 'ExpressionError', 'no such key: phase']],
    [
      'of a job, with its own message',
      job('Complete'),
      { ...complete, message: 'm', messageExpression: 'object.kind + (result ? " done" : "")' },
      ['True', 'Evaluated', 'Job done'],
    ],
    ['of a kind that nothing is known of', deployment, complete, undefined],
  ];
  for (const [what, object, rule, expected] of cases) {
    it(`reports one ${what}`, () => {
      const [status = '', reason = '', message = ''] = expected ?? [];
      expect(evaluated(object, rule)).to.deep.equal(
        expected === undefined ? [] : [[status, `ConditionRule${reason}`, message]],
      );
    });
  }

  it('keeps the order, and good rules beside a failure', () => {
    const rules = [cel({ condition: 'A', celExpressions: ['object.gone'] }), cel({ condition: 'B' })];
    expect(evaluateRules(deployment, rules).map(({ type, status }) => [type, status])).to.deep.equal([
      ['A', 'False'],
      ['B', 'True'],
    ]);
  });

  it('cuts a message that the hub would not take', () => {
    const long = { ...deployment, text: 'x'.repeat(40_000) };
    const [found] = evaluateRules(long, [cel({ messageExpression: 'object.text' })]);
    expect(found?.message).to.have.lengthOf(32_768);
  });
});
