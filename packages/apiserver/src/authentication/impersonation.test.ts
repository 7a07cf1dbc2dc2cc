import { StatusError } from '@flotilla/api';
import { expect } from 'chai';
import { type AccessAttributes, isNonResource } from '../authorization/attributes.js';
import { resolveImpersonation } from './impersonation.js';

const caller = { username: 'boss', groups: ['system:authenticated'] };

/** `users/alice`, `serviceaccounts/ns/name`, `userextras/key/value` ... */
function describeTarget(attributes: AccessAttributes): string {
  if (isNonResource(attributes)) throw new Error('impersonation asks for resources');
  const { resource, subresource, namespace, name } = attributes;
  return [resource, subresource, namespace, name].filter((part) => part !== undefined).join('/');
}

function resolve(headers: Record<string, string | string[]>, allowed: string[] | 'all' = 'all') {
  const asked: string[] = [];
  const authorize = (_: unknown, attributes: AccessAttributes) => {
    const target = describeTarget(attributes);
    asked.push(`${attributes.verb} ${target}`);
    return { allowed: allowed === 'all' || allowed.includes(target), reason: '' };
  };
  return { user: resolveImpersonation(caller, headers, { authorize }), asked };
}

describe('resolveImpersonation', () => {
  it('leaves the caller when nothing is asked', () => {
    expect(resolve({}).user).to.equal(caller);
  });

  const becomes: [string, Record<string, string | string[]>, string[]][] = [
    ['a user', { 'impersonate-user': 'alice' }, ['system:authenticated']],
    [
      'a user with a group',
      { 'impersonate-user': 'alice', 'impersonate-group': ['dev'] },
      ['dev', 'system:authenticated'],
    ],
    [
      'a service account',
      { 'impersonate-user': 'system:serviceaccount:ns:sa' },
      ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    ],
    [
      "a service account with groups of the caller's choice",
      { 'impersonate-user': 'system:serviceaccount:ns:sa', 'impersonate-group': ['dev'] },
      ['dev', 'system:authenticated'],
    ],
    ['nobody', { 'impersonate-user': 'system:anonymous' }, ['system:unauthenticated']],
    [
      'somebody unauthenticated',
      { 'impersonate-user': 'alice', 'impersonate-group': ['system:unauthenticated'] },
      ['system:unauthenticated'],
    ],
  ];
  for (const [name, headers, groups] of becomes) {
    it(`gives ${name} the groups ${groups.join(', ')}`, () => {
      expect(resolve(headers).user.groups).to.deep.equal(groups);
    });
  }

  it('asks for the permission to be each part', () => {
    const { asked, user } = resolve({
      'impersonate-user': 'alice',
      'impersonate-uid': 'u-1',
      'impersonate-group': ['dev', 'ops'],
      'impersonate-extra-example.com%2Fscope': ['a', 'b, c'],
      'impersonate-extra-Scope': 'x',
    });
    expect(asked).to.deep.equal([
      'impersonate users/alice',
      'impersonate groups/dev',
      'impersonate groups/ops',
      'impersonate uids/u-1',
      'impersonate userextras/example.com/scope/a',
      'impersonate userextras/example.com/scope/b, c',
      'impersonate userextras/scope/x',
    ]);
    expect(user).to.deep.include({ username: 'alice', uid: 'u-1' });
    expect(user.extra).to.deep.equal({ 'example.com/scope': ['a', 'b, c'], scope: ['x'] });
  });

  it('asks for a service account in its namespace', () => {
    expect(resolve({ 'impersonate-user': 'system:serviceaccount:ns:sa' }).asked).to.deep.equal([
      'impersonate serviceaccounts/ns/sa',
    ]);
  });

  const refused: [string, Record<string, string | string[]>, string[]][] = [
    ['the user', { 'impersonate-user': 'alice' }, []],
    [
      'one of the groups',
      { 'impersonate-user': 'alice', 'impersonate-group': ['dev', 'system:masters'] },
      ['users/alice', 'groups/dev'],
    ],
    [
      'a group behind a comma',
      { 'impersonate-user': 'alice', 'impersonate-group': 'dev, system:masters' },
      ['users/alice', 'groups/dev', 'groups/dev, system:masters'],
    ],
    ['an extra value', { 'impersonate-user': 'alice', 'impersonate-extra-a': 'b' }, ['users/alice']],
    [
      'an extra key that is a property of all objects',
      { 'impersonate-user': 'alice', 'impersonate-extra-__proto__': 'b' },
      ['users/alice'],
    ],
  ];
  for (const [name, headers, allowed] of refused) {
    it(`answers 403 when ${name} may not be impersonated`, () => {
      expect(() => resolve(headers, allowed))
        .to.throw(StatusError, /User "boss" cannot impersonate resource/)
        .with.nested.property('status.code', 403);
    });
  }

  it('takes an array as it is, so that a comma smuggles no group', () => {
    const headers = { 'impersonate-user': 'alice', 'impersonate-group': ['dev,system:masters'] };
    expect(resolve(headers).user.groups).to.deep.equal(['dev,system:masters', 'system:authenticated']);
  });

  for (const headers of [
    { 'impersonate-group': 'g' },
    { 'impersonate-uid': 'u' },
    { 'impersonate-extra-a': 'b' },
    { 'impersonate-user': 'alice', 'impersonate-extra-%zz': 'b' },
  ]) {
    it(`answers 400 to ${Object.keys(headers).join(' and ')}`, () => {
      expect(() => resolve(headers))
        .to.throw(StatusError)
        .with.nested.property('status.code', 400);
    });
  }
});
