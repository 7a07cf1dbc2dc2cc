import { expect } from 'chai';
import type { FieldError } from '../status.js';
import type { Schema } from './schema.js';
import { validateObject } from './validate.js';

function texts(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function field(schema: Schema): Schema {
  return { type: 'object', properties: { f: schema } };
}

interface Case {
  readonly schema: Schema;
  readonly good: readonly unknown[];
  readonly bad: readonly (readonly [unknown, ...string[]])[];
}

const cases: Readonly<Record<string, Case>> = {
  type: {
    schema: { type: 'integer' },
    good: [1, 1.0, -5],
    bad: [
      ['x', 'f: Invalid value: "string": f in body must be of type integer: "string"'],
      [1.5, 'f: Invalid value: "number": f in body must be of type integer: "number"'],
      [null, 'f: Invalid value: "null": f in body must be of type integer: "null"'],
      [[], 'f: Invalid value: "array": f in body must be of type integer: "array"'],
    ],
  },
  'number type': {
    schema: { type: 'number' },
    good: [1, 1.5],
    bad: [[true, 'f: Invalid value: "boolean": f in body must be of type number: "boolean"']],
  },
  nullable: { schema: { type: 'string', nullable: true }, good: [null, 'x'], bad: [] },
  enum: {
    schema: { type: 'string', enum: ['a', 'b'] },
    good: ['a'],
    bad: [['c', 'f: Unsupported value: "c": supported values: "a", "b"']],
  },
  'integer enum': {
    schema: { type: 'integer', enum: [1, 2] },
    good: [2],
    bad: [[3, 'f: Unsupported value: 3: supported values: "1", "2"']],
  },
  minimum: {
    schema: { type: 'integer', minimum: 1 },
    good: [1],
    bad: [[0, 'f: Invalid value: 0: f in body should be greater than or equal to 1']],
  },
  'exclusive bounds': {
    schema: { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 1, exclusiveMaximum: true },
    good: [0.5],
    bad: [
      [0, 'f: Invalid value: 0: f in body should be greater than 0'],
      [1, 'f: Invalid value: 1: f in body should be less than 1'],
    ],
  },
  maximum: {
    schema: { type: 'integer', maximum: 3 },
    good: [3],
    bad: [[4, 'f: Invalid value: 4: f in body should be less than or equal to 3']],
  },
  multipleOf: {
    schema: { type: 'number', multipleOf: 0.1 },
    good: [0.3, 7],
    bad: [[0.25, 'f: Invalid value: 0.25: f in body should be a multiple of 0.1']],
  },
  'lengths in code points': {
    schema: { type: 'string', minLength: 2, maxLength: 3 },
    good: ['ab', '😀😀😀'],
    bad: [
      ['a', 'f: Invalid value: "a": f in body should be at least 2 chars long'],
      ['😀', 'f: Invalid value: "😀": f in body should be at least 2 chars long'],
      ['abcd', 'f: Too long: may not be more than 3 bytes'],
    ],
  },
  pattern: {
    schema: { type: 'string', pattern: '^a$' },
    good: ['a'],
    bad: [['b', `f: Invalid value: "b": f in body should match '^a$'`]],
  },
  format: {
    schema: { type: 'string', format: 'date-time' },
    good: ['2024-02-29T00:00:00Z'],
    bad: [['soon', 'f: Invalid value: "soon": f in body must be of type date-time: "soon"']],
  },
  'list sizes': {
    schema: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 2 },
    good: [[1], [1, 1]],
    bad: [
      [[], 'f: Invalid value: 0: f in body should have at least 1 items'],
      [[1, 2, 3], 'f: Too many: 3: must have at most 2 items'],
      [[null], 'f[0]: Invalid value: "null": f[0] in body must be of type integer: "null"'],
    ],
  },
  'map sizes': {
    schema: { type: 'object', additionalProperties: { type: 'string' }, minProperties: 1, maxProperties: 1 },
    good: [{ a: 'x' }],
    bad: [
      [{}, 'f: Invalid value: 0: f in body should have at least 1 properties'],
      [{ a: 'x', b: 'y' }, 'f: Too many: 2: must have at most 1 item'],
      [{ a: 1 }, 'f.a: Invalid value: "integer": f.a in body must be of type string: "integer"'],
    ],
  },
  required: {
    schema: { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
    good: [{ a: '' }],
    bad: [[{}, 'f.a: Required value']],
  },
  'int-or-string': {
    schema: { 'x-kubernetes-int-or-string': true },
    good: [1, '50%'],
    bad: [[true, 'f: Invalid value: "boolean": f in body must be of type integer,string: "boolean"']],
  },
  set: {
    schema: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    good: [['a', 'b']],
    bad: [[['a', 'b', 'a'], 'f[2]: Duplicate value: "a"']],
  },
  'list map': {
    schema: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } },
      },
    },
    good: [[{ port: 1 }, { port: 1, protocol: 'UDP' }]],
    bad: [
      [[{ port: 1 }, { port: 1, protocol: 'TCP' }], 'f[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
    ],
  },
  'embedded resource': {
    schema: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    },
    good: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }],
    bad: [
      [{}, 'f.apiVersion: Required value: must not be empty', 'f.kind: Required value: must not be empty'],
      [
        { apiVersion: 'a/b/c', kind: 'A', metadata: { name: 'a/b' } },
        'f.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        `f.metadata.name: Invalid value: "a/b": may not contain '/'`,
      ],
    ],
  },
  anyOf: {
    schema: {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    good: [{ a: '' }, { a: '', b: '' }],
    bad: [[{}, 'f: Invalid value: "": "f" must validate at least one schema (anyOf)', 'f.a: Required value']],
  },
  oneOf: {
    schema: {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    good: [{ b: '' }],
    bad: [
      [
        {},
        'f: Invalid value: "": "f" must validate one and only one schema (oneOf). Found none valid',
        'f.a: Required value',
      ],
      [
        { a: '', b: '' },
        'f: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      ],
    ],
  },
  allOf: {
    schema: { type: 'integer', allOf: [{ minimum: 1 }, { maximum: 3 }] },
    good: [2],
    bad: [
      [
        4,
        'f: Invalid value: 4: f in body should be less than or equal to 3',
        'f: Invalid value: "": "f" must validate all the schemas (allOf)',
      ],
    ],
  },
  not: {
    schema: { type: 'string', not: { enum: ['x'] } },
    good: ['y'],
    bad: [['x', 'f: Invalid value: "": "f" must not validate the schema (not)']],
  },
};

describe('validateObject', () => {
  for (const [name, { schema, good, bad }] of Object.entries(cases)) {
    describe(name, () => {
      for (const value of good) {
        it(`accepts ${JSON.stringify(value)}`, () => {
          expect(texts(validateObject({ f: value }, field(schema)))).to.deep.equal([]);
        });
      }
      for (const [value, ...expected] of bad) {
        it(`refuses ${JSON.stringify(value)}`, () => {
          expect(texts(validateObject({ f: value }, field(schema)))).to.deep.equal(expected);
        });
      }
    });
  }

  it('gives every kind of error its own reason', () => {
    const schema: Schema = {
      type: 'object',
      required: ['r'],
      properties: {
        e: { type: 'string', enum: ['a'] },
        l: { type: 'string', maxLength: 1 },
        m: { type: 'array', items: { type: 'string' }, maxItems: 0 },
        n: { type: 'integer', minimum: 1 },
        t: { type: 'string' },
      },
    };
    const errors = validateObject({ e: 'b', l: 'xx', m: ['x'], n: 0, t: 1 }, schema);
    expect(errors.map(({ field: at, reason }) => `${at} ${reason}`)).to.deep.equal([
      'r FieldValueRequired',
      'e FieldValueNotSupported',
      'l FieldValueTooLong',
      'm FieldValueTooMany',
      'n FieldValueInvalid',
      't FieldValueTypeInvalid',
    ]);
  });

  it('refuses what nests deeper than its bound instead of overflowing', () => {
    const tree: { type: 'object'; additionalProperties?: Schema } = { type: 'object' };
    tree.additionalProperties = tree;
    let object: Record<string, unknown> = {};
    for (let i = 0; i < 900; i++) object = { a: object };
    const [error, ...others] = validateObject(object, tree);
    expect(others).to.deep.equal([]);
    expect(error?.message).to.equal('Invalid value: "...": must not nest deeper than 512 levels');
  });
});

describe('validateObject on update', () => {
  const schema: Schema = {
    type: 'object',
    required: ['must'],
    properties: {
      must: { type: 'string' },
      small: { type: 'integer', maximum: 3 },
      map: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer', maximum: 3 } } },
      },
      atomic: { type: 'array', items: { type: 'integer', maximum: 3 } },
      other: { type: 'string' },
    },
  };
  const old = { must: '', small: 9, map: [{ k: 'a', v: 9 }], atomic: [9] };

  it('forgives what was invalid before and did not change', () => {
    expect(texts(validateObject({ ...old, other: 'x' }, schema, { old }))).to.deep.equal([]);
  });

  it('holds a changed value to the schema', () => {
    const expected = ['small: Invalid value: 8: small in body should be less than or equal to 3'];
    expect(texts(validateObject({ ...old, small: 8 }, schema, { old }))).to.deep.equal(expected);
  });

  it('matches items of list maps by their keys', () => {
    const map = [
      { k: 'b', v: 9 },
      { k: 'a', v: 9 },
    ];
    expect(texts(validateObject({ ...old, map }, schema, { old }))).to.deep.equal([
      'map[0].v: Invalid value: 9: map[0].v in body should be less than or equal to 3',
    ]);
  });

  it('holds every item of a changed atomic list to the schema', () => {
    const errors = validateObject({ ...old, atomic: [9, 1] }, schema, { old });
    expect(errors.map((error) => error.field)).to.deep.equal(['atomic[0]']);
  });

  it('holds a removal to the schema', () => {
    const { must: _, ...without } = old;
    expect(texts(validateObject(without, schema, { old }))).to.deep.equal(['must: Required value']);
  });
});
