import { verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCertificate, parseCertificateRequest } from '@flotilla/kube';
import { expect } from 'chai';
import { signingRequest } from './support/credentials.js';
import { EnvtestControlPlane } from './support/envtest.js';
import { must } from './support/fleet.js';
import { at, text } from './support/json.js';
import { eventually, Follower, ours, pause, type Result, run } from './support/processes.js';
import { WebhookServer } from './support/webhook-server.js';

describe('apiserver envtest-assets', () => {
  const root = mkdtempSync(join(tmpdir(), 'flotilla-assets-'));
  const assets = join(root, 'bin');
  const planes: EnvtestControlPlane[] = [];
  let plane: EnvtestControlPlane;
  let admin: string;

  const startPlane = async (
    directory = assets,
    flags: readonly string[] = [],
  ): Promise<EnvtestControlPlane> => {
    const started = new EnvtestControlPlane(directory);
    planes.push(started);
    await started.start(flags);
    return started;
  };
  const k = async (...args: string[]): Promise<string> => must(await plane.kubectl(admin, ...args));
  const apply = (object: object): Promise<Result> =>
    run(join(assets, 'kubectl'), ['--kubeconfig', admin, 'create', '-f', '-'], {
      input: JSON.stringify(object),
    });
  const json = async (...args: string[]): Promise<unknown> => JSON.parse(await k(...args, '-o', 'json'));

  before(async () => {
    const written = await ours('apiserver', ['envtest-assets', '--dir', assets]);
    expect(written).to.deep.include({ code: 0, stdout: `${assets}\n`, stderr: '' });
    plane = await startPlane();
    admin = plane.kubeconfig('admin', ['system:masters']);
  });

  after(async () => {
    for (const one of planes) await one.stop();
    rmSync(root, { recursive: true, force: true });
  });

  it('writes programs that list their flags as callers look for them', async () => {
    expect(readdirSync(assets).sort()).to.deep.equal(['etcd', 'kube-apiserver', 'kubectl']);
    const server = await run(join(assets, 'kube-apiserver'), ['--help']);
    expect(server.code).to.equal(0);
    for (const flag of ['secure-port', 'client-ca-file', 'cert-dir', 'service-account-signing-key-file'])
      expect(server.stdout).to.match(new RegExp(`^\\s*--${flag}\\b`, 'm'));
    expect(server.stdout).not.to.match(/^\s*--insecure-port\b/m);
    const etcd = await run(join(assets, 'etcd'), ['--help']);
    expect(etcd.code).to.equal(0);
    expect(etcd.stdout).to.match(/^\s*--unsafe-no-fsync\b/m);
  });

  it('says which flag is wrong', async () => {
    const server = await run(join(assets, 'kube-apiserver'), ['--secure-port=x']);
    expect(server.code).to.equal(2);
    expect(server.stderr).to.contain('--secure-port').and.to.contain('give a port from 0 to 65535');
    const missing = await run(join(assets, 'kube-apiserver'), [
      '--client-ca-file=/nowhere/ca.crt',
      '--secure-port=0',
    ]);
    expect(missing.code).to.equal(1);
    expect(missing.stderr).to.contain('--client-ca-file');
  });

  it('serves with the certificate of the cert-dir, and knows users by the client authority', async () => {
    const user = plane.kubeconfig('jane', ['developers']);
    const who = JSON.parse(must(await plane.kubectl(user, 'auth', 'whoami', '-o', 'json'))) as unknown;
    expect(at(who, 'status.userInfo.username')).to.equal('jane');
    expect(at(who, 'status.userInfo.groups')).to.deep.equal(['developers', 'system:authenticated']);
    expect((await plane.kubectl(user, 'get', 'secrets')).stderr).to.contain(
      'secrets is forbidden: User "jane" cannot list resource "secrets"',
    );
    await k('create', 'clusterrolebinding', 'jane', '--clusterrole=view', '--user=jane');
    expect(must(await plane.kubectl(user, 'auth', 'can-i', 'list', 'configmaps'))).to.equal('yes\n');
  });

  it('signs tokens of service accounts with the key it was given, under the issuer it was given', async () => {
    await k('create', 'serviceaccount', 'robot');
    const token = (await k('create', 'token', 'robot')).trim();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(at(claims, 'iss')).to.equal(`${plane.url}/`);
    const signer = new X509Certificate(readFileSync(join(plane.certDir, 'sa-signer.crt')));
    const key = { key: signer.publicKey, dsaEncoding: 'ieee-p1363' as const };
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify('sha256', signed, key, Buffer.from(signature, 'base64url'))).to.equal(true);
    const anonymous = join(root, 'anonymous');
    writeFileSync(anonymous, '');
    const kubectl = ['--server', plane.url, '--insecure-skip-tls-verify', '--token', token];
    const who = await run(join(assets, 'kubectl'), [
      '--kubeconfig',
      anonymous,
      ...kubectl,
      'auth',
      'whoami',
      '-o',
      'json',
    ]);
    expect(at(JSON.parse(must(who)), 'status.userInfo.username')).to.equal(
      'system:serviceaccount:default:robot',
    );
  });

  it('has what a kube-apiserver makes by itself, and no controllers', async () => {
    expect(text(await json('get', 'service', 'kubernetes'), 'spec.clusterIP')).to.match(/^10\.0\.0\./);
    await k('create', 'namespace', 'leaving');
    await k('create', 'configmap', 'left', '-n', 'leaving');
    await k('delete', 'namespace', 'leaving', '--wait=false');
    await k('create', 'namespace', 'bare');
    await k('create', 'deployment', 'web', '--image=nginx', '-n', 'bare');
    const orphan = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'gone',
      uid: 'b5f6d5a2-0000-4000-8000-000000000000',
    };
    const child = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'child', namespace: 'bare', ownerReferences: [orphan] },
    };
    must(await apply(child));
    await pause(1000); // controllers would have acted long before
    expect(at(await json('get', 'namespace', 'leaving'), 'status.phase')).to.equal('Terminating');
    expect(await k('get', 'configmaps', '-n', 'leaving', '-o', 'name')).to.equal('configmap/left\n');
    expect(await k('get', 'configmaps,serviceaccounts,pods', '-n', 'bare', '-o', 'name')).to.equal(
      'configmap/child\n',
    );
    expect(at(await json('get', 'deployment', 'web', '-n', 'bare'), 'status')).to.deep.equal({});
  });

  it('leaves certificate requests to the test, which may sign them itself', async () => {
    const { request } = signingRequest('agent', ['agents']);
    const csr = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'agent' },
      spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
    };
    must(await apply(csr));
    await k('certificate', 'approve', 'agent');
    await pause(500);
    expect(at(await json('get', 'csr', 'agent'), 'status.certificate')).to.equal(undefined);
    const pem = issueCertificate({
      ca: plane.clientCa,
      publicKeyDer: parseCertificateRequest(Buffer.from(request, 'base64').toString()).publicKeyDer,
      subject: { commonName: 'agent', organizations: ['agents'] },
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 3_600_000,
      usages: ['client auth'],
      random: { bytes: (length) => new Uint8Array(length).fill(7) },
    });
    const certificate = Buffer.from(pem).toString('base64');
    await k(
      'patch',
      'csr',
      'agent',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status: { certificate } }),
    );
    expect(at(await json('get', 'csr', 'agent'), 'status.certificate')).to.equal(certificate);
  });

  it("calls webhooks whose bundle is the webhook's own certificate, as envtest installs them", async () => {
    const webhook = new WebhookServer();
    await webhook.start();
    try {
      webhook.on('/deny', () => ({ allowed: false, status: { message: 'always' } }));
      const configuration = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'deny' },
        webhooks: [
          {
            name: 'deny.envtest.example',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            clientConfig: { ...webhook.config('/deny'), caBundle: webhook.ownCertificate },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] }],
          },
        ],
      };
      must(await apply(configuration));
      await eventually('the webhook is asked', async () => {
        const { stderr } = await plane.kubectl(admin, 'create', 'secret', 'generic', 's', '--dry-run=server');
        return stderr.includes('admission webhook "deny.envtest.example" denied the request: always');
      });
      await k('delete', 'validatingwebhookconfiguration', 'deny');
    } finally {
      await webhook.stop();
    }
  });

  it('runs several control planes at once, each with objects of its own', async () => {
    const other = await startPlane();
    await k('create', 'configmap', 'mine');
    const names = must(
      await other.kubectl(
        other.kubeconfig('a', ['system:masters']),
        'get',
        'configmaps',
        '-n',
        'default',
        '-o',
        'name',
      ),
    );
    expect(names).to.equal('');
    expect(await k('get', 'configmap', 'mine', '-o', 'name')).to.equal('configmap/mine\n');
  });

  it('ends soon when told to, watched or not, and leaves no files', async () => {
    const ending = await startPlane();
    const config = ending.kubeconfig('a', ['system:masters']);
    const watch = new Follower('kubectl', [
      '--kubeconfig',
      config,
      'get',
      'namespaces',
      '--watch',
      '--no-headers',
    ]);
    expect(await watch.line()).to.contain('default');
    expect(await ending.server.stop()).to.equal(0);
    expect(await watch.end()).to.equal(''); // the stream was ended, not cut
    expect(readdirSync(ending.temporary)).to.deep.equal([]);
  });

  it('starts with the controllers and the version that the folder was made for', async () => {
    const directory = join(root, 'with-controllers');
    const flags = ['--controllers', 'namespace-controller', '--kubernetes-version', '1.30'];
    must(await ours('apiserver', ['envtest-assets', '--dir', directory, ...flags]));
    const other = await startPlane(directory);
    const config = other.kubeconfig('a', ['system:masters']);
    const { stdout } = await other.kubectl(config, 'version', '-o', 'json');
    expect(at(JSON.parse(stdout), 'serverVersion.minor')).to.equal('30');
    must(await other.kubectl(config, 'create', 'namespace', 'leaving'));
    must(await other.kubectl(config, 'delete', 'namespace', 'leaving', '--timeout=20s'));
  });

  it('refuses a controller that it does not have', async () => {
    const refused = await ours('apiserver', [
      'envtest-assets',
      '--dir',
      join(root, 'x'),
      '--controllers',
      'nodeipam',
    ]);
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.contain('"nodeipam" is not a controller of this server');
  });
});
