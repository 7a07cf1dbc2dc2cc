import { createServer } from 'node:net';
import { expect } from 'chai';
import { type Transport, TransportError, type TransportHop } from '../client/transport.js';
import { createNodeClock } from './clock.js';
import { createHttpsTransport, type HttpsTransportOptions } from './https-transport.js';
import { failureOf, listen } from './test-network.js';
import {
  createTestCa,
  issueTestCertificate,
  sendJson,
  startTestServer,
  type TestServerOptions,
} from './test-server.js';

const clock = createNodeClock();
const ca = createTestCa();
const serverCertificate = issueTestCertificate(ca);

describe('https transport tells which hop failed:', () => {
  const closers: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  function transportTo(port: number, options: Partial<HttpsTransportOptions> = {}): Transport {
    const server = `https://localhost:${port}`;
    const transport = createHttpsTransport({
      server,
      ca: ca.certificatePem,
      clock,
      label: 'hub',
      ...options,
    });
    closers.push(() => transport.close());
    return transport;
  }

  const other = createTestCa('other CA');
  const dayMs = 86_400_000;
  const rejections: {
    readonly name: string;
    readonly hop: TransportHop;
    readonly message: RegExp;
    readonly server?: Partial<TestServerOptions>;
    readonly client?: Partial<HttpsTransportOptions>;
  }[] = [
    {
      name: 'an untrusted CA',
      hop: 'ca',
      message: /its certificate is not signed by the trusted CA \(CA\)$/,
      client: { ca: other.certificatePem },
    },
    {
      name: 'a certificate for another name',
      hop: 'ca',
      message: /its certificate is for other names: hub\.example, 10\.0\.0\.1 \(CA\)$/,
      server: {
        certificate: issueTestCertificate(ca, { dnsNames: ['hub.example'], ipAddresses: ['10.0.0.1'] }),
      },
    },
    {
      name: 'an expired certificate',
      hop: 'ca',
      message: /has expired, or this machine's clock is wrong \(clock\)$/,
      server: {
        certificate: issueTestCertificate(ca, {
          notBeforeMs: Date.now() - 2 * dayMs,
          notAfterMs: Date.now() - dayMs,
        }),
      },
    },
    {
      name: 'a certificate of the future',
      hop: 'ca',
      message: /is not valid yet, or this machine's clock is wrong \(clock\)$/,
      server: {
        certificate: issueTestCertificate(ca, {
          notBeforeMs: Date.now() + dayMs,
          notAfterMs: Date.now() + 2 * dayMs,
        }),
      },
    },
    {
      name: 'a server that speaks no TLS',
      hop: 'tls',
      message: /the server does not speak TLS on this port \(TLS\)$/,
      server: { protocol: 'http' },
    },
    {
      name: 'a server that demands another client certificate',
      hop: 'tls',
      message: /the server closed the TLS connection, perhaps for the client certificate$/,
      server: { clientCa: other.certificatePem },
      client: { clientCertificate: () => issueTestCertificate(ca) },
    },
    {
      name: 'a server that demands a client certificate',
      hop: 'tls',
      message:
        /the server refused the TLS connection or the client certificate: certificate required \(TLS\)$/,
      server: { clientCa: other.certificatePem },
    },
    {
      name: 'a key that does not fit the certificate',
      hop: 'config',
      message: /the client certificate, its key or the CA cannot be used/,
      client: {
        clientCertificate: () => ({
          cert: serverCertificate.cert,
          key: issueTestCertificate(ca).key,
        }),
      },
    },
  ];
  for (const { name, hop, message, server: serverOptions, client } of rejections) {
    it(name, async () => {
      const server = await startTestServer({
        protocol: 'h2',
        certificate: serverCertificate,
        handler: (_request, response) => sendJson(response, {}),
        ...serverOptions,
      });
      closers.push(() => server.close());
      const transport = transportTo(server.port, client);
      const failure = await failureOf(() => transport.request({ method: 'GET', path: '/', timeoutMs: 5000 }));
      expect(failure).to.be.instanceOf(TransportError);
      expect((failure as TransportError).message).to.match(message);
      expect((failure as TransportError).hop).to.equal(hop);
      expect((failure as TransportError).message).to.match(/hub at localhost:\d+: /);
    });
  }

  it('a refused connection', async () => {
    const server = await startTestServer({ protocol: 'http', handler: () => undefined });
    await server.close();
    const failure = await failureOf(() => transportTo(server.port).request({ method: 'GET', path: '/' }));
    expect((failure as TransportError).hop).to.equal('tcp');
    expect((failure as TransportError).message).to.equal(
      `cannot reach hub at localhost:${server.port}: connection refused (TCP)`,
    );
  });

  it('a name that does not exist', async () => {
    const transport = transportTo(1, { server: 'https://hub.invalid:6443' });
    const failure = await failureOf(() => transport.request({ method: 'GET', path: '/' }));
    expect((failure as TransportError).hop).to.equal('dns');
  });

  it('a server that accepts and says nothing', async () => {
    const silent = await listen(createServer());
    closers.push(() => silent.close());
    const transport = transportTo(silent.port, { connectTimeoutMs: 40 });
    const failure = await failureOf(() => transport.request({ method: 'GET', path: '/' }));
    expect((failure as TransportError).hop).to.equal('timeout');
  });

  it('a closed transport', async () => {
    const transport = transportTo(1);
    await transport.close();
    const failure = await failureOf(() => transport.request({ method: 'GET', path: '/' }));
    expect((failure as TransportError).hop).to.equal('closed');
  });

  it('a server that is no URL', () => {
    expect(() => transportTo(1, { server: 'hub:6443' })).to.throw(TransportError, 'must be a URL');
  });
});
