import { newUnauthorized, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import type { ApiRequest } from '../server/handler.js';
import { createAuthenticator } from './authenticator.js';
import { requestWith } from './testing/request.js';

const goodChain = [Uint8Array.of(1)];
const badChain = [Uint8Array.of(2)];

function authenticator(anonymous = true) {
  const made = createAuthenticator({
    certificates: {
      authenticate: ([leaf]) => {
        if (leaf?.[0] === 1) return { username: 'by-certificate', groups: ['g'] };
        throw newUnauthorized('Unauthorized: bad certificate');
      },
    },
    tokens: [
      {
        authenticate: (token) => (token === 'first' ? { user: { username: 'one', groups: [] } } : undefined),
      },
      {
        authenticate: (token) => {
          if (token === 'old') throw newUnauthorized('Unauthorized: old token');
          return token === 'second'
            ? { user: { username: 'two', groups: ['system:authenticated'] } }
            : undefined;
        },
      },
    ],
    anonymous,
  });
  return { authenticate: (request: ApiRequest) => atOnce(made.authenticate(request)) };
}

/** What no slow method was asked for is known without waiting. */
function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('it takes its time');
  return value;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const socketToken = (token: string) => ({
  'sec-websocket-protocol': `v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`,
});

describe('createAuthenticator', () => {
  const accepted: [string, Partial<ApiRequest>, string][] = [
    ['nothing', {}, 'system:anonymous'],
    ['a good certificate', { clientCertificates: goodChain }, 'by-certificate'],
    ['a token of the first kind', { headers: bearer('first') }, 'one'],
    ['a token of a later kind', { headers: bearer('second') }, 'two'],
    ['a scheme in other case', { headers: { authorization: 'bearer  first' } }, 'one'],
    ['a header that came as an array', { headers: { authorization: ['Bearer first', 'Bearer old'] } }, 'one'],
    ['a token in a WebSocket subprotocol', { headers: socketToken('first') }, 'one'],
    [
      'a good certificate and a bad token',
      { clientCertificates: goodChain, headers: bearer('old') },
      'by-certificate',
    ],
    ['a bad certificate and a good token', { clientCertificates: badChain, headers: bearer('first') }, 'one'],
  ];
  for (const [name, parts, username] of accepted) {
    it(`makes ${username} of ${name}`, () => {
      expect(authenticator().authenticate(requestWith(parts)).username).to.equal(username);
    });
  }

  const refused: [string, Partial<ApiRequest>, string][] = [
    ['a bad certificate', { clientCertificates: badChain }, 'Unauthorized: bad certificate'],
    ['an unknown token', { headers: bearer('third') }, 'Unauthorized'],
    ['a token that its kind refuses', { headers: bearer('old') }, 'Unauthorized: old token'],
    ['another scheme', { headers: { authorization: 'Basic dXNlcjpwdw==' } }, 'Unauthorized'],
    ['an empty token', { headers: { authorization: 'Bearer ' } }, 'Unauthorized'],
    [
      'a bad certificate and an unknown token',
      { clientCertificates: badChain, headers: bearer('third') },
      'Unauthorized: bad certificate',
    ],
    [
      'a bad certificate and a bad token',
      { clientCertificates: badChain, headers: bearer('old') },
      'Unauthorized: old token',
    ],
  ];
  for (const [name, parts, message] of refused) {
    it(`answers 401 to ${name}, though anonymous requests are let in`, () => {
      const act = (): unknown => authenticator().authenticate(requestWith(parts));
      expect(act)
        .to.throw(StatusError, new RegExp(`^${message}$`))
        .with.nested.property('status.code', 401);
    });
  }

  it('puts every real user, and no other, into system:authenticated once', () => {
    const groups = (parts: Partial<ApiRequest>) => authenticator().authenticate(requestWith(parts)).groups;
    expect(groups({ clientCertificates: goodChain })).to.deep.equal(['g', 'system:authenticated']);
    expect(groups({ headers: bearer('second') })).to.deep.equal(['system:authenticated']);
    expect(groups({})).to.deep.equal(['system:unauthenticated']);
  });

  it('answers 401 to nothing where anonymous requests are not let in', () => {
    expect(() => authenticator(false).authenticate(requestWith())).to.throw(StatusError);
  });

  it('lets defects of a method through as they are', () => {
    const broken = createAuthenticator({
      certificates: { authenticate: () => undefined },
      tokens: [
        {
          authenticate: () => {
            throw new TypeError('defect');
          },
        },
      ],
      anonymous: true,
    });
    expect(() => broken.authenticate(requestWith({ headers: bearer('x') }))).to.throw(TypeError);
  });

  describe('with tokens of other issuers', () => {
    const asked: string[] = [];
    const made = createAuthenticator({
      certificates: { authenticate: () => undefined },
      frontProxy: {
        authenticate: ({ headers }) =>
          headers['x-remote-user'] === undefined ? undefined : { username: 'proxied', groups: [] },
      },
      tokens: [
        {
          authenticate: (token) => {
            if (token === 'bad') throw newUnauthorized('Unauthorized: bad here');
            return token === 'first' ? { user: { username: 'one', groups: [] } } : undefined;
          },
        },
      ],
      slowTokens: [
        {
          authenticate: async (token) => {
            asked.push(token);
            if (token === 'old') throw newUnauthorized('Unauthorized: old there');
            return undefined;
          },
        },
        {
          authenticate: async (token) => {
            if (token === 'broken') throw new TypeError('defect');
            return token === 'theirs' ? { user: { username: 'three', groups: ['x'] } } : undefined;
          },
        },
      ],
      anonymous: ({ path }) => path === '/healthz',
    });
    const failureOf = (token: string): Promise<unknown> =>
      Promise.resolve(made.authenticate(requestWith({ headers: bearer(token) }))).catch(
        (error: unknown) => error,
      );

    it('waits for them only when nobody else knows the token', async () => {
      expect(atOnce(made.authenticate(requestWith({ headers: bearer('first') })))).to.have.property(
        'username',
        'one',
      );
      expect(
        atOnce(made.authenticate(requestWith({ headers: { 'x-remote-user': 'p' } }))).groups,
      ).to.deep.equal(['system:authenticated']);
      expect(asked).to.deep.equal([]);
      expect(await made.authenticate(requestWith({ headers: bearer('theirs') }))).to.deep.equal({
        username: 'three',
        groups: ['x', 'system:authenticated'],
      });
      expect(await made.authenticateToken('theirs')).to.have.nested.property('user.username', 'three');
      expect(await made.authenticateToken('none')).to.equal(undefined);
    });

    it('tells the last reason when none believes the token, and lets defects through', async () => {
      expect(await failureOf('none')).to.have.property('message', 'Unauthorized');
      expect(await failureOf('bad')).to.have.property('message', 'Unauthorized: bad here');
      expect(await failureOf('old')).to.have.property('message', 'Unauthorized: old there');
      expect(await failureOf('broken')).to.be.instanceOf(TypeError);
    });

    it('lets anonymous requests in where they are wanted', () => {
      expect(atOnce(made.authenticate(requestWith({ path: '/healthz' })))).to.have.property(
        'username',
        'system:anonymous',
      );
      expect(() => made.authenticate(requestWith({ path: '/api' }))).to.throw('Unauthorized');
    });
  });
});
