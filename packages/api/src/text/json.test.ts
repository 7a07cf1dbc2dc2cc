import { expect } from 'chai';
import fc from 'fast-check';
import { JsonSyntaxError, parseJsonStrict } from './json.js';

const duplicates: readonly (readonly [string, readonly string[]])[] = [
  ['{"a":1,"b":{"a":2}}', []],
  ['{"a":1,"a":2}', ['a']],
  ['{"a":1,"a":2,"a":3}', ['a']],
  ['{"spec":{"foo":1,"bar":2,"foo":3}}', ['spec.foo']],
  ['{"spec":{"list":[{"name":1},{"name":1,"name":2}]}}', ['spec.list[1].name']],
  ['{"a":{"x":1},"a":{"x":1,"x":2}}', ['a', 'a.x']],
  ['{"a\\"b":1,"a\\u0022b":2}', ['a"b']],
  ['{"a": "\\"x\\": ", "b" : "\\\\"}', []],
  ['[1,"x",null,[]]', []],
  ['"just text: \\"x\\":"', []],
];

const broken: readonly (readonly [string, string])[] = [
  ['', 'unexpected end of JSON input (line 1, column 1)'],
  ['{', 'unexpected end of JSON input (line 1, column 2)'],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string (line 1, column 8)"],
  ['{"a" 1}', "invalid character '1' after object key (line 1, column 6)"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair (line 1, column 8)"],
  ['{\n  "a": x\n}', "invalid character 'x' looking for beginning of value (line 2, column 8)"],
  ['[1 2]', "invalid character '2' after array element (line 1, column 4)"],
  ['nul', 'unexpected end of JSON input (line 1, column 4)'],
  ['nulx', "invalid character 'x' in literal null (line 1, column 4)"],
  ['{} x', "invalid character 'x' after top-level value (line 1, column 4)"],
  ['"a\nb"', "invalid character '\\n' in string literal (line 1, column 3)"],
  ['"\\x"', "invalid character 'x' in string escape code (line 1, column 3)"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape (line 1, column 6)"],
  ['{"a":1e999}', 'number out of range (line 1, column 6)'],
  [`[${'9'.repeat(400)}]`, 'number out of range (line 1, column 2)'],
  ["'a'", "invalid character '\\'' looking for beginning of value (line 1, column 1)"],
];

describe('parseJsonStrict', () => {
  for (const [text, expected] of duplicates) {
    it(`finds ${expected.length === 0 ? 'no duplicates' : expected.join(' and ')} in ${text}`, () => {
      const parsed = parseJsonStrict(text);
      expect(parsed.value).to.deep.equal(JSON.parse(text));
      expect(parsed.duplicates).to.deep.equal(expected);
    });
  }

  for (const [text, message] of broken) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseJsonStrict(text)).to.throw(JsonSyntaxError, message);
    });
  }

  it('tells which integers it could not keep', () => {
    const text =
      '{"a":9007199254740993,"b":[9007199254740992,-9223372036854775807],"c":"12345678901234567890","d":1e21}';
    expect(parseJsonStrict(text).inexact).to.deep.equal(['a', 'b[1]']);
    expect(parseJsonStrict('{"a":1}').inexact).to.deep.equal([]);
  });

  it('keeps __proto__ an ordinary key', () => {
    const { value, duplicates: found } = parseJsonStrict('{"__proto__":{"x":1},"__proto__":{"y":2}}');
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect(JSON.stringify(value)).to.equal('{"__proto__":{"y":2}}');
    expect(found).to.deep.equal(['__proto__']);
  });

  it('refuses a text that nests too deep', () => {
    const text = `${'['.repeat(1001)}${']'.repeat(1001)}`;
    expect(() => parseJsonStrict(text)).to.throw(JsonSyntaxError, 'exceeded max depth of 1000');
    expect(parseJsonStrict(`${'['.repeat(1000)}${']'.repeat(1000)}`).duplicates).to.deep.equal([]);
  });

  it('refuses a text that nests so deep that recursion would not end', () => {
    expect(() => parseJsonStrict('['.repeat(200_000))).to.throw(
      JsonSyntaxError,
      'exceeded max depth of 1000',
    );
  });

  it('reads back every JSON value without duplicates, however it is indented', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJsonStrict(text)).to.deep.equal({
          value: JSON.parse(text),
          duplicates: [],
          inexact: [],
        });
      }),
    );
  });

  it('accepts exactly what JSON.parse accepts', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '\\',
      '1',
      '-',
      '.',
      'e',
      'true',
      'null',
      ' ',
      '\n',
      'u00e9',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let valid = true;
        try {
          JSON.parse(text);
        } catch (error) {
          expect(error).to.be.instanceOf(SyntaxError);
          valid = false;
        }
        if (valid) expect(parseJsonStrict(text).value).to.deep.equal(JSON.parse(text));
        else expect(() => parseJsonStrict(text)).to.throw(JsonSyntaxError, /\(line \d+, column \d+\)$/);
      }),
      { numRuns: 2000 },
    );
  });
});
