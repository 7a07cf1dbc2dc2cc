import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { loadOidc, type OidcOptions } from './oidc.js';

const issuer = { oidcIssuerUrl: 'https://issuer.example', oidcClientId: 'client' };
const claims = { sub: 'ann', email: 'ann@example.com', groups: ['a'], team: 'b', hd: 'x' };

async function identify(options: OidcOptions, shown: object = claims): Promise<unknown> {
  const loaded = await loadOidc({ ...issuer, ...options }, { env: createTestEnv() });
  return loaded?.identify(shown as never); // any JSON
}

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('loadOidc', () => {
  const named: [string, OidcOptions, string][] = [
    ['the issuer before a subject', {}, 'https://issuer.example#ann'],
    ['nothing before an address', { oidcUsernameClaim: 'email' }, 'ann@example.com'],
    [
      'the prefix that is given',
      { oidcUsernameClaim: 'email', oidcUsernamePrefix: 'o:' },
      'o:ann@example.com',
    ],
    ['nothing where - is given', { oidcUsernamePrefix: '-' }, 'ann'],
  ];
  for (const [what, options, username] of named) {
    it(`puts ${what}`, async () => expect(await identify(options)).to.deep.equal({ username, groups: [] }));
  }

  it('takes groups out of a list or a text', async () => {
    expect(await identify({ oidcGroupsClaim: 'groups' })).to.have.deep.property('groups', ['a']);
    expect(await identify({ oidcGroupsClaim: 'team', oidcGroupsPrefix: 'g:' })).to.have.deep.property(
      'groups',
      ['g:b'],
    );
    expect(await identify({ oidcGroupsClaim: 'none' })).to.have.deep.property('groups', []);
    const odd = { ...claims, groups: [7] };
    expect(await failure(identify({ oidcGroupsClaim: 'groups' }, odd))).to.match(/neither a text nor a list/);
  });

  it('wants required claims, and addresses that were verified', async () => {
    expect(await identify({ oidcRequiredClaim: ['hd=x'] })).to.have.property('username');
    expect(await failure(identify({ oidcRequiredClaim: ['hd=y'] }))).to.match(/claim "hd" is "x", not "y"/);
    const email = { oidcUsernameClaim: 'email' };
    expect(await identify(email, { ...claims, email_verified: true })).to.have.property('username');
    for (const verified of [false, 'true', null]) {
      const shown = { ...claims, email_verified: verified };
      expect(await failure(identify(email, shown))).to.match(/not verified/);
    }
  });

  it('is off without an issuer', async () => {
    expect(await loadOidc({}, { env: createTestEnv() })).to.equal(undefined);
  });

  for (const [options, reason] of [
    [{ oidcClientId: 'x' }, /need --oidc-issuer-url/],
    [{ oidcIssuerUrl: 'https://x' }, /needs --oidc-client-id/],
    [{ ...issuer, oidcIssuerUrl: 'http://x' }, /^--oidc-issuer-url: "http:\/\/x" must be an https URL/],
    [{ ...issuer, oidcSigningAlgs: ['HS256'] }, /^--oidc-signing-algs: "HS256" is none of RS256/],
    [{ ...issuer, oidcRequiredClaim: ['x'] }, /^--oidc-required-claim: "x" is not of the form/],
    [{ ...issuer, oidcCaFile: '/none' }, /^--oidc-ca-file \/none: there is no such file/],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      expect(await failure(loadOidc(options, { env: createTestEnv() }))).to.match(reason);
    });
  }
});
