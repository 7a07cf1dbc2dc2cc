import { type Schema, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import { checkTypes } from './type-check.js';

describe('checkTypes', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      count: { type: 'integer', format: 'int32' },
      data: { type: 'object', additionalProperties: { type: 'string', format: 'byte' } },
      list: { type: 'array', items: { type: 'boolean' } },
      port: { 'x-kubernetes-int-or-string': true },
      cpu: {
        'x-kubernetes-int-or-string': true,
        'x-flotilla-ref': 'io.k8s.apimachinery.pkg.api.resource.Quantity',
      },
      ratio: { type: 'number' },
    },
  };
  const check = (value: unknown): string => {
    try {
      checkTypes(value, schema, { path: '', subject: 'Thing' });
      return '';
    } catch (error) {
      if (error instanceof StatusError) return error.message;
      throw error;
    }
  };

  it('lets good values, nulls and unknown fields through', () => {
    const good = {
      count: 1,
      data: { a: 'YQ==' },
      list: [true],
      port: 'http',
      cpu: 0.5,
      ratio: 0.5,
      other: [],
    };
    expect(check(good)).to.equal('');
    expect(check({ count: null, data: { a: null }, list: [null] })).to.equal('');
  });

  it('makes a null in a list of structures an empty one', () => {
    const value = { list: [null, { a: 1 }] };
    const items: Schema = { type: 'array', items: { type: 'object' } };
    checkTypes(value, { type: 'object', properties: { list: items } }, { path: '', subject: 'Thing' });
    expect(value).to.deep.equal({ list: [{}, { a: 1 }] });
  });

  const bad: readonly [unknown, string][] = [
    [{ count: 'x' }, 'cannot unmarshal string into Go struct field count of type int32'],
    [{ count: 1.5 }, 'cannot unmarshal number into Go struct field count'],
    [{ data: { a: '*' } }, 'data.a: illegal base64 data'],
    [{ list: {} }, 'cannot unmarshal object into Go struct field list of type slice'],
    [{ list: ['x'] }, 'of type bool'],
    [{ port: 1.5 }, 'of type intstr.IntOrString'],
    [{ ratio: 'x' }, 'of type float64'],
  ];
  for (const [value, message] of bad) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      expect(check(value)).to.contain(message);
    });
  }
});
