/**
 * The one line `kubectl apply -f https://HUB/join/...`: real kubectl fetches the manifest from the hub, over TLS that it
 * verifies, and what it applied lets the cluster join.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { servingCertificate, strangeAuthority } from './support/credentials.js';
import { type Cluster, Fleet, must } from './support/fleet.js';
import { eventually, type Result, root, run } from './support/processes.js';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
}

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

const namespace = 'open-cluster-management-agent';
const image = 'registry.example/flotilla-klusterlet:1';

describe('kubectl apply -f https://HUB/join/...', function () {
  this.timeout(100_000);
  const fleet = new Fleet();
  const authority = strangeAuthority();
  let cluster: Cluster;
  const path = (name: string): string => join(fleet.directory, name);

  /** What `hub token create --manifest` prints: the line, and the URL in it. */
  const invite = async (...more: string[]): Promise<{ line: string; url: string; note: string }> => {
    const asked = ['token', 'create', '--cluster', 'edge', '--manifest', ...more];
    const result = await fleet.hubCommand(...asked);
    const line = must(result).trim();
    return { line, url: line.replace('kubectl apply -f ', ''), note: result.stderr };
  };
  /** A shell on a machine with kubectl for the managed cluster. */
  const shell = (line: string, env: Readonly<Record<string, string>> = {}): Promise<Result> =>
    run('bash', ['-c', line], { env: { KUBECONFIG: cluster.kubeconfig, ...env } });
  const trusting = { SSL_CERT_FILE: path('ca.crt') };
  /** Code and message of the hub's answer. */
  const ask = async (url: string, ...more: string[]): Promise<{ code: number; text: string }> => {
    const answer = await run('curl', [
      '-sS',
      '--cacert',
      path('ca.crt'),
      '-w',
      '\n%{http_code}',
      ...more,
      url,
    ]);
    const lines = must(answer).split('\n');
    return { code: Number(lines.pop()), text: lines.join('\n') };
  };
  const selected = ['-n', 'kube-system', '--field-selector', 'type=flotilla.dev/join-invitation'];

  before(async () => {
    const { certificate, key } = servingCertificate(authority, 'hub');
    writeFileSync(path('tls.crt'), certificate);
    writeFileSync(path('tls.key'), key);
    writeFileSync(path('ca.crt'), authority.certificatePem);
    const files = ['--tls-cert-file', path('tls.crt'), '--tls-private-key-file', path('tls.key')];
    const audit = ['--audit-log-path', path('audit.log'), '--audit-policy-file', path('policy.yaml')];
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
    writeFileSync(path('policy.yaml'), JSON.stringify(policy));
    await fleet.startHub([...files, ...audit]);
    cluster = await fleet.startCluster('edge');
  });
  after(() => fleet.close());

  it('installs the klusterlet, which joins, where the certificate of the hub is trusted', async () => {
    const servers = ['--server', `https://127.0.0.1:${cluster.link.port}`];
    const { line, url } = await invite('--image', image, ...servers);
    expect(line).to.match(/^kubectl apply -f https:\/\/127\.0\.0\.1:\d+\/join\/[\w.-]+$/);
    const applied = must(await shell(line, trusting));
    expect(applied)
      .to.contain('deployment.apps/klusterlet created')
      .and.to.contain('secret/klusterlet-join created');
    const got = must(
      await fleet.on(
        cluster,
        ...['get', 'deployment', 'klusterlet', '-n', namespace],
        ...['-o', 'jsonpath={.spec.template.spec.containers[0].image}'],
      ),
    );
    expect(got).to.equal(image);
    // The stand-in runs no images: the klusterlet of the Deployment, as a process with its rights and its join string.
    const secret = await fleet.get<{ data: Record<string, string> }>(
      cluster,
      ...['secret', 'klusterlet-join', '-n', namespace],
    );
    writeFileSync(path('join-string'), Buffer.from(secret.data['join-string'] ?? '', 'base64'));
    const token = must(await fleet.on(cluster, 'create', 'token', 'klusterlet', '-n', namespace)).trim();
    const [entry] = (parse(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig).clusters;
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: entry?.cluster }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    };
    writeFileSync(path('klusterlet.kubeconfig'), JSON.stringify(kubeconfig));
    cluster.klusterlet.start([
      ...['join', '--join-file', path('join-string'), '--data-dir', cluster.dataDir],
      ...['--kubeconfig', path('klusterlet.kubeconfig')],
    ]);
    must(await fleet.hubCommand('approve', 'edge', '--wait', '30s'));
    await fleet.available(cluster);
    // The second to show it is told who was the first.
    const again = await shell(line, trusting);
    expect(again.code).not.to.equal(0);
    expect(again.stderr).to.contain('410');
    const { code, text } = await ask(url);
    expect(code).to.equal(410);
    expect(text).to.match(/was already used at \S+Z from \S*127\.0\.0\.1/);
  });

  it('is given as a line that brings its own trust where the certificate is not trusted', async () => {
    const { line, note, url } = await invite();
    const refused = await shell(line);
    expect(refused.code).not.to.equal(0);
    expect(refused.stderr).to.match(/certificate|x509/);
    const pinned = note.split('\n').find((each) => each.startsWith('curl ')) ?? '';
    const { stdout } = await shell(pinned);
    expect(stdout).to.contain('secret/klusterlet-join configured');
    expect((await ask(url)).code).to.equal(410);
  });

  it('trusts no other hub in the pinned line', async () => {
    const { note, url } = await invite();
    const other = Buffer.from(strangeAuthority().certificatePem).toString('base64');
    const pinned = note.split('\n').find((each) => each.startsWith('curl ')) ?? '';
    const refused = await shell(pinned.replace(/echo \S+/, `echo ${other}`));
    expect(refused.code).not.to.equal(0);
    expect((await ask(url)).code).to.equal(200);
  });

  it('is what deploy/klusterlet is, and the join string', async () => {
    const { url } = await invite('--server', 'https://hub.example:6443', '--server', 'https://other.example');
    // The name of the hub for the klusterlet is not the one that this test can reach.
    const { text } = await ask(url.replace('https://hub.example:6443', `https://127.0.0.1:${fleet.hubPort}`));
    const { items } = JSON.parse(text) as { items: (Named & { stringData?: Record<string, string> })[] };
    const built = must(await run('kubectl', ['kustomize', join(root, 'deploy', 'klusterlet')]));
    const wanted = parseAllDocuments(built, { version: '1.1' }).map((each) => each.toJS() as Named);
    const byName = (list: readonly Named[]): Named[] =>
      [...list].sort((a, b) => `${a.kind}/${a.metadata.name}`.localeCompare(`${b.kind}/${b.metadata.name}`));
    const rest = items.filter(({ metadata }) => metadata.name !== 'klusterlet-join');
    expect(byName(rest)).to.deep.equal(byName(wanted));
    const { stringData } = items.find(({ metadata }) => metadata.name === 'klusterlet-join') ?? {};
    expect(stringData?.['join-string']).to.match(
      /^https:\/\/hub\.example:6443\/\?token=.+&ca=sha256:.+&cluster=edge&also=https%3A%2F%2Fother\.example$/,
    );
  });

  it('is kept as a hash, and no token exists before it is used', async () => {
    const count = async (): Promise<number> => {
      const tokens = ['-n', 'kube-system', '--field-selector', 'type=bootstrap.kubernetes.io/token'];
      return (await fleet.hubGet<{ items: unknown[] }>('secrets', ...tokens)).items.length;
    };
    const before = await count();
    const { url } = await invite();
    expect(await count()).to.equal(before);
    const secret = url.slice(url.lastIndexOf('.') + 1);
    expect(secret).to.have.length(32);
    const all = must(await fleet.kubectl('get', 'secrets', '-n', 'kube-system', '-o', 'json'));
    expect(all).not.to.contain(secret).and.not.to.contain(Buffer.from(secret).toString('base64'));
    expect((await ask(url)).code).to.equal(200);
    expect(await count()).to.equal(before + 1);
    await eventually(
      'the audit log has the request',
      () => existsSync(path('audit.log')) && readFileSync(path('audit.log'), 'utf8').includes('/join/***'),
    );
    expect(readFileSync(path('audit.log'), 'utf8')).not.to.contain(secret);
    expect(fleet.hub.output).not.to.contain(secret);
  });

  it('is used by one of many at the same moment', async () => {
    const { url } = await invite();
    const codes = await Promise.all(Array.from({ length: 6 }, async () => (await ask(url)).code));
    expect(codes.filter((code) => code === 200)).to.have.length(1);
    expect(codes.filter((code) => code === 410)).to.have.length(5);
  });

  it('is not used up by looking ahead, and ends with its time', async () => {
    const { url } = await invite('--ttl', '3s');
    expect((await ask(url, '-I')).code).to.equal(403);
    expect((await ask(url, '-X', 'POST')).code).to.equal(403);
    const expiry = async (): Promise<number> => {
      const all = await fleet.hubGet<{ items: { data: Record<string, string> }[] }>('secrets', ...selected);
      const times = all.items.map(({ data }) => Buffer.from(data['expiration'] ?? '', 'base64').toString());
      return Math.min(...times.map((each) => Date.parse(each)));
    };
    const endsAt = await expiry();
    await eventually('its time is over', () => Date.now() > endsAt + 100);
    const { code, text } = await ask(url);
    expect(code).to.equal(410);
    expect(text).to.contain('expired at').and.to.contain('hub token create --manifest');
  });

  it('is not to be guessed: few attempts a minute, and the right one waits, too', async () => {
    const { url } = await invite();
    const wrong = `https://127.0.0.1:${fleet.hubPort}/join/0123456789ab.${'x'.repeat(32)}`;
    const codes: number[] = [];
    for (let attempt = 0; attempt < 12; attempt++) codes.push((await ask(wrong)).code);
    expect(codes).to.include(404);
    expect(codes.at(-1)).to.equal(429);
    const { code, text } = await ask(url, '-i');
    expect(code).to.equal(429);
    expect(text.toLowerCase()).to.contain('retry-after:');
  });

  it('says what is wrong with the flags', async () => {
    for (const [args, says] of [
      [['--manifest'], '--manifest needs --cluster'],
      [['--cluster', 'a', '--manifest', '--secret'], 'give --manifest or --secret, not both'],
      [['--cluster', 'a', '--image', 'x'], '--image needs --manifest'],
      [['--cluster', 'a', '--manifest', '--image', 'x y'], '--image is no name of an image'],
    ] as const) {
      const refused = await fleet.hubCommand('token', 'create', ...args);
      expect(refused.code).to.equal(2);
      expect(refused.stderr).to.contain(says);
    }
  });
});
