import { expect } from 'chai';
import fc from 'fast-check';
import { clone, type JsonObject } from '../json.js';
import { pruneUnknown, pruneValue } from './prune.js';
import type { Schema } from './schema.js';

const text: Schema = { type: 'string' };

interface Case {
  readonly it: string;
  readonly schema: Schema;
  readonly object: JsonObject;
  readonly left: JsonObject;
  readonly dropped: readonly string[];
}

const cases: readonly Case[] = [
  {
    it: 'drops unknown fields at every level and names them',
    schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { list: { type: 'array', items: { type: 'object', properties: { a: text } } } },
        },
      },
    },
    object: { foo: 1, spec: { bar: {}, list: [{ a: 'x', b: 1 }, { c: [] }] } },
    left: { spec: { list: [{ a: 'x' }, {}] } },
    dropped: ['foo', 'spec.bar', 'spec.list[0].b', 'spec.list[1].c'],
  },
  {
    it: 'keeps apiVersion, kind and metadata at the root',
    schema: { type: 'object' },
    object: { apiVersion: 'v1', kind: 'A', metadata: { name: 'a' }, x: 1 },
    left: { apiVersion: 'v1', kind: 'A', metadata: { name: 'a' } },
    dropped: ['x'],
  },
  {
    it: 'drops what ObjectMeta does not have',
    schema: { type: 'object' },
    object: {
      metadata: {
        name: 'a',
        foo: 1,
        labels: { any: 'x' },
        ownerReferences: [{ uid: 'u', bar: 1 }],
        uid: null,
      },
    },
    left: { metadata: { name: 'a', labels: { any: 'x' }, ownerReferences: [{ uid: 'u' }] } },
    dropped: ['metadata.foo', 'metadata.ownerReferences[0].bar'],
  },
  {
    it: 'stops at preserve-unknown-fields but prunes the properties declared below it',
    schema: {
      type: 'object',
      properties: {
        any: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { known: { type: 'object', properties: { a: text } } },
        },
      },
    },
    object: { any: { free: { deep: 1 }, known: { a: 'x', b: 1 } } },
    left: { any: { free: { deep: 1 }, known: { a: 'x' } } },
    dropped: ['any.known.b'],
  },
  {
    it: 'keeps the identity of embedded resources and drops their wrong-typed metadata silently',
    schema: {
      type: 'object',
      properties: {
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          properties: { spec: { type: 'object', properties: { a: text } } },
        },
      },
    },
    object: {
      template: {
        apiVersion: 'v1',
        kind: 'A',
        metadata: { name: 5, foo: 1, uid: 'u' },
        spec: { b: 1 },
        status: {},
      },
    },
    left: { template: { apiVersion: 'v1', kind: 'A', metadata: { uid: 'u' }, spec: {} } },
    dropped: ['template.metadata.foo', 'template.spec.b', 'template.status'],
  },
  {
    it: 'prunes the values of maps and leaves their keys',
    schema: {
      type: 'object',
      properties: {
        map: { type: 'object', additionalProperties: { type: 'object', properties: { a: text } } },
      },
    },
    object: { map: { one: { a: 'x', b: 1 }, two: 'wrong type' } },
    left: { map: { one: { a: 'x' }, two: 'wrong type' } },
    dropped: ['map.one.b'],
  },
];

describe('pruneUnknown', () => {
  for (const { it: name, schema, object, left, dropped } of cases) {
    it(name, () => {
      const copy = clone(object);
      expect(pruneUnknown(copy, schema)).to.deep.equal(dropped);
      expect(copy).to.deep.equal(left);
    });
  }

  it('treats __proto__ as an unknown field like any other', () => {
    const object = JSON.parse('{"spec":{"__proto__":{"polluted":true}}}') as JsonObject;
    const schema: Schema = { type: 'object', properties: { spec: { type: 'object' } } };
    expect(pruneUnknown(object, schema)).to.deep.equal(['spec.__proto__']);
    expect(JSON.stringify(object)).to.equal('{"spec":{}}');
  });

  it('follows a schema that contains itself', () => {
    const tree: { type: 'object'; properties: Record<string, Schema> } = { type: 'object', properties: {} };
    tree.properties['child'] = tree;
    const object: JsonObject = { child: { child: { x: 1 } } };
    expect(pruneUnknown(object, tree)).to.deep.equal(['child.child.x']);
  });

  it('leaves nothing for a second pass', () => {
    const schema: Schema = {
      type: 'object',
      properties: {
        a: { type: 'object', properties: { b: text, c: { type: 'array', items: { type: 'object' } } } },
        m: { type: 'object', additionalProperties: { type: 'object', properties: { b: text } } },
        p: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    };
    const keys = fc.constantFrom('a', 'b', 'c', 'm', 'p', 'metadata', '__proto__');
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
        const copy = clone(object);
        pruneUnknown(copy, schema);
        const once = clone(copy);
        expect(pruneUnknown(copy, schema)).to.deep.equal([]);
        expect(copy).to.deep.equal(once);
      }),
    );
  });
});

describe('pruneValue', () => {
  it('does not treat the value as a resource', () => {
    const value = { metadata: {}, a: 'x' };
    expect(pruneValue(value, { type: 'object', properties: { a: text } })).to.deep.equal(['metadata']);
  });
});
