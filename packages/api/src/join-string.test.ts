import { expect } from 'chai';
import { formatJoinString, parseJoinString } from './join-string.js';

const whole = {
  server: 'https://hub.example:6443',
  token: 'abcdef.0123456789abcdef',
  caHash: `sha256:${'0a'.repeat(32)}`,
  cluster: 'cluster1',
};

describe('join string', () => {
  it('reads what it wrote', () => expect(parseJoinString(formatJoinString(whole))).to.deep.equal(whole));
  it('leaves the cluster out when the token is for any', () => {
    const { cluster: _, ...any } = whole;
    expect(parseJoinString(formatJoinString(any))).to.deep.equal(any);
  });
  const bad: [string, string, RegExp][] = [
    ['words', 'hello', /not a URL/],
    ['plain http', formatJoinString(whole).replace('https', 'http'), /https/],
    ['no token', 'https://h:1/?ca=x', /token/],
    ['a cut pin', formatJoinString({ ...whole, caHash: 'sha256:00' }), /ca must/],
  ];
  for (const [name, text, expected] of bad) {
    it(`names the part that is wrong: ${name}`, () => expect(() => parseJoinString(text)).to.throw(expected));
  }

  it('holds further addresses of the hub', () => {
    const join = {
      server: 'https://a.example:6443',
      token: 'abcdef.0123456789abcdef',
      caHash: `sha256:${'0'.repeat(64)}`,
      alternatives: ['https://b.example:6443', 'https://[::1]:6443'],
    };
    expect(parseJoinString(formatJoinString(join))).to.deep.equal(join);
    expect(() => parseJoinString(`${formatJoinString(join)}&also=http://c.example`)).to.throw(
      /further addresses/,
    );
  });
});
