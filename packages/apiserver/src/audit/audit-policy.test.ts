import { expect } from 'chai';
import type { UserInfo } from '../authentication/user.js';
import { parseRequestInfo } from '../server/request-info.js';
import { decideAudit, defaultAuditPolicy, parseAuditPolicy } from './audit-policy.js';

const jane: UserInfo = { username: 'jane', groups: ['devs', 'system:authenticated'] };

function policy(...rules: string[]): string {
  return `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n${rules.map((rule) => `- ${rule}`).join('\n')}`;
}

function level(text: string, path: string, { method = 'GET', user = jane as UserInfo | 'nobody' } = {}) {
  const url = new URL(path, 'https://x');
  const info = parseRequestInfo(method, url.pathname, url.searchParams);
  const known = user === 'nobody' ? undefined : user;
  return decideAudit(parseAuditPolicy(text), { info, user: known }).level;
}

const pods = '/api/v1/namespaces/a/pods';

describe('audit policy', () => {
  const cases: readonly [string, string, string, string][] = [
    ['the first rule that matches', '{level: Request, users: [jane]}', pods, 'Request'],
    ['another user', '{level: Request, users: [joe]}', pods, 'None'],
    ['a group', '{level: Request, userGroups: [ops, devs]}', pods, 'Request'],
    ['another verb', '{level: Request, verbs: [create]}', pods, 'None'],
    ['a verb', '{level: Request, verbs: [list, watch]}', pods, 'Request'],
    ['a namespace', '{level: Request, namespaces: [a]}', pods, 'Request'],
    ['another namespace', '{level: Request, namespaces: [b]}', pods, 'None'],
    ['no namespace', '{level: Request, namespaces: [""]}', '/api/v1/nodes', 'Request'],
    ['a group of resources', '{level: Request, resources: [{group: ""}]}', pods, 'Request'],
    ['another group', '{level: Request, resources: [{group: apps}]}', pods, 'None'],
    ['a resource', '{level: Request, resources: [{resources: [pods]}]}', pods, 'Request'],
    [
      'a resource, of its subresource',
      '{level: Request, resources: [{resources: [pods]}]}',
      `${pods}/x/log`,
      'None',
    ],
    ['a subresource', '{level: Request, resources: [{resources: [pods/log]}]}', `${pods}/x/log`, 'Request'],
    [
      'all subresources',
      '{level: Request, resources: [{resources: ["pods/*"]}]}',
      `${pods}/x/log`,
      'Request',
    ],
    [
      'a subresource of all',
      '{level: Request, resources: [{resources: ["*/log"]}]}',
      `${pods}/x/log`,
      'Request',
    ],
    ['everything', '{level: Request, resources: [{resources: ["*"]}]}', `${pods}/x/log`, 'Request'],
    [
      'a name',
      '{level: Request, resources: [{resources: [pods], resourceNames: [x]}]}',
      `${pods}/x`,
      'Request',
    ],
    [
      'another name',
      '{level: Request, resources: [{resources: [pods], resourceNames: [other]}]}',
      `${pods}/x`,
      'None',
    ],
    ['a path', '{level: Request, nonResourceURLs: ["/healthz*"]}', '/healthz/ping', 'Request'],
    ['another path', '{level: Request, nonResourceURLs: ["/healthz"]}', '/healthz/ping', 'None'],
    ['a path, of a resource', '{level: Request, nonResourceURLs: ["*"]}', pods, 'None'],
    ['a resource, of a path', '{level: Request, resources: [{resources: ["*"]}]}', '/version', 'None'],
  ];
  for (const [what, rule, path, expected] of cases) {
    it(`with a rule for ${what}: ${expected}`, () => {
      expect(level(policy(rule), path)).to.equal(expected);
    });
  }

  it('goes by the first rule', () => {
    const text = policy('{level: None, users: [jane]}', '{level: Request}');
    expect(level(text, pods)).to.equal('None');
    expect(level(text, pods, { user: { ...jane, username: 'joe' } })).to.equal('Request');
    expect(level(text, pods, { user: 'nobody' })).to.equal('Request');
  });

  for (const [path, method] of [
    ['/api/v1/namespaces/a/secrets/x', 'GET'],
    ['/api/v1/namespaces/a/secrets', 'POST'],
    ['/api/v1/namespaces/a/serviceaccounts/x/token', 'POST'],
    ['/apis/authentication.k8s.io/v1/tokenreviews', 'POST'],
  ] as const) {
    it(`never records the content of ${method} ${path}`, () => {
      expect(level(policy('{level: RequestResponse}'), path, { method })).to.equal('Metadata');
    });
  }

  it('joins the stages that the policy and the rule leave out', () => {
    const text = `${policy('{level: Metadata, omitStages: [ResponseStarted]}')}\nomitStages: [RequestReceived]\nomitManagedFields: true`;
    const info = parseRequestInfo('GET', pods, new URLSearchParams());
    const decision = decideAudit(parseAuditPolicy(text), { info, user: jane });
    expect([...decision.omitStages]).to.deep.equal(['RequestReceived', 'ResponseStarted']);
    expect(decision.omitManagedFields).to.equal(true);
  });

  it('records all without content by default', () => {
    const info = parseRequestInfo('GET', pods, new URLSearchParams());
    expect(decideAudit(defaultAuditPolicy, { info, user: jane }).level).to.equal('Metadata');
  });

  const broken: readonly [string, RegExp][] = [
    ['', /^give exactly one Policy object$/],
    ['kind: Pod', /^give apiVersion: audit.k8s.io\/v1 and kind: Policy, not undefined Pod$/],
    ['apiVersion: audit.k8s.io/v1\nkind: Policy', /^rules: Required value/],
    [policy('{}'), /^rules\[0\]\.level: Required value$/],
    [
      policy('{level: Some}'),
      /^rules\[0\]\.level: Unsupported value: "Some": supported values: "None", "Metadata", "Request", "RequestResponse"$/,
    ],
    [
      policy('{level: None, omitStages: [Before]}'),
      /^rules\[0\]\.omitStages\[0\]: Unsupported value: "Before"/,
    ],
    [policy('{level: None, user: [a]}'), /^rules\[0\]\.user: there is no such field$/],
    [policy('{level: None, verbs: get}'), /^rules\[0\]\.verbs: Invalid value: must be a list of strings$/],
    [policy('{level: None, nonResourceURLs: [healthz]}'), /must begin with a '\/' character$/],
    [policy('{level: None, nonResourceURLs: ["/a*b"]}'), /must be the final character of the rule$/],
    [
      policy('{level: None, nonResourceURLs: [/a], namespaces: [b]}'),
      /rules cannot apply to both regular resources and non-resource URLs$/,
    ],
    [
      policy('{level: None, resources: [{resourceNames: [a]}]}'),
      /^rules\[0\]\.resources\[0\]\.resourceNames: using resourceNames requires at least one resource$/,
    ],
    [policy('{level: Some}', '{level: Other}'), /rules\[0\].*; rules\[1\]/],
  ];
  for (const [text, expected] of broken) {
    it(`is refused: ${expected.source}`, () => {
      expect(() => parseAuditPolicy(text)).to.throw(expected);
    });
  }
});
