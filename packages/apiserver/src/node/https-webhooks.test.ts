import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generateKeyPair,
  issueCertificate,
} from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import type { WebhookPort, WebhookPost } from '../webhooks/webhook-port.js';
import { createHttpsWebhooks } from './https-webhooks.js';

const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
const dayMs = 86_400_000;

function authority(): CertificateAuthority {
  return createCertificateAuthority({ commonName: 'ca', validityMs: dayMs, nowMs: Date.now(), random });
}

describe('HTTPS webhooks', () => {
  const ca = authority();
  let server: Server;
  let port = 0;
  let connections = 0;
  let webhooks: WebhookPort;
  before(async () => {
    const { privateKeyPem, publicKey } = generateKeyPair();
    const cert = issueCertificate({
      ca,
      publicKeyDer: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      subject: { commonName: 'webhook' },
      notBeforeMs: Date.now() - dayMs,
      notAfterMs: Date.now() + dayMs,
      usages: ['digital signature', 'server auth'],
      dnsNames: ['hook.apps.svc'],
      ipAddresses: ['127.0.0.1'],
      random,
    });
    server = createServer({ key: privateKeyPem, cert }, (incoming, outgoing) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      incoming.on('end', () => {
        if (incoming.url === '/drop') incoming.socket.destroy();
        else if (incoming.url === '/large') outgoing.end('x'.repeat(2000));
        else if (incoming.url !== '/silent') {
          outgoing.writeHead(incoming.url === '/bad' ? 500 : 200);
          outgoing.end(`${incoming.method} ${incoming.headers.host} ${body}`);
        }
      });
    });
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port; // it listens on TCP
  });
  beforeEach(() => {
    webhooks = createHttpsWebhooks({
      clock: createNodeEnv({ logLevel: 'error' }).clock,
      maxAnswerBytes: 1000,
    });
  });
  afterEach(() => webhooks.close());
  after(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const post = (path: string, more: Partial<WebhookPost> = {}) =>
    webhooks.post({
      url: `https://127.0.0.1:${port}${path}`,
      body: '{}',
      timeoutMs: 5000,
      ca: ca.certificatePem,
      ...more,
    });
  const failure = (path: string, more: Partial<WebhookPost> = {}): Promise<string> =>
    post(path, more).then(
      () => 'no failure',
      (error: unknown) => (error as Error).message,
    );

  it('posts, and keeps the connection for the next call', async () => {
    const before = connections;
    expect(await post('/a')).to.deep.equal({ status: 200, body: `POST 127.0.0.1:${port} {}` });
    expect((await post('/bad')).status).to.equal(500);
    expect(connections - before).to.equal(1);
  });

  it('goes to a Service where it answers, and proves its name', async () => {
    const connectTo = { host: '127.0.0.1', port };
    const answer = await post('/a', { url: 'https://hook.apps.svc:443/a', connectTo });
    expect(answer.body).to.equal('POST hook.apps.svc {}');
    expect(await failure('/a', { url: 'https://other.apps.svc:443/a', connectTo })).to.equal(
      'tls: failed to verify certificate: x509: certificate is valid for hook.apps.svc, 127.0.0.1, not other.apps.svc',
    );
    // A connection that was proven for one name is not used for another.
    expect((await post('/a', { url: 'https://hook.apps.svc:443/a', connectTo })).status).to.equal(200);
  });

  it('trusts no other authority, also over a connection that is kept', async () => {
    await post('/a');
    expect(await failure('/a', { ca: authority().certificatePem })).to.equal(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  it('gives up when the time is over', async () => {
    expect(await failure('/silent', { timeoutMs: 50 })).to.equal('context deadline exceeded');
  });

  it('says that nobody listens, that the peer hung up, that it speaks no TLS, that it says too much', async () => {
    const plain = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n', () => socket.destroy());
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port: plainPort } = plain.address() as AddressInfo; // it listens on TCP
    expect(await failure('/', { url: `https://127.0.0.1:${plainPort}/` })).to.equal(
      'http: server gave HTTP response to HTTPS client',
    );
    await new Promise<void>((resolve) => plain.close(() => resolve()));
    expect(await failure('/', { url: `https://127.0.0.1:${plainPort}/` })).to.equal(
      `dial tcp 127.0.0.1:${plainPort}: connect: connection refused`,
    );
    expect(await failure('/drop')).to.equal('EOF');
    expect(await failure('/large')).to.equal('the answer is larger than 1000 bytes');
  });

  it('tries once more when a kept connection has gone', async () => {
    await post('/a');
    server.closeAllConnections();
    expect((await post('/a')).status).to.equal(200);
  });
});
