import type { KubeObject } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../authentication/testing/api-server.js';
import { binding, role } from './testing/rbac.js';

const authorization = 'authorization.k8s.io';
const authentication = 'authentication.k8s.io';

function review(group: string, kind: string, spec: object, namespace?: string): [ResourceRef, KubeObject] {
  const ref = {
    group,
    version: 'v1',
    resource: `${kind.toLowerCase()}s`,
    namespaced: namespace !== undefined,
  };
  const metadata = namespace === undefined ? {} : { namespace };
  return [ref, { apiVersion: `${group}/v1`, kind, metadata, spec }];
}

const alice = { username: 'alice', groups: ['system:authenticated'] };
const getPods = { verb: 'get', resource: 'pods', namespace: 'n' };

describe('the review resources', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
    const { root } = api;
    await root.create(wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    await root.create(
      wellKnown.roles,
      role(
        'n/r',
        { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
        {
          verbs: ['update'],
          apiGroups: ['cluster.example.io'],
          resources: ['clusters/accept'],
          resourceNames: ['c1'],
        },
      ),
    );
    await root.create(wellKnown.roleBindings, binding('n/b', 'Role/r', 'User/alice'));
    await root.create(
      wellKnown.clusterRoles,
      role(
        'self',
        {
          verbs: ['create'],
          apiGroups: [authorization, authentication],
          resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews'],
        },
        { verbs: ['get'], nonResourceURLs: ['/version'] },
      ),
    );
    await root.create(wellKnown.clusterRoleBindings, binding('self', 'ClusterRole/self', 'User/alice'));
  });
  after(() => api.close());

  const ask = async (...args: Parameters<typeof review>): Promise<unknown> => {
    const answer = await api.root.create(...review(...args));
    return answer['status'];
  };
  const reason = 'RBAC: allowed by RoleBinding "b/n" of Role "r" to User "alice"';

  const questions: [string, object, object][] = [
    ['what is allowed', { user: 'alice', resourceAttributes: getPods }, { allowed: true, reason }],
    ['what is not', { user: 'alice', resourceAttributes: { ...getPods, verb: 'list' } }, { allowed: false }],
    [
      'another namespace',
      { user: 'alice', resourceAttributes: { ...getPods, namespace: 'm' } },
      { allowed: false },
    ],
    ['a group alone', { groups: ['system:masters'], resourceAttributes: getPods }, { allowed: true }],
    [
      'a path',
      { user: 'alice', nonResourceAttributes: { verb: 'get', path: '/version' } },
      {
        allowed: true,
        reason: 'RBAC: allowed by ClusterRoleBinding "self" of ClusterRole "self" to User "alice"',
      },
    ],
    [
      'a resource that nobody serves',
      {
        user: 'alice',
        resourceAttributes: {
          verb: 'update',
          group: 'cluster.example.io',
          resource: 'clusters',
          subresource: 'accept',
          name: 'c1',
          namespace: 'n',
        },
      },
      { allowed: true, reason },
    ],
  ];
  for (const [name, spec, expected] of questions) {
    it(`answers a SubjectAccessReview of ${name}`, async () => {
      expect(await ask(authorization, 'SubjectAccessReview', spec)).to.deep.equal(expected);
    });
  }

  const mistakes: [string, Parameters<typeof review>, number, string][] = [
    [
      'no subject',
      [authorization, 'SubjectAccessReview', { resourceAttributes: getPods }],
      422,
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
    [
      'no question',
      [authorization, 'SubjectAccessReview', { user: 'u' }],
      422,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      'two questions',
      [
        authorization,
        'SubjectAccessReview',
        { user: 'u', resourceAttributes: getPods, nonResourceAttributes: { path: '/' } },
      ],
      422,
      'cannot be specified in combination with resourceAttributes',
    ],
    [
      'another namespace in a local review',
      [
        authorization,
        'LocalSubjectAccessReview',
        { user: 'u', resourceAttributes: { ...getPods, namespace: 'm' } },
        'n',
      ],
      422,
      'must match metadata.namespace',
    ],
    [
      'a path in a local review',
      [authorization, 'LocalSubjectAccessReview', { user: 'u', nonResourceAttributes: { path: '/' } }, 'n'],
      422,
      'disallowed on this kind of request',
    ],
    ['no namespace for rules', [authorization, 'SelfSubjectRulesReview', {}], 400, 'no namespace on request'],
    [
      'no token',
      [authentication, 'TokenReview', {}],
      400,
      'token is required for TokenReview in authentication',
    ],
  ];
  for (const [name, args, code, message] of mistakes) {
    it(`answers ${code} to ${name}`, async () => {
      const error = await api.root.create(...review(...args)).catch((reasonOf: unknown) => reasonOf);
      expect(error).to.have.nested.property('status.code', code);
      expect(error).to.have.property('message').that.contains(message);
    });
  }

  it('answers a LocalSubjectAccessReview in its namespace', async () => {
    const spec = { user: 'alice', resourceAttributes: getPods };
    expect(await ask(authorization, 'LocalSubjectAccessReview', spec, 'n')).to.deep.equal({
      allowed: true,
      reason,
    });
  });

  it('tells a user what it may do, and who it is', async () => {
    const client = api.as(alice);
    const access = await client.create(
      ...review(authorization, 'SelfSubjectAccessReview', { resourceAttributes: getPods }),
    );
    expect(access['status']).to.deep.equal({ allowed: true, reason });
    const rules = await client.create(...review(authorization, 'SelfSubjectRulesReview', { namespace: 'n' }));
    const status = rules['status'] as Record<string, unknown[]>;
    expect(status['resourceRules']).to.deep.include({ verbs: ['get'], apiGroups: [''], resources: ['pods'] });
    expect(status['nonResourceRules']).to.deep.equal([{ verbs: ['get'], nonResourceURLs: ['/version'] }]);
    expect(status['incomplete']).to.equal(false);
    const self = await client.create(...review(authentication, 'SelfSubjectReview', {}));
    expect(self['status']).to.deep.equal({ userInfo: alice });
  });

  it('reviews for those only who may create reviews', async () => {
    const [ref, body] = review(authorization, 'SubjectAccessReview', {
      user: 'u',
      resourceAttributes: getPods,
    });
    const error = await api
      .as(alice)
      .create(ref, body)
      .catch((reasonOf: unknown) => reasonOf);
    expect(error).to.have.nested.property('status.code', 403);
  });

  it('does not know a token that nobody issued', async () => {
    expect(await ask(authentication, 'TokenReview', { token: 'x' })).to.deep.equal({ user: {} });
  });
});
