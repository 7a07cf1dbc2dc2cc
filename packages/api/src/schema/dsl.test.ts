import { expect } from 'chai';
import type { EmbeddedResource, Infer } from './dsl.js';
import * as dsl from './dsl.js';

const { required, obj, str, int, bool, list, listMap, listSet, mapOf, enumOf, nullable, intOrString } = dsl;

/** Compiles only when both types are the same, optionality and readonly included. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

function assertType<_T extends true>(): void {}

describe('schema dsl', () => {
  it('is a plain structural schema', () => {
    const schema = obj(
      {
        url: required(str({ description: 'Where.', pattern: '^https:' })),
        count: int({ default: 3, minimum: 1 }),
        mode: required(enumOf(['A', 'B'], { default: 'A' })),
      },
      { description: 'A thing.' },
    );
    expect(JSON.parse(JSON.stringify(schema))).to.deep.equal({
      type: 'object',
      description: 'A thing.',
      required: ['mode', 'url'],
      properties: {
        url: { type: 'string', description: 'Where.', pattern: '^https:' },
        count: { type: 'integer', format: 'int32', default: 3, minimum: 1 },
        mode: { type: 'string', enum: ['A', 'B'], default: 'A' },
      },
    });
    expect(Object.getOwnPropertySymbols(schema)).to.deep.equal([]);
  });

  it('says nothing about required fields when there are none', () => {
    expect(obj({ a: str() })).to.not.have.property('required');
  });

  it('infers required and optional fields', () => {
    const schema = obj({
      name: required(str()),
      size: int(),
      nested: obj({ on: required(bool()), tags: mapOf(str()) }),
    });
    assertType<
      Same<
        Infer<typeof schema>,
        { name: string; size?: number; nested?: { on: boolean; tags?: Record<string, string> } }
      >
    >();
    const value: Infer<typeof schema> = { name: 'a' };
    // @ts-expect-error an optional field may be absent, but not undefined
    value.size = undefined;
    expect(value.name).to.equal('a');
  });

  it('infers enums, lists, null and int-or-string', () => {
    const schema = obj({
      effect: required(enumOf(['NoSelect', 'PreferNoSelect'])),
      since: required(nullable(dsl.dateTime())),
      port: required(intOrString()),
      items: required(listMap(obj({ key: required(str()) }), { keys: ['key'] })),
      names: required(listSet(str())),
      plain: required(list(dsl.int64())),
      manifest: required(dsl.embeddedResource()),
    });
    assertType<
      Same<
        Infer<typeof schema>,
        {
          effect: 'NoSelect' | 'PreferNoSelect';
          since: string | null;
          port: number | string;
          items: { key: string }[];
          names: string[];
          plain: number[];
          manifest: EmbeddedResource;
        }
      >
    >();
    expect(schema.properties?.['since']).to.deep.equal({
      type: 'string',
      format: 'date-time',
      nullable: true,
    });
  });

  it('checks defaults and list keys against the type', () => {
    // @ts-expect-error not one of the values
    enumOf(['A'], { default: 'B' });
    // @ts-expect-error no such field in the items
    listMap(obj({ key: str() }), { keys: ['name'] });
    // @ts-expect-error a number has no text as default
    int({ default: 'x' });
  });

  it('writes the extensions', () => {
    expect(listMap(obj({ key: str() }), { keys: ['key'], maxItems: 2 })).to.deep.include({
      type: 'array',
      maxItems: 2,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['key'],
    });
    expect(listSet(str())).to.deep.include({ 'x-kubernetes-list-type': 'set' });
    expect(dsl.atomic(list(str()))).to.deep.include({ 'x-kubernetes-list-type': 'atomic' });
    expect(dsl.embeddedResource()).to.deep.equal({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    });
    expect(dsl.anyObject()).to.deep.equal({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
    expect(intOrString()).to.deep.equal({
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      'x-kubernetes-int-or-string': true,
    });
    expect(new RegExp(dsl.quantity().pattern ?? '').test('1.5Gi')).to.equal(true);
    expect(dsl.bytes()).to.deep.equal({ type: 'string', format: 'byte' });
  });
});
