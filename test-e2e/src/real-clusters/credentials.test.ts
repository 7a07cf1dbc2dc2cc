/**
 * Kubeconfigs of real clusters: credentials that a plug-in prints and that expire, certificates of a plug-in, tokens of
 * an OpenID issuer that are refreshed, and the service account of a pod. The managed cluster is a real process, and so is
 * the klusterlet.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadKubeconfig } from '@flotilla/kube';
import { expect } from 'chai';
import { clientCertificate } from '../support/credentials.js';
import { type Cluster, configMap, Fleet, must } from '../support/fleet.js';
import { ManagedWorks } from '../support/managed.js';
import { binPath, eventually, Follower, run } from '../support/processes.js';
import { TokenIssuer } from '../support/token-issuer.js';

describe('credentials of a managed cluster', function () {
  this.timeout(240_000);
  const fleet = new Fleet();
  const path = (name: string): string => join(fleet.directory, name);
  before(() => fleet.startHub());
  after(() => fleet.close());

  /** The admin's kubeconfig with another user. */
  const writeKubeconfig = (cluster: Cluster, user: object): string => {
    const { cluster: target } = loadKubeconfig(readFileSync(cluster.kubeconfig, 'utf8'));
    const file = path(`${cluster.name}-klusterlet.kubeconfig`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: target.server,
            'certificate-authority-data': Buffer.from(target.caData ?? '').toString('base64'),
          },
        },
      ],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };
  /** A plug-in: a program that prints what lies in `answer`, notes each call, and fails while `broken` is there. */
  const writePlugin = (name: string): { readonly user: object; readonly calls: () => number } => {
    const script = path(`${name}-plugin.cjs`);
    const log = path(`${name}-calls`);
    writeFileSync(
      script,
      `#!${process.execPath}
const fs = require('node:fs');
fs.appendFileSync(process.env.CALLS, 'x');
if (fs.existsSync(process.env.ANSWER + '.broken')) { console.error('the login has expired'); process.exit(1); }
const status = JSON.parse(fs.readFileSync(process.env.ANSWER, 'utf8'));
status.expirationTimestamp = new Date(Date.now() + 2000).toISOString();
console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));
`,
    );
    chmodSync(script, 0o755);
    const env = [
      { name: 'ANSWER', value: path(`${name}-answer`) },
      { name: 'CALLS', value: log },
    ];
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: script,
      args: null,
      env,
      interactiveMode: 'Never',
    };
    return { user: { exec }, calls: () => (existsSync(log) ? readFileSync(log, 'utf8').length : 0) };
  };
  const answer = (name: string, status: object): void =>
    writeFileSync(path(`${name}-answer`), JSON.stringify(status));

  /** Drift that only a klusterlet with good credentials corrects. */
  const corrects = async (works: ManagedWorks): Promise<void> => {
    await works.merge(['configmap', 'held'], { data: { a: 'wrong' } });
    const isRight = async (): Promise<boolean> => (await works.get('configmap', 'held')).data?.['a'] === '1';
    // After a plug-in that failed the klusterlet tries again later and later, up to half a minute.
    await eventually('the drift is corrected', isRight, { timeoutMs: 60_000 });
  };

  it('are asked of a plug-in again when they expire, and follow a token that was changed', async () => {
    const tokens = path('tokens.csv');
    const writeTokens = (token: string) => writeFileSync(tokens, `${token},agent,agent,"system:masters"\n`);
    writeTokens('first');
    const plugin = writePlugin('exec');
    answer('exec', { token: 'first' });
    const cluster = await fleet.startCluster('exec', { flags: ['--token-auth-file', tokens] });
    const works = new ManagedWorks(fleet, cluster);
    await fleet.join(cluster, writeKubeconfig(cluster, plugin.user));
    await works.send('held', [configMap('held', { a: '1' })]);
    const before = plugin.calls();
    writeTokens('second');
    answer('exec', { token: 'second' });
    await eventually('the plug-in is asked again', async () => {
      await corrects(works);
      return plugin.calls() > before;
    });
    await works.k('delete', 'configmap', 'held');
    await eventually('it is made anew with the second token', () => works.has('configmap', 'held'));
    // A plug-in that fails for a while stops nothing for good.
    writeFileSync(path('exec-answer.broken'), '');
    writeTokens('third');
    answer('exec', { token: 'third' });
    const failed = plugin.calls();
    await works.merge(['configmap', 'held'], { data: { a: 'wrong' } });
    await eventually('the plug-in has failed', () => plugin.calls() > failed);
    rmSync(path('exec-answer.broken'));
    await corrects(works);
    expect(cluster.klusterlet.isRunning).to.equal(true);
  });

  it('may be certificates of a plug-in, and follow them', async () => {
    const plugin = writePlugin('certificates');
    const cluster = await fleet.startCluster('certificates');
    const pki = join(fleet.directory, 'certificates', 'pki');
    const authority = {
      certificatePem: readFileSync(join(pki, 'ca.crt'), 'utf8'),
      privateKeyPem: readFileSync(join(pki, 'ca.key'), 'utf8'),
    };
    const show = (user: string): void => {
      const made = clientCertificate(authority, { user, groups: ['system:masters'] });
      answer('certificates', { clientCertificateData: made.certificate, clientKeyData: made.key });
    };
    show('agent-one');
    const works = new ManagedWorks(fleet, cluster);
    await fleet.join(cluster, writeKubeconfig(cluster, plugin.user));
    await works.send('held', [configMap('held', { a: '1' })]);
    const before = plugin.calls();
    show('agent-two');
    await eventually('the plug-in is asked again', async () => {
      await corrects(works);
      return plugin.calls() > before;
    });
    await corrects(works);
  });

  it('may be tokens of an OpenID issuer, which are refreshed when they expire', async () => {
    const issuer = new TokenIssuer();
    await issuer.start();
    writeFileSync(path('issuer.crt'), issuer.ca);
    const claims = { sub: 'agent', aud: 'flotilla' };
    issuer.refreshed = () => ({ ...claims, exp: Math.floor(Date.now() / 1000) + 13 });
    const flags = [
      ...[
        '--oidc-issuer-url',
        issuer.url,
        '--oidc-client-id',
        'flotilla',
        '--oidc-ca-file',
        path('issuer.crt'),
      ],
      ...['--oidc-username-prefix', '-'],
    ];
    const cluster = await fleet.startCluster('oidc', { flags });
    const user = {
      'auth-provider': {
        name: 'oidc',
        config: {
          'client-id': 'flotilla',
          'id-token': await issuer.token({ ...claims, exp: Math.floor(Date.now() / 1000) + 13 }),
          'refresh-token': 'refresh-me',
          'idp-issuer-url': issuer.url,
          'idp-certificate-authority': path('issuer.crt'),
        },
      },
    };
    const works = new ManagedWorks(fleet, cluster);
    // The bindings of real clusters: groups of a token must not be system groups there, so the user is bound.
    await works.k('create', 'clusterrolebinding', 'agent', '--clusterrole=cluster-admin', '--user=agent');
    await fleet.join(cluster, writeKubeconfig(cluster, user));
    await works.send('held', [configMap('held', { a: '1' })]);
    await eventually('the token is refreshed', async () => {
      await corrects(works);
      return issuer.refreshes > 1;
    });
    expect(issuer.refreshes).to.be.below(20); // not at every request
    await corrects(works);
    await cluster.klusterlet.stop();
    await issuer.stop();
  });

  it('may be the service account of a pod, whose token is renewed', async function () {
    // A mount namespace of its own shows the process what kubelet would mount into a pod.
    const enter = ['-mr', 'sh', '-c'];
    const probe = await run('unshare', [...enter, 'mount -t tmpfs none /run']).catch(() => undefined);
    if (probe?.code !== 0) this.skip();
    const cluster = await fleet.startCluster('pod');
    const works = new ManagedWorks(fleet, cluster);
    const mounted = path('service-account');
    mkdirSync(mounted);
    const { cluster: target } = loadKubeconfig(readFileSync(cluster.kubeconfig, 'utf8'));
    writeFileSync(join(mounted, 'ca.crt'), target.caData ?? '');
    writeFileSync(join(mounted, 'namespace'), 'default');
    await works.k('create', 'serviceaccount', 'klusterlet');
    const binding = ['--clusterrole=cluster-admin', '--serviceaccount=default:klusterlet'];
    await works.k('create', 'clusterrolebinding', 'klusterlet', ...binding);
    await works.k('create', 'secret', 'generic', 'first-life');
    const bound = ['--bound-object-kind=Secret', '--bound-object-name=first-life'];
    const token = (await works.k('create', 'token', 'klusterlet', ...bound)).trim();
    writeFileSync(join(mounted, 'token'), token);
    const address = ['--server', `https://127.0.0.1:${cluster.link.port}`];
    const joinString = must(await fleet.hubCommand('token', 'create', '--cluster', 'pod', ...address)).trim();
    const folder = '/run/secrets/kubernetes.io/serviceaccount';
    const inPod = (...args: string[]): Follower =>
      new Follower('unshare', [
        ...enter,
        [
          'mount -t tmpfs none /run',
          `mkdir -p ${folder}`,
          `mount --bind "$0" ${folder}`,
          'unset KUBECONFIG',
          `exec env KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${new URL(target.server).port} "$@"`,
        ].join(' && '),
        mounted,
        process.execPath,
        binPath('klusterlet'),
        ...args,
      ]);
    const pod = inPod('join', joinString, '--data-dir', cluster.dataDir);
    try {
      must(await fleet.hubCommand('approve', 'pod', '--wait', '30s'));
      await fleet.available(cluster);
      await works.send('held', [configMap('held', { a: '1' })]);
      const renewed = (await works.k('create', 'token', 'klusterlet')).trim();
      writeFileSync(join(mounted, 'token'), renewed);
      // The old token is good for nothing from now on.
      await works.k('delete', 'secret', 'first-life');
      await works.merge(['configmap', 'held'], { data: { a: 'wrong' } });
      const isRight = async (): Promise<boolean> =>
        (await works.get('configmap', 'held')).data?.['a'] === '1';
      await eventually('the drift is corrected', isRight, { timeoutMs: 60_000 });
    } finally {
      await pod.stop();
    }
  });
});
