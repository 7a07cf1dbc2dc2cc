import type { KubeObject } from '@flotilla/api';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import {
  createInvitationKey,
  invitationSecret,
  invitationUrl,
  isInvitationOf,
  parseInvitationPath,
  readInvitation,
} from './invitation.js';

const terms = {
  cluster: 'edge',
  servers: ['https://hub.example:6443', 'https://other.example'] as const,
  caHash: `sha256:${'0'.repeat(64)}`,
  tokenTtlMs: 90_000,
  expiresAtMs: 3_600_000,
  image: 'registry.example/x:1',
};

/** As the API server keeps it. */
function stored(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  const entries = Object.entries(stringData as Record<string, string>);
  const data = entries.map(([name, text]) => [name, Buffer.from(text).toString('base64')]);
  return { ...rest, data: Object.fromEntries(data) };
}

describe('invitations', () => {
  const random = createSeededRandom(1);

  it('are found again by their URL', () => {
    for (let turn = 0; turn < 200; turn++) {
      const key = createInvitationKey(random);
      const { pathname } = new URL(invitationUrl('https://hub.example:6443/', key));
      expect(parseInvitationPath(pathname)).to.deep.equal(key);
    }
  });

  it('are for who has the whole secret', () => {
    const key = createInvitationKey(random);
    const secret = stored(invitationSecret(key, terms));
    expect(isInvitationOf(key, secret)).to.equal(true);
    expect(isInvitationOf({ ...key, secret: `${key.secret.slice(0, -1)}!` }, secret)).to.equal(false);
    expect(isInvitationOf(key, { ...secret, type: 'Opaque' })).to.equal(false);
    expect(isInvitationOf(key, { ...secret, data: {} })).to.equal(false);
    expect(JSON.stringify(secret)).not.to.contain(key.secret);
  });

  it('say what they were made for', () => {
    const secret = stored(invitationSecret(createInvitationKey(random), terms));
    expect(readInvitation(secret)).to.deep.equal(terms);
    const { cluster: _, ...data } = secret['data'] as Record<string, string>;
    expect(() => readInvitation({ ...secret, data })).to.throw('the invitation has no cluster');
  });

  for (const path of [
    '/join',
    '/join/',
    '/join/0123456789ab.',
    `/join/0123456789AB.${'x'.repeat(32)}`,
    `/join/0123456789ab.${'x'.repeat(33)}`,
    `/join/0123456789ab.${'x'.repeat(32)}/more`,
    `/other/0123456789ab.${'x'.repeat(32)}`,
  ]) {
    it(`have no path like ${path}`, () => expect(parseInvitationPath(path)).to.equal(undefined));
  }
});
