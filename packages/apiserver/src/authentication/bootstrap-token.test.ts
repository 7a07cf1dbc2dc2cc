import { createHash } from 'node:crypto';
import { tokenSecretHashKey, tokenUsedByAnnotation } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createBootstrapTokenAuthenticator } from './bootstrap-token.js';
import { MemoryReader } from './testing/memory-reader.js';

const id = 'abc123';
const secretPart = '0123456789abcdef';
const token = `${id}.${secretPart}`;

interface SecretParts {
  readonly data?: Record<string, string>;
  readonly type?: string;
  readonly annotations?: Record<string, string>;
  readonly deletionTimestamp?: string;
}

function authenticate(parts: SecretParts | undefined, shown = token): unknown {
  const reader = new MemoryReader();
  const { data, type = 'bootstrap.kubernetes.io/token', ...metadata } = parts ?? {};
  const whole = {
    'token-id': id,
    'token-secret': secretPart,
    'usage-bootstrap-authentication': 'true',
    expiration: '2026-01-01T01:00:00Z',
    ...data,
  };
  if (parts !== undefined) {
    reader.put('', 'secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}`, ...metadata },
      type,
      data: Object.fromEntries(
        Object.entries(whole).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    });
  }
  const { clock } = createTestEnv(); // 2026-01-01T00:00:00Z
  return createBootstrapTokenAuthenticator({ reader, clock }).authenticate(shown);
}

describe('createBootstrapTokenAuthenticator', () => {
  it('knows a token of which only the hash is kept, and no other by it', () => {
    const hash = createHash('sha256').update(secretPart).digest('hex');
    const kept = { data: { 'token-secret': '', [tokenSecretHashKey]: hash } };
    expect(authenticate(kept)).to.have.nested.property('user.username', `system:bootstrap:${id}`);
    for (const shown of [`${id}.0123456789abcdee`, `${id}.${hash.slice(0, 16)}`])
      expect(() => authenticate(kept, shown), shown).to.throw(/not known/);
    for (const spoiled of ['', 'ab', 'x'.repeat(64)])
      expect(() => authenticate({ data: { [tokenSecretHashKey]: spoiled } }), spoiled).to.throw(/not known/);
  });

  it('makes the bootstrap user of a good token, with well-formed extra groups only', () => {
    const groups = 'system:bootstrappers:agents,system:masters,system:bootstrappers:';
    expect(authenticate({ data: { 'auth-extra-groups': groups } })).to.deep.equal({
      user: {
        username: `system:bootstrap:${id}`,
        groups: ['system:bootstrappers', 'system:bootstrappers:agents'],
      },
    });
  });

  for (const other of ['', 'abc', 'ABC123.0123456789abcdef', `${token}0`, 'a.b.c']) {
    it(`leaves ${JSON.stringify(other)} to others`, () => {
      expect(authenticate({}, other)).to.equal(undefined);
    });
  }

  const refused: [string, SecretParts | undefined, RegExp][] = [
    ['a token that is not there', undefined, /not known/],
    ['a wrong secret', { data: { 'token-secret': '0123456789abcdeX' } }, /not known/],
    ['a secret that is a beginning of the right one', { data: { 'token-secret': '0' } }, /not known/],
    ['another id inside', { data: { 'token-id': 'zzzzzz' } }, /not known/],
    ['a token for other uses', { data: { 'usage-bootstrap-authentication': 'false' } }, /not known/],
    ['a secret of another type', { type: 'Opaque' }, /not known/],
    ['an expired token', { data: { expiration: '2026-01-01T00:00:00Z' } }, /expired at 2026-01-01T00:00:00Z/],
    ['an expiration that cannot be read', { data: { expiration: 'soon' } }, /expired at soon/],
    ['a used token', { annotations: { [tokenUsedByAnnotation]: 'c1' } }, /already used to join c1/],
    ['a token on its way out', { deletionTimestamp: '2026-01-01T00:00:00Z' }, /Unauthorized/],
  ];
  for (const [name, parts, expected] of refused) {
    it(`answers 401 to ${name}`, () => {
      expect(() => authenticate(parts))
        .to.throw(expected)
        .with.nested.property('status.code', 401);
    });
  }

  it('tells why only to who has the whole token', () => {
    const wrong = `${id}.ffffffffffffffff`;
    for (const parts of [
      { data: { expiration: '2025-01-01T00:00:00Z' } },
      { annotations: { [tokenUsedByAnnotation]: 'c1' } },
    ]) {
      expect(() => authenticate(parts, wrong)).to.throw(/not known/);
    }
  });
});
