import { createPublicKey, verify } from 'node:crypto';
import type { KubeObject } from '@flotilla/api';
import { generateKeyPair } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { MemoryReader } from '../authentication/testing/memory-reader.js';
import { signToken } from './jwt.js';
import { readSigningKey } from './token-keys.js';
import { type IssueOptions, ServiceAccountTokens } from './tokens.js';

const issuer = 'https://hub.example';
const hourMs = 3_600_000;

function coreObject(kind: string, path: string, uid: string): KubeObject {
  const [name = '', namespace] = path.split('/').reverse();
  return { apiVersion: 'v1', kind, metadata: { name, uid, ...(namespace !== undefined && { namespace }) } };
}

function setUp() {
  const { clock, random } = createTestEnv();
  const reader = new MemoryReader();
  const signingKey = readSigningKey(generateKeyPair().privateKeyPem);
  const tokens = new ServiceAccountTokens({ reader, clock, random, signingKey, issuers: [issuer] });
  reader.put('', 'serviceaccounts', coreObject('ServiceAccount', 'n/sa', 'sa-uid'));
  const issue = (overrides: Partial<IssueOptions> = {}): string =>
    tokens.issue({
      namespace: 'n',
      name: 'sa',
      uid: 'sa-uid',
      audiences: [],
      expirationSeconds: 3600,
      ...overrides,
    }).token;
  return { clock, random, reader, tokens, issue, signingKey };
}

function part(token: string, index: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString());
}

describe('ServiceAccountTokens', () => {
  it('issues tokens that it knows again', () => {
    const { tokens, issue } = setUp();
    const token = issue();
    const { jti } = part(token, 1);
    expect(tokens.authenticate(token)).to.deep.equal({
      user: {
        username: 'system:serviceaccount:n:sa',
        uid: 'sa-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:n'],
        extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] },
      },
      audiences: [issuer],
    });
  });

  it('issues tokens that others can check with the published key', () => {
    const { tokens, issue } = setUp();
    const answer = tokens.discoveryDocument('/openid/v1/jwks');
    const { keys } = JSON.parse(Buffer.from(answer?.body as Uint8Array).toString()) as {
      keys: [Record<string, string>];
    };
    const token = issue({ audiences: ['vault'] });
    const [head, body, signature = ''] = token.split('.');
    const key = createPublicKey({ key: keys[0], format: 'jwk' });
    const options = { key, dsaEncoding: 'ieee-p1363' } as const;
    expect(
      verify('sha256', Buffer.from(`${head}.${body}`), options, Buffer.from(signature, 'base64url')),
    ).to.equal(true);
    expect(part(token, 0)).to.deep.equal({ alg: 'ES256', kid: keys[0]['kid'] });
    expect(part(token, 1)).to.deep.include({
      iss: issuer,
      aud: ['vault'],
      sub: 'system:serviceaccount:n:sa',
    });
    expect(keys[0]).not.to.have.property('d');
  });

  it('describes itself for OpenID discovery, and no other path', () => {
    const { tokens } = setUp();
    const answer = tokens.discoveryDocument('/.well-known/openid-configuration');
    expect(JSON.parse(Buffer.from(answer?.body as Uint8Array).toString())).to.deep.include({
      issuer,
      jwks_uri: `${issuer}/openid/v1/jwks`,
    });
    expect(tokens.discoveryDocument('/openid/v1')).to.equal(undefined);
  });

  it('leaves other tokens to others', () => {
    const { tokens, signingKey } = setUp();
    const foreign = signToken({ iss: 'https://other' }, signingKey);
    for (const token of [
      '',
      'a.b',
      'a.b.c',
      'abc123.0123456789abcdef',
      foreign,
      `${'x'.repeat(20_000)}.a.b`,
    ]) {
      expect(tokens.authenticate(token), token.slice(0, 30)).to.equal(undefined);
    }
  });

  it('leaves a token without a signature to others', () => {
    const { tokens, issue } = setUp();
    const [, body] = issue().split('.');
    const head = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(tokens.authenticate(`${head}.${body}.`)).to.equal(undefined);
    expect(tokens.authenticate(`${head}.${body}.AAAA`)).to.equal(undefined);
  });

  type Kit = ReturnType<typeof setUp>;
  const boundPod = { kind: 'Pod', name: 'p', uid: 'p-uid' } as const;
  const refused: [string, (kit: Kit) => string | Promise<string>, RegExp][] = [
    ['the signature of another key', () => setUp().issue(), /signature is wrong/],
    [
      'changed claims',
      ({ issue }) => {
        const [head, , signature] = issue().split('.');
        const claims = Buffer.from(JSON.stringify({ ...part(issue(), 1), sub: 'root' })).toString(
          'base64url',
        );
        return `${head}.${claims}.${signature}`;
      },
      /signature is wrong/,
    ],
    ['other audiences', ({ issue }) => issue({ audiences: ['vault'] }), /for the audiences \["vault"\]/],
    [
      'an account that was deleted',
      ({ issue, reader }) => {
        reader.delete('', 'serviceaccounts', coreObject('ServiceAccount', 'n/sa', 'sa-uid'));
        return issue();
      },
      /"sa" of serviceaccounts, is gone/,
    ],
    ['an account that was made anew', ({ issue }) => issue({ uid: 'old-uid' }), /is gone/],
    ['an account of another namespace', ({ issue }) => issue({ namespace: 'm' }), /is gone/],
    ['a pod that is gone', ({ issue }) => issue({ boundObject: boundPod }), /"p" of pods, is gone/],
    [
      'a secret that was made anew',
      ({ issue, reader }) => {
        reader.put('', 'secrets', coreObject('Secret', 'n/s', 'new'));
        return issue({ boundObject: { kind: 'Secret', name: 's', uid: 'old' } });
      },
      /"s" of secrets, is gone/,
    ],
    [
      'a node that is gone',
      ({ issue }) => issue({ boundObject: { kind: 'Node', name: 'k', uid: 'u' } }),
      /"k" of nodes, is gone/,
    ],
    [
      'a token after its time',
      async ({ issue, clock }) => {
        const token = issue();
        await clock.advance(hourMs);
        return token;
      },
      /has expired/,
    ],
    [
      'an account that was being deleted more than a minute ago',
      async ({ issue, reader, clock }) => {
        const account = coreObject('ServiceAccount', 'n/sa', 'sa-uid');
        account.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
        reader.put('', 'serviceaccounts', account);
        await clock.advance(61_000);
        return issue();
      },
      /is gone/,
    ],
  ];
  for (const [name, tokenOf, expected] of refused) {
    it(`answers 401 to ${name}`, async () => {
      const kit = setUp();
      const token = await tokenOf(kit);
      expect(() => kit.tokens.authenticate(token))
        .to.throw(expected)
        .with.nested.property('status.code', 401);
    });
  }

  it('believes a token until its last millisecond', async () => {
    const { tokens, issue, clock } = setUp();
    const token = issue();
    await clock.advance(hourMs - 1);
    expect(tokens.authenticate(token)).not.to.equal(undefined);
  });

  it('tells of the pod and the node that a token is bound to', () => {
    const { tokens, issue, reader } = setUp();
    reader.put('', 'pods', coreObject('Pod', 'n/p', 'p-uid'));
    const token = issue({ boundObject: boundPod, node: { name: 'k', uid: 'k-uid' } });
    expect(tokens.authenticate(token)?.user.extra).to.deep.include({
      'authentication.kubernetes.io/pod-name': ['p'],
      'authentication.kubernetes.io/pod-uid': ['p-uid'],
      'authentication.kubernetes.io/node-name': ['k'],
      'authentication.kubernetes.io/node-uid': ['k-uid'],
    });
  });

  it('finds the audiences that a reviewer and a token have in common', () => {
    const { tokens, issue } = setUp();
    const token = issue({ audiences: ['a', 'b'] });
    expect(tokens.authenticate(token, { audiences: ['b', 'c'] })?.audiences).to.deep.equal(['b']);
    expect(() => tokens.authenticate(token, { audiences: ['c'] })).to.throw(/for the audiences/);
  });

  it('believes tokens of every issuer and key that it was given, and signs with the first', () => {
    const { reader, clock, random, issue: issueOld, signingKey: oldKey } = setUp();
    const signingKey = readSigningKey(generateKeyPair().privateKeyPem);
    const account = coreObject('ServiceAccount', 'n/sa', 'sa-uid');
    reader.put('', 'serviceaccounts', account);
    const settings = { signingKey, verificationKeys: [oldKey], issuers: ['https://new', issuer] } as const;
    const tokens = new ServiceAccountTokens({ reader, clock, random, ...settings });
    const fresh = tokens.issue({
      namespace: 'n',
      name: 'sa',
      uid: 'sa-uid',
      audiences: [],
      expirationSeconds: 7200,
    });
    expect(part(fresh.token, 1)).to.deep.include({ iss: 'https://new', aud: ['https://new', issuer] });
    expect(part(fresh.token, 0)['kid']).to.equal(signingKey.id);
    for (const token of [issueOld(), fresh.token]) {
      expect(tokens.authenticate(token)?.user.username).to.equal('system:serviceaccount:n:sa');
    }
    const jwks = tokens.discoveryDocument('/openid/v1/jwks');
    const { keys } = JSON.parse(Buffer.from(jwks?.body as Uint8Array).toString()) as {
      keys: { kid: string }[];
    };
    expect(keys.map(({ kid }) => kid)).to.deep.equal([signingKey.id, oldKey.id]);
  });

  it('cuts what was asked for to the longest life that it may give', () => {
    const { reader, clock, random, signingKey } = setUp();
    const tokens = new ServiceAccountTokens({
      ...{ reader, clock, random, signingKey, issuers: [issuer] as const },
      ...{ maxExpirationSeconds: 3600, audiences: ['api'] },
    });
    const { token, expirationMs } = tokens.issue({
      namespace: 'n',
      name: 'sa',
      uid: 'sa-uid',
      audiences: [],
      expirationSeconds: 86_400,
    });
    expect(expirationMs - clock.now()).to.equal(hourMs);
    expect(part(token, 1)['aud']).to.deep.equal(['api']);
  });
});
