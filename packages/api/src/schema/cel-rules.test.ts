import { expect } from 'chai';
import type { Schema, ValidationRule } from './schema.js';
import { validateObject } from './validate.js';

function spec(properties: Readonly<Record<string, Schema>>, ...rules: ValidationRule[]): Schema {
  return {
    type: 'object',
    properties: { spec: { type: 'object', properties, 'x-kubernetes-validations': rules } },
  };
}

function check(schema: Schema, value: unknown, old?: unknown): string[] {
  const options = old === undefined ? {} : { old: { spec: old } };
  return validateObject({ spec: value }, schema, options).map(({ field, message }) => `${field}: ${message}`);
}

const integer: Schema = { type: 'integer' };
const text: Schema = { type: 'string' };
const integers: Schema = { type: 'array', items: integer };

interface Case {
  readonly rule: string;
  readonly properties: Readonly<Record<string, Schema>>;
  readonly good: unknown;
  readonly bad: unknown;
}

const cases: readonly Case[] = [
  {
    rule: 'self.a <= self.b',
    properties: { a: integer, b: integer },
    good: { a: 1, b: 2 },
    bad: { a: 3, b: 2 },
  },
  { rule: '!has(self.a) || self.a > 1.5', properties: { a: integer }, good: {}, bad: { a: 1 } },
  { rule: 'self.n == 2', properties: { n: { type: 'number' } }, good: { n: 2 }, bad: { n: 2.5 } },
  { rule: 'self.l.all(x, x > 0)', properties: { l: integers }, good: { l: [1] }, bad: { l: [1, 0] } },
  { rule: 'self.l.sum() == 3', properties: { l: integers }, good: { l: [1, 2] }, bad: { l: [1] } },
  {
    rule: 'self.m.all(k, self.m[k].startsWith(k))',
    properties: { m: { type: 'object', additionalProperties: text } },
    good: { m: { a: 'ab' } },
    bad: { m: { a: 'b' } },
  },
  {
    rule: 'self.__namespace__ == "x"',
    properties: { namespace: text },
    good: { namespace: 'x' },
    bad: { namespace: 'y' },
  },
  { rule: 'self.a__dash__b == "x"', properties: { 'a-b': text }, good: { 'a-b': 'x' }, bad: { 'a-b': 'y' } },
  {
    rule: 'self.t > timestamp("2020-01-01T00:00:00Z")',
    properties: { t: { type: 'string', format: 'date-time' } },
    good: { t: '2024-01-01T00:00:00Z' },
    bad: { t: '2000-01-01T00:00:00Z' },
  },
  {
    rule: 'self.d >= duration("1h")',
    properties: { d: { type: 'string', format: 'duration' } },
    good: { d: '90m' },
    bad: { d: '1m' },
  },
  {
    rule: 'size(self.b) == 2',
    properties: { b: { type: 'string', format: 'byte' } },
    good: { b: 'aGk=' },
    bad: { b: 'AAAA' },
  },
  {
    rule: 'type(self.p) == int ? self.p > 0 : self.p.matches("^[0-9]+%$")',
    properties: { p: { 'x-kubernetes-int-or-string': true } },
    good: { p: '50%' },
    bad: { p: 0 },
  },
  { rule: 'self.?a.orValue(5) == 5', properties: { a: integer }, good: {}, bad: { a: 1 } },
  {
    rule: 'quantity(self.q).isLessThan(quantity("1Gi"))',
    properties: { q: text },
    good: { q: '500M' },
    bad: { q: '2Gi' },
  },
  {
    rule: 'self.type != "CEL" || self.condition != ""',
    properties: { type: text, condition: text },
    good: { type: 'CEL', condition: 'x' },
    bad: { type: 'CEL', condition: '' },
  },
];

describe('x-kubernetes-validations', () => {
  for (const { rule, properties, good, bad } of cases) {
    it(`evaluates ${rule}`, () => {
      const schema = spec(properties, { rule });
      expect(check(schema, good)).to.deep.equal([]);
      expect(check(schema, bad)).to.deep.equal([`spec: Invalid value: "object": failed rule: ${rule}`]);
    });
  }

  it('uses the message, or better the message of the expression', () => {
    const rule = 'self.a < 1';
    const properties = { a: integer };
    const value = { a: 5 };
    const message = 'too much';
    expect(check(spec(properties, { rule, message }), value)).to.deep.equal([
      'spec: Invalid value: "object": too much',
    ]);
    expect(
      check(spec(properties, { rule, message, messageExpression: '"a is " + string(self.a)' }), value),
    ).to.deep.equal(['spec: Invalid value: "object": a is 5']);
    expect(check(spec(properties, { rule, message, messageExpression: 'self.gone' }), value)).to.deep.equal([
      'spec: Invalid value: "object": too much',
    ]);
  });

  it('reports under the field path and with the reason that the rule names', () => {
    const rule: ValidationRule = {
      rule: 'false',
      message: 'no',
      fieldPath: '.a',
      reason: 'FieldValueForbidden',
    };
    expect(check(spec({ a: integer }, rule), {})).to.deep.equal(['spec.a: Forbidden: no']);
    const needed: ValidationRule = {
      rule: 'has(self.a)',
      message: 'needed',
      fieldPath: '.a',
      reason: 'FieldValueRequired',
    };
    expect(check(spec({ a: integer }, needed), {})).to.deep.equal(['spec.a: Required value: needed']);
  });

  it('names the problem when a rule cannot be evaluated', () => {
    expect(check(spec({ a: integer }, { rule: 'self.a > 1' }), {})).to.deep.equal([
      'spec: Invalid value: "object": no such key: a evaluating rule: self.a > 1',
    ]);
  });

  it('skips rules on values that the schema already refuses', () => {
    expect(check(spec({ a: integer }, { rule: 'self.a > 1' }), { a: 'x' })).to.deep.equal([
      'spec.a: Invalid value: "string": spec.a in body must be of type integer: "string"',
    ]);
  });

  it('runs transition rules only where there is an old value', () => {
    const schema = spec({ a: integer }, { rule: 'self.a >= oldSelf.a', message: 'must not shrink' });
    expect(check(schema, { a: 1 })).to.deep.equal([]);
    expect(check(schema, { a: 2 }, { a: 1 })).to.deep.equal([]);
    expect(check(schema, { a: 1 }, { a: 2 })).to.deep.equal([
      'spec: Invalid value: "object": must not shrink',
    ]);
  });

  it('gives an optional old value when asked', () => {
    const schema = spec(
      { a: integer },
      { rule: 'oldSelf.hasValue() || self.a == 0', optionalOldSelf: true, message: 'must start at 0' },
    );
    expect(check(schema, { a: 1 })).to.deep.equal(['spec: Invalid value: "object": must start at 0']);
    expect(check(schema, { a: 1 }, { a: 0 })).to.deep.equal([]);
  });

  it('finds the old item of a list map, and none for other lists', () => {
    const items: Schema = {
      type: 'object',
      properties: { k: text, v: integer },
      'x-kubernetes-validations': [{ rule: 'self.v >= oldSelf.v', message: 'shrinks' }],
    };
    const map: Schema = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items,
    };
    const old = [
      { k: 'a', v: 1 },
      { k: 'b', v: 9 },
    ];
    const now = [
      { k: 'b', v: 8 },
      { k: 'a', v: 1 },
    ];
    const list = (schema: Schema): string[] =>
      validateObject({ l: now }, { type: 'object', properties: { l: schema } }, { old: { l: old } }).map(
        ({ field, message }) => `${field}: ${message}`,
      );
    expect(list(map)).to.deep.equal(['l[0]: Invalid value: "object": shrinks']);
    expect(list({ type: 'array', items })).to.deep.equal([]);
  });

  it('forgives an unchanged value, but not a transition rule', () => {
    const value = { a: 5 };
    expect(check(spec({ a: integer }, { rule: 'self.a < 3' }), value, value)).to.deep.equal([]);
    const growing = spec({ a: integer }, { rule: 'self.a > oldSelf.a', message: 'must grow' });
    expect(check(growing, value, value)).to.deep.equal(['spec: Invalid value: "object": must grow']);
  });

  it('shows of metadata the name only, and nothing that is not declared', () => {
    const schema: Schema = {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.metadata.name == "a" && !has(self.metadata.labels) && !has(self.free.x)' },
      ],
      properties: { free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    };
    const object = { apiVersion: 'v1', kind: 'A', metadata: { name: 'a', labels: {} }, free: { x: 1 } };
    expect(validateObject(object, schema)).to.deep.equal([]);
  });

  it('cuts a rule that runs away', () => {
    const l = Array.from({ length: 300 }, (_, i) => i);
    const [error] = check(
      spec({ l: integers }, { rule: 'self.l.all(x, self.l.all(y, self.l.all(z, z >= 0)))' }),
      { l },
    );
    expect(error).to.match(/running out of cost budget/);
  });

  it('cuts a rule that runs away even where a logical operator hides it', () => {
    const l = Array.from({ length: 300 }, (_, i) => i);
    const rule = 'self.l.map(x, self.l.map(y, self.l.map(z, z))).size() == 0 || true';
    expect(check(spec({ l: integers }, { rule }), { l })[0]).to.match(/running out of cost budget/);
  });

  it('matches regular expressions in linear time', () => {
    const schema = spec({ t: text }, { rule: '!self.t.matches("^(a+)+$")' });
    expect(check(schema, { t: `${'a'.repeat(5000)}!` })).to.deep.equal([]);
  });

  it('refuses a value whose rule does not compile', () => {
    const [error] = check(spec({}, { rule: 'self.(' }), {});
    expect(error).to.match(/^spec: Invalid value: "object": rule compile error: /);
  });
});
