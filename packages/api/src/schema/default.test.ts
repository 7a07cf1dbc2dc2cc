import { expect } from 'chai';
import fc from 'fast-check';
import { clone, type JsonObject } from '../json.js';
import { applyDefaults } from './default.js';
import type { Schema } from './schema.js';

const schema: Schema = {
  type: 'object',
  properties: {
    plain: { type: 'string', default: 'p' },
    nullable: { type: 'string', nullable: true, default: 'n' },
    none: { type: 'string' },
    cascade: { type: 'object', default: {}, properties: { inner: { type: 'integer', default: 1 } } },
    parent: { type: 'object', properties: { inner: { type: 'integer', default: 1 } } },
    list: {
      type: 'array',
      items: { type: 'object', default: { b: 2 }, properties: { a: { type: 'integer', default: 1 } } },
    },
    texts: { type: 'array', items: { type: 'string' } },
    map: { type: 'object', additionalProperties: { type: 'string', default: 'm' } },
    free: { type: 'object', additionalProperties: { type: 'string' } },
    metadata: { type: 'object', properties: { name: { type: 'string', default: 'never' } } },
  },
};

const filled = { plain: 'p', nullable: 'n', cascade: { inner: 1 } };

const cases: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ['fills absent fields, and what is below a default', {}, filled],
  ['does not create parents', { parent: {} }, { ...filled, parent: { inner: 1 } }],
  [
    'keeps what is set',
    { plain: 'x', cascade: { inner: 5 } },
    { ...filled, plain: 'x', cascade: { inner: 5 } },
  ],
  ['replaces null where the field is not nullable', { plain: null, cascade: null }, filled],
  ['keeps null where the field is nullable', { nullable: null }, { ...filled, nullable: null }],
  [
    'drops null without a default',
    { none: null, parent: { inner: null } },
    { ...filled, parent: { inner: 1 } },
  ],
  ['fills list items', { list: [{}, null] }, { ...filled, list: [{ a: 1 }, { b: 2, a: 1 }] }],
  ['leaves null items without a default to the validator', { texts: [null] }, { ...filled, texts: [null] }],
  [
    'replaces null map values by their default',
    { map: { x: null, y: 'z' } },
    { ...filled, map: { x: 'm', y: 'z' } },
  ],
  ['drops null map values without one', { free: { x: null, y: 'z' } }, { ...filled, free: { y: 'z' } }],
  ['leaves metadata alone', { metadata: { uid: null } }, { ...filled, metadata: { uid: null } }],
  ['leaves values of a wrong type alone', { list: 'x', cascade: 5 }, { ...filled, list: 'x', cascade: 5 }],
];

describe('applyDefaults', () => {
  for (const [name, object, expected] of cases) {
    it(name, () => {
      const copy = clone(object);
      applyDefaults(copy, schema);
      expect(copy).to.deep.equal(expected);
    });
  }

  it('never shares a default between objects', () => {
    const a: JsonObject = {};
    const b: JsonObject = {};
    applyDefaults(a, schema);
    applyDefaults(b, schema);
    expect(a['cascade']).to.not.equal(b['cascade']);
  });

  it('changes nothing the second time', () => {
    const keys = fc.constantFrom(...Object.keys(schema.properties ?? {}), 'inner', 'a');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, 1, 'x'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(keys, value), (object) => {
        const once = clone(object);
        applyDefaults(once, schema);
        const twice = clone(once);
        applyDefaults(twice, schema);
        expect(twice).to.deep.equal(once);
      }),
    );
  });
});
