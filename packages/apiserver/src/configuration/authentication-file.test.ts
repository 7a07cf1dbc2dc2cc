import { stringifyYaml } from '@flotilla/api';
import { expect } from 'chai';
import { parseAuthenticationFile } from './authentication-file.js';

const username = { claim: 'sub', prefix: '' };

function fileOf(jwt: object, rest: object = {}): string {
  return stringifyYaml({
    apiVersion: 'apiserver.config.k8s.io/v1beta1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      { issuer: { url: 'https://issuer.example', audiences: ['a'] }, claimMappings: { username }, ...jwt },
    ],
    ...rest,
  });
}

const parse = (text: string) => parseAuthenticationFile(text, { takenIssuers: ['https://own'] });

function identify(jwt: object, claims: Record<string, unknown>): unknown {
  const [issuer] = parse(fileOf(jwt)).issuers;
  try {
    return issuer?.identify(claims as never); // any JSON
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

describe('parseAuthenticationFile', () => {
  it('maps claims with prefixes', () => {
    const claimMappings = {
      username: { claim: 'name', prefix: 'x:' },
      groups: { claim: 'roles', prefix: 'g:' },
      uid: { claim: 'id' },
    };
    expect(identify({ claimMappings }, { name: 'ann', roles: ['a', 'b'], id: '7' })).to.deep.equal({
      username: 'x:ann',
      uid: '7',
      groups: ['g:a', 'g:b'],
    });
    expect(identify({ claimMappings }, { name: 'ann', roles: 'a', id: '7' })).to.have.deep.property(
      'groups',
      ['g:a'],
    );
    expect(identify({ claimMappings }, { name: 'ann' })).to.equal('the uid is undefined, not a text');
    expect(identify({ claimMappings }, { id: '7', __proto__: null })).to.equal('it has no claim "name"');
  });

  it('maps claims with expressions', () => {
    const claimMappings = {
      username: { expression: 'claims.given + "." + claims.family' },
      groups: { expression: 'claims.roles.split(",")' },
      uid: { expression: 'string(claims.id)' },
      extra: [
        { key: 'example.com/team', valueExpression: 'claims.?team.orValue("")' },
        { key: 'example.com/all', valueExpression: '[claims.given, claims.family]' },
      ],
    };
    const claims = { given: 'ann', family: 'lee', roles: 'a,b', id: 7 };
    expect(identify({ claimMappings }, claims)).to.deep.equal({
      username: 'ann.lee',
      uid: '7',
      groups: ['a', 'b'],
      extra: { 'example.com/all': ['ann', 'lee'] },
    });
    expect(identify({ claimMappings }, { ...claims, roles: 7 })).to.match(/groups\.expression failed: /);
    expect(identify({ claimMappings: { username: { expression: 'claims.n' } } }, { n: '' })).to.match(
      /gives no name/,
    );
  });

  it('checks claims and users by rules', () => {
    const rules = {
      claimValidationRules: [
        { claim: 'hd', requiredValue: 'example.com' },
        { expression: 'claims.exp - claims.nbf <= 86400', message: 'a day at most' },
      ],
      userValidationRules: [
        { expression: "!user.username.startsWith('system:')", message: 'a reserved name' },
      ],
    };
    const good = { sub: 'ann', hd: 'example.com', exp: 86_400, nbf: 0 };
    expect(identify(rules, good)).to.deep.equal({ username: 'ann', groups: [] });
    expect(identify(rules, { ...good, hd: 'x' })).to.match(/claim "hd" is "x"/);
    expect(identify(rules, { ...good, exp: 86_401 })).to.equal('a day at most');
    expect(identify(rules, { ...good, sub: 'system:admin' })).to.equal('a reserved name');
  });

  it('says where anonymous requests are let in', () => {
    const anonymous = { enabled: true, conditions: [{ path: '/livez' }] };
    const file = parse(fileOf({}, { anonymous }));
    expect(file.anonymous?.('/livez')).to.equal(true);
    expect(file.anonymous?.('/api')).to.equal(false);
    expect(parse(fileOf({}, { anonymous: { enabled: true } })).anonymous?.('/api')).to.equal(true);
    expect(parse(fileOf({}, { anonymous: { enabled: false } })).anonymous?.('/livez')).to.equal(false);
    expect(parse(fileOf({})).anonymous).to.equal(undefined);
  });

  const issuer = { url: 'https://issuer.example', audiences: ['a'] };
  const refused: [string, string, RegExp][] = [
    ['no object', 'hello', /^the file: must be an object$/],
    ['two documents', 'a: 1\n---\na: 2\n', /^it must hold one YAML document$/],
    ['another kind', 'apiVersion: v1\nkind: Secret\n', /^it must be an AuthenticationConfiguration of/],
    ['an unknown field', fileOf({ claimMapping: {} }), /^jwt\[0\]\.claimMapping: unknown field$/],
    [
      'an issuer without audiences',
      fileOf({ issuer: { url: issuer.url } }),
      /^jwt\[0\]\.issuer\.audiences: Required/,
    ],
    [
      'plain http',
      fileOf({ issuer: { ...issuer, url: 'http://x' } }),
      /^jwt\[0\]\.issuer\.url: "http:\/\/x" must be an https/,
    ],
    [
      'its own issuer',
      fileOf({ issuer: { ...issuer, url: 'https://own' } }),
      /^jwt\[0\]\.issuer\.url: .* already issues/,
    ],
    [
      'several audiences without a policy',
      fileOf({ issuer: { ...issuer, audiences: ['a', 'b'] } }),
      /audienceMatchPolicy: must be MatchAny/,
    ],
    [
      'a damaged authority',
      fileOf({ issuer: { ...issuer, certificateAuthority: 'x' } }),
      /certificateAuthority: there is no/,
    ],
    [
      'no prefix',
      fileOf({ claimMappings: { username: { claim: 'sub' } } }),
      /username\.prefix: Required value/,
    ],
    [
      'a claim and an expression',
      fileOf({ claimMappings: { username: { ...username, expression: 'claims.sub' } } }),
      /username\.expression: must not be set together/,
    ],
    [
      'an expression that does not compile',
      fileOf({ claimMappings: { username: { expression: 'claims.' } } }),
      /^jwt\[0\]\.claimMappings\.username\.expression: /,
    ],
    [
      'an expression of something else',
      fileOf({ claimMappings: { username: { expression: 'object.name' } } }),
      /^jwt\[0\]\.claimMappings\.username\.expression: .*object/,
    ],
    [
      'a rule that is no condition',
      fileOf({ claimValidationRules: [{ expression: '"text"' }] }),
      /claimValidationRules\[0\]\.expression: must evaluate to a bool/,
    ],
    [
      'an address that nobody verified',
      fileOf({ claimMappings: { username: { expression: 'claims.email' } } }),
      /claims\.email_verified must be used/,
    ],
    [
      'a reserved key',
      fileOf({ claimMappings: { username, extra: [{ key: 'a.k8s.io/x', valueExpression: '"v"' }] } }),
      /extra\[0\]\.key: .* reserved/,
    ],
    [
      'conditions for nobody',
      fileOf({}, { anonymous: { enabled: false, conditions: [{ path: '/' }] } }),
      /^anonymous\.conditions: must not be set/,
    ],
  ];
  for (const [what, text, reason] of refused) {
    it(`refuses ${what}`, () => expect(() => parse(text)).to.throw(reason));
  }

  it('refuses an issuer twice', () => {
    const jwt = [1, 2].map(() => ({ issuer, claimMappings: { username } }));
    const text = stringifyYaml({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt,
    });
    expect(() => parse(text)).to.throw(/^jwt\[1\]\.issuer\.url: "https:\/\/issuer.example" already issues/);
  });
});
