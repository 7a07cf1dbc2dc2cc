/** Logs, exec, attach and port-forward with the JavaScript client, and streams whose other end is slow. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { Attach, Exec, KubeConfig, Log, PortForward, type V1Status } from '@kubernetes/client-node';
import { expect } from 'chai';
import { text } from '../support/json.js';
import { otherKubectls } from '../support/kubectl-versions.js';
import { eventually, pause, run } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const namespace = 'default';

class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }
}

describe('streaming with other clients', () => {
  const server = new TestServer();
  const config = new KubeConfig();
  before(async () => {
    await server.start();
    config.loadFromString(readFileSync(server.kubeconfig, 'utf8'));
    await makePod('web', { ports: [{ containerPort: 7 }] });
  });
  after(() => server.stop());

  async function makePod(name: string, container: object): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await server.create(path, {
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'web:1', ...container }] },
    });
    await eventually(
      `pod ${name} runs`,
      async () => text(await server.read(`${path}/${name}`), 'status.phase') === 'Running',
    );
  }

  it('executes with its Exec: input, both outputs, status', async () => {
    const [out, err, input] = [new Collector(), new Collector(), new PassThrough()];
    const ended = new Promise<V1Status>((resolve, reject) => {
      const command = ['sh', '-c', 'cat; echo wrong >&2; exit 6'];
      new Exec(config).exec(namespace, 'web', 'c', command, out, err, input, false, resolve).catch(reject);
    });
    input.end('typed\n');
    const status = await ended;
    expect(status.status).to.equal('Failure');
    expect(status.details?.causes?.[0]).to.deep.equal({ reason: 'ExitCode', message: '6' });
    expect(out.text).to.equal('typed\n');
    expect(err.text).to.equal('wrong\n');
  });

  it('attaches with its Attach', async () => {
    await makePod('cat', { command: ['cat'], stdin: true });
    const [out, input] = [new Collector(), new PassThrough()];
    const socket = await new Attach(config).attach(namespace, 'cat', 'c', out, null, input, false);
    input.write('hello\n');
    await eventually('the answer is there', () => out.text === 'hello\n');
    socket.close();
  });

  it('follows with its Log', async () => {
    await makePod('talker', { command: ['sh', '-c', 'echo one; while true; do sleep 0.1; echo tick; done'] });
    const out = new Collector();
    await new Log(config).log(namespace, 'talker', 'c', out, { follow: true });
    await eventually('it goes on', () => out.text.split('tick').length > 4);
    expect(out.text.startsWith('one\n')).to.equal(true);
    await server.k('delete', 'pod', 'talker');
    await eventually('it ends with the pod', () => out.writableFinished);
  });

  it('forwards with its PortForward', async () => {
    const forward = new PortForward(config);
    const local = createServer((socket) => {
      forward.portForward(namespace, 'web', [7], socket, null, socket).catch(() => socket.destroy());
    });
    await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve));
    const socket = connect((local.address() as AddressInfo).port, '127.0.0.1'); // of a TCP server: never a text
    let size = 0;
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    socket.write(Buffer.alloc(300_000, 'x'));
    await eventually('all is back', () => size === 300_000);
    socket.destroy();
    local.close();
  });

  /** MiB. */
  async function memory(): Promise<number> {
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(server.pid)]);
    return Number(stdout) / 1024;
  }

  for (const { minor, path } of [{ minor: 0, path: 'kubectl' }, ...otherKubectls().slice(0, 1)]) {
    it(`holds a client back whose input nobody reads, kubectl ${minor === 0 ? 'of the path' : `1.${minor}`}`, async () => {
      const before = await memory();
      const child = spawn(
        path,
        ['--kubeconfig', server.kubeconfig, 'exec', '-i', 'web', '--', 'sleep', '3'],
        {
          stdio: ['pipe', 'ignore', 'ignore'],
        },
      );
      let taken = 0;
      const chunk = Buffer.alloc(1024 * 1024);
      child.stdin.on('error', () => undefined); // the command ends without reading
      const written = (): void => {
        taken += chunk.length;
      };
      const feed = (): void => {
        while (child.stdin.write(chunk, written));
      };
      child.stdin.on('drain', feed);
      feed();
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect(code).to.equal(0);
      expect(taken).to.be.lessThan(64 * 1024 * 1024);
      expect((await memory()) - before).to.be.lessThan(64);
    });
  }

  it('holds a command back whose output nobody takes, in bounded memory', async () => {
    const before = await memory();
    const sockets: Socket[] = [];
    const stalled = new Writable({ highWaterMark: 1, write: () => undefined });
    const webSocket = await new Exec(config).exec(namespace, 'web', 'c', ['yes'], stalled, null, null, false);
    const underlying = (webSocket as unknown as { _socket: Socket })._socket; // to stop reading where TCP does
    underlying.pause();
    sockets.push(underlying);
    await pause(3000);
    expect((await memory()) - before).to.be.lessThan(64);
    for (const socket of sockets) socket.destroy();
    const { code } = await server.kubectl('exec', 'web', '--', 'true');
    expect(code).to.equal(0);
  });
});
