import { newUnauthorized, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import type { ApiRequest } from '../server/handler.js';
import { createAuthenticator } from './authenticator.js';
import { requestWith } from './testing/request.js';

const goodChain = [Uint8Array.of(1)];
const badChain = [Uint8Array.of(2)];

function authenticator(anonymous = true) {
  return createAuthenticator({
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
});
