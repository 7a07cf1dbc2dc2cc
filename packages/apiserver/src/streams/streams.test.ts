import type { KubeObject } from '@flotilla/api';
import { type Channel, createChannelPair, SpdyConnection, type SpdyStream, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import type { AdmissionAttributes } from '../admission/admission.js';
import { systemUser, type UserInfo } from '../authentication/user.js';
import {
  startTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from '../controllers/testing/test-cluster.js';
import type { ApiResponse } from '../server/handler.js';

interface Ask {
  readonly method?: string;
  readonly upgrade?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly user?: UserInfo;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settled(): Promise<void> {
  for (let i = 0; i < 60; i++) await settle();
}

/** The messages or bytes that come out of a channel. */
function collect(channel: Channel) {
  const state = {
    chunks: [] as Buffer[],
    ended: false,
    closed: false,
    text: () => Buffer.concat(state.chunks).toString(),
  };
  channel.listen({
    onData: (chunk) => void state.chunks.push(Buffer.from(chunk)),
    onEnd: () => {
      state.ended = true;
    },
    onClose: () => {
      state.closed = true;
    },
  });
  return state;
}

const reader: UserInfo = { username: 'reader', groups: ['system:authenticated'] };
const podPath = '/api/v1/namespaces/default/pods/web';

describe('streams of pods', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  async function start(options: Partial<TestClusterOptions> = {}, container: object = {}): Promise<void> {
    cluster = await startTestCluster({ profile: 'cluster', ...options });
    await cluster.make(wellKnown.pods, {
      metadata: { namespace: 'default', name: 'web' },
      spec: {
        containers: [
          { name: 'c', image: 'web:1', ports: [{ containerPort: 80 }, { containerPort: 7 }], ...container },
        ],
      },
    });
    await cluster.pass(200);
  }

  function ask(
    path: string,
    { method = 'GET', upgrade, headers = {}, user = systemUser }: Ask = {},
  ): Promise<ApiResponse> {
    const [plain = '', query = ''] = path.split('?');
    return cluster.server.handle({
      method,
      path: plain,
      query: new URLSearchParams(query),
      headers,
      body: new Uint8Array(),
      signal: new AbortController().signal,
      remoteAddress: '127.0.0.1',
      clientCertificates: [],
      user,
      ...(upgrade !== undefined && { upgrade }),
    });
  }

  function messageOf({ body }: ApiResponse): string {
    const text = Buffer.from(body as Uint8Array).toString();
    return text.startsWith('{') ? String((JSON.parse(text) as KubeObject)['message']) : text;
  }

  /** The client's end of the connection. */
  function opened({ upgrade, status }: ApiResponse): Channel {
    expect(status).to.equal(101);
    const [near, far] = createChannelPair();
    upgrade?.run(far);
    return near;
  }

  async function webSocket(path: string, protocol: string) {
    const answer = await ask(path, { upgrade: 'websocket', headers: { 'sec-websocket-protocol': protocol } });
    expect(answer.upgrade?.webSocket?.protocol).to.equal(protocol);
    const channel = opened(answer);
    return { channel, seen: collect(channel), isText: answer.upgrade?.webSocket?.isText };
  }

  const exec = (...command: string[]) =>
    `${podPath}/exec?stdout=true&stderr=true&${command.map((word) => `command=${encodeURIComponent(word)}`).join('&')}`;

  describe('exec over WebSocket', () => {
    it('tells each output on its channel, then the exit code, then closes (v5)', async () => {
      await start();
      const { seen } = await webSocket(
        exec('sh', '-c', 'echo out; echo err >&2; exit 2'),
        'v5.channel.k8s.io',
      );
      await settled();
      expect(seen.chunks.map((chunk) => [chunk[0], chunk.subarray(1).toString()]).slice(0, 3)).to.deep.equal([
        [1, ''],
        [1, 'out\n'],
        [2, 'err\n'],
      ]);
      const status = JSON.parse((seen.chunks[3] ?? Buffer.alloc(1)).subarray(1).toString());
      expect(status).to.deep.include({ status: 'Failure', reason: 'NonZeroExitCode' });
      expect(status.details.causes).to.deep.equal([{ reason: 'ExitCode', message: '2' }]);
      expect(seen.ended).to.equal(true);
    });

    it('ends the input at the close signal of v5', async () => {
      await start();
      const { channel, seen } = await webSocket(`${exec('cat')}&stdin=true`, 'v5.channel.k8s.io');
      channel.write(Buffer.from('\0typed'));
      await settled();
      expect(seen.ended).to.equal(false);
      channel.write(Buffer.of(255, 0));
      await settled();
      expect(seen.text()).to.contain('typed');
      expect(seen.text()).to.contain('"status":"Success"');
      expect(seen.ended).to.equal(true);
    });

    it('speaks base64, and tells an error as text in the oldest protocols', async () => {
      await start();
      const text = await webSocket(`${exec('cat')}&stdin=true`, 'v4.base64.channel.k8s.io');
      expect(text.isText).to.equal(true);
      text.channel.write(Buffer.from(`0${Buffer.from('hello').toString('base64')}`));
      await settled();
      expect(text.seen.chunks.at(-1)?.toString()).to.equal(`1${Buffer.from('hello').toString('base64')}`);
      const old = await webSocket(exec('false'), 'channel.k8s.io');
      await settled();
      expect(old.seen.chunks.at(-1)?.toString()).to.equal(
        '\x03command terminated with non-zero exit code: exit status 1',
      );
    });

    it('ends the command when the client goes', async () => {
      await start();
      const { channel } = await webSocket(exec('sleep', '1000'), 'v5.channel.k8s.io');
      await settled();
      const pending = cluster.env.clock.pending;
      channel.destroy();
      await settled();
      expect(cluster.env.clock.pending).to.be.lessThan(pending);
    });

    it('keeps a terminal: shows what is typed, erases, interrupts, knows its size', async () => {
      await start();
      const { channel, seen } = await webSocket(`${exec('sh')}&stdin=true&tty=true`, 'v5.channel.k8s.io');
      channel.write(Buffer.from('\x04{"Width":120,"Height":33}\n'));
      channel.write(Buffer.from('\0stty sizX\x7fe\r'));
      await settled();
      channel.write(Buffer.from('\0nonsense\x03exit 5\r'));
      await settled();
      const shown = seen.chunks.map((chunk) => (chunk[0] === 1 ? chunk.subarray(1).toString() : '')).join('');
      expect(shown).to.equal('/ # stty sizX\b \be\r\n33 120\r\n/ # nonsense^C\r\nexit 5\r\n');
      expect(seen.text()).to.contain('"message":"5"');
    });

    it('offers nothing else', async () => {
      await start();
      const answer = await ask(exec('true'), {
        upgrade: 'websocket',
        headers: { 'sec-websocket-protocol': 'v9.channel.k8s.io' },
      });
      expect(answer.status).to.equal(400);
      expect(messageOf(answer)).to.contain('v9.channel.k8s.io');
    });
  });

  describe('exec over SPDY', () => {
    async function spdy(path: string, versions: string | readonly string[]) {
      const answer = await ask(path, {
        method: 'POST',
        upgrade: 'spdy/3.1',
        headers: { 'x-stream-protocol-version': versions },
      });
      const connection = new SpdyConnection(opened(answer), { role: 'client' });
      const open = (type: string) => {
        const stream = connection.open(new Map([['streamtype', type]]));
        return { stream, seen: collect(stream) };
      };
      return { answer, connection, open };
    }

    it('chooses the newest protocol of both, and waits for all streams', async () => {
      await start();
      const versions = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io'];
      const { answer, open, connection } = await spdy(`${exec('cat')}&stdin=true`, versions);
      expect(answer.headers['x-stream-protocol-version']).to.equal('v4.channel.k8s.io');
      const [error, stdin, stdout] = [open('error'), open('stdin'), open('stdout')];
      stdin.stream.write(Buffer.from('early'));
      await settled();
      expect(stdout.seen.text()).to.equal('');
      const stderr = open('stderr');
      stdin.stream.end();
      await settled();
      expect(stdout.seen.text()).to.equal('early');
      expect(JSON.parse(error.seen.text())).to.deep.equal({ metadata: {}, status: 'Success' });
      for (const { stream } of [error, stdout, stderr]) stream.end();
      await settled();
      expect(connection.isClosed).to.equal(true);
    });

    it('refuses streams that were not asked for, and cuts off a client that opens too few', async () => {
      await start();
      const { open, connection } = await spdy(`${exec('true')}`, 'v4.channel.k8s.io');
      const wrong = open('stdin');
      const good = open('error');
      await settled();
      expect(wrong.seen.closed).to.equal(true);
      expect(good.seen.closed).to.equal(false);
      await cluster.pass(31_000);
      await settled();
      expect(connection.isClosed).to.equal(true);
    });

    it('says what it could have spoken', async () => {
      await start();
      const answer = await ask(exec('true'), {
        method: 'POST',
        upgrade: 'spdy/3.1',
        headers: { 'x-stream-protocol-version': 'v9' },
      });
      expect(answer.status).to.equal(403);
      expect(messageOf(answer)).to.contain('client supports [v9], server accepts [v4.channel.k8s.io');
    });
  });

  describe('port-forward', () => {
    async function forward(connection: SpdyConnection, port: string, id = '0') {
      const open = (streamtype: string): SpdyStream =>
        connection.open(
          new Map([
            ['streamtype', streamtype],
            ['port', port],
            ['requestid', id],
          ]),
        );
      const error = collect(open('error'));
      const stream = open('data');
      return { stream, data: collect(stream), error };
    }

    for (const kind of ['spdy/3.1', 'websocket']) {
      it(`carries connections by their ids over ${kind}`, async () => {
        await start();
        const headers =
          kind === 'websocket'
            ? { 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' }
            : { 'x-stream-protocol-version': 'portforward.k8s.io' };
        const channel = opened(await ask(`${podPath}/portforward`, { upgrade: kind, headers }));
        const connection = new SpdyConnection(channel, { role: 'client' });
        const [echo, http, closed] = [
          await forward(connection, '7', '1'),
          await forward(connection, '80', '2'),
          await forward(connection, '81', '3'),
        ];
        echo.stream.write(Buffer.from('ping'));
        http.stream.write(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
        await settled();
        expect(echo.data.text()).to.equal('ping');
        expect(http.data.text()).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*pod web port 80: GET \/\n$/);
        expect(http.data.ended).to.equal(true);
        expect(closed.error.text()).to.contain('connection refused');
        echo.stream.end();
        await settled();
        expect(echo.data.ended).to.equal(true);
      });
    }

    it('speaks the older form with two channels for each port', async () => {
      await start();
      const { channel, seen } = await webSocket(
        `${podPath}/portforward?ports=7&ports=81`,
        'v4.channel.k8s.io',
      );
      await settled();
      channel.write(Buffer.from('\0ping'));
      await settled();
      const messages = seen.chunks.map((chunk) => chunk.toString('latin1'));
      expect(messages.slice(0, 4)).to.deep.equal(['\0\x07\0', '\x01\x07\0', '\x02\x51\0', '\x03\x51\0']);
      expect(messages).to.include('\0ping');
      expect(messages.some((text) => text.startsWith('\x03error forwarding port 81'))).to.equal(true);
    });
  });

  describe('logs', () => {
    const cases: readonly (readonly [string, number, string])[] = [
      ['log?tailLines=-1', 422, 'must be greater than or equal to 0'],
      ['log?limitBytes=0', 422, 'must be greater than 0'],
      ['log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z', 422, 'at most one of'],
      ['log?sinceTime=yesterday', 400, 'RFC 3339'],
      ['log?container=x', 400, 'container x is not valid for pod web'],
      ['log?previous=true', 400, 'previous terminated container "c" in pod "web" not found'],
      ['log/more', 404, 'could not find'],
      ['exec?command=true', 400, 'Upgrade request required'],
      ['exec?command=true&stdout=false&stderr=false', 400, 'at least 1 of stdin, stdout, stderr'],
      ['portforward', 400, 'Upgrade request required'],
    ];
    for (const [path, status, words] of cases) {
      it(`answers ${status} to ${path}`, async () => {
        await start();
        const answer = await ask(`${podPath}/${path}`);
        expect(answer.status).to.equal(status);
        expect(messageOf(answer)).to.contain(words);
      });
    }

    it('asks which container is meant, and says why there is no log yet', async () => {
      cluster = await startTestCluster({ profile: 'cluster' });
      const annotations = { 'simulate.flotilla.dev/start-delay-seconds': '60' };
      await cluster.make(wellKnown.pods, {
        metadata: { namespace: 'default', name: 'web', annotations },
        spec: {
          containers: ['a', 'b'].map((name) => ({ name, image: 'x' })),
          initContainers: [{ name: 'i', image: 'x' }],
        },
      });
      await cluster.pass(200);
      expect(messageOf(await ask(`${podPath}/log`))).to.equal(
        'a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]',
      );
      expect(messageOf(await ask(`${podPath}/log?container=a`))).to.equal(
        'container "a" in pod "web" is waiting to start: ContainerCreating',
      );
      const notYet = await ask(`${podPath}/exec?container=a&command=true&stdout=true`, {
        method: 'POST',
        upgrade: 'spdy/3.1',
      });
      expect([notYet.status, messageOf(notYet)]).to.deep.equal([500, 'container not found ("a")']);
    });

    it('keeps the last words of a run that crashed for --previous', async () => {
      cluster = await startTestCluster({ profile: 'cluster' });
      const annotations = {
        'simulate.flotilla.dev/exit-code': '1',
        'simulate.flotilla.dev/exit-message': 'no database',
        'simulate.flotilla.dev/exit-times': '1',
      };
      await cluster.make(wellKnown.pods, {
        metadata: { namespace: 'default', name: 'web', annotations },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      });
      await cluster.pass(5000);
      const answer = await ask(`${podPath}/log?previous=true`);
      const chunks: Buffer[] = [];
      (answer.body as (sink: object) => void)({
        write: (chunk: Uint8Array) => chunks.push(Buffer.from(chunk)) > 0,
        onDrain: () => undefined,
        onClose: () => undefined,
        end: () => undefined,
      });
      await cluster.pass(200);
      expect(Buffer.concat(chunks).toString()).to.equal(
        'c: started from image web:1 in pod web\nno database\n',
      );
    });

    it('gives nothing of a pod without a node, and refuses to look into it', async () => {
      cluster = await startTestCluster({ profile: 'cluster' });
      await cluster.make(wellKnown.pods, {
        metadata: {
          namespace: 'default',
          name: 'web',
          annotations: { 'simulate.flotilla.dev/unschedulable': 'no' },
        },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      });
      await cluster.pass(200);
      const log = await ask(`${podPath}/log`);
      expect([log.status, (log.body as Uint8Array).length]).to.deep.equal([200, 0]);
      expect(messageOf(await ask(exec('true'), { upgrade: 'websocket' }))).to.equal(
        'pod web does not have a host assigned',
      );
    });
  });

  describe('permission', () => {
    async function allowGet(): Promise<void> {
      const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get'] }];
      const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true };
      const base = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        metadata: { namespace: 'default', name: 'reader' },
      };
      await cluster.client.create({ ...rbac, resource: 'roles' }, { ...base, kind: 'Role', rules });
      await cluster.client.create(
        { ...rbac, resource: 'rolebindings' },
        {
          ...base,
          kind: 'RoleBinding',
          roleRef: { apiGroup: rbac.group, kind: 'Role', name: 'reader' },
          subjects: [{ apiGroup: rbac.group, kind: 'User', name: 'reader' }],
        },
      );
      await cluster.pass(100);
    }

    it('to create is needed for an upgrade by GET since 1.35', async () => {
      await start();
      await allowGet();
      const answer = await ask(exec('true'), { upgrade: 'websocket', user: reader });
      expect(answer.status).to.equal(403);
      expect(messageOf(answer)).to.contain(
        'User "reader" cannot create resource "pods/exec" in API group ""',
      );
    });

    it('to get was enough before', async () => {
      await start({ minor: 34 });
      await allowGet();
      expect((await ask(exec('true'), { upgrade: 'websocket', user: reader })).status).to.equal(101);
      expect(
        (await ask(exec('true'), { method: 'POST', upgrade: 'spdy/3.1', user: reader })).status,
      ).to.equal(403);
    });

    it('is also for admission to refuse, which sees a CONNECT with its options', async () => {
      const seen: AdmissionAttributes[] = [];
      await start({
        admission: [
          {
            name: 'watcher',
            handles: ({ operation }) => operation === 'CONNECT',
            validate: (attributes) => void seen.push(attributes),
          },
        ],
      });
      await ask(exec('ls', '/'), { upgrade: 'websocket' });
      expect(seen.map(({ subresource, name, object }) => [subresource, name, object])).to.deep.equal([
        [
          'exec',
          'web',
          {
            apiVersion: 'v1',
            kind: 'PodExecOptions',
            metadata: {},
            stdin: false,
            stdout: true,
            stderr: true,
            tty: false,
            command: ['ls', '/'],
          },
        ],
      ]);
    });
  });

  it('are not there where there are no pods', async () => {
    cluster = await startTestCluster({ profile: 'hub' });
    expect((await ask(exec('true'), { upgrade: 'websocket' })).status).to.equal(404);
  });
});
