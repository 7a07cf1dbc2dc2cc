import { expect } from 'chai';
import { KubeconfigError, loadKubeconfig } from './kubeconfig.js';
import { writeHubKubeconfig, writeKubeconfig } from './write-kubeconfig.js';

const text = `
apiVersion: v1
kind: Config
current-context: b
clusters:
- name: c1
  cluster: {server: "https://one:6443", certificate-authority-data: ${Buffer.from('PEM').toString('base64')}, tls-server-name: hub, proxy-url: "http://proxy"}
- name: c2
  cluster: {server: "http://two:8080", insecure-skip-tls-verify: true}
- name: nowhere
  cluster: {server: two}
contexts:
- name: a
  context: {cluster: c1, user: cert, namespace: ns}
- name: b
  context: {cluster: c2, user: token}
- name: plugin
  context: {cluster: c1, user: exec}
- {name: no-cluster, context: {cluster: missing, user: token}}
- {name: no-user, context: {cluster: c1, user: missing}}
- {name: half, context: {cluster: c1, user: half}}
- {name: bad-data, context: {cluster: c1, user: bad-data}}
- {name: nowhere, context: {cluster: nowhere}}
users:
- name: cert
  user: {client-certificate: tls.crt, client-key: /abs/tls.key, as: someone, as-groups: [g1, g2]}
- name: token
  user: {token: secret, username: u, password: p}
- name: exec
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token}}
- {name: half, user: {client-certificate: tls.crt}}
- {name: bad-data, user: {client-certificate-data: "***", client-key-data: AAAA}}
`;

describe('kubeconfig', () => {
  it('reads the context that is asked for', () => {
    expect(loadKubeconfig(text, { context: 'a' })).to.deep.equal({
      contextName: 'a',
      clusterName: 'c1',
      userName: 'cert',
      namespace: 'ns',
      cluster: {
        server: 'https://one:6443',
        caData: 'PEM',
        insecureSkipTlsVerify: false,
        tlsServerName: 'hub',
        proxyUrl: 'http://proxy',
      },
      user: {
        clientCertificateFile: 'tls.crt',
        clientKeyFile: '/abs/tls.key',
        impersonate: 'someone',
        impersonateGroups: ['g1', 'g2'],
        needsPlugin: false,
      },
    });
  });

  it('reads the current context otherwise', () => {
    const { cluster, user } = loadKubeconfig(text);
    expect(cluster).to.deep.equal({ server: 'http://two:8080', insecureSkipTlsVerify: true });
    expect(user).to.deep.equal({ token: 'secret', username: 'u', password: 'p', needsPlugin: false });
  });

  it('sees that a user needs a plug-in', () => {
    expect(loadKubeconfig(text, { context: 'plugin' }).user.needsPlugin).to.equal(true);
  });

  const failures: readonly { readonly text?: string; readonly context?: string; readonly message: string }[] =
    [
      {
        context: 'x',
        message:
          'kubeconfig /f: context "x" not found; it has: a, b, bad-data, half, no-cluster, no-user, nowhere, plugin',
      },
      {
        context: 'no-cluster',
        message: 'kubeconfig /f: cluster "missing" not found; it has: c1, c2, nowhere',
      },
      {
        context: 'no-user',
        message: 'kubeconfig /f: user "missing" not found; it has: bad-data, cert, exec, half, token',
      },
      { context: 'half', message: 'kubeconfig /f: user "half": client-key or client-key-data is missing' },
      {
        context: 'bad-data',
        message: 'kubeconfig /f: user "bad-data": client-certificate-data is not base64',
      },
      {
        context: 'nowhere',
        message: 'kubeconfig /f: cluster "nowhere": server must be a URL with https:// or http://, not "two"',
      },
      { text: '', message: 'kubeconfig /f: it is empty' },
      { text: 'hello', message: 'kubeconfig /f: it is not a YAML mapping' },
      {
        text: 'contexts: []',
        message: 'kubeconfig /f: current-context is not set, name a context; it has: none',
      },
      { text: 'a: [1', message: 'kubeconfig /f: not YAML: ' },
    ];
  for (const { text: broken, context, message } of failures) {
    it(`says: ${message}`, () => {
      const load = (): unknown => loadKubeconfig(broken ?? text, { file: '/f', ...(context && { context }) });
      expect(load).to.throw(KubeconfigError, message);
    });
  }

  it('writes what it can read', () => {
    const written = writeKubeconfig({
      server: 'https://hub:6443',
      ca: 'CA PEM',
      credential: { clientCertificate: 'CERT PEM', clientKey: 'KEY PEM' },
    });
    expect(loadKubeconfig(written)).to.deep.equal({
      contextName: 'flotilla',
      clusterName: 'flotilla',
      userName: 'admin',
      namespace: undefined,
      cluster: { server: 'https://hub:6443', caData: 'CA PEM', insecureSkipTlsVerify: false },
      user: { clientCertificateData: 'CERT PEM', clientKeyData: 'KEY PEM', needsPlugin: false },
    });
  });

  it('writes the hub kubeconfig with the names that agents look for', () => {
    const written = writeHubKubeconfig({ server: 'https://hub:6443', ca: 'CA', clusterName: 'hub' });
    const { contextName, userName, namespace, user } = loadKubeconfig(written);
    expect({ contextName, userName, namespace }).to.deep.equal({
      contextName: 'default-context',
      userName: 'default-auth',
      namespace: 'configuration',
    });
    expect(user).to.deep.equal({
      clientCertificateFile: 'tls.crt',
      clientKeyFile: 'tls.key',
      needsPlugin: false,
    });
  });
});
