import { Ajv } from 'ajv';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Schema } from './schema.js';
import { validateObject } from './validate.js';

/** What OpenAPI v3 says differently from the JSON Schema that ajv reads. */
function toJsonSchema(schema: Schema): Record<string, unknown> {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, nullable, type, ...rest } = schema;
  const out: Record<string, unknown> = { ...rest };
  if (type !== undefined) out['type'] = nullable === true ? [type, 'null'] : type;
  if (minimum !== undefined) out[exclusiveMinimum === true ? 'exclusiveMinimum' : 'minimum'] = minimum;
  if (maximum !== undefined) out[exclusiveMaximum === true ? 'exclusiveMaximum' : 'maximum'] = maximum;
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    const branches = schema[key];
    if (branches !== undefined) out[key] = branches.map(toJsonSchema);
  }
  if (schema.not !== undefined) out['not'] = toJsonSchema(schema.not);
  if (schema.items !== undefined) out['items'] = toJsonSchema(schema.items);
  if (typeof schema.additionalProperties === 'object') {
    out['additionalProperties'] = toJsonSchema(schema.additionalProperties);
  }
  if (schema.properties !== undefined) {
    const entries = Object.entries(schema.properties);
    out['properties'] = Object.fromEntries(entries.map(([key, each]) => [key, toJsonSchema(each)]));
  }
  return out;
}

const keys = ['a', 'b', 'c'];
const small = fc.integer({ min: 0, max: 3 });
const flag = fc.boolean();

const restriction: fc.Arbitrary<Schema> = fc.record(
  {
    minimum: small,
    maximum: small,
    exclusiveMinimum: flag,
    exclusiveMaximum: flag,
    multipleOf: fc.constantFrom(1, 2, 0.5),
    minLength: small,
    maxLength: small,
    pattern: fc.constantFrom('^a', 'b$', '^[ab]{1,2}$', 'a|c'),
    minItems: small,
    maxItems: small,
    minProperties: small,
    maxProperties: small,
    required: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 2 }),
    enum: fc.uniqueArray(fc.constantFrom('a', 'ab', 1, 2, true), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: [] },
);

function schemas(depth: number): fc.Arbitrary<Schema> {
  const child: fc.Arbitrary<Schema> = depth === 0 ? fc.constant({ type: 'string' }) : schemas(depth - 1);
  return fc
    .record({
      type: fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'boolean'),
      nullable: flag,
      rest: restriction,
      properties: fc.dictionary(fc.constantFrom(...keys), child, { maxKeys: 2 }),
      items: child,
      junctor: fc.constantFrom('allOf', 'anyOf', 'oneOf', 'not', undefined),
      branches: fc.array(restriction, { minLength: 1, maxLength: 2 }),
    })
    .map(({ type, nullable, rest, properties, items, junctor, branches }) => ({
      ...rest,
      type: type as NonNullable<Schema['type']>, // drawn from exactly these
      ...(nullable && rest.enum === undefined && junctor === undefined && { nullable }),
      ...(type === 'object' && { properties }),
      ...(type === 'array' && { items }),
      ...(junctor !== undefined && { [junctor]: junctor === 'not' ? branches[0] : branches }),
    }));
}

const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('', 'a', 'ab', 'abc', '😀', true, false, null, 0, 1, 2, 3, 1.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 3 }),
  ),
}));

describe('validateObject against a JSON Schema oracle', () => {
  it('agrees on what is valid', () => {
    const ajv = new Ajv({ strict: false, allErrors: false, multipleOfPrecision: 9 });
    fc.assert(
      fc.property(schemas(2), fc.array(anyValue, { minLength: 1, maxLength: 8 }), (schema, values) => {
        const oracle = ajv.compile(toJsonSchema(schema));
        for (const value of values) {
          const errors = validateObject(value, schema);
          expect(errors.length === 0, JSON.stringify({ value, schema, errors })).to.equal(oracle(value));
        }
        ajv.removeSchema();
      }),
      { numRuns: 150 },
    );
  });
});
