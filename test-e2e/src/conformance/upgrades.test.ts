/** Who may upgrade a connection, by which credentials, and what the audit log says of it: real clients, real sockets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Agent, WebSocket } from 'undici';
import { at, text } from '../support/json.js';
import { type Kubectl, otherKubectls } from '../support/kubectl-versions.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

/** Before 1.31 they speak SPDY, then WebSocket. */
const kubectls: readonly Kubectl[] = [
  ...otherKubectls().filter(({ minor }) => minor === 27 || minor === 33),
  { minor: 0, path: 'kubectl' },
];
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const policy = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n';

describe('upgrades of connections', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-upgrades-'));
  const log = join(directory, 'audit.log');
  const server = new TestServer();
  const children = new Set<ChildProcess>();
  let namespace = '';
  const exec = (...command: string[]): string => {
    const words = command.map((word) => `command=${encodeURIComponent(word)}`).join('&');
    return `/api/v1/namespaces/${namespace}/pods/web/exec?stdout=true&stderr=true&${words}`;
  };

  before(async () => {
    const policyFile = join(directory, 'policy.yaml');
    writeFileSync(policyFile, policy);
    await server.start({ flags: ['--audit-log-path', log, '--audit-policy-file', policyFile] });
    namespace = await server.namespace('upgrades');
    const pod = `/api/v1/namespaces/${namespace}/pods`;
    await server.create(pod, {
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'c', image: 'web:1' }] },
    });
    await eventually(
      'the pod runs',
      async () => text(await server.read(`${pod}/web`), 'status.phase') === 'Running',
    );
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The audit events of requests to the subresource. */
  function events(fits: (event: unknown) => boolean): unknown[] {
    if (!existsSync(log)) return [];
    return readFileSync(log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
      .filter((event) => at(event, 'objectRef.subresource') === 'exec' && fits(event));
  }

  const stages = (of: readonly unknown[]): string[] =>
    of.map((event) => `${text(event, 'stage')} ${String(at(event, 'responseStatus.code') ?? '-')}`);

  async function grant(user: string, verbs: Record<string, readonly string[]>, kind = 'User'): Promise<void> {
    const rules = Object.entries(verbs).map(([resource, allowed]) => ({
      apiGroups: [''],
      resources: [resource],
      verbs: allowed,
    }));
    await server.create(`${rbac}/namespaces/${namespace}/roles`, { metadata: { name: user }, rules });
    await server.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: user },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user },
      subjects: [
        kind === 'User'
          ? { apiGroup: 'rbac.authorization.k8s.io', kind, name: user }
          : { kind, name: user, namespace },
      ],
    });
  }

  for (const { minor, path } of kubectls) {
    describe(`with kubectl ${minor === 0 ? 'of the path' : `1.${minor}`}`, () => {
      const user = `jane-${minor}`;
      const as = (name: string, ...args: string[]) =>
        server.kubectlWith({ kubectl: path }, '-n', namespace, `--as=${name}`, ...args);

      it('refuses `--as` somebody who may not, and lets in who may', async () => {
        await grant(`${user}-reader`, { pods: ['get'], 'pods/exec': ['get'] });
        const refused = await as(`${user}-reader`, 'exec', 'web', '--', 'echo', 'hi');
        expect(refused.code).to.equal(1);
        expect(refused.stdout).to.equal('');
        expect(refused.stderr).to.contain(
          `pods "web" is forbidden: User "${user}-reader" cannot create resource "pods/exec" in API group "" in the namespace "${namespace}"`,
        );
        await grant(user, { pods: ['get'], 'pods/exec': ['get', 'create'] });
        const allowed = await as(user, 'exec', 'web', '--', 'sh', '-c', 'echo hi; exit 4');
        expect(allowed.stdout, allowed.stderr).to.equal('hi\n');
        expect(allowed.code).to.equal(4);
        const nobody = await as(`${user}-nobody`, 'exec', 'web', '--', 'echo', 'hi');
        expect(nobody.stderr).to.contain('cannot get resource "pods"');
      });

      it('records that it came, that it began, and that it is over, with 101', async () => {
        const id = `audited-${minor}`;
        await grant(id, { pods: ['get'], 'pods/exec': ['get', 'create'] });
        const args = ['--kubeconfig', server.kubeconfig, '-n', namespace, `--as=${id}`];
        const child = spawn(path, [...args, 'exec', '-i', 'web', '--', 'cat'], { stdio: 'pipe' });
        children.add(child);
        const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
        const begun = await eventually('it has begun', () =>
          events((event) => at(event, 'impersonatedUser.username') === id).find(
            (event) => at(event, 'stage') === 'ResponseStarted',
          ),
        );
        const own = () => events((event) => at(event, 'auditID') === at(begun, 'auditID'));
        expect(stages(own())).to.deep.equal(['RequestReceived -', 'ResponseStarted 101']);
        child.stdin?.end();
        expect(await ended).to.equal(0);
        children.delete(child);
        const one = await eventually('it is over', () => {
          const all = own();
          return all.length > 2 ? all : undefined;
        });
        expect(stages(one)).to.deep.equal([
          'RequestReceived -',
          'ResponseStarted 101',
          'ResponseComplete 101',
        ]);
        expect(one.at(-1)).to.deep.include({
          verb: minor === 27 ? 'create' : 'get',
          objectRef: { resource: 'pods', namespace, name: 'web', apiVersion: 'v1', subresource: 'exec' },
        });
        expect(at(one.at(-1), 'impersonatedUser.username')).to.equal(id);
        expect(at(one.at(-1), 'annotations.authorization\\.k8s\\.io/decision')).to.equal('allow');
      });
    });
  }

  interface Talk {
    readonly protocol: string;
    /** Text of each channel. */
    readonly channels: ReadonlyMap<number, string>;
  }

  /** As a browser does: no certificate, no header of its own, the token among the subprotocols. */
  async function browse(path: string, token: string): Promise<Talk> {
    const dispatcher = new Agent({ connect: { ca: server.ca } });
    try {
      const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
      const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, {
        protocols: ['v5.channel.k8s.io', bearer],
        dispatcher,
      });
      socket.binaryType = 'arraybuffer';
      const channels = new Map<number, string>();
      return await new Promise<Talk>((resolve, reject) => {
        let isOpen = false;
        socket.addEventListener('open', () => {
          isOpen = true;
        });
        socket.addEventListener('message', ({ data }: { data: ArrayBuffer }) => {
          const bytes = Buffer.from(data);
          const channel = bytes[0] ?? -1;
          channels.set(channel, (channels.get(channel) ?? '') + bytes.subarray(1).toString());
        });
        socket.addEventListener('close', () => {
          if (isOpen) resolve({ protocol: socket.protocol, channels });
          else reject(new Error('the server did not open the WebSocket'));
        });
        socket.addEventListener('error', () => undefined); // the close follows
      });
    } finally {
      await dispatcher.close();
    }
  }

  async function tokenOf(account: string): Promise<string> {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await server.create(accounts, { metadata: { name: account } });
    return text(await server.create(`${accounts}/${account}/token`, { spec: {} }), 'status.token');
  }

  it("takes a browser's token from the subprotocols, and does not answer with it", async () => {
    const token = await tokenOf('browser');
    await grant('browser', { 'pods/exec': ['get', 'create'] }, 'ServiceAccount');
    const talk = await browse(exec('sh', '-c', 'echo hi; exit 5'), token);
    expect(talk.protocol).to.equal('v5.channel.k8s.io');
    expect(talk.channels.get(1)).to.equal('hi\n');
    const status: unknown = JSON.parse(talk.channels.get(3) ?? '');
    expect(at(status, 'details.causes.0')).to.deep.equal({ reason: 'ExitCode', message: '5' });
    const name = `system:serviceaccount:${namespace}:browser`;
    await eventually('it is recorded under its name', () =>
      stages(events((event) => at(event, 'user.username') === name)).includes('ResponseComplete 101'),
    );
    expect(readFileSync(log, 'utf8')).not.to.contain(token);
  });

  const refusedOf = async (path: string, token: string): Promise<string> => {
    try {
      await browse(path, token);
      return 'opened';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  it('opens nothing for a browser whose token is wrong or may not', async () => {
    const refusal = 'the server did not open the WebSocket';
    expect(await refusedOf(exec('true'), 'nonsense')).to.equal(refusal);
    const token = await tokenOf('powerless');
    expect(await refusedOf(exec('true'), token)).to.equal(refusal);
    const name = `system:serviceaccount:${namespace}:powerless`;
    const last = await eventually('the refusal is recorded', () =>
      events((event) => at(event, 'user.username') === name).find(
        (event) => at(event, 'stage') === 'ResponseComplete',
      ),
    );
    expect(at(last, 'responseStatus')).to.deep.include({ code: 403, reason: 'Forbidden' });
  });

  const upgrades: readonly (readonly [string, string, Record<string, string>])[] = [
    [
      'GET',
      'websocket',
      {
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        'sec-websocket-protocol': 'v5.channel.k8s.io',
      },
    ],
    ['POST', 'SPDY/3.1', { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' }],
  ];
  for (const [method, protocol, headers] of upgrades) {
    it(`answers an upgrade to ${protocol} that is not allowed like any other request`, async () => {
      const send = (as: Parameters<TestServer['send']>[2]) =>
        server.send(method, exec('true'), { ...as, headers: { connection: 'Upgrade', ...headers } });
      const forbidden = await send({ as: { user: 'nobody' } });
      expect(forbidden.status).to.equal(403);
      expect(forbidden.headers).to.include({ 'content-type': 'application/json', connection: 'close' });
      expect(forbidden.headers).not.to.have.any.keys('upgrade', 'sec-websocket-accept');
      expect(forbidden.body).to.deep.include({ kind: 'Status', reason: 'Forbidden', code: 403 });
      const verb = method === 'GET' ? 'get' : 'create';
      expect(text(forbidden.body, 'message')).to.equal(
        `pods "web" is forbidden: User "nobody" cannot ${verb} resource "pods/exec" in API group "" in the namespace "${namespace}"`,
      );
      const unknown = await send({ as: { token: 'nonsense' } });
      expect(unknown.status).to.equal(401);
      expect(text(unknown.body, 'reason')).to.equal('Unauthorized');
    });
  }
});
