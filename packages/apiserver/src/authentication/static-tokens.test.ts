import { expect } from 'chai';
import { createStaticTokenAuthenticator, parseStaticTokens } from './static-tokens.js';

function authenticate(file: string, token: string): unknown {
  const tokens = parseStaticTokens(file);
  return createStaticTokenAuthenticator(() => tokens).authenticate(token);
}

describe('static tokens', () => {
  const file =
    'one,ann,u-1,"dev,ops"\r\n\ntwo , bob,u-2\nthree,"o""neil",u-3,solo\n"fo,ur",eve,,"a\n,b"\nfive,x,u-5';
  for (const [token, user] of [
    ['one', { username: 'ann', uid: 'u-1', groups: ['dev', 'ops'] }],
    ['two', { username: 'bob', uid: 'u-2', groups: [] }],
    ['three', { username: 'o"neil', uid: 'u-3', groups: ['solo'] }],
    ['fo,ur', { username: 'eve', groups: ['a', 'b'] }],
    ['five', { username: 'x', uid: 'u-5', groups: [] }],
  ] as const) {
    it(`knows ${JSON.stringify(token)}`, () => {
      expect(authenticate(file, token)).to.deep.equal({ user });
    });
  }

  for (const token of ['', 'One', 'one ', 'on', 'ann']) {
    it(`leaves ${JSON.stringify(token)} to others`, () => {
      expect(authenticate(file, token)).to.equal(undefined);
    });
  }

  for (const [what, text, reason] of [
    ['too few values', 'a,b,c\nsecret,ann\n', /^line 2: 2 of at least 3 values/],
    ['an empty token', ',ann,u', /^line 1: the token is empty$/],
    ['an empty user', 'secret,,u', /^line 1: the user name is empty$/],
    ['a token twice', 'secret,a,1\n\nsecret,b,2', /^line 3: the token stands in an earlier line/],
    ['a stray quotation mark', 'secret,a"b,u', /^line 1: a quotation mark is out of place$/],
    ['a quotation without end', 'x,y,z\nsecret,"a,u\n', /^line 2: a quotation mark is out of place$/],
  ] as const) {
    it(`refuses ${what}, and tells no token`, () => {
      expect(() => parseStaticTokens(text))
        .to.throw(reason)
        .with.property('message')
        .that.does.not.contain('secret');
    });
  }

  it('takes an empty file as nobody', () => expect(parseStaticTokens('\n\n').size).to.equal(0));
});
