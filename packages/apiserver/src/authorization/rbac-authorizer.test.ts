import { expect } from 'chai';
import fc from 'fast-check';
import type { UserInfo } from '../authentication/user.js';
import { createRbacAuthorizer } from './rbac-authorizer.js';
import { binding, RbacReader, role } from './testing/rbac.js';

const readPods = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const readPaths = { verbs: ['get'], nonResourceURLs: ['/metrics'] };
const getPod = { verb: 'get', group: '', resource: 'pods', name: 'p' };

function user(username: string, ...groups: string[]): UserInfo {
  return { username, groups };
}

describe('createRbacAuthorizer', () => {
  const decisions: [string, RbacReader, UserInfo, string | undefined, string][] = [
    [
      'a user by a ClusterRoleBinding',
      new RbacReader(role('r', readPods), binding('b', 'ClusterRole/r', 'User/u')),
      user('u'),
      undefined,
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "u"',
    ],
    [
      'a group in a namespace, by a RoleBinding to a Role',
      new RbacReader(role('n/r', readPods), binding('n/b', 'Role/r', 'Group/g')),
      user('u', 'f', 'g'),
      'n',
      'RBAC: allowed by RoleBinding "b/n" of Role "r" to Group "g"',
    ],
    [
      'a service account, by a RoleBinding to a ClusterRole',
      new RbacReader(role('r', readPods), binding('n/b', 'ClusterRole/r', 'ServiceAccount/m/sa')),
      user('system:serviceaccount:m:sa'),
      'n',
      'RBAC: allowed by RoleBinding "b/n" of ClusterRole "r" to ServiceAccount "sa/m"',
    ],
    ['everybody in system:masters', new RbacReader(), user('u', 'system:masters'), 'n', ''],
  ];
  for (const [name, reader, who, namespace, reason] of decisions) {
    it(`allows ${name}`, () => {
      const scope = namespace === undefined ? {} : { namespace };
      expect(createRbacAuthorizer(reader).authorize(who, { ...getPod, ...scope })).to.deep.equal({
        allowed: true,
        reason,
      });
    });
  }

  const refusals: [string, RbacReader, UserInfo, string | undefined][] = [
    ['without any binding', new RbacReader(role('r', readPods)), user('u'), 'n'],
    [
      'a binding in another namespace',
      new RbacReader(role('r', readPods), binding('m/b', 'ClusterRole/r', 'User/u')),
      user('u'),
      'n',
    ],
    [
      'the whole cluster by a binding in a namespace',
      new RbacReader(role('r', readPods), binding('n/b', 'ClusterRole/r', 'User/u')),
      user('u'),
      undefined,
    ],
    [
      'a Role of another namespace',
      new RbacReader(role('m/r', readPods), binding('n/b', 'Role/r', 'User/u')),
      user('u'),
      'n',
    ],
    ['a role that does not exist', new RbacReader(binding('b', 'ClusterRole/r', 'User/u')), user('u'), 'n'],
    [
      'a user whose name is a group of the binding',
      new RbacReader(role('r', readPods), binding('b', 'ClusterRole/r', 'Group/u')),
      user('u'),
      'n',
    ],
    [
      'an account of another namespace',
      new RbacReader(role('r', readPods), binding('b', 'ClusterRole/r', 'ServiceAccount/m/sa')),
      user('system:serviceaccount:n:sa'),
      'n',
    ],
  ];
  for (const [name, reader, who, namespace] of refusals) {
    it(`does not allow ${name}`, () => {
      const scope = namespace === undefined ? {} : { namespace };
      expect(createRbacAuthorizer(reader).authorize(who, { ...getPod, ...scope })).to.deep.equal({
        allowed: false,
        reason: '',
      });
    });
  }

  it('allows paths by cluster-wide bindings only', () => {
    const reader = new RbacReader(
      role('r', readPaths),
      binding('b', 'ClusterRole/r', 'User/wide'),
      binding('n/b', 'ClusterRole/r', 'User/narrow'),
    );
    const authorizer = createRbacAuthorizer(reader);
    const asked = { verb: 'get', path: '/metrics' };
    expect(authorizer.authorize(user('wide'), asked).allowed).to.equal(true);
    expect(authorizer.authorize(user('narrow'), asked).allowed).to.equal(false);
  });

  it('follows changes of roles and bindings, and stops when it is closed', () => {
    const reader = new RbacReader();
    const authorizer = createRbacAuthorizer(reader);
    const isAllowed = (who: string) => authorizer.authorize(user(who), { ...getPod, namespace: 'n' }).allowed;
    reader.store(binding('n/b', 'Role/r', 'User/u'));
    expect(isAllowed('u')).to.equal(false);
    reader.store(role('n/r', readPods));
    expect(isAllowed('u')).to.equal(true);
    reader.store(binding('n/b', 'Role/r', 'User/v'));
    expect([isAllowed('u'), isAllowed('v')]).to.deep.equal([false, true]);
    reader.remove(role('n/r'));
    expect(isAllowed('v')).to.equal(false);
    reader.store(role('n/r', readPods));
    reader.remove(binding('n/b', 'Role/r', 'User/v'));
    expect(isAllowed('v')).to.equal(false);
    authorizer.close();
    reader.store(binding('n/b', 'Role/r', 'User/v'));
    expect(isAllowed('v')).to.equal(false);
  });

  it('decides as a reading of all bindings would, after any changes', () => {
    const names = fc.constantFrom('a', 'b');
    const subjects = fc.uniqueArray(fc.constantFrom('User/u', 'User/v', 'Group/g', 'ServiceAccount/n/sa'), {
      maxLength: 3,
    });
    const step = fc.record({
      isRemoval: fc.boolean(),
      namespace: fc.constantFrom('', 'n/', 'm/'),
      name: names,
      subjects,
    });
    const users = [user('u'), user('v', 'g'), user('system:serviceaccount:n:sa'), user('x')];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const reader = new RbacReader(role('r', readPods));
        const authorizer = createRbacAuthorizer(reader);
        const model = new Map<string, readonly string[]>();
        for (const { isRemoval, namespace, name, subjects: list } of steps) {
          const path = `${namespace}${name}`;
          const object = binding(path, 'ClusterRole/r', ...list);
          if (isRemoval) reader.remove(object);
          else reader.store(object);
          if (isRemoval) model.delete(path);
          else model.set(path, list);
        }
        for (const who of users) {
          const subjectsOf = [
            `User/${who.username}`,
            ...who.groups.map((name) => `Group/${name}`),
            who.username.replace(/^system:serviceaccount:(.*):(.*)$/, 'ServiceAccount/$1/$2'),
          ];
          for (const namespace of ['n', 'm']) {
            const expected = [...model].some(
              ([path, list]) =>
                (!path.includes('/') || path.startsWith(`${namespace}/`)) &&
                list.some((subject) => subjectsOf.includes(subject)),
            );
            expect(authorizer.authorize(who, { ...getPod, namespace }).allowed).to.equal(expected);
          }
        }
      }),
    );
  });

  it('lists the rules of a user in a namespace', () => {
    const reader = new RbacReader(
      role('wide', readPaths),
      role('n/narrow', readPods),
      binding('b', 'ClusterRole/wide', 'Group/g'),
      binding('n/b', 'Role/narrow', 'User/u'),
    );
    const authorizer = createRbacAuthorizer(reader);
    expect(authorizer.rulesFor(user('u', 'g'), 'n')).to.deep.equal([readPaths, readPods]);
    expect(authorizer.rulesFor(user('u', 'g'), 'm')).to.deep.equal([readPaths]);
  });
});
