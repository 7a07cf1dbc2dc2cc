import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../authentication/testing/api-server.js';
import { ensureBootstrapObjects } from './bootstrap-objects.js';

const namespace = 'kube-system';
const name = 'extension-apiserver-authentication';

describe('bootstrap objects', () => {
  let api: TestApi;

  beforeEach(async () => {
    api = await startTestApi();
  });

  afterEach(() => api.close());

  const config = () => api.root.get<KubeObject>(wellKnown.configMaps, { namespace, name });

  it('tell servers that delegate authentication who issues client certificates', async () => {
    await ensureBootstrapObjects(api.root, { trust: { 'client-ca-file': 'first' } });
    expect((await config())['data']).to.deep.equal({ 'client-ca-file': 'first' });
    await ensureBootstrapObjects(api.root, { trust: { 'client-ca-file': 'second' } });
    expect((await config())['data']).to.deep.equal({ 'client-ca-file': 'second' });
  });

  it('let a bound user read that configuration and no other of kube-system', async () => {
    await ensureBootstrapObjects(api.root, { trust: { 'client-ca-file': 'first' } });
    const apiGroup = 'rbac.authorization.k8s.io';
    await api.root.create(wellKnown.roleBindings, {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { namespace, name: 'reader' },
      roleRef: { apiGroup, kind: 'Role', name: `${name}-reader` },
      subjects: [{ apiGroup, kind: 'User', name: 'extension' }],
    });
    const extension = api.as({ username: 'extension', groups: ['system:authenticated'], extra: {} });
    expect((await extension.get(wellKnown.configMaps, { namespace, name })).metadata.name).to.equal(name);
    let refused: unknown;
    try {
      await extension.get(wellKnown.configMaps, { namespace, name: 'kube-root-ca.crt' });
    } catch (error) {
      refused = error;
    }
    expect(refused).to.have.nested.property('status.reason', 'Forbidden');
  });

  it('are not written again when nothing changed', async () => {
    await ensureBootstrapObjects(api.root, { trust: { 'client-ca-file': 'first' } });
    const { resourceVersion } = (await config()).metadata;
    await ensureBootstrapObjects(api.root, { trust: { 'client-ca-file': 'first' } });
    expect((await config()).metadata.resourceVersion).to.equal(resourceVersion);
  });
});
