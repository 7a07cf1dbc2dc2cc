import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createTestIssuer, issuerUrl } from '../testing/jwt-issuer.js';
import { identifyByClaims } from './claim-rules.js';
import { IssuerKeys } from './issuer-keys.js';
import { createJwtAuthenticator } from './jwt-authenticator.js';

async function setUp({ algorithms = ['ES256'] as readonly string[] } = {}) {
  const { clock, log } = createTestEnv();
  const issuer = await createTestIssuer(() => clock.now());
  const keys = new IssuerKeys({ url: issuerUrl, fetchJson: issuer.fetchJson, clock, log });
  const rules = { username: { claim: 'sub', prefix: 'p:' }, required: new Map<string, string>() };
  const authenticator = createJwtAuthenticator({
    issuer: issuerUrl,
    audiences: ['client', 'other-client'],
    algorithms,
    identify: (claims) => identifyByClaims(claims, rules),
    keys,
    clock,
  });
  const nameOf = async (token: string): Promise<unknown> =>
    authenticator.authenticate(token).then(
      (identity) => identity?.user.username,
      (error: unknown) => error,
    );
  return { clock, log, issuer, authenticator, nameOf };
}

describe('createJwtAuthenticator', () => {
  it('believes a token of its issuer for one of its audiences', async () => {
    const { issuer, authenticator, nameOf } = await setUp();
    expect(await authenticator.authenticate(await issuer.sign({ jti: 'x' }))).to.deep.equal({
      user: {
        username: 'p:ann',
        groups: [],
        extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] },
      },
    });
    expect(await nameOf(await issuer.sign({ aud: ['a', 'other-client'] }))).to.equal('p:ann');
    expect(issuer.state.asked).to.have.length(2);
  });

  it('leaves what is no token of its issuer to others, without asking anybody', async () => {
    const { issuer, nameOf } = await setUp();
    const foreign = await issuer.sign({ iss: 'https://elsewhere' });
    for (const token of ['', 'a.b', 'a.b.c', foreign, `${'x'.repeat(70_000)}.a.b`]) {
      expect(await nameOf(token), token.slice(0, 20)).to.equal(undefined);
    }
    expect(issuer.state.asked).to.deep.equal([]);
  });

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['another audience', { aud: 'elsewhere' }, /for the audience "elsewhere"/],
    ['no audience', { aud: undefined }, /for the audience/],
    ['no end', { exp: undefined }, /expired/],
    ['its end', { exp: 1 }, /expired/],
    ['a far beginning', { nbf: 4_000_000_000 }, /not valid yet/],
    ['no name', { sub: undefined }, /has no claim "sub"/],
  ];
  for (const [what, claims, reason] of refused) {
    it(`refuses ${what}`, async () => {
      const { issuer, nameOf } = await setUp();
      const failure = await nameOf(await issuer.sign(claims));
      expect(failure).to.have.nested.property('status.code', 401);
      expect((failure as Error).message).to.match(reason);
    });
  }

  it('refuses changed claims, another algorithm and no signature at all', async () => {
    const { issuer, nameOf } = await setUp();
    const [head = '', , signature = ''] = (await issuer.sign({})).split('.');
    const forged = Buffer.from(
      JSON.stringify({ iss: issuerUrl, aud: 'client', sub: 'root', exp: 4_000_000_000 }),
    ).toString('base64url');
    expect(String(await nameOf(`${head}.${forged}.${signature}`))).to.match(/no published key/);
    for (const alg of ['none', 'HS256', 'RS256']) {
      const other = Buffer.from(JSON.stringify({ alg })).toString('base64url');
      expect(String(await nameOf(`${other}.${forged}.${signature}`))).to.contain(`signed with "${alg}"`);
    }
  });

  it('refuses a token at its end, by the clock', async () => {
    const { issuer, nameOf, clock } = await setUp();
    const token = await issuer.sign({});
    await clock.advance(600_000 - 1);
    expect(await nameOf(token)).to.equal('p:ann');
    await clock.advance(1);
    expect(String(await nameOf(token))).to.match(/expired/);
  });

  it('fetches keys again when one is new, and forgets those that are gone', async () => {
    const { issuer, nameOf, clock } = await setUp();
    const old = await issuer.sign({});
    expect(await nameOf(old)).to.equal('p:ann');
    await issuer.rotate('two');
    const fresh = await issuer.sign({});
    expect(String(await nameOf(fresh)), 'too soon after the last fetch').to.match(/no published key/);
    await clock.advance(5000);
    expect(await nameOf(fresh)).to.equal('p:ann');
    expect(String(await nameOf(old))).to.match(/no published key/);
  });

  it('does not let a key that was taken back live on for more than an hour', async () => {
    const { issuer, nameOf, clock } = await setUp();
    const token = await issuer.sign({ exp: 4_000_000_000 });
    await nameOf(token);
    await issuer.rotate('two');
    await clock.advance(3_600_000);
    expect(String(await nameOf(token))).to.match(/no published key/);
  });

  it('asks its issuer no more often than every five seconds, whatever is shown', async () => {
    const { issuer, nameOf, clock } = await setUp();
    const token = await issuer.sign({});
    await nameOf(token);
    await issuer.rotate('two');
    const strange = await issuer.sign({});
    await issuer.rotate('three');
    await clock.advance(5000);
    await Promise.all(Array.from({ length: 50 }, () => nameOf(strange)));
    for (let i = 0; i < 50; i++) await nameOf(strange);
    expect(issuer.state.asked).to.have.length(4);
  });

  it('answers 401 while its issuer is down, says so once, and recovers', async () => {
    const { issuer, nameOf, clock, log } = await setUp();
    issuer.state.isDown = true;
    const token = await issuer.sign({});
    for (let i = 0; i < 3; i++) {
      expect(String(await nameOf(token))).to.contain('connect ECONNREFUSED');
      await clock.advance(5000);
    }
    expect(log.entries.filter(({ level }) => level === 'error')).to.have.length(1);
    issuer.state.isDown = false;
    expect(await nameOf(token)).to.equal('p:ann');
    issuer.state.isDown = true;
    await clock.advance(5 * 60_000);
    expect(await nameOf(token), 'keys that are known serve on').to.equal('p:ann');
  });

  it('believes no discovery document of another issuer', async () => {
    const { issuer, nameOf } = await setUp();
    issuer.state.issuer = 'https://evil.example';
    expect(String(await nameOf(await issuer.sign({})))).to.contain('is of the issuer "https://evil.example"');
  });
});
