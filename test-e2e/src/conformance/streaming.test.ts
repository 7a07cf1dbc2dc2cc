/** Logs, exec, attach and port-forward with real kubectls, over WebSocket and over SPDY, and evictions. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { type Kubectl, otherKubectls } from '../support/kubectl-versions.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const kubectls: readonly Kubectl[] = [{ minor: 0, path: 'kubectl' }, ...otherKubectls()];

interface PodOptions {
  readonly annotations?: Record<string, string>;
  readonly container?: object;
  readonly labels?: Record<string, string>;
}

describe('streaming', () => {
  const server = new TestServer();
  const children = new Set<ChildProcess>();
  let namespace = '';
  before(async () => {
    await server.start();
    namespace = await server.namespace('streams');
    await server.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: 'settings' },
      data: { 'color.txt': 'blue\n' },
    });
    await makePod('web', {
      container: {
        ports: [{ containerPort: 80 }, { containerPort: 7 }],
        env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
        volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }],
      },
    });
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await server.stop();
  });

  async function makePod(name: string, { annotations, container, labels }: PodOptions = {}): Promise<void> {
    await server.create(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name, annotations, labels },
      spec: {
        containers: [{ name: 'c', image: 'web:1', ...container }],
        volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
      },
    });
    await eventually(`pod ${name} runs`, async () => text(await pod(name), 'status.phase') === 'Running');
  }

  function pod(name: string): Promise<unknown> {
    return server.read(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  /** kubectl with bytes on its input. */
  function pipe(
    kubectl: string,
    input: Buffer,
    ...args: string[]
  ): Promise<{ code: number | null; out: Buffer; err: string }> {
    return new Promise((resolve, reject) => {
      const child = start(kubectl, ...args);
      const out: Buffer[] = [];
      let err = '';
      child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr?.on('data', (chunk: Buffer) => {
        err += String(chunk);
      });
      child.once('error', reject);
      child.once('close', (code) => {
        children.delete(child);
        resolve({ code, out: Buffer.concat(out), err });
      });
      child.stdin?.on('error', () => undefined); // it may end without reading
      child.stdin?.end(input);
    });
  }

  function start(kubectl: string, ...args: string[]): ChildProcess {
    const child = spawn(kubectl, ['--kubeconfig', server.kubeconfig, '-n', namespace, ...args], {
      stdio: 'pipe',
    });
    children.add(child);
    return child;
  }

  for (const { minor, path } of kubectls) {
    describe(`with kubectl ${minor === 0 ? 'of the path' : `1.${minor}`}`, () => {
      const run = (...args: string[]) => pipe(path, Buffer.alloc(0), ...args);

      it('executes a command: output, environment, mounted files, exit code', async () => {
        const script = 'echo $NODE; cat /etc/settings/color.txt; echo wrong >&2; exit 7';
        const result = await run('exec', 'web', '--', 'sh', '-c', script);
        expect(result.out.toString()).to.equal('stand-in\nblue\n');
        expect(result.err).to.contain('wrong\n');
        expect(result.err).to.contain('command terminated with exit code 7');
        expect(result.code).to.equal(7);
      });

      it('says that there is no such command or container', async () => {
        const missing = await run('exec', 'web', '--', 'nosuch');
        expect(missing.err).to.contain('exec: "nosuch": executable file not found in $PATH');
        expect(missing.code).to.equal(1);
        expect((await run('exec', 'web', '-c', 'other', '--', 'true')).err).to.contain(
          'container other is not valid for pod web',
        );
        expect((await run('exec', 'absent', '--', 'true')).err).to.contain('pods "absent" not found');
      });

      it('passes a megabyte through a command, both ways', async () => {
        const input = randomBytes(1024 * 1024);
        const echoed = await pipe(path, input, 'exec', '-i', 'web', '--', 'cat');
        expect(echoed.code, echoed.err).to.equal(0);
        expect(echoed.out.equals(input)).to.equal(true);
        const sum = await pipe(path, input, 'exec', '-i', 'web', '--', 'sh', '-c', 'cat | sha256sum');
        expect(sum.out.toString()).to.equal(`${createHash('sha256').update(input).digest('hex')}  -\n`);
      });

      it('gives a shell that reads its commands, and no terminal unless asked', async () => {
        const shell = await pipe(path, Buffer.from('echo one\nexit 3\n'), 'exec', '-i', 'web', '--', 'sh');
        expect(shell.out.toString()).to.equal('one\n');
        expect(shell.code).to.equal(3);
        const plain = await pipe(path, Buffer.from(''), 'exec', 'web', '--', 'tty');
        expect(plain.out.toString()).to.equal('not a tty\n');
      });

      it('prints logs by all its options, and follows them until the pod is gone', async () => {
        const name = `talker-${minor}`;
        await makePod(name, {
          container: {
            command: [
              'sh',
              '-c',
              'echo one; echo two; echo three; n=0; while true; do sleep 0.2; n=x$n; echo tick; done',
            ],
          },
        });
        expect((await run('logs', name, '--limit-bytes=7')).out.toString()).to.equal('one\ntwo');
        expect((await run('logs', name, '--since=10m')).out.toString()).to.match(/^one\ntwo\nthree\n/);
        expect((await run('logs', name, '--tail=1')).out.toString()).to.match(/^(three|tick)\n$/);
        expect((await run('logs', name, '--timestamps')).out.toString()).to.match(
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one\n/,
        );
        expect((await run('logs', name, '--previous')).err).to.contain(
          `previous terminated container "c" in pod "${name}" not found`,
        );
        const following = run('logs', '-f', name);
        await run('exec', name, '--', 'sh', '-c', 'echo from exec > /proc/1/fd/1');
        await run('delete', 'pod', name);
        const followed = await following;
        expect(followed.code, followed.err).to.equal(0);
        expect(followed.out.toString()).to.match(/^one\ntwo\nthree\n/);
        expect(followed.out.toString()).to.contain('from exec\n');
      });

      it('attaches to the command of a container', async () => {
        const name = `cat-${minor}`;
        await makePod(name, { container: { command: ['cat'], stdin: true, stdinOnce: true } });
        const attached = await pipe(path, Buffer.from('typed\n'), 'attach', '-i', name);
        expect(attached.out.toString(), attached.err).to.equal('typed\n');
        // Its input has ended, so the command has, too, and the container is started again.
        await eventually('the log of the run before is there', async () => {
          const log = await run('logs', name, '--previous');
          return log.out.toString() === 'typed\n';
        });
      });

      it('forwards ports: a megabyte both ways, several connections, and a refusal', async () => {
        const child = start(path, 'port-forward', 'pod/web', ':80', ':7', ':81');
        let output = '';
        let errors = '';
        child.stdout?.on('data', (chunk: Buffer) => {
          output += String(chunk);
        });
        child.stderr?.on('data', (chunk: Buffer) => {
          errors += String(chunk);
        });
        const port = (target: number) =>
          eventually(`port ${target} is forwarded`, () => {
            const found = new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${target}\\n`).exec(output)?.[1];
            return found === undefined ? undefined : Number(found);
          });
        const [http, echo, closed] = [await port(80), await port(7), await port(81)];
        const data = randomBytes(1024 * 1024);
        const posts = await Promise.all([post(http, data), post(http, data)]);
        expect(posts.every((body) => body.equals(data))).to.equal(true);
        expect((await echoed(echo, data)).equals(data)).to.equal(true);
        await echoed(closed, Buffer.from('x')).catch(() => undefined); // cut, by some versions with a reset
        await eventually('the refusal is told', () => errors.includes('connection refused'));
        child.kill('SIGTERM');
      });
    });
  }

  it('answers through the proxies of pods, services and nodes', async () => {
    const path = `/api/v1/namespaces/${namespace}`;
    await server.create(`${path}/services`, {
      metadata: { name: 'front' },
      spec: { selector: { app: 'front' }, ports: [{ port: 8080, targetPort: 80 }] },
    });
    expect((await server.get(`${path}/services/front/proxy/`)).status).to.equal(503);
    await makePod('front-1', { labels: { app: 'front' }, container: { ports: [{ containerPort: 80 }] } });
    expect((await server.get(`${path}/pods/web:7/proxy/a?b=c`)).text).to.equal(
      'pod web port 7: GET /a?b=c\n',
    );
    expect((await server.get(`${path}/services/front/proxy/`)).text).to.equal('pod front-1 port 80: GET /\n');
    expect(
      (await server.send('POST', `${path}/services/front:8080/proxy/echo`, { body: 'back' })).text,
    ).to.equal('back');
    expect((await server.get('/api/v1/nodes/stand-in/proxy/healthz')).text).to.equal('ok');
  });

  it('refuses cleanly what is no upgrade, and who may not', async () => {
    const exec = `/api/v1/namespaces/${namespace}/pods/web/exec?command=true&stdout=true`;
    const plain = await server.get(exec);
    expect(plain.status).to.equal(400);
    expect(text(plain.body, 'message')).to.equal('Upgrade request required');
    const unknown = await server.get(exec, { headers: { connection: 'Upgrade', upgrade: 'h2c' } });
    expect(unknown.status).to.equal(400);
    const forbidden = await server.send('POST', exec, { as: { user: 'nobody' } });
    expect(forbidden.status).to.equal(403);
    expect(text(forbidden.body, 'message')).to.contain('cannot create resource "pods/exec"');
  });

  it('lets nobody in by GET who may only get', async () => {
    const rules = [{ apiGroups: [''], resources: ['pods', 'pods/exec'], verbs: ['get'] }];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await server.create(`${rbac}/namespaces/${namespace}/roles`, { metadata: { name: 'reader' }, rules });
    await server.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
    });
    const exec = `/api/v1/namespaces/${namespace}/pods/web/exec?command=true&stdout=true`;
    const refused = await server.get(exec, { as: { user: 'reader' } });
    expect(refused.status).to.equal(403);
    expect(text(refused.body, 'message')).to.contain('cannot create resource "pods/exec"');
  });

  it('refuses an eviction that a disruption budget forbids with 429', async () => {
    await makePod('guarded', { labels: { app: 'guarded' } });
    await server.create(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`, {
      metadata: { name: 'guard' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } },
    });
    const evict = () =>
      server.send('POST', `/api/v1/namespaces/${namespace}/pods/guarded/eviction`, {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'guarded', namespace } },
      });
    await eventually('the budget counts', async () => {
      const budget = await server.read(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/guard`);
      return at(budget, 'status.currentHealthy') === 1;
    });
    const refused = await evict();
    expect(refused.status).to.equal(429);
    expect(text(refused.body, 'details.causes.0.reason')).to.equal('DisruptionBudget');
    await server.send('DELETE', `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/guard`);
    expect((await evict()).status).to.equal(201);
  });
});

function post(port: number, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', path: '/echo' }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('end', () => resolve(Buffer.concat(chunks)));
      answer.once('error', reject);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** What comes back after so many bytes, or at the end. */
function echoed(port: number, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= data.length) socket.end();
    });
    socket.once('close', () => resolve(Buffer.concat(chunks)));
    socket.once('error', reject);
    socket.write(data);
  });
}
