/** Who a request is from: certificates, tokens, impersonation, signing requests. */
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { authorityOf, clientCertificate, signingRequest, strangeAuthority } from '../support/credentials.js';
import { at, list, text } from '../support/json.js';
import { rbac, role, roleBinding } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { type Credential, succeeded, TestServer } from '../support/server.js';

const authentication = '/apis/authentication.k8s.io/v1';
const signingRequests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

describe('authentication', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  const whoAmI = async (as: Credential): Promise<unknown> => {
    const answer = await server.send('POST', `${authentication}/selfsubjectreviews`, { body: {}, as });
    return answer.status === 201 ? at(answer.body, 'status.userInfo') : answer.status;
  };
  const tokenOf = async (namespace: string, account: string, spec: object = {}): Promise<string> => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    return text(await server.create(path, { spec }), 'status.token');
  };
  const account = (namespace: string, name: string) =>
    server.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });

  it('takes user and groups out of a client certificate, and refuses expired and strange ones', async () => {
    const ca = authorityOf(server);
    const good = await whoAmI(clientCertificate(ca, { user: 'ann', groups: ['a', 'b'] }));
    expect(good).to.deep.include({ username: 'ann', groups: ['a', 'b', 'system:authenticated'] });
    expect(at(good, 'extra.authentication\\.kubernetes\\.io/credential-id.0')).to.match(
      /^X509SHA256=[0-9a-f]{64}$/,
    );
    expect(await whoAmI(clientCertificate(ca, { user: 'ann', isExpired: true }))).to.equal(401);
    expect(
      await whoAmI(clientCertificate(strangeAuthority(), { user: 'ann', groups: ['system:masters'] })),
    ).to.equal(401);
    const none = await server.get('/api/v1/namespaces', { as: { anonymous: true } });
    expect(text(none.body, 'message')).to.contain(
      'User "system:anonymous" cannot list resource "namespaces"',
    );
    expect(await server.k('auth', 'whoami')).to.match(/Username +kubernetes-admin/);
  });

  it('issues tokens for an audience and a time, which die with their account and their object', async () => {
    const namespace = await server.namespace();
    await account(namespace, 'robot');
    const token = await tokenOf(namespace, 'robot', { expirationSeconds: 600 });
    expect(await whoAmI({ token })).to.deep.include({ username: `system:serviceaccount:${namespace}:robot` });
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(Number(at(claims, 'exp')) - Number(at(claims, 'iat'))).to.equal(600);
    expect(at(claims, 'kubernetes\\.io.serviceaccount.name')).to.equal('robot');
    const short = await server.send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`, {
      body: { spec: { expirationSeconds: 10 } },
    });
    expect(short.status).to.equal(422);
    expect(text(short.body, 'message')).to.contain('may not specify a duration less than 10 minutes');
    const other = await tokenOf(namespace, 'robot', { audiences: ['elsewhere'] });
    expect(await whoAmI({ token: other })).to.equal(401);
    const secret = await server.create(`/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: 's' },
    });
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 's', uid: text(secret, 'metadata.uid') };
    const bound = await tokenOf(namespace, 'robot', { boundObjectRef });
    expect(await whoAmI({ token: bound })).to.be.an('object');
    await server.send('DELETE', `/api/v1/namespaces/${namespace}/secrets/s`);
    expect(await whoAmI({ token: bound })).to.equal(401);
    await server.send('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/robot`);
    expect(await whoAmI({ token })).to.equal(401);
    await account(namespace, 'robot');
    expect(await whoAmI({ token })).to.equal(401);
  });

  it('reviews tokens, and publishes the keys by which others verify them', async () => {
    const namespace = await server.namespace();
    await account(namespace, 'robot');
    const token = await tokenOf(namespace, 'robot');
    const review = (spec: object) => server.create(`${authentication}/tokenreviews`, { spec });
    const good = await review({ token });
    expect(at(good, 'status.authenticated')).to.equal(true);
    expect(at(good, 'status.user.username')).to.equal(`system:serviceaccount:${namespace}:robot`);
    const bad = await review({ token: `${token}x` });
    expect(at(bad, 'status.authenticated') ?? false).to.equal(false);
    const elsewhere = await tokenOf(namespace, 'robot', { audiences: ['elsewhere'] });
    expect(at(await review({ token: elsewhere, audiences: ['elsewhere'] }), 'status')).to.deep.include({
      authenticated: true,
      audiences: ['elsewhere'],
    });
    const configuration = await server.read('/.well-known/openid-configuration');
    const keys = await server.read(new URL(text(configuration, 'jwks_uri')).pathname);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as {
      alg: string;
      kid: string;
    };
    const jwk = list(keys, 'keys').find((key) => at(key, 'kid') === kid) as Record<string, string>;
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const verified = await jwtVerify(token, createLocalJWKSet(keys as JSONWebKeySet), {
      issuer: text(configuration, 'issuer'),
      subject: `system:serviceaccount:${namespace}:robot`,
    });
    expect(verified.payload).to.include.keys('aud', 'exp', 'iat', 'nbf', 'jti', 'kubernetes.io');
    const isGood = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
      Buffer.from(signature, 'base64url'),
    );
    expect(isGood).to.equal(true);
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(at(claims, 'iss')).to.equal(at(configuration, 'issuer'));
  });

  it('impersonates users, groups, extras and service accounts, for those who may', async () => {
    const review = async (headers: Record<string, string>, as?: Credential) => {
      const answer = await server.send('POST', `${authentication}/selfsubjectreviews`, {
        body: {},
        headers,
        ...(as && { as }),
      });
      return answer.status === 201 ? at(answer.body, 'status.userInfo') : answer.status;
    };
    expect(await review({ 'impersonate-user': 'bob', 'impersonate-group': 'g' })).to.deep.equal({
      username: 'bob',
      groups: ['g', 'system:authenticated'],
    });
    expect(await review({ 'impersonate-user': 'bob', 'impersonate-extra-scopes%2fx': 'v' })).to.deep.include({
      extra: { 'scopes/x': ['v'] },
    });
    expect(await review({ 'impersonate-group': 'g' })).to.equal(400);
    const robot = await review({ 'impersonate-user': 'system:serviceaccount:ns:robot' });
    expect(at(robot, 'groups')).to.deep.equal([
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ]);
    const namespace = await server.namespace();
    await account(namespace, 'agent');
    const agent = { token: await tokenOf(namespace, 'agent') };
    expect(await review({ 'impersonate-user': 'bob' }, agent)).to.equal(403);
    await server.create(
      `${rbac}/namespaces/${namespace}/roles`,
      role([
        {
          apiGroups: [''],
          resources: ['serviceaccounts'],
          verbs: ['impersonate'],
          resourceNames: ['executor'],
        },
      ]),
    );
    await server.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
      ...roleBinding('agent'),
      subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace }],
    });
    expect(
      await review({ 'impersonate-user': `system:serviceaccount:${namespace}:executor` }, agent),
    ).to.deep.include({
      username: `system:serviceaccount:${namespace}:executor`,
    });
    expect(await review({ 'impersonate-user': `system:serviceaccount:${namespace}:other` }, agent)).to.equal(
      403,
    );
    expect(
      (await server.kubectl('auth', 'whoami', '--as=bob', '--as-group=g', '--as-uid=u')).stdout,
    ).to.match(/bob/);
  });

  it('signs approved requests with the wished lifetime, and the certificate logs in', async () => {
    const make = (name: string, spec: object = {}) => {
      const { request, key } = signingRequest('robot', ['robots']);
      const body = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name },
        spec: {
          request,
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['digital signature', 'client auth'],
          ...spec,
        },
      };
      return { key, answer: server.send('POST', signingRequests, { body }) };
    };
    const { key, answer } = make('one', { expirationSeconds: 3600, username: 'forged' });
    expect(at((await answer).body, 'spec')).to.deep.include({
      username: 'kubernetes-admin',
      groups: ['system:masters', 'system:authenticated'],
    });
    expect(await server.k('get', 'csr', 'one')).to.match(
      /REQUESTOR .*\none .* kubernetes-admin +60m +Pending/,
    );
    expect(await server.k('certificate', 'approve', 'one')).to.contain('approved');
    const certificate = await eventually('it is signed', async () => {
      const stored = await server.read(`${signingRequests}/one`);
      const found = at(stored, 'status.certificate');
      return found === undefined ? undefined : Buffer.from(String(found), 'base64').toString();
    });
    const parsed = new X509Certificate(certificate);
    expect(parsed.subject).to.contain('CN=robot').and.to.contain('O=robots');
    expect((Date.parse(parsed.validTo) - Date.now()) / 1000).to.be.within(3300, 3610);
    expect(await whoAmI({ certificate, key })).to.deep.include({
      username: 'robot',
      groups: ['robots', 'system:authenticated'],
    });
    expect(await server.k('get', 'csr', 'one')).to.contain('Approved,Issued');
    succeeded(await make('two').answer);
    expect(await server.k('certificate', 'deny', 'two')).to.contain('denied');
    expect(await server.k('get', 'csr', 'two')).to.contain('Denied');
    const stored = (await server.read(`${signingRequests}/two`)) as { status: { conditions: object[] } };
    const both = {
      ...stored,
      status: {
        conditions: [
          ...stored.status.conditions,
          { type: 'Approved', status: 'True', reason: 'X', message: '' },
        ],
      },
    };
    expect((await server.send('PUT', `${signingRequests}/two/approval`, { body: both })).status).to.equal(
      422,
    );
    const none = { ...stored, status: { conditions: [] } };
    expect((await server.send('PUT', `${signingRequests}/two/approval`, { body: none })).status).to.equal(
      422,
    );
    expect((await make('three', { expirationSeconds: 10 }).answer).status).to.equal(422);
    expect(
      (await make('four', { request: Buffer.from('no request').toString('base64') }).answer).status,
    ).to.equal(422);
    const masters = signingRequest('robot', ['system:masters']);
    const forbidden = await make('five', { request: masters.request }).answer;
    expect(forbidden.status, forbidden.text).to.equal(403);
    succeeded(await make('six').answer);
    await server.create(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'half-approver' },
      rules: [
        {
          apiGroups: ['certificates.k8s.io'],
          resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'],
          verbs: ['get', 'list', 'update'],
        },
      ],
    });
    await server.create(`${rbac}/clusterrolebindings`, {
      ...roleBinding('half', 'ClusterRole', 'half-approver'),
      kind: 'ClusterRoleBinding',
    });
    expect(await server.refused('certificate', 'approve', 'six', '--as=half')).to.contain('Forbidden');
    const half = { user: 'half' };
    const signed = await server.patch(
      `${signingRequests}/six/status`,
      'merge',
      { status: { certificate: Buffer.from(certificate).toString('base64') } },
      { as: half },
    );
    expect(signed.status, signed.text).to.equal(403);
    const other = await server.patch(`${signingRequests}/six`, 'merge', {
      spec: { usages: ['server auth'] },
    });
    expect(at(succeeded(other).body, 'spec.usages')).to.deep.equal(['digital signature', 'client auth']);
    const sideways = await server.patch(`${signingRequests}/six`, 'merge', {
      status: { conditions: [{ type: 'Approved', status: 'True', reason: 'X' }] },
    });
    expect(at(succeeded(sideways).body, 'status.conditions')).to.equal(undefined);
    // One may approve for one signer and not for another.
    await server.create(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'approver' },
      rules: [
        { apiGroups: ['certificates.k8s.io'], resources: ['*'], verbs: ['get', 'list', 'update'] },
        {
          apiGroups: ['certificates.k8s.io'],
          resources: ['signers'],
          resourceNames: ['kubernetes.io/*'],
          verbs: ['approve'],
        },
      ],
    });
    await server.create(`${rbac}/clusterrolebindings`, {
      ...roleBinding('whole', 'ClusterRole', 'approver'),
      kind: 'ClusterRoleBinding',
    });
    succeeded(await make('seven', { signerName: 'example.com/other' }).answer);
    expect(await server.refused('certificate', 'approve', 'seven', '--as=whole')).to.contain('Forbidden');
    expect(await server.k('certificate', 'approve', 'six', '--as=whole')).to.contain('approved');
    succeeded(await make('eight', { usages: ['server auth'] }).answer);
    await server.k('certificate', 'approve', 'eight');
    await eventually('the signer refuses what it does not sign', async () => {
      const conditions = at(await server.read(`${signingRequests}/eight`), 'status.conditions');
      return JSON.stringify(conditions).includes('SignerValidationFailure');
    });
  });

  it('logs in with a bootstrap token until it expires', async () => {
    const secret = (expiration: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:fleet',
        expiration,
      },
    });
    const path = '/api/v1/namespaces/kube-system/secrets';
    const token = 'abcdef.0123456789abcdef';
    expect(await whoAmI({ token })).to.equal(401);
    await server.create(path, secret('2100-01-01T00:00:00Z'));
    const user = await whoAmI({ token });
    expect(user).to.deep.include({ username: 'system:bootstrap:abcdef' });
    expect(at(user, 'groups')).to.include.members([
      'system:bootstrappers',
      'system:bootstrappers:fleet',
      'system:authenticated',
    ]);
    expect(await whoAmI({ token: 'abcdef.fedcba9876543210' })).to.equal(401);
    succeeded(
      await server.patch(`${path}/bootstrap-token-abcdef`, 'merge', {
        stringData: { expiration: '2001-01-01T00:00:00Z' },
      }),
    );
    expect(await whoAmI({ token })).to.equal(401);
  });

  it('gives every answer an audit id', async () => {
    const first = (await server.get('/version')).headers['audit-id'];
    const second = (await server.get('/api/v1/namespaces/none')).headers['audit-id'];
    expect(first).to.match(/^[0-9a-f-]{36}$/);
    expect(second)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.not.equal(first);
  });
});
