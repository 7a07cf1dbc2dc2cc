import type { KubeObject } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { issuer, startTestApi, type TestApi } from '../authentication/testing/api-server.js';

const tokenReviews = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'tokenreviews',
  namespaced: false,
};

interface TokenRequest extends KubeObject {
  readonly spec: { audiences?: string[]; expirationSeconds?: number };
  readonly status: { token: string; expirationTimestamp: string };
}

describe('TokenRequest', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
    const { root } = api;
    await root.create(wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'n', name: 'sa' } };
    await root.create(wellKnown.serviceAccounts, account);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'n', name: 's' } };
    await root.create(wellKnown.secrets, secret);
  });
  after(() => api.close());

  const request = (spec: object, options: { name?: string; client?: KubeClient; dryRun?: boolean } = {}) => {
    const { name = 'sa', client = api.root, dryRun = false } = options;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { namespace: 'n', name },
      spec,
    } as unknown as TokenRequest; // the server adds the rest
    return client.create(wellKnown.serviceAccounts, body, { subresource: 'token', name, dryRun });
  };
  const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

  it('answers a token for this server and an hour', async () => {
    const { spec, status } = await request({});
    expect(spec).to.deep.equal({ audiences: [issuer], expirationSeconds: 3600 });
    expect(status.expirationTimestamp).to.equal('2026-01-01T01:00:00Z');
    const who = await api
      .withToken(status.token)
      .create(
        { ...tokenReviews, resource: 'selfsubjectreviews' },
        { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} },
      )
      .catch((error: unknown) => error);
    expect(String(who)).to.contain('system:serviceaccount:n:sa'); // known, but without any right here
  });

  it('answers a token that a TokenReview knows', async () => {
    const { status } = await request({ audiences: ['vault'] });
    const review = async (spec: object) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec };
      const answer: KubeObject = await api.root.create(tokenReviews, body);
      return answer['status'] as Record<string, unknown>;
    };
    const known = await review({ token: status.token, audiences: ['vault', 'other'] });
    expect(known).to.deep.include({ authenticated: true, audiences: ['vault'] });
    expect(known['user']).to.deep.include({
      username: 'system:serviceaccount:n:sa',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'],
    });
    const unknown = await review({ token: status.token });
    expect(unknown).not.to.have.property('authenticated');
    expect(unknown['error']).to.contain('for the audiences ["vault"]');
  });

  it('binds a token to a secret, and ends it with the secret', async () => {
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 's' };
    const { status } = await request({ boundObjectRef });
    const client = api.withToken(status.token);
    const ask = () => failure(client.get(wellKnown.secrets, { namespace: 'n', name: 's' }));
    expect(await ask()).to.have.nested.property('status.code', 403);
    await api.root.delete(wellKnown.secrets, { namespace: 'n', name: 's' });
    expect(await ask()).to.have.nested.property('status.code', 401);
  });

  it('issues nothing on a dry run', async () => {
    expect((await request({}, { dryRun: true })).status.token).to.equal('');
  });

  const mistakes: [string, object, number, string][] = [
    [
      'less than ten minutes',
      { expirationSeconds: 599 },
      422,
      'may not specify a duration less than 10 minutes',
    ],
    [
      'more than 2^32 seconds',
      { expirationSeconds: 2 ** 32 + 1 },
      422,
      'may not specify a duration larger than 2^32 seconds',
    ],
    [
      'a binding to another kind',
      { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'c' } },
      400,
      'cannot bind token to object of type /v1, Kind=ConfigMap',
    ],
    [
      'a binding to what is not there',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } },
      404,
      'pods "p" not found',
    ],
  ];
  for (const [name, spec, code, message] of mistakes) {
    it(`answers ${code} to ${name}`, async () => {
      const error = await failure(request(spec));
      expect(error).to.have.nested.property('status.code', code);
      expect(error).to.have.property('message').that.contains(message);
    });
  }

  it('answers 409 to a binding by another uid', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'n', name: 'other' } };
    await api.root.create(wellKnown.secrets, secret);
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'other', uid: 'wrong' };
    expect(await failure(request({ boundObjectRef }))).to.have.nested.property('status.code', 409);
  });

  it('answers 404 for an account that is not there', async () => {
    expect(await failure(request({}, { name: 'nobody' }))).to.have.nested.property('status.code', 404);
  });
});
