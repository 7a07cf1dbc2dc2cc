/** Certificates, keys and issuers that an operator gives, what TLS is spoken, and tokens by a configuration file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { servingCertificate, strangeAuthority } from '../support/credentials.js';
import { at, list, text } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { type Credential, TestServer } from '../support/server.js';
import { TokenIssuer } from '../support/token-issuer.js';

const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

describe('serving certificate and keys', () => {
  const server = new TestServer();
  const issuer = new TokenIssuer();
  const operator = strangeAuthority();
  const file = (name: string): string => join(server.directory, name);
  const write = (name: string, content: string): string => {
    writeFileSync(file(name), content);
    return file(name);
  };
  const writePair = (commonName: string): void => {
    const { certificate, key } = servingCertificate(operator, commonName);
    write('tls.key', key);
    write('tls.crt', certificate);
  };
  const whoAmI = async (as: Credential): Promise<unknown> => {
    const answer = await server.send('POST', reviews, { body: {}, as });
    return answer.status === 201 ? at(answer.body, 'status.userInfo') : answer.status;
  };
  /** The common name of the certificate that a new connection is served with. */
  const servedName = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: server.port, ca: operator.certificatePem }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const configuration = (expression: string): string =>
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1beta1',
      kind: 'AuthenticationConfiguration',
      anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }] },
      jwt: [
        {
          issuer: { url: issuer.url, certificateAuthority: issuer.ca, audiences: ['fleet'] },
          claimValidationRules: [{ expression: 'claims.level > 3', message: 'the level is too low' }],
          claimMappings: {
            username: { expression },
            groups: { expression: 'claims.roles.filter(r, r.startsWith("fleet:"))' },
            extra: [{ key: 'example.com/level', valueExpression: 'string(claims.level)' }],
          },
          userValidationRules: [{ expression: '!user.username.startsWith("system:")' }],
        },
      ],
    });

  before(async () => {
    await issuer.start();
    writePair('first');
    execFileSync('openssl', ['genrsa', '-out', file('sa.key'), '2048'], { stdio: 'ignore' });
    execFileSync('openssl', ['genrsa', '-out', file('old.key'), '2048'], { stdio: 'ignore' });
    execFileSync('openssl', ['rsa', '-in', file('old.key'), '-pubout', '-out', file('old.pub')], {
      stdio: 'ignore',
    });
    await server.start({
      flags: [
        ...['--tls-cert-file', file('tls.crt'), '--tls-private-key-file', file('tls.key')],
        ...[
          '--service-account-issuer',
          'https://issuer.one',
          '--service-account-issuer',
          'https://issuer.two',
        ],
        ...[
          '--service-account-signing-key-file',
          file('sa.key'),
          '--service-account-key-file',
          file('old.pub'),
        ],
        ...['--api-audiences', 'one,two', '--service-account-max-token-expiration', '2h'],
        ...['--authentication-config', write('authentication.yaml', configuration('"jwt:" + claims.sub'))],
      ],
    });
  });
  after(async () => {
    await server.stop();
    await issuer.stop();
  });

  it('serves the certificate that it is given, and the next one when the files change', async () => {
    expect(await servedName()).to.equal('first');
    expect(await server.k('get', 'namespaces')).to.contain('kube-system');
    write('tls.key', 'broken');
    await eventually('the broken pair is noticed', () => /changed file refused.*tls/.test(server.output));
    expect(await servedName()).to.equal('first');
    writePair('second');
    await eventually('the new pair is served', async () => (await servedName()) === 'second');
    const root = '/api/v1/namespaces/default/configmaps/kube-root-ca.crt';
    expect(text(await server.read(root), 'data.ca\\.crt')).to.contain(operator.certificatePem);
  });

  it('speaks TLS 1.2 and 1.3, and nothing older', () => {
    const handshake = (...version: string[]): string => {
      const args = [
        's_client',
        '-connect',
        `127.0.0.1:${server.port}`,
        ...version,
        '-cipher',
        'ALL:@SECLEVEL=0',
      ];
      const { stdout, stderr } = spawnSync('openssl', args, { input: '', encoding: 'utf8' });
      return stdout + stderr;
    };
    expect(handshake('-tls1_2')).to.match(/Cipher is ECDHE/);
    expect(handshake('-tls1_3')).to.match(/Cipher is TLS_/);
    for (const version of ['-tls1', '-tls1_1']) {
      expect(handshake(version), version)
        .to.match(/Cipher is \(NONE\)/)
        .and.match(/alert protocol version|no protocols available/);
    }
  });

  it('signs service account tokens with the key, issuer and audiences that it is given', async () => {
    const token = (await server.k('create', 'token', 'default', '--duration=24h')).trim();
    const [head = '', claims = ''] = token
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(head)).to.include({ alg: 'RS256' });
    const said: unknown = JSON.parse(claims);
    expect(said).to.deep.include({ iss: 'https://issuer.one', aud: ['one', 'two'] });
    expect(Number(at(said, 'exp')) - Number(at(said, 'iat'))).to.equal(7200);
    expect(await whoAmI({ token })).to.have.property('username', 'system:serviceaccount:default:default');
    const keys = list(await server.read('/openid/v1/jwks'), 'keys');
    expect(keys.map((key) => at(key, 'alg'))).to.deep.equal(['RS256', 'RS256']);
    expect(await server.read('/.well-known/openid-configuration')).to.deep.include({
      issuer: 'https://issuer.one',
    });
  });

  it('fills the token Secret of an account, and believes it until the account is gone', async () => {
    const namespace = await server.namespace();
    await server.k('create', 'serviceaccount', 'robot', '-n', namespace);
    const made = await server.feed(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'robot',
          namespace,
          annotations: { 'kubernetes.io/service-account.name': 'robot' },
        },
        type: 'kubernetes.io/service-account-token',
      },
      'apply',
    );
    expect(made.code, made.stderr).to.equal(0);
    const token = await eventually('the token is there', async () => {
      const encoded = await server.k(
        'get',
        'secret',
        'robot',
        '-n',
        namespace,
        '-o',
        'jsonpath={.data.token}',
      );
      return encoded !== '' && Buffer.from(encoded, 'base64').toString();
    });
    expect(await server.k('describe', 'secret', 'robot', '-n', namespace)).to.match(/ca\.crt: +\d+ bytes/);
    expect(await whoAmI({ token })).to.have.property('username', `system:serviceaccount:${namespace}:robot`);
    await server.k('delete', 'serviceaccount', 'robot', '-n', namespace);
    expect(await whoAmI({ token })).to.equal(401);
    await eventually('the secret is removed', async () => {
      return (await server.get(`/api/v1/namespaces/${namespace}/secrets/robot`)).status === 404;
    });
  });

  it('makes users of claims by the rules of a file, and of other rules when it changes', async () => {
    const claims = { aud: 'fleet', sub: 'ann', level: 5, roles: ['fleet:admin', 'other'] };
    const token = await issuer.token(claims);
    expect(await whoAmI({ token })).to.deep.equal({
      username: 'jwt:ann',
      groups: ['fleet:admin', 'system:authenticated'],
      extra: { 'example.com/level': ['5'] },
    });
    for (const wrong of [{ level: 3 }, { aud: 'other' }, { roles: undefined }]) {
      const refused = await issuer.token({ ...claims, ...wrong });
      expect(await whoAmI({ token: refused }), JSON.stringify(wrong)).to.equal(401);
    }
    write('authentication.yaml', configuration('claims.sub'));
    await eventually('the new rules hold', async () => at(await whoAmI({ token }), 'username') === 'ann');
    expect(await whoAmI({ token: await issuer.token({ ...claims, sub: 'system:admin' }) })).to.equal(401);
    expect((await server.get('/livez', { as: { anonymous: true } })).status).to.equal(200);
    expect((await server.get('/version', { as: { anonymous: true } })).status).to.equal(401);
  });

  it('answers 400 to a timeout that is none, and takes one that is', async () => {
    const wrong = await server.get('/api/v1/namespaces?timeout=soon');
    expect(wrong.status).to.equal(400);
    expect(text(wrong.body, 'message')).to.contain('invalid timeout specified in the request URL');
    expect((await server.get('/api/v1/namespaces?timeout=10s')).status).to.equal(200);
  });
});
