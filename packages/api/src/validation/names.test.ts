import { expect } from 'chai';
import fc from 'fast-check';
import {
  dns1035LabelFaults,
  dnsLabelFaults,
  isDnsLabel,
  isDnsSubdomain,
  isLabelValue,
  isQualifiedName,
  qualifiedNameFaults,
  validateAnnotations,
  validateGenerateName,
  validateLabels,
  validateObjectName,
} from './names.js';
import { utf8Length } from './utf8-length.js';

const a63 = 'a'.repeat(63);

describe('names of objects', () => {
  for (const [test, good, bad] of [
    [isDnsLabel, ['a', 'a-1', '1', a63], ['', 'A', 'a.b', '-a', 'a-', 'a_b', 'a\n', `${a63}a`]],
    [isDnsSubdomain, ['a', 'a.b-c.d', 'a'.repeat(253)], ['', 'a..b', '.a', 'a.', 'A', 'a'.repeat(254)]],
    [
      isQualifiedName,
      ['a', 'A_b.C', 'x.io/A', `x/${a63}`],
      ['', '/', '/a', 'a/', 'a/b/c', 'A/a', '-a', `${a63}a`],
    ],
    [isLabelValue, ['', 'a', 'A_b.c-d', a63], ['-', 'a ', 'a/b', `${a63}a`]],
  ] as const) {
    it(`${test.name} tells good from bad`, () => {
      for (const value of good) expect(test(value), value).to.equal(true);
      for (const value of bad) expect(test(value), value).to.equal(false);
    });
  }

  it('words a bad label as Kubernetes does', () => {
    expect(validateObjectName('A', 'label')).to.deep.equal([
      {
        field: 'metadata.name',
        reason: 'FieldValueInvalid',
        message:
          "Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      },
    ]);
    expect(validateObjectName('A', 'subdomain')[0]?.message).to.equal(
      "Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
    expect(dnsLabelFaults('a.b')).to.deep.equal(['must not contain dots']);
    expect(dnsLabelFaults(`${a63}a`)).to.deep.equal(['must be no more than 63 characters']);
    expect(dnsLabelFaults(`${a63}A`)).to.have.length(2);
    expect(dns1035LabelFaults('1a')).to.have.length(1);
  });

  it('names the bad part of a qualified name', () => {
    expect(qualifiedNameFaults('/a')).to.deep.equal(['prefix part must be non-empty']);
    expect(qualifiedNameFaults('A/a')[0]).to.match(/^prefix part a lowercase RFC 1123 subdomain/);
    expect(qualifiedNameFaults('a/')[0]).to.equal('name part must be non-empty');
    expect(qualifiedNameFaults('a/b/c')).to.have.length(1);
    expect(qualifiedNameFaults('a/b/c')[0])
      .to.match(/^a qualified name must consist of/)
      .and.match(/with an optional DNS subdomain prefix and '\/' \(e\.g\. 'example\.com\/MyName'\)$/);
  });

  it('lets any path segment be a name under the rule path', () => {
    expect(validateObjectName('system:Foo', 'path')).to.deep.equal([]);
    expect(validateObjectName('.', 'path')[0]?.message).to.equal('Invalid value: ".": may not be \'.\'');
    expect(validateObjectName('a/b%', 'path').map(({ message }) => message)).to.deep.equal([
      'Invalid value: "a/b%": may not contain \'/\'',
      'Invalid value: "a/b%": may not contain \'%\'',
    ]);
  });

  it('asks for a name', () => {
    expect(validateObjectName('', 'subdomain')).to.deep.equal([
      {
        field: 'metadata.name',
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
      },
    ]);
  });

  it('lets generateName end in a dash', () => {
    expect(validateGenerateName('a-', 'label')).to.deep.equal([]);
    expect(validateGenerateName('-', 'label')).to.have.length(1);
    expect(validateGenerateName('A-', 'label')[0]?.field).to.equal('metadata.generateName');
  });
});

describe('labels and annotations', () => {
  it('reports bad keys and bad values', () => {
    expect(validateLabels(undefined)).to.deep.equal([]);
    expect(validateLabels({ a: 'b', 'x.io/c': '' })).to.deep.equal([]);
    expect(validateLabels({ '-': 'b' })[0]?.message).to.match(/^Invalid value: "-": name part must consist/);
    const [error] = validateLabels({ a: 'b c' }, 'spec.labels');
    expect(error?.field).to.equal('spec.labels');
    expect(error?.message).to.match(/^Invalid value: "b c": a valid label must be an empty string/);
  });

  it('lets annotation keys have upper case in the prefix', () => {
    expect(validateAnnotations({ 'X.io/a': 'anything at all: {}' })).to.deep.equal([]);
    expect(validateAnnotations({ 'a b': '' })).to.have.length(1);
  });

  it('limits the size of all annotations together, in bytes', () => {
    const limit = 256 * 1024;
    expect(validateAnnotations({ a: 'x'.repeat(limit - 1) })).to.deep.equal([]);
    expect(validateAnnotations({ a: 'x'.repeat(limit) })).to.deep.equal([
      {
        field: 'metadata.annotations',
        reason: 'FieldValueTooLong',
        message: 'Too long: may not be more than 262144 bytes',
      },
    ]);
    expect(validateAnnotations({ a: 'é'.repeat(limit / 2) })).to.have.length(1);
  });
});

describe('utf8Length', () => {
  it('agrees with the encoder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        for (const text of [a, b, `${a}\ud800`, `\udc00${b}`]) {
          expect(utf8Length(text)).to.equal(new TextEncoder().encode(text).length);
        }
      }),
    );
  });
});
