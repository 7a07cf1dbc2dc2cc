/** Who a request is from, by what an operator configures: token files, OpenID issuers, front proxies, more authorities. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { clientCertificate, strangeAuthority } from '../support/credentials.js';
import { at, text } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { type Credential, TestServer } from '../support/server.js';
import { TokenIssuer } from '../support/token-issuer.js';

const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const audience = 'kubernetes';

describe('configured authentication', () => {
  const server = new TestServer();
  const issuer = new TokenIssuer();
  const file = (name: string): string => join(server.directory, name);
  const write = (name: string, content: string): string => {
    writeFileSync(file(name), content);
    return file(name);
  };
  const proxies = strangeAuthority();
  const others = strangeAuthority();

  const whoAmI = async (as: Credential, headers: Record<string, string> = {}): Promise<unknown> => {
    const answer = await server.send('POST', reviews, { body: {}, as, headers });
    return answer.status === 201 ? at(answer.body, 'status.userInfo') : answer.status;
  };
  /** kubectl with nothing but a token. */
  const kubectlAs = (token: string) =>
    server.kubectl('--kubeconfig', file('token-only'), '--token', token, 'auth', 'whoami', '-o', 'json');

  before(async () => {
    await issuer.start();
    await issuer.stop(); // the server starts while its issuer is down
    await server.start({
      flags: [
        ...['--token-auth-file', write('tokens.csv', 'static-token,ann,u-1,"dev,ops"\n')],
        ...['--oidc-issuer-url', issuer.url, '--oidc-client-id', audience],
        ...['--oidc-username-claim', 'email', '--oidc-username-prefix', 'oidc:'],
        ...[
          '--oidc-groups-claim',
          'groups',
          '--oidc-groups-prefix',
          'oidc:',
          '--oidc-required-claim',
          'hd=example.com',
        ],
        ...['--oidc-ca-file', write('issuer.crt', issuer.ca)],
        ...['--client-ca-file', write('clients.crt', others.certificatePem)],
        ...['--requestheader-client-ca-file', write('proxies.crt', proxies.certificatePem)],
        ...['--requestheader-allowed-names', 'front-proxy,other-proxy'],
        ...[
          '--requestheader-username-headers',
          'X-Remote-User',
          '--requestheader-group-headers',
          'X-Remote-Group',
        ],
        ...['--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
      ],
    });
    const cluster = {
      server: server.url,
      'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
    };
    write(
      'token-only',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: '' } }],
        'current-context': 'c',
      }),
    );
  });
  after(async () => {
    await server.stop();
    await issuer.stop();
  });

  it('knows the tokens of a file, and takes over the file when it changes', async () => {
    expect(await whoAmI({ token: 'static-token' })).to.deep.equal({
      username: 'ann',
      uid: 'u-1',
      groups: ['dev', 'ops', 'system:authenticated'],
    });
    expect(await whoAmI({ token: 'other-token' })).to.equal(401);
    write('tokens.csv', 'other-token,bob,u-2\n');
    await eventually(
      'the new file counts',
      async () => typeof (await whoAmI({ token: 'other-token' })) === 'object',
    );
    expect(await whoAmI({ token: 'static-token' })).to.equal(401);
  });

  it("knows an OpenID issuer's tokens as soon as the issuer is up, and follows its keys", async () => {
    const claims = {
      aud: audience,
      email: 'eve@example.com',
      hd: 'example.com',
      groups: ['a', 'b'],
      jti: 'j-1',
    };
    const token = await issuer.token(claims);
    expect(await whoAmI({ token })).to.equal(401);
    await issuer.start();
    const user = await eventually('the keys are fetched', async () => {
      const found = await whoAmI({ token });
      return typeof found === 'object' && found;
    });
    expect(user).to.deep.equal({
      username: 'oidc:eve@example.com',
      groups: ['oidc:a', 'oidc:b', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=j-1'] },
    });
    const { code, stdout, stderr } = await kubectlAs(token);
    expect(code, stderr).to.equal(0);
    expect(text(JSON.parse(stdout), 'status.userInfo.username')).to.equal('oidc:eve@example.com');
    const review = await server.create('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
    expect(at(review, 'status.authenticated')).to.equal(true);
    const refused: [string, Record<string, unknown>][] = [
      ['another audience', { aud: 'elsewhere' }],
      ['a wrong required claim', { hd: 'evil.example' }],
      ['an address that was not verified', { email_verified: false }],
      ['its end', { exp: Math.floor(Date.now() / 1000) - 1 }],
      ['another issuer', { iss: 'https://127.0.0.1' }],
    ];
    for (const [what, claim] of refused) {
      expect(await whoAmI({ token: await issuer.token({ ...claims, ...claim }) }), what).to.equal(401);
    }
    expect((await kubectlAs(`${token}x`)).stderr).to.match(/You must be logged in|Unauthorized/);
    await issuer.rotate();
    const fresh = await issuer.token(claims);
    await eventually(
      'the new key is fetched',
      async () => typeof (await whoAmI({ token: fresh })) === 'object',
    );
    expect(await whoAmI({ token })).to.equal(401);
  });

  it('believes a front proxy, and nobody else, in whom it names', async () => {
    const headers = {
      'x-remote-user': 'root',
      'x-remote-group': 'team, red',
      'x-remote-extra-Scopes%2fx': 'v',
    };
    const proxied = await whoAmI(clientCertificate(proxies, { user: 'front-proxy' }), headers);
    expect(proxied).to.deep.equal({
      username: 'root',
      groups: ['team, red', 'system:authenticated'],
      extra: { 'scopes/x': ['v'] },
    });
    expect(await whoAmI(clientCertificate(proxies, { user: 'false-proxy' }), headers)).to.equal(401);
    expect(await whoAmI(clientCertificate(others, { user: 'joe' }), headers)).to.have.property(
      'username',
      'joe',
    );
    expect(await whoAmI({ token: 'other-token' }, headers)).to.have.property('username', 'bob');
    expect(await whoAmI({ anonymous: true }, headers)).to.equal(403);
    expect(await whoAmI(clientCertificate(proxies, { user: 'front-proxy' }))).to.equal(401);
  });

  it('keeps repeated headers of a proxy apart, over HTTP/1.1 and HTTP/2', () => {
    const { certificate, key } = clientCertificate(proxies, { user: 'other-proxy' });
    const args = ['-s', '--cacert', write('server.crt', server.ca)];
    args.push('--cert', write('proxy.crt', certificate), '--key', write('proxy.key', key));
    args.push('-H', 'X-Remote-User: ann', '-H', 'X-Remote-Group: a, b', '-H', 'X-Remote-Group: c');
    args.push('-H', 'Content-Type: application/json', '-d', '{}', `${server.url}${reviews}`);
    for (const version of ['--http1.1', '--http2']) {
      const answer: unknown = JSON.parse(execFileSync('curl', [version, ...args], { encoding: 'utf8' }));
      expect(at(answer, 'status.userInfo.groups'), version).to.deep.equal([
        'a, b',
        'c',
        'system:authenticated',
      ]);
    }
  });

  it('publishes whom it believes, and follows changed authorities', async () => {
    const config = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    expect(at(await server.read(config), 'data')).to.deep.equal({
      'client-ca-file':
        readFileSync(join(server.directory, 'data', 'pki', 'ca.crt'), 'utf8') + others.certificatePem,
      'requestheader-allowed-names': '["front-proxy","other-proxy"]',
      'requestheader-client-ca-file': proxies.certificatePem,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
    const next = strangeAuthority();
    write('clients.crt', next.certificatePem);
    await eventually('the next authority is published', async () =>
      text(await server.read(config), 'data.client-ca-file').includes(next.certificatePem),
    );
    expect(await whoAmI(clientCertificate(next, { user: 'kim' }))).to.have.property('username', 'kim');
    expect(await whoAmI(clientCertificate(others, { user: 'joe' }))).to.equal(401);
  });
});
