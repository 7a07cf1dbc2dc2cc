import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TransportError } from '../client/transport.js';
import { writeKubeconfig } from '../kubeconfig/write-kubeconfig.js';
import { createTestEnv } from '../testing/test-env.js';
import {
  type ConfiguredTransport,
  transportFromKubeconfig,
  transportInCluster,
} from './kubeconfig-transport.js';
import { createNodeEnv } from './node-env.js';
import {
  createTestCa,
  issueTestCertificate,
  sendJson,
  startTestServer,
  type TestServer,
} from './test-server.js';

describe('transport from a kubeconfig', () => {
  const env = createNodeEnv();
  const ca = createTestCa();
  let server: TestServer;
  let folder: string;
  let file: string;

  before(async () => {
    server = await startTestServer({
      protocol: 'h2',
      certificate: issueTestCertificate(ca),
      handler: ({ headers }, response) => {
        const { authorization, 'impersonate-user': user, 'impersonate-group': groups } = headers;
        sendJson(response, { authorization, user, groups });
      },
    });
    folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    file = join(folder, 'kubeconfig');
    await writeFile(join(folder, 'ca.crt'), ca.certificatePem);
  });

  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  async function ask({
    transport,
  }: Pick<ConfiguredTransport, 'transport'>): Promise<Record<string, unknown>> {
    try {
      const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 10_000 });
      return JSON.parse(Buffer.from(await answer.bytes()).toString());
    } finally {
      await transport.close();
    }
  }

  function withUser(user: string): Promise<void> {
    return writeFile(
      file,
      `{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
        clusters: [{name: k, cluster: {server: "https://localhost:${server.port}", certificate-authority: ca.crt}}],
        users: [{name: u, user: ${user}}]}`,
    );
  }

  it('brings a token', async () => {
    await withUser('{token: abc}');
    expect(await ask(await transportFromKubeconfig({ file }, { env }))).to.deep.equal({
      authorization: 'Bearer abc',
    });
  });

  it('brings a token out of a file beside it', async () => {
    await withUser('{tokenFile: token}');
    await writeFile(join(folder, 'token'), 'from-file\n');
    const answer = await ask(await transportFromKubeconfig({ file }, { env }));
    expect(answer).to.deep.equal({ authorization: 'Bearer from-file' });
  });

  it('brings a password and the user to act as', async () => {
    await withUser('{username: u, password: p, as: other, as-groups: [a, b]}');
    expect(await ask(await transportFromKubeconfig({ file }, { env }))).to.deep.equal({
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
      user: 'other',
      groups: 'a, b',
    });
  });

  it('brings what a plug-in says', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'plugged' },
    };
    const args = JSON.stringify(['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`]);
    const exec = `apiVersion: client.authentication.k8s.io/v1, command: "${process.execPath}", args: ${args}`;
    await withUser(`{exec: {${exec}}}`);
    const answer = await ask(await transportFromKubeconfig({ file }, { env }));
    expect(answer).to.deep.equal({ authorization: 'Bearer plugged' });
  });

  it('says that a plug-in failed', async () => {
    const args = JSON.stringify(['-e', 'console.error("no such account"); process.exit(1)']);
    await withUser(`{exec: {command: "${process.execPath}", args: ${args}}}`);
    const failure = await ask(await transportFromKubeconfig({ file }, { env })).catch(
      (error: unknown) => error,
    );
    expect((failure as TransportError).hop).to.equal('config');
    expect((failure as Error).message).to.contain('user "u": the credential plug-in failed: no such account');
  });

  it('brings the token of an OpenID issuer, and says why another cannot be had', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url');
    const token = `h.${claims}.s`;
    await withUser(`{auth-provider: {name: oidc, config: {id-token: ${token}}}}`);
    const answer = await ask(await transportFromKubeconfig({ file }, { env }));
    expect(answer).to.deep.equal({ authorization: `Bearer ${token}` });
    const more = 'refresh-token: r, idp-issuer-url: "http://issuer.example"';
    await withUser(`{auth-provider: {name: oidc, config: {id-token: ${token}, ${more}}}}`);
    const failure = await ask(await transportFromKubeconfig({ file }, { env })).catch(
      (error: unknown) => error,
    );
    expect((failure as Error).message).to.contain(
      'http://issuer.example/.well-known/openid-configuration is not an https URL',
    );
  });

  const missing = [
    { user: '{tokenFile: nowhere}', name: 'nowhere' },
    { user: '{client-certificate: nothing.crt, client-key: nothing.key}', name: 'nothing.crt' },
  ];
  for (const { user, name } of missing) {
    it(`says that ${name} is missing`, async () => {
      await withUser(user);
      const failure = await transportFromKubeconfig({ file }, { env }).catch((error: unknown) => error);
      expect((failure as Error).message).to.equal(
        `kubeconfig ${file}: the file ${join(folder, name)} does not exist`,
      );
    });
  }

  it('says that the kubeconfig itself is missing', async () => {
    const failure = await transportFromKubeconfig({ file: '/nowhere' }, { env }).catch(
      (error: unknown) => error,
    );
    expect((failure as Error).message).to.equal('kubeconfig: the file /nowhere does not exist');
  });

  it('accepts what writeKubeconfig writes', async () => {
    const { cert, key } = issueTestCertificate(ca);
    const text = writeKubeconfig({
      server: `https://localhost:${server.port}`,
      ca: ca.certificatePem,
      credential: { clientCertificate: cert, clientKey: key },
    });
    expect(await ask(await transportFromKubeconfig({ text }, { env }))).to.deep.equal({});
  });

  it('stands on a service account in a pod and follows its rotated token', async () => {
    const virtual = createTestEnv();
    const { clock, files } = virtual;
    const at = '/var/run/secrets/kubernetes.io/serviceaccount';
    await files.write(`${at}/ca.crt`, ca.certificatePem);
    await files.write(`${at}/namespace`, 'my-namespace\n');
    await files.write(`${at}/token`, 'first\n');
    const port = String(server.port);
    const { transport, namespace } = await transportInCluster({ env: virtual, host: '127.0.0.1', port });
    expect(namespace).to.equal('my-namespace');
    const who = async (): Promise<unknown> => {
      const answer = await transport.request({ method: 'GET', path: '/' });
      return JSON.parse(Buffer.from(await answer.bytes()).toString()).authorization;
    };
    expect(await who()).to.equal('Bearer first');
    await files.write(`${at}/token`, 'second\n');
    await clock.advance(11_000);
    expect(await who()).to.equal('Bearer second');
    await files.remove(`${at}/token`);
    await clock.advance(11_000);
    expect(await who()).to.equal('Bearer second');
    await transport.close();
  });
});
