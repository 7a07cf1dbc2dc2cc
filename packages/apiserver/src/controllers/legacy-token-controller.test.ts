import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { secrets, serviceAccounts } = wellKnown;
const type = 'kubernetes.io/service-account-token';

describe('the controller of service account token secrets', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'hub' });
  });
  afterEach(async () => {
    expect(cluster.env.log.find('reconcile failed')).to.deep.equal([]);
    await cluster.close();
  });

  const makeAccount = (): Promise<KubeObject> =>
    cluster.client.create<KubeObject>(serviceAccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: 'default', name: 'robot' },
    });
  const makeSecret = (data: Record<string, string> = {}): Promise<KubeObject> =>
    cluster.make(secrets, {
      metadata: {
        namespace: 'default',
        name: 'robot-token',
        annotations: { 'kubernetes.io/service-account.name': 'robot' },
      },
      type,
      stringData: data,
    });
  const find = () => cluster.find(secrets, 'robot-token', 'default');
  const text = (secret: KubeObject | undefined, key: string): string =>
    Buffer.from((secret?.['data'] as Record<string, string> | undefined)?.[key] ?? '', 'base64').toString();

  it('fills in token, authority and namespace', async () => {
    const account = await makeAccount();
    await makeSecret();
    await cluster.pass(1000);
    const secret = await find();
    expect(secret?.metadata.annotations?.['kubernetes.io/service-account.uid']).to.equal(
      account.metadata.uid,
    );
    expect(text(secret, 'namespace')).to.equal('default');
    expect(text(secret, 'ca.crt')).to.match(/^-----BEGIN CERTIFICATE-----/);
    const [, claims = ''] = text(secret, 'token').split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).to.deep.equal({
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': 'default',
      'kubernetes.io/serviceaccount/secret.name': 'robot-token',
      'kubernetes.io/serviceaccount/service-account.name': 'robot',
      'kubernetes.io/serviceaccount/service-account.uid': account.metadata.uid,
      sub: 'system:serviceaccount:default:robot',
    });
  });

  it('leaves a token alone that somebody else wrote', async () => {
    await makeAccount();
    await makeSecret({ token: 'made by hand' });
    await cluster.pass(1000);
    expect(text(await find(), 'token')).to.equal('made by hand');
    expect(text(await find(), 'namespace')).to.equal('default');
  });

  it('puts back what was taken out or changed', async () => {
    await makeAccount();
    await makeSecret();
    await cluster.pass(1000);
    const key = { namespace: 'default', name: 'robot-token' };
    await cluster.client.patch(secrets, key, {
      type: 'merge',
      body: { data: { token: null, namespace: 'eA==' } },
    });
    await cluster.pass(1000);
    expect(text(await find(), 'token')).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(text(await find(), 'namespace')).to.equal('default');
  });

  it('removes the secret of an account that is gone, was made anew, or never was', async () => {
    await makeAccount();
    await makeSecret();
    await cluster.pass(1000);
    await cluster.client.delete(serviceAccounts, { namespace: 'default', name: 'robot' });
    await makeAccount();
    await cluster.pass(1000);
    expect(await find()).to.equal(undefined);
    await cluster.client.delete(serviceAccounts, { namespace: 'default', name: 'robot' });
    await makeSecret();
    await cluster.pass(1000);
    expect(await find()).to.equal(undefined);
  });
});
