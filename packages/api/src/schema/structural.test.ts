import { expect } from 'chai';
import fc from 'fast-check';
import { kinds } from '../kinds/kinds.js';
import type { Schema } from './schema.js';
import { validateStructuralSchema } from './structural.js';

function check(schema: unknown, hasStatus = false): string[] {
  const errors = validateStructuralSchema(schema as Schema, { path: 's', hasStatus }); // some cases are no schema
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function withField(schema: unknown): unknown {
  return { type: 'object', properties: { f: schema } };
}

const good: Readonly<Record<string, unknown>> = {
  'int-or-string': { 'x-kubernetes-int-or-string': true },
  'int-or-string with its idiom': {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: '^[0-9]+%?$',
  },
  'int-or-string inside allOf': {
    'x-kubernetes-int-or-string': true,
    allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { minLength: 1 }],
  },
  'anything at all': { 'x-kubernetes-preserve-unknown-fields': true },
  'a list map': {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a', 'b'],
    items: {
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'string' }, b: { type: 'string', default: 'x' } },
    },
  },
  'a cascade of defaults': {
    type: 'object',
    default: {},
    required: ['a'],
    properties: { a: { type: 'integer', default: 1, maximum: 3 } },
  },
  'an embedded resource': {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  },
  'a rule': {
    type: 'object',
    properties: { a: { type: 'array', items: { type: 'object', properties: { b: { type: 'string' } } } } },
    'x-kubernetes-validations': [{ rule: 'self.a.all(x, x.b != "")', fieldPath: '.a' }],
  },
};

const bad: readonly (readonly [string, unknown, ...string[]])[] = [
  [
    'a missing type',
    { minimum: 1 },
    's.properties[f].type: Required value: must not be empty for specified object fields',
  ],
  [
    'an unknown type',
    { type: 'text' },
    's.properties[f].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
  ],
  ['no schema', 'text', 's.properties[f]: Invalid value: "text": must be a schema'],
  ['a reference', { type: 'object', $ref: '#' }, 's.properties[f].$ref: Forbidden: $ref is not supported'],
  [
    'unique items',
    { type: 'array', items: { type: 'string' }, uniqueItems: true },
    's.properties[f].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
  ],
  ['a list without items', { type: 'array' }, 's.properties[f].items: Required value: must be specified'],
  [
    'items without a type',
    { type: 'array', items: {} },
    's.properties[f].items.type: Required value: must not be empty for specified array items',
  ],
  [
    'a closed object',
    { type: 'object', additionalProperties: false },
    's.properties[f].additionalProperties: Forbidden: additionalProperties cannot be set to false',
  ],
  [
    'two kinds of keys',
    { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } },
    's.properties[f].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
  ],
  [
    'a type in a branch',
    { type: 'integer', anyOf: [{ type: 'integer' }] },
    's.properties[f].anyOf[0].type: Forbidden: must be empty to be structural',
  ],
  [
    'a default in a branch',
    { type: 'integer', not: { default: 1 } },
    's.properties[f].not.default: Forbidden: must be undefined to be structural',
  ],
  [
    'an extension in a branch',
    { type: 'integer', allOf: [{ nullable: true }] },
    's.properties[f].allOf[0].nullable: Forbidden: must be false to be structural',
  ],
  [
    'a field only in a branch',
    { type: 'object', oneOf: [{ properties: { a: { minimum: 1 } } }] },
    's.properties[f].properties[a]: Required value: because it is defined in s.properties[f].oneOf[0].properties[a]',
  ],
  [
    'a typed int-or-string',
    { type: 'string', 'x-kubernetes-int-or-string': true },
    's.properties[f].type: Invalid value: "string": must be empty if x-kubernetes-int-or-string is true',
  ],
  [
    'an embedded resource of no content',
    { type: 'object', 'x-kubernetes-embedded-resource': true },
    's.properties[f].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
  ],
  [
    'a list type on an object',
    { type: 'object', 'x-kubernetes-list-type': 'set' },
    's.properties[f].type: Invalid value: "object": must be array if x-kubernetes-list-type is specified',
  ],
  [
    'a list map without keys',
    { type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } },
    's.properties[f].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map',
  ],
  [
    'an optional map key',
    {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
      items: { type: 'object', properties: { a: { type: 'string' } } },
    },
    's.properties[f].items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
  ],
  [
    'a set of granular objects',
    { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } },
    's.properties[f].items.x-kubernetes-map-type: Invalid value: "": must be atomic as item of a list with x-kubernetes-list-type=set',
  ],
  [
    'a map type on a list',
    { type: 'array', items: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
    's.properties[f].type: Invalid value: "array": must be object if x-kubernetes-map-type is specified',
  ],
  [
    'a broken pattern',
    { type: 'string', pattern: '(' },
    's.properties[f].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
  ],
  [
    'an invalid default',
    { type: 'integer', maximum: 3, default: 4 },
    's.properties[f].default: Invalid value: 4: s.properties[f].default in body should be less than or equal to 3',
  ],
  [
    'a default that would be pruned',
    { type: 'object', default: { x: 1 } },
    's.properties[f].default: Invalid value: {"x":1}: must not have unknown fields: "x"',
  ],
  [
    'a rule that does not parse',
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'self +' }] },
    's.properties[f].x-kubernetes-validations[0].rule: Invalid value: "self +": compilation failed: Unexpected token: EOF',
  ],
  [
    'a rule that is no condition',
    { type: 'object', 'x-kubernetes-validations': [{ rule: '1' }] },
    's.properties[f].x-kubernetes-validations[0].rule: Invalid value: "1": compilation failed: must evaluate to a bool, not int',
  ],
  [
    'a misspelt field',
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      'x-kubernetes-validations': [{ rule: 'self.b == ""' }],
    },
    's.properties[f].x-kubernetes-validations[0].rule: Invalid value: "self.b == \\"\\"": compilation failed: undefined field \'b\'',
  ],
  [
    'an empty rule',
    { type: 'object', 'x-kubernetes-validations': [{ rule: ' ' }] },
    's.properties[f].x-kubernetes-validations[0].rule: Required value: rule is not specified',
  ],
  [
    'a field path to nowhere',
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'true', fieldPath: '.x' }] },
    's.properties[f].x-kubernetes-validations[0].fieldPath: Invalid value: ".x": fieldPath must be a valid path: does not refer to a valid field: x',
  ],
  [
    'oldSelf in an atomic list',
    { type: 'array', items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } },
    's.properties[f].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[f].items',
  ],
];

describe('validateStructuralSchema', () => {
  it('says so when a keyword has a value of a wrong type', () => {
    expect(check(withField({ type: 5 }))).to.deep.equal([
      's.properties[f].type: Invalid value: "integer": s.properties[f].type in body must be of type string: "integer"',
    ]);
    expect(check(withField({ type: 'object', 'x-kubernetes-validations': [{}] }))).to.deep.equal([
      's.properties[f].x-kubernetes-validations[0].rule: Required value: rule is not specified',
    ]);
  });

  it('throws at no schema, however broken', () => {
    const keys = [
      'type',
      'properties',
      'items',
      'additionalProperties',
      'required',
      'enum',
      'default',
      'pattern',
      'allOf',
      'anyOf',
      'not',
      'nullable',
      'minimum',
      'maxLength',
      'x-kubernetes-list-type',
      'x-kubernetes-list-map-keys',
      'x-kubernetes-map-type',
      'x-kubernetes-validations',
      'x-kubernetes-int-or-string',
      'x-kubernetes-embedded-resource',
      'metadata',
      'rule',
      'fieldPath',
    ];
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        fc.constantFrom<unknown>(
          null,
          1,
          -1,
          true,
          false,
          '',
          'object',
          'array',
          'string',
          'map',
          'set',
          'a',
          '(',
          'self',
        ),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 6 }), (schema) => {
        expect(check({ type: 'object', ...schema })).to.be.an('array');
      }),
      { numRuns: 2000 },
    );
  });

  for (const [name, schema] of Object.entries(good)) {
    it(`accepts ${name}`, () => {
      expect(check(withField(schema))).to.deep.equal([]);
    });
  }

  for (const [name, schema, ...expected] of bad) {
    it(`refuses ${name}`, () => {
      expect(check(withField(schema))).to.deep.equal(expected);
    });
  }

  it('needs an object at the root', () => {
    expect(check({ type: 'string' })).to.deep.equal([
      's.type: Invalid value: "string": must be object at the root',
    ]);
    expect(check({})).to.deep.equal(['s.type: Required value: must not be empty at the root']);
  });

  it('restricts metadata to the name', () => {
    const metadata = { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } };
    expect(check({ type: 'object', properties: { metadata } })).to.deep.equal([]);
    expect(
      check({ type: 'object', properties: { metadata: { type: 'object', minProperties: 1 } } }),
    ).to.deep.equal([
      's.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ]);
  });

  it('restricts the root where there is a status subresource', () => {
    expect(check({ type: 'object', minProperties: 1 }, true)).to.have.lengthOf(1);
    expect(check({ type: 'object', minProperties: 1 }, false)).to.deep.equal([]);
  });

  for (const kind of kinds) {
    it(`accepts our own ${kind.kind}`, () => {
      expect(check(kind.schema, true)).to.deep.equal([]);
    });
  }
});
