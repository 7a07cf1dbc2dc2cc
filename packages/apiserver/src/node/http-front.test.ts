import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generateKeyPair,
  issueCertificate,
  parseCertificate,
} from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { ApiRequest } from '../server/handler.js';
import { type HttpFront, serveHttps } from './http-front.js';
import type { HttpFrontLimits } from './http-limits.js';

const limits: Partial<HttpFrontLimits> = {
  maxBodyBytes: 1000,
  maxBufferedBodyBytes: 1500,
  bodyTimeoutMs: 300,
  maxHeaderBytes: 4000,
  maxHeaders: 50,
  headTimeoutMs: 300,
  idleTimeoutMs: 600,
  maxControlFrames: 100,
};

/** Resolves at the end, whatever came before it. */
function closing(one: { once(event: 'close', fn: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => one.once('close', () => resolve()));
}

describe('the HTTP front turns away', () => {
  let front: HttpFront;
  const handled: ApiRequest[] = [];
  const open = new Set<{ destroy(): void }>();

  before(async () => {
    const { log, random } = createTestEnv();
    const nowMs = Date.now();
    const ca = createCertificateAuthority({ commonName: 'ca', validityMs: 3_600_000, nowMs, random });
    const { privateKeyPem, publicKeyDer } = generateKeyPair();
    const certificate = issueCertificate({
      ca,
      publicKeyDer,
      subject: { commonName: 'server' },
      notBeforeMs: nowMs - 60_000,
      notAfterMs: nowMs + 3_600_000,
      usages: ['server auth'],
      ipAddresses: ['127.0.0.1'],
      random,
    });
    front = await serveHttps(
      {
        handle: async (request) => {
          handled.push(request);
          return { status: 200, headers: {}, body: Buffer.from(`${request.body.length}`) };
        },
      },
      {
        ...{ host: '127.0.0.1', port: 0, certificate, privateKey: privateKeyPem },
        ...{ clientCa: ca.certificatePem, log, limits },
      },
    );
  });
  afterEach(() => {
    for (const each of open) each.destroy();
    open.clear();
    handled.length = 0;
  });
  after(() => front.close({ graceMs: 0 }));

  async function http1(): Promise<{ socket: TLSSocket; received: () => string; closed: Promise<unknown> }> {
    const socket = connectTls({ host: '127.0.0.1', port: front.port, rejectUnauthorized: false });
    open.add(socket);
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    socket.on('error', () => undefined); // the server may cut it
    const closed = closing(socket);
    await once(socket, 'secureConnect');
    return { socket, received: () => text, closed };
  }

  async function http2(): Promise<ClientHttp2Session> {
    const session = connectHttp2(`https://127.0.0.1:${front.port}`, { rejectUnauthorized: false });
    open.add(session);
    session.on('error', () => undefined); // the server may cut it
    await once(session, 'connect');
    return session;
  }

  async function ask(
    session: ClientHttp2Session,
    headers: OutgoingHttpHeaders,
    body = '',
  ): Promise<{ status: number | undefined; text: string }> {
    const stream = session.request({ ':path': '/api', ...headers }, { endStream: false });
    const [answer] = (await once(stream.end(body), 'response')) as [
      IncomingHttpHeaders & { ':status'?: number },
    ];
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return { status: answer[':status'], text };
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`a session of ${maxVersion} that is to be resumed`, async () => {
      const connect = async (session?: Buffer): Promise<TLSSocket> => {
        const where = { host: '127.0.0.1', port: front.port, rejectUnauthorized: false, maxVersion };
        const socket = connectTls({ ...where, ...(session && { session }) });
        open.add(socket);
        await once(socket, 'secureConnect');
        return socket;
      };
      const first = await connect();
      const session = maxVersion === 'TLSv1.2' ? first.getSession() : (await once(first, 'session'))[0];
      expect(session).to.be.instanceOf(Buffer);
      expect((await connect(session)).isSessionReused()).to.equal(false);
    });
  }

  it('nobody for the certificates shown: they are handed on, the leaf first', async () => {
    const { random } = createTestEnv();
    const nowMs = Date.now();
    const issue = (
      ca: CertificateAuthority,
      { commonName, isCa = false }: { commonName: string; isCa?: boolean },
    ): CertificateAuthority => {
      const { privateKeyPem, publicKeyDer } = generateKeyPair();
      const certificatePem = issueCertificate({
        ...{ ca, publicKeyDer, subject: { commonName }, isCa, usages: ['client auth'], random },
        ...{ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 },
      });
      return { certificatePem, privateKeyPem };
    };
    const root = createCertificateAuthority({ commonName: 'root', validityMs: 3_600_000, nowMs, random });
    const middle = issue(root, { commonName: 'middle', isCa: true });
    const leaf = issue(middle, { commonName: 'leaf' });
    const shown = [
      [leaf.certificatePem, middle.certificatePem],
      [leaf.certificatePem],
      [], // nothing at all
    ];
    for (const chain of shown) {
      const identity = { cert: chain.join(''), key: leaf.privateKeyPem };
      const session = connectHttp2(`https://127.0.0.1:${front.port}`, {
        rejectUnauthorized: false,
        ...(chain.length > 0 && identity),
      });
      open.add(session);
      await ask(session, {});
      const expected = chain.map((pem) => Buffer.from(parseCertificate(pem).der).toString('hex'));
      const seen = handled.at(-1)?.clientCertificates.map((der) => Buffer.from(der).toString('hex'));
      expect(seen).to.deep.equal(expected);
    }
  });

  it('heads that are too long or have too many lines, over HTTP/2, and goes on with the connection', async () => {
    const session = await http2();
    const long = await ask(session, { 'x-long': 'a'.repeat(5000) });
    expect(long.status).to.equal(431);
    expect(JSON.parse(long.text)).to.include({ kind: 'Status', code: 431 });
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, '1']));
    expect((await ask(session, many)).status).to.equal(431);
    expect((await ask(session, { 'x-long': 'a'.repeat(3000) })).status).to.equal(200);
    expect(handled).to.have.length(1);
  });

  it('heads that are too long or have too many lines, over HTTP/1.1', async () => {
    for (const header of [
      `X-Long: ${'a'.repeat(5000)}`,
      Array.from({ length: 60 }, (_, i) => `X-${i}: 1`).join('\r\n'),
    ]) {
      const { socket, received } = await http1();
      socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`);
      await once(socket, 'data');
      expect(received()).to.match(/^HTTP\/1\.1 431 /);
    }
    expect(handled.length).to.equal(0);
  });

  it('what is no HTTP', async () => {
    const { socket, received, closed } = await http1();
    socket.write('hello\r\n\r\n');
    await closed;
    expect(received()).to.match(/^HTTP\/1\.1 400 /);
  });

  it('bodies that are too large', async () => {
    const session = await http2();
    expect(await ask(session, { ':method': 'POST' }, 'a'.repeat(1000))).to.deep.equal({
      status: 200,
      text: '1000',
    });
    const { status, text } = await ask(session, { ':method': 'POST' }, 'a'.repeat(1001));
    expect(status).to.equal(413);
    expect(text).to.contain('Request entity too large: limit is 1000');
  });

  it('bodies that together would fill the memory, with the wish to try again', async () => {
    const session = await http2();
    const slow = session.request({ ':path': '/api', ':method': 'POST' });
    slow.write('a'.repeat(900));
    await ask(session, {}); // what was sent before has arrived by now
    const next = session.request({ ':path': '/api', ':method': 'POST' });
    const [answer] = (await once(next.end('a'.repeat(900)), 'response')) as [
      IncomingHttpHeaders & { ':status': number },
    ];
    expect(answer[':status']).to.equal(429);
    expect(answer['retry-after']).to.equal('1');
    slow.end();
    await once(slow, 'response');
    expect((await ask(session, { ':method': 'POST' }, 'a'.repeat(900))).status).to.equal(200);
  });

  it('bodies that do not come', async () => {
    const session = await http2();
    const slow = session.request({ ':path': '/api', ':method': 'POST' });
    slow.write('a');
    const [answer] = (await once(slow, 'response')) as [{ ':status': number }];
    expect(answer[':status']).to.equal(408);
    const { socket, received } = await http1();
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na');
    await once(socket, 'data');
    expect(received()).to.match(/^HTTP\/1\.1 408 /);
    expect(handled.length).to.equal(0);
  });

  it('heads that do not come to an end', async () => {
    const { socket, closed } = await http1();
    const dribble = setInterval(() => socket.write('X-Slow: 1\r\n'), 50);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    await closed;
    clearInterval(dribble);
    expect(handled.length).to.equal(0);
  });

  it('connections that ask nothing, but none that waits for its answer', async () => {
    const silent = await http1();
    await silent.closed;
    const session = await http2();
    await ask(session, {});
    await closing(session);
    const used = await http1();
    used.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await used.closed;
    expect(used.received()).to.match(/^HTTP\/1\.1 200 /);
  });

  it('streams that are given up as fast as they are opened', async () => {
    const session = await http2();
    const ended = closing(session);
    const flood = setInterval(() => {
      for (let i = 0; i < 50 && !session.destroyed && !session.closed; i++) {
        const stream = session.request({ ':path': '/api', ':method': 'POST' });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
      }
    }, 5);
    await ended;
    clearInterval(flood);
    expect((await ask(await http2(), {})).status).to.equal(200);
  });

  it('floods of pings', async () => {
    const session = await http2();
    const ended = closing(session);
    const flood = setInterval(() => {
      for (let i = 0; i < 5 && !session.destroyed; i++) session.ping(() => undefined);
    }, 1);
    await ended;
    clearInterval(flood);
  });

  it('TLS below 1.2', async () => {
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: front.port, rejectUnauthorized: false },
      ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    });
    open.add(socket);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.match(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
  });
});
