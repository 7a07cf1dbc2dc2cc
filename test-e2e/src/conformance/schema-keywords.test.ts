/** Each format of strings, and the corners of the other keywords of a schema, by objects that fit and do not. */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { crdPath, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { TestServer } from '../support/server.js';

/** Good and bad values of each format; a format that nobody knows lets everything pass. */
const formats: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[]]>> = {
  bsonobjectid: [['507f1f77bcf86cd799439011'], ['507f1f77', 'z07f1f77bcf86cd799439011']],
  uri: [
    ['https://x.example/a?b#c', 'urn:x:y'],
    ['', 'no scheme'],
  ],
  email: [
    ['a@b.example', '"A B" <a@b.example>'],
    ['a', '@b'],
  ],
  hostname: [
    ['x.example', 'localhost'],
    ['-x', 'a..b', 'x_y'],
  ],
  ipv4: [['10.0.0.1'], ['10.0.0.256', '::1']],
  ipv6: [
    ['::1', '2001:db8::8a2e:370:7334'],
    ['10.0.0.1', 'g::1'],
  ],
  cidr: [
    ['10.0.0.0/8', '2001:db8::/32'],
    ['10.0.0.0', '10.0.0.0/33'],
  ],
  mac: [
    ['00:00:5e:00:53:01', '00-00-5e-00-53-01'],
    ['00:00:5e', 'xx:00:5e:00:53:01'],
  ],
  uuid: [
    ['5c0a8a6e-6f0b-4c8e-9f5a-3d5ab1a7d4d1', '5c0a8a6e6f0b4c8e9f5a3d5ab1a7d4d1'],
    ['x', '5c0a8a6e-6f0b'],
  ],
  uuid3: [['a3bb189e-8bf9-3888-9912-ace4e6543002'], ['a3bb189e-8bf9-4888-9912-ace4e6543002']],
  uuid4: [['5c0a8a6e-6f0b-4c8e-9f5a-3d5ab1a7d4d1'], ['a3bb189e-8bf9-3888-9912-ace4e6543002']],
  uuid5: [['74738ff5-5367-5958-9aee-98fffdcd1876'], ['5c0a8a6e-6f0b-4c8e-9f5a-3d5ab1a7d4d1']],
  isbn: [
    ['0321751043', '978-0321751041'],
    ['0321751040', 'x'],
  ],
  isbn10: [['0321751043', '0-321-75104-3'], ['978-0321751041']],
  isbn13: [['978-0321751041'], ['0321751043', '978-0321751040']],
  creditcard: [
    ['4012888888881881', '4012 8888 8888 1881'],
    ['4012888888881882', 'x'],
  ],
  ssn: [['123-45-6789', '123 45 6789'], ['12-345-6789']],
  hexcolor: [
    ['#fff', '#c0ffee', 'c0ffee'],
    ['#ff', 'red'],
  ],
  rgbcolor: [
    ['rgb(1,2,3)', 'rgb( 255 , 0 , 0 )'],
    ['rgb(256,0,0)', 'rgb(1,2)'],
  ],
  byte: [
    ['YQ==', ''],
    ['***', 'YQ='],
  ],
  password: [['anything'], []],
  date: [['2026-01-02'], ['2026-13-02', '02.01.2026']],
  duration: [
    ['1h30m', '22 ns', '1 week'],
    ['long', ''],
  ],
  datetime: [
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.6+01:00'],
    ['2026-01-02', 'yesterday'],
  ],
  'date-time': [['2026-01-02T03:04:05Z'], ['2026-01-02 03:04']],
  'made-up': [['anything'], []],
};

describe('keywords of schemas', () => {
  const server = new TestServer();
  let namespace = '';
  before(async () => {
    await server.start();
    namespace = await server.namespace();
  });
  after(() => server.stop());

  /** A collection whose `spec` has these properties. */
  const install = async (plural: string, properties: object): Promise<string> => {
    const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
    await server.create(crdPath, widgetCrd(plural, { version: { schema: { openAPIV3Schema } } }));
    return widgetPath(namespace, plural);
  };
  let count = 0;
  const post = (path: string, spec: object) => {
    count += 1;
    const plural = path.split('/').at(-1) ?? '';
    const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
    return server.send('POST', path, { body: widget(kind, `o-${count}`, spec) });
  };

  it('checks every format, and lets unknown ones be', async () => {
    const names = Object.keys(formats);
    const path = await install(
      'formats',
      Object.fromEntries(names.map((format, index) => [`f${index}`, { type: 'string', format }])),
    );
    for (const [index, format] of names.entries()) {
      const [good, bad] = formats[format] ?? [[], []];
      for (const value of good) {
        const answer = await post(path, { [`f${index}`]: value });
        expect(answer.status, `${format} ${value}: ${answer.text}`).to.equal(201);
      }
      for (const value of bad) {
        const answer = await post(path, { [`f${index}`]: value });
        expect(answer.status, `${format} ${value} passed`).to.equal(422);
        expect(text(answer.body, 'message')).to.contain(`spec.f${index} in body must be of type ${format}`);
      }
    }
  });

  it('takes no number for out of range by its format', async () => {
    const path = await install('widenumbers', {
      small: { type: 'integer', format: 'int32' },
      float: { type: 'number', format: 'float' },
    });
    expect((await post(path, { small: 2 ** 40, float: 1e300 })).status).to.equal(201);
  });

  it('takes integers and strings where both may be, in each way to say so', async () => {
    const anyOf = [{ type: 'integer' }, { type: 'string' }];
    const path = await install('eithers', {
      plain: { 'x-kubernetes-int-or-string': true },
      any: { 'x-kubernetes-int-or-string': true, anyOf },
      all: { 'x-kubernetes-int-or-string': true, allOf: [{ anyOf }, { pattern: '^[0-9]+%?$' }] },
    });
    for (const field of ['plain', 'any', 'all']) {
      for (const value of [5, '50%']) {
        const answer = await post(path, { [field]: value });
        expect(answer.status, `${field} ${value}: ${answer.text}`).to.equal(201);
        expect(at(answer.body, `spec.${field}`)).to.equal(value);
      }
      for (const value of [true, 1.5, [], {}]) {
        expect((await post(path, { [field]: value })).status, `${field} ${JSON.stringify(value)}`).to.equal(
          422,
        );
      }
    }
    expect((await post(path, { all: 'x%' })).status).to.equal(422);
  });

  it('says what is wrong in the words that clients know', async () => {
    const path = await install('speakings', {
      size: { type: 'integer', minimum: 1, maximum: 5 },
      open: { type: 'number', maximum: 5, exclusiveMaximum: true, minimum: 1, exclusiveMinimum: true },
      step: { type: 'number', multipleOf: 0.5 },
      name: { type: 'string', minLength: 2, maxLength: 3, pattern: '^a' },
      color: { type: 'string', enum: ['red', 'blue'] },
      list: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'integer' } },
      map: { type: 'object', minProperties: 1, maxProperties: 1, additionalProperties: { type: 'boolean' } },
      nested: { type: 'object', required: ['a'], properties: { a: { type: 'string', nullable: true } } },
      set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'integer' } },
      keyed: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k', 'p'],
        items: {
          type: 'object',
          required: ['k'],
          properties: { k: { type: 'string' }, p: { type: 'integer', default: 1 } },
        },
      },
    });
    const cases: readonly (readonly [spec: object, field: string, message: string])[] = [
      [{ size: 0 }, 'spec.size', 'Invalid value: 0: spec.size in body should be greater than or equal to 1'],
      [{ size: 6 }, 'spec.size', 'Invalid value: 6: spec.size in body should be less than or equal to 5'],
      [{ open: 5 }, 'spec.open', 'Invalid value: 5: spec.open in body should be less than 5'],
      [{ open: 1 }, 'spec.open', 'Invalid value: 1: spec.open in body should be greater than 1'],
      [{ step: 0.7 }, 'spec.step', 'Invalid value: 0.7: spec.step in body should be a multiple of 0.5'],
      [{ name: 'a' }, 'spec.name', 'Invalid value: "a": spec.name in body should be at least 2 chars long'],
      [{ name: 'abcd' }, 'spec.name', 'Too long: may not be more than 3 bytes'],
      [{ name: 'bb' }, 'spec.name', `Invalid value: "bb": spec.name in body should match '^a'`],
      [{ color: 'green' }, 'spec.color', 'Unsupported value: "green": supported values: "red", "blue"'],
      [{ list: [] }, 'spec.list', 'Invalid value: 0: spec.list in body should have at least 1 items'],
      [{ list: [1, 2, 3] }, 'spec.list', 'Too many: 3: must have at most 2 items'],
      [
        { list: [1, 'x'] },
        'spec.list[1]',
        'Invalid value: "string": spec.list[1] in body must be of type integer: "string"',
      ],
      [{ map: {} }, 'spec.map', 'Invalid value: 0: spec.map in body should have at least 1 properties'],
      [{ map: { a: true, b: true } }, 'spec.map', 'Too many: 2: must have at most 1 item'],
      [
        { map: { a: 1 } },
        'spec.map.a',
        'Invalid value: "integer": spec.map.a in body must be of type boolean: "integer"',
      ],
      [{ nested: {} }, 'spec.nested.a', 'Required value'],
      [{ set: [1, 1] }, 'spec.set[1]', 'Duplicate value: 1'],
      [{ keyed: [{ k: 'x' }, { k: 'x', p: 1 }] }, 'spec.keyed[1]', 'Duplicate value: {"k":"x","p":1}'],
    ];
    for (const [spec, field, message] of cases) {
      const answer = await post(path, spec);
      expect(answer.status, `${JSON.stringify(spec)}: ${answer.text}`).to.equal(422);
      expect(at(answer.body, 'details.causes.0'), JSON.stringify(spec)).to.deep.include({ field, message });
    }
    expect((await post(path, { nested: { a: null } })).status).to.equal(201);
    expect((await post(path, { keyed: [{ k: 'x' }, { k: 'x', p: 2 }] })).status).to.equal(201);
  });
});
