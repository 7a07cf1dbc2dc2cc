import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificateAuthority, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import type { WebhookPort } from '../webhooks/webhook-port.js';
import { createHttpsWebhooks } from './https-webhooks.js';

const hourMs = 3_600_000;
const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
const nowMs = Date.now();
const ca = createCertificateAuthority({ commonName: 'webhooks', validityMs: hourMs, nowMs, random });
const keys = generateKeyPair();
const certificate = issueCertificate({
  ca,
  publicKeyDer: keys.publicKeyDer,
  subject: { commonName: 'webhook' },
  notBeforeMs: nowMs - hourMs,
  notAfterMs: nowMs + hourMs,
  usages: ['digital signature', 'server auth'],
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1'],
  random,
});

describe('redirects and roots of webhooks', () => {
  /** What was asked: path and body. */
  let asked: string[];
  let server: Server;
  let webhooks: WebhookPort;
  let origin: string;

  beforeEach(async () => {
    asked = [];
    server = createServer({ key: keys.privateKeyPem, cert: certificate }, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += String(chunk);
      });
      request.on('end', () => {
        const path = request.url ?? '';
        asked.push(`${path} ${body}`);
        const redirect = /^\/redirect\/(\d+)\/(.*)$/.exec(path);
        if (redirect === null) response.end('{"answered":true}');
        else {
          response.writeHead(Number(redirect[1]), { location: decodeURIComponent(redirect[2] ?? '') });
          response.end();
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server's address is never a string
    webhooks = createHttpsWebhooks({ clock: createNodeEnv({ logLevel: 'silent' }).clock });
  });

  afterEach(async () => {
    webhooks.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const post = (path: string, trusted = ca.certificatePem) =>
    webhooks.post({ url: `${origin}${path}`, body: 'review', ca: trusted, timeoutMs: 5000 });

  it("trusts the webhook's own certificate where the bundle has that and no issuer", async () => {
    expect((await post('/a', certificate)).status).to.equal(200);
    const strange = createCertificateAuthority({ commonName: 'x', validityMs: hourMs, nowMs, random });
    const error = await post('/a', strange.certificatePem).catch((cause: Error) => cause.message);
    expect(error).to.equal(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  for (const status of [307, 308]) {
    it(`sends the review on where it is told to with ${status} by the same server`, async () => {
      expect(await post(`/redirect/${status}/%2Fclean`)).to.include({
        status: 200,
        body: '{"answered":true}',
      });
      expect(asked).to.deep.equal([`/redirect/${status}/%2Fclean review`, '/clean review']);
    });
  }

  const kept: readonly (readonly [path: string, status: number])[] = [
    ['/redirect/301/%2Fclean', 301],
    ['/redirect/302/%2Fclean', 302],
    ['/redirect/303/%2Fclean', 303],
    ['/redirect/307/https%3A%2F%2Flocalhost%3A1%2Fother', 307],
    ['/redirect/307/http%3A%2F%2F127.0.0.1%2Fplain', 307],
    ['/redirect/307/https%3A%2F%2F', 307],
  ];
  for (const [path, status] of kept) {
    it(`gives ${decodeURIComponent(path)} back as it is`, async () => {
      expect((await post(path)).status).to.equal(status);
      expect(asked).to.have.length(1);
    });
  }

  it('does not follow redirects for ever', async () => {
    let path = '/end';
    for (let i = 0; i < 11; i++) path = `/redirect/307/${encodeURIComponent(path)}`;
    const error = await post(path).catch((cause: Error) => cause.message);
    expect(error).to.equal('stopped after 10 redirects');
    expect(asked).to.have.length(11);
  });
});
