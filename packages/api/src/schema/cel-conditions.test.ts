import { expect } from 'chai';
import {
  ConditionExpressionError,
  conditionExpressionProblem,
  createConditionEvaluation,
} from './cel-conditions.js';

const object = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'd',
    labels: { 'a-b': 'x' },
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { replicas: 3, ratio: 1.5 },
  status: { replicas: 3, conditions: [{ type: 'Ready', status: 'True' }], list: [] },
  package: 'p',
};

const holds = (...expressions: string[]): boolean => createConditionEvaluation(object).holds(expressions);
const messageOf = (expression: string, result = true): string =>
  createConditionEvaluation(object).message(expression, result);

/** A loop of so many steps that is true. */
const loop = (steps: number): string =>
  `[${Array.from({ length: Math.sqrt(steps) }, () => 0).join()}].all(x, [${Array.from({ length: Math.sqrt(steps) }, () => 0).join()}].all(y, y == 0))`;

describe('CEL of condition rules', () => {
  for (const expression of [
    'object.metadata.namespace == "d" && object.package == "p"',
    'object.metadata.labels["a-b"] == "x"',
    'object.spec.replicas == object.status.replicas && object.spec.replicas == 3 && object.spec.ratio > 1',
    'object.status.conditions.exists(c, c.type == "Ready" && c.status == "True")',
    'timestamp(object.metadata.creationTimestamp) < timestamp("2027-01-01T00:00:00Z")',
    '!has(object.status.phase) && object.?status.?phase.orValue("none") == "none"',
    'hasConditions(object.status)',
    '!hasConditions(object.spec) && !hasConditions(object.kind) && !hasConditions(1) && !hasConditions(null)',
    '!hasConditions({"conditions": []}) && !hasConditions({"conditions": "x"}) && hasConditions({"conditions": [1]})',
    'quantity("1Gi").isGreaterThan(quantity("1Mi"))',
  ]) {
    it(`${expression} holds`, () => expect(holds(expression)).to.equal(true));
  }

  it('needs all expressions, and asks none after the first that does not hold', () => {
    expect(holds()).to.equal(true);
    expect(holds('true', '1 == 1')).to.equal(true);
    expect(holds('true', 'false', 'object.gone')).to.equal(false);
  });

  for (const [what, expression, message] of [
    ['a missing key', 'object.gone.x == 1', 'no such key: gone'],
    ['an unguarded hasConditions', 'hasConditions(object.gone)', 'no such key: gone'],
    ['bad syntax', 'object.', 'expected IDENTIFIER, got EOF'],
    ['an unknown variable', 'self == 1', 'unknown variable: self'],
    ['the result, which only messages have', 'result', 'unknown variable: result'],
    ['a helper of placements', 'parseJSON("{}") == {}', "found no matching overload for 'parseJSON(string)'"],
    ['a result known to be no bool', '"a"', 'must evaluate to a bool, not string'],
    ['a result found to be no bool', 'object.spec.replicas', 'must evaluate to a bool, not int'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => holds(expression))
        .to.throw(ConditionExpressionError)
        .with.property('message', message);
    });
  }

  it('stops an expression that takes too long, which hurts no other', () => {
    const evaluation = createConditionEvaluation(object);
    expect(() => evaluation.holds([loop(360_000)])).to.throw(
      'operation cancelled: actual cost limit exceeded',
    );
    expect(evaluation.holds(['true'])).to.equal(true);
  });

  it('stops values that double with each step', () => {
    const doubled = (start: string): string => {
      const names = Array.from({ length: 30 }, (_, i) => `v${i}`);
      const body = names.reduceRight((inner, name, i) => {
        const value = i === 0 ? start : `v${i - 1} + v${i - 1}`;
        return `cel.bind(${name}, ${value}, ${inner})`;
      }, 'size(v29) > 0');
      return body;
    };
    for (const start of ['[1]', '"0123456789"']) {
      expect(() => holds(doubled(start))).to.throw('operation cancelled: actual cost limit exceeded');
    }
  });

  it('lets the expressions of one object share a budget, messages apart', () => {
    const evaluation = createConditionEvaluation(object);
    const expressions = Array.from({ length: 12 }, () => loop(90_000));
    expect(() => evaluation.holds(expressions)).to.throw('cost limit exceeded');
    expect(() => evaluation.holds(['true'])).to.throw('cost limit exceeded');
    expect(evaluation.message('"done"', true)).to.equal('done');
    expect(createConditionEvaluation(object).holds(['true'])).to.equal(true);
  });

  it('gives messages, which know the result', () => {
    const expression =
      '(result ? "has " : "has not ") + string(object.spec.replicas) + " of " + object.metadata.name';
    expect(messageOf(expression)).to.equal('has 3 of web');
    expect(messageOf(expression, false)).to.equal('has not 3 of web');
    expect(() => messageOf('object.spec.replicas')).to.throw('must evaluate to a string, not int');
    expect(() => messageOf('object.gone')).to.throw('no such key: gone');
  });

  it('tells what does not compile, without an object', () => {
    expect(conditionExpressionProblem('object.anything.at.all', 'condition')).to.equal(undefined);
    expect(conditionExpressionProblem('result ? "a" : "b"', 'conditionMessage')).to.equal(undefined);
    expect(conditionExpressionProblem('result', 'condition')).to.equal('Unknown variable: result');
    expect(conditionExpressionProblem('1', 'conditionMessage')).to.equal(
      'must evaluate to a string, not int',
    );
  });

  it('refuses a row of operators that would use up the stack', () => {
    const row = (length: number): string => `object.spec.replicas == 3${' + 1 - 1'.repeat(length / 2)}`;
    expect(holds(row(400))).to.equal(true);
    for (const length of [600, 2400]) {
      expect(conditionExpressionProblem(row(length), 'condition')).to.equal(
        'expression recursion limit exceeded: 500',
      );
    }
  });

  it('forgets the oldest programs of very many, and compiles them again', () => {
    const filler = 'x'.repeat(10_000);
    for (let i = 0; i < 60; i++) expect(holds(`object.kind != "${filler}${i}"`)).to.equal(true);
    expect(holds(`object.kind != "${filler}0"`)).to.equal(true);
  });
});
