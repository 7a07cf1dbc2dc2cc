import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Transport, TransportError } from '../client/transport.js';
import { createNodeClock } from './clock.js';
import { createHttpsTransport, type HttpsTransportOptions } from './https-transport.js';
import { eventually, failureOf, startConnectProxy, startPipe } from './test-network.js';
import {
  createTestCa,
  issueTestCertificate,
  sendJson,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from './test-server.js';

const run = promisify(execFile);
const clock = createNodeClock();
const ca = createTestCa();
const serverCertificate = issueTestCertificate(ca);

interface Fixture {
  readonly server: TestServer;
  readonly transport: Transport;
}

describe('https transport', () => {
  const closers: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function transportTo(port: number, options: Partial<HttpsTransportOptions> = {}): Transport {
    const transport = createHttpsTransport({
      server: `https://localhost:${port}`,
      ca: ca.certificatePem,
      clock,
      label: 'hub',
      ...options,
    });
    closers.push(() => transport.close());
    return transport;
  }

  async function serve(
    options: Pick<TestServerOptions, 'handler'> & Partial<TestServerOptions>,
    transportOptions: Partial<HttpsTransportOptions> = {},
  ): Promise<Fixture> {
    const server = await startTestServer({ protocol: 'h2', certificate: serverCertificate, ...options });
    closers.push(() => server.close());
    return { server, transport: transportTo(server.port, transportOptions) };
  }

  it("trusts the server's own certificate where the bundle has that and no issuer", async () => {
    const handler: TestServerOptions['handler'] = (_request, response) => sendJson(response, {});
    const ask = async (trusted: string): Promise<unknown> => {
      const { transport } = await serve({ handler }, { ca: trusted });
      return transport.request({ method: 'GET', path: '/' }).then(
        ({ status }) => status,
        (error: Error) => error.message,
      );
    };
    expect(await ask(serverCertificate.cert)).to.equal(200);
    expect(await ask(issueTestCertificate(ca).cert)).to.contain('not signed by the trusted CA');
  });

  describe('to a server that is busy', () => {
    async function ask(busyTimes: number, retryAfter: string | undefined, timeoutMs = 60_000) {
      const { clock: waits, advances } = impatientClock();
      let asked = 0;
      const handler: TestServerOptions['handler'] = (_request, response) => {
        asked++;
        response.statusCode = asked <= busyTimes ? 429 : 200;
        if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
        sendJson(response, {});
      };
      const { transport } = await serve({ handler }, { clock: waits });
      const { status } = await transport.request({ method: 'POST', path: '/', body: '{}', timeoutMs });
      return { status, asked, waited: advances };
    }
    /** The real clock, but for waits of whole seconds, which pass at once. */
    function impatientClock() {
      const advances: number[] = [];
      const setTimer: typeof clock.setTimer = (delayMs, fn) => {
        const isWait = delayMs > 0 && delayMs <= 10_000 && delayMs % 1000 === 0;
        if (isWait) advances.push(delayMs);
        return clock.setTimer(isWait ? 0 : delayMs, fn);
      };
      return { clock: { ...clock, setTimer }, advances };
    }

    it('comes back when it is told to, and gives up after five times', async () => {
      expect(await ask(2, '1')).to.deep.equal({ status: 200, asked: 3, waited: [1000, 1000] });
      expect(await ask(100, '1')).to.deep.equal({ status: 429, asked: 6, waited: Array(5).fill(1000) });
    });

    for (const [what, retryAfter, timeoutMs] of [
      ['it is not told when', undefined, 60_000],
      ['it is told a time that is none', 'soon', 60_000],
      ['the wait is too long', '11', 60_000],
      ["the wait is most of the caller's time", '2', 3500],
    ] as const) {
      it(`hands the refusal on when ${what}`, async () => {
        expect(await ask(1, retryAfter, timeoutMs)).to.deep.equal({ status: 429, asked: 1, waited: [] });
      });
    }
  });

  for (const protocol of ['h2', 'https', 'http'] as const) {
    describe(`to a server that speaks ${protocol}`, () => {
      it('sends method, path, headers and body, and gives status, headers and body back', async () => {
        const { server } = await serve({
          protocol,
          handler: (request, response) => {
            const parts: Buffer[] = [];
            request.on('data', (part: Buffer) => parts.push(part));
            request.on('end', () => {
              response.statusCode = 201;
              response.setHeader('x-answer', 'yes');
              const { method, url, headers } = request;
              sendJson(response, {
                method,
                url,
                groups: headers['impersonate-group'],
                body: Buffer.concat(parts).toString(),
              });
            });
          },
        });
        const transport = transportTo(server.port, {
          server: `${protocol === 'http' ? 'http' : 'https'}://localhost:${server.port}/prefix/`,
        });
        const answer = await transport.request({
          method: 'POST',
          path: '/api/v1/things?x=1',
          headers: { 'content-type': 'application/json', 'impersonate-group': ['a', 'b'] },
          body: '{"a":1}',
          timeoutMs: 5000,
        });
        expect(answer.status).to.equal(201);
        expect(answer.headers['x-answer']).to.equal('yes');
        expect(JSON.parse(Buffer.from(await answer.bytes()).toString())).to.deep.equal({
          method: 'POST',
          url: '/prefix/api/v1/things?x=1',
          groups: 'a, b',
          body: '{"a":1}',
        });
      });

      it('streams a body as it comes and throws when the connection breaks in it', async () => {
        const { server } = await serve({
          protocol,
          handler: (_request, response) => {
            response.write('first');
          },
        });
        const transport = transportTo(server.port, {
          server: `${protocol === 'http' ? 'http' : 'https'}://localhost:${server.port}`,
        });
        const answer = await transport.request({ method: 'GET', path: '/watch' });
        const seen: string[] = [];
        const failure = await failureOf(async () => {
          for await (const chunk of answer.chunks()) {
            seen.push(Buffer.from(chunk).toString());
            for (const socket of server.sockets) socket.destroy();
          }
        });
        expect(seen).to.deep.equal(['first']);
        expect(failure).to.be.instanceOf(TransportError);
        expect((failure as TransportError).hop).to.equal('closed');
      });

      it('closes the exchange when the reader stops, when the caller aborts and at the time limit', async () => {
        let seen = 0;
        let closed = 0;
        const { server } = await serve({
          protocol,
          handler: (request, response) => {
            seen++;
            response.on('close', () => closed++);
            if (request.url === '/stream') response.write('x');
          },
        });
        const transport = transportTo(server.port, {
          server: `${protocol === 'http' ? 'http' : 'https'}://localhost:${server.port}`,
        });
        const streamed = await transport.request({ method: 'GET', path: '/stream' });
        for await (const _chunk of streamed.chunks()) break;

        const early = new AbortController();
        const silent = failureOf(() =>
          transport.request({ method: 'GET', path: '/silent', signal: early.signal }),
        );
        await eventually(() => seen === 2);
        early.abort(new Error('enough'));
        expect(((await silent) as Error).message).to.equal('enough');

        const late = new AbortController();
        const open = await transport.request({ method: 'GET', path: '/stream', signal: late.signal });
        setTimeout(() => late.abort(new Error('enough')), 20);
        expect(((await failureOf(() => open.bytes())) as Error).message).to.equal('enough');

        const limited = await failureOf(() =>
          transport.request({ method: 'GET', path: '/silent', timeoutMs: 500 }),
        );
        expect((limited as TransportError).hop).to.equal('timeout');
        const slow = await transport.request({ method: 'GET', path: '/stream', timeoutMs: 500 });
        expect(((await failureOf(() => slow.bytes())) as TransportError).hop).to.equal('timeout');
        expect(seen).to.equal(5);
        await eventually(() => closed === seen);
      });
    });
  }

  it('carries many exchanges and watches on one connection', async () => {
    const { server, transport } = await serve({
      handler: (request, response) => {
        if (request.url === '/watch') response.write('x');
        else sendJson(response, {});
      },
    });
    const watches = await Promise.all(
      Array.from({ length: 20 }, () => transport.request({ method: 'GET', path: '/watch' })),
    );
    for (let i = 0; i < 1500; i++) {
      await (await transport.request({ method: 'GET', path: '/', timeoutMs: 5000 })).bytes();
    }
    expect(watches.map((watch) => watch.status)).to.deep.equal(Array(20).fill(200));
    expect(server.sessions.length).to.equal(1);
    expect(server.sockets.length).to.equal(1);
  });

  it('opens another session when the server allows no more streams on the first', async () => {
    const { server, transport } = await serve({
      maxConcurrentStreams: 3,
      handler: (_request, response) => {
        response.write('x');
      },
    });
    await transport.request({ method: 'GET', path: '/' }); // by now the server's settings are known
    await Promise.all(Array.from({ length: 4 }, () => transport.request({ method: 'GET', path: '/' })));
    expect(server.sessions.length).to.equal(2);
  });

  it('reads gzip where it asked for it, and large bodies through the flow control', async () => {
    const text = 'flotilla '.repeat(400_000);
    const { transport } = await serve({
      handler: (request, response) => {
        if (request.headers['accept-encoding'] === 'gzip') {
          response.setHeader('content-encoding', 'gzip');
          response.end(gzipSync(text));
        } else {
          response.end(text);
        }
      },
    });
    const zipped = await transport.request({ method: 'GET', path: '/', timeoutMs: 10_000 });
    expect(zipped.headers['content-encoding']).to.equal('gzip');
    expect(Buffer.from(await zipped.bytes()).toString() === text).to.equal(true);
    const plain = await transport.request({ method: 'GET', path: '/' });
    expect(Buffer.from(await plain.bytes()).toString() === text).to.equal(true);
  });

  it('refuses an answer beyond its bound, however well it is packed', async () => {
    const { transport } = await serve(
      {
        handler: (_request, response) => {
          response.setHeader('content-encoding', 'gzip');
          response.end(gzipSync(Buffer.alloc(4_000_000)));
        },
      },
      { maxResponseBytes: 1_000_000 },
    );
    const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 10_000 });
    expect(((await failureOf(() => answer.bytes())) as Error).message).to.contain(
      'larger than 1000000 bytes',
    );
  });

  it('reconnects after the connection was lost', async () => {
    const { server, transport } = await serve({ handler: (_request, response) => sendJson(response, {}) });
    for (let i = 0; i < 3; i++) {
      const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 5000 });
      await answer.bytes();
      for (const socket of server.sockets) socket.destroy();
    }
    expect(server.sockets.length).to.be.greaterThan(2);
  });

  it('goes on after the server drained its connection with GOAWAY', async () => {
    const { server, transport } = await serve({ handler: (_request, response) => sendJson(response, {}) });
    for (let i = 0; i < 20; i++) {
      const answer = await transport.request({ method: 'POST', path: '/', body: '{}', timeoutMs: 5000 });
      await answer.bytes();
      server.sessions.at(-1)?.close();
    }
    expect(server.sessions.length).to.be.greaterThan(2);
  });

  it('notices a silent network by PING and breaks what was open', async () => {
    const { server } = await serve({
      handler: (_request, response) => {
        response.write('x');
      },
    });
    const pipe = await startPipe(server.port);
    closers.push(() => pipe.close());
    const transport = transportTo(pipe.port, { pingAfterMs: 40, pingTimeoutMs: 40 });
    const answer = await transport.request({ method: 'GET', path: '/' });
    const chunks = answer.chunks()[Symbol.asyncIterator]();
    await chunks.next();
    pipe.freeze();
    const failure = await failureOf(() => chunks.next());
    expect((failure as TransportError).hop).to.equal('closed');
    expect((failure as TransportError).message).to.match(
      /^lost hub at localhost:\d+: no answer to an HTTP\/2 PING/,
    );
  });

  it('asks nothing of a connection that ends just when a PING is due', async () => {
    const pings: (() => void)[] = [];
    // A timer that is cancelled too late: it is due already.
    const setTimer: typeof clock.setTimer = (delayMs, fn) => {
      if (delayMs !== 12_345) return clock.setTimer(delayMs, fn);
      pings.push(fn);
      return { cancel: () => undefined };
    };
    const { transport } = await serve(
      { handler: (_request, response) => sendJson(response, {}) },
      { clock: { ...clock, setTimer }, pingAfterMs: 12_345 },
    );
    await (await transport.request({ method: 'GET', path: '/' })).bytes();
    await transport.close();
    expect(pings.length).to.equal(1);
    for (const ping of pings) expect(ping).not.to.throw();
  });

  it('uses a rotated client certificate for what comes next and lets the old session end its work', async () => {
    let current = issueTestCertificate(ca, { commonName: 'old' });
    const { server, transport } = await serve(
      {
        clientCa: ca.certificatePem,
        handler: (request, response) => {
          const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate();
          if (request.url !== '/watch') return sendJson(response, subject.CN);
          response.write('first ');
          setTimeout(() => response.end(`second ${subject.CN}`), 60);
          return undefined;
        },
      },
      { clientCertificate: () => current },
    );
    const who = async (): Promise<unknown> => {
      const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 5000 });
      return JSON.parse(Buffer.from(await answer.bytes()).toString());
    };
    expect(await who()).to.equal('old');
    const watch = await transport.request({ method: 'GET', path: '/watch' });
    current = issueTestCertificate(ca, { commonName: 'new' });
    expect(await who()).to.equal('new');
    expect(Buffer.from(await watch.bytes()).toString()).to.equal('first second old');
    await eventually(() => server.sessions[0]?.destroyed === true);
    expect(server.sessions.length).to.equal(2);
  });

  it('keeps the identity of a resumed TLS session', async () => {
    const certificate = issueTestCertificate(ca, { commonName: 'agent' });
    const reused: boolean[] = [];
    const { server, transport } = await serve(
      {
        clientCa: ca.certificatePem,
        handler: (request, response) => {
          const socket = request.socket as import('node:tls').TLSSocket;
          reused.push(socket.isSessionReused());
          sendJson(response, socket.getPeerCertificate().subject.CN);
        },
      },
      { clientCertificate: () => certificate },
    );
    for (let i = 0; i < 2; i++) {
      const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 5000 });
      expect(JSON.parse(Buffer.from(await answer.bytes()).toString())).to.equal('agent');
      for (const session of server.sessions) session.destroy();
      await eventually(() => server.sessions.every((session) => session.destroyed));
    }
    expect(reused).to.deep.equal([false, true]);
  });

  it('reaches a server through a proxy, with its credentials, and not where NO_PROXY says so', async () => {
    const { server } = await serve({ handler: (_request, response) => sendJson(response, {}) });
    const heads: string[] = [];
    const proxy = await startConnectProxy(heads);
    closers.push(() => proxy.close());
    const url = `http://user:pass@127.0.0.1:${proxy.port}`;
    for (const noProxy of ['', 'other.example', 'localhost']) {
      const transport = transportTo(server.port, { proxy: { url, noProxy } });
      await (await transport.request({ method: 'GET', path: '/', timeoutMs: 5000 })).bytes();
    }
    expect(heads.length).to.equal(2);
    expect(heads[0]).to.match(new RegExp(`^CONNECT localhost:${server.port} HTTP/1.1\r\n`));
    expect(heads[0]).to.contain(
      `proxy-authorization: Basic ${Buffer.from('user:pass').toString('base64')}\r\n`,
    );
  });

  it('asks for its bearer token before each request', async () => {
    let token = 'one';
    const seen: unknown[] = [];
    const { transport } = await serve(
      {
        handler: (request, response) => {
          seen.push(request.headers.authorization);
          sendJson(response, {});
        },
      },
      { bearerToken: () => token },
    );
    await (await transport.request({ method: 'GET', path: '/' })).bytes();
    token = 'two';
    await (await transport.request({ method: 'GET', path: '/' })).bytes();
    expect(seen).to.deep.equal(['Bearer one', 'Bearer two']);
  });

  it('keeps a process alive for its open exchanges and for nothing else', async () => {
    for (const protocol of ['h2', 'https'] as const) {
      const { server } = await serve({ protocol, handler: (_request, response) => response.end('answered') });
      const script = `
        import { createHttpsTransport, createNodeEnv } from ${JSON.stringify(new URL('./index.js', import.meta.url))};
        const { clock } = createNodeEnv();
        const transport = createHttpsTransport({ server: 'https://localhost:${server.port}', clock, insecureSkipVerify: true });
        const answer = await transport.request({ method: 'GET', path: '/', timeoutMs: 10_000 });
        console.log(Buffer.from(await answer.bytes()).toString());`;
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
      expect(stdout).to.equal('answered\n');
    }
  });
});
