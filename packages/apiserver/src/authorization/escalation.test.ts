import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import type { UserInfo } from '../authentication/user.js';
import { createRbacAuthorizer } from './rbac-authorizer.js';
import type { PolicyRule } from './rules.js';
import { binding, RbacReader, role } from './testing/rbac.js';

const group = 'rbac.authorization.k8s.io';
const podRule = (...verbs: string[]): PolicyRule => ({ verbs, apiGroups: [''], resources: ['pods'] });
const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];
const user: UserInfo = { username: 'u', groups: ['g', 'system:authenticated'] };

function check(object: KubeObject, held: readonly KubeObject[], who = user): void {
  createRbacAuthorizer(new RbacReader(...held)).checkEscalation(who, object);
}

/** What the user has: rules cluster-wide, and in the namespace `n`. */
function holding(wide: readonly PolicyRule[], narrow: readonly PolicyRule[] = []): KubeObject[] {
  return [
    role('held', ...wide),
    binding('held', 'ClusterRole/held', 'User/u'),
    role('n/held', ...narrow),
    binding('n/held', 'Role/held', 'User/u'),
  ];
}

const right = (verb: string, resource: string, name?: string): PolicyRule => ({
  verbs: [verb],
  apiGroups: [group],
  resources: [resource],
  ...(name !== undefined && { resourceNames: [name] }),
});
const aggregated = { ...role('new'), aggregationRule: { clusterRoleSelectors: [] } };

describe('checkEscalation', () => {
  const allowed: [string, KubeObject, KubeObject[]][] = [
    ['a role with rules that are held', role('new', podRule('get')), holding([podRule('get', 'list')])],
    [
      'a role in a namespace with rules held there',
      role('n/new', podRule('get')),
      holding([], [podRule('get')]),
    ],
    [
      'any role, to who may escalate',
      role('new', podRule('*')),
      holding([right('escalate', 'clusterroles')]),
    ],
    [
      'a binding to a role that is held',
      binding('new', 'ClusterRole/r', 'User/x'),
      [...holding([podRule('get')]), role('r', podRule('get'))],
    ],
    [
      'a binding, to who may bind the role',
      binding('new', 'ClusterRole/r', 'User/x'),
      [...holding([right('bind', 'clusterroles', 'r')]), role('r', podRule('*'))],
    ],
    [
      'a binding in a namespace, to who may bind there',
      binding('n/new', 'ClusterRole/r', 'User/x'),
      [...holding([], [right('bind', 'clusterroles')]), role('r', podRule('*'))],
    ],
    ['an aggregated role, to who holds everything', aggregated, holding(everything)],
    ['what is no role or binding', { apiVersion: 'v1', kind: 'Pod', metadata: {} }, []],
  ];
  for (const [name, object, held] of allowed) it(`lets ${name} through`, () => check(object, held));

  it('lets system:masters do anything', () => {
    check(role('new', ...everything), [], { username: 'root', groups: ['system:masters'] });
    check(binding('new', 'ClusterRole/missing', 'User/x'), [], {
      username: 'root',
      groups: ['system:masters'],
    });
  });

  it('names what is missing in the words of Kubernetes', () => {
    const wanted = role('new', podRule('get', 'watch', 'list'), { verbs: ['get'], nonResourceURLs: ['/x'] });
    expect(() => check(wanted, holding([podRule('get')]))).to.throw(
      [
        `clusterroles.${group} "new" is forbidden: user "u" (groups=["g" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:`,
        '{APIGroups:[""], Resources:["pods"], Verbs:["watch" "list"]}',
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
      ].join('\n'),
    );
  });

  const refused: [string, KubeObject, KubeObject[], RegExp][] = [
    [
      'a cluster role with rules held in a namespace only',
      role('new', podRule('get')),
      holding([], [podRule('get')]),
      /not currently held/,
    ],
    [
      'a role in a namespace with rules held in another',
      role('m/new', podRule('get')),
      holding([], [podRule('get')]),
      /not currently held/,
    ],
    [
      'a role, to who may escalate another',
      role('new', podRule('get')),
      holding([right('escalate', 'clusterroles', 'old')]),
      /not currently held/,
    ],
    [
      'a binding to a role that is not held',
      binding('new', 'ClusterRole/r', 'User/u'),
      [...holding([]), role('r', podRule('*'))],
      /clusterrolebindings.* "new" is forbidden: .*not currently held/,
    ],
    [
      'a binding, to who may escalate but not bind',
      binding('new', 'ClusterRole/r', 'User/u'),
      [...holding([right('escalate', 'clusterroles')]), role('r', podRule('*'))],
      /not currently held/,
    ],
    [
      'a cluster-wide binding, to who may bind in a namespace',
      binding('new', 'ClusterRole/r', 'User/u'),
      [...holding([], [right('bind', 'clusterroles')]), role('r', podRule('*'))],
      /not currently held/,
    ],
    [
      'an aggregated role',
      aggregated,
      holding([podRule('*')]),
      /must have cluster-admin privileges to use the aggregationRule: user "u"/,
    ],
  ];
  for (const [name, object, held, expected] of refused) {
    it(`refuses ${name}`, () => {
      expect(() => check(object, held))
        .to.throw(expected)
        .with.nested.property('status.code', 403);
    });
  }

  it('refuses a binding to a role that is yet to come', () => {
    expect(() => check(binding('n/new', 'Role/r', 'User/u'), holding([podRule('*')])))
      .to.throw(/roles\.rbac.* "r" not found/)
      .with.nested.property('status.code', 404);
  });
});
