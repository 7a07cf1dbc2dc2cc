/** Certificates and real servers on loopback for the tests of this folder; nothing else imports it. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2Session } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type CertificateAuthority, createCertificateAuthority, issueCertificate } from '../pki/issue.js';
import { createSeededRandom } from '../testing/seeded-random.js';
import type { ClientCertificate } from './https-transport.js';

const dayMs = 86_400_000;
const random = createSeededRandom(7);

export function createTestCa(commonName = 'test CA'): CertificateAuthority {
  return createCertificateAuthority({ commonName, validityMs: dayMs, nowMs: Date.now(), random });
}

export interface IssueTestOptions {
  readonly commonName?: string;
  readonly dnsNames?: string[];
  readonly ipAddresses?: string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

export function issueTestCertificate(
  ca: CertificateAuthority,
  options: IssueTestOptions = {},
): ClientCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const cert = issueCertificate({
    ca,
    subject: { commonName: options.commonName ?? 'localhost' },
    publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }),
    notBeforeMs: options.notBeforeMs ?? Date.now() - dayMs,
    notAfterMs: options.notAfterMs ?? Date.now() + dayMs,
    usages: ['digital signature', 'key encipherment', 'server auth', 'client auth'],
    dnsNames: options.dnsNames ?? ['localhost'],
    ipAddresses: options.ipAddresses ?? ['127.0.0.1'],
    random,
  });
  return { cert, key: String(privateKey.export({ type: 'sec1', format: 'pem' })) };
}

export type TestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServerOptions {
  readonly protocol: 'h2' | 'https' | 'http';
  readonly certificate?: ClientCertificate;
  /** PEM; the server then demands client certificates of this CA. */
  readonly clientCa?: string;
  readonly maxConcurrentStreams?: number;
  readonly handler: TestHandler;
}

export interface TestServer {
  readonly port: number;
  /** All connections ever taken. */
  readonly sockets: readonly Socket[];
  readonly sessions: readonly Http2Session[];
  close(): Promise<void>;
}

export async function startTestServer(options: TestServerOptions): Promise<TestServer> {
  const sockets: Socket[] = [];
  const sessions: Http2Session[] = [];
  const server = createServer(options);
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // tests cut connections on purpose
  });
  server.on('session', (session: Http2Session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    sessions,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function createServer(options: TestServerOptions): Server {
  // The compatibility API's request and response differ from http's only in what these tests do not use.
  const handler = options.handler as never;
  if (options.protocol === 'http') return createHttpServer(handler);
  const tls = {
    ...options.certificate,
    ...(options.clientCa !== undefined && {
      ca: options.clientCa,
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
  if (options.protocol === 'https') return createHttpsServer(tls, handler);
  const { maxConcurrentStreams } = options;
  return createSecureServer(
    {
      ...tls,
      allowHTTP1: true,
      ...(maxConcurrentStreams !== undefined && { settings: { maxConcurrentStreams } }),
    },
    handler,
  );
}

/** Answers with this JSON. */
export function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
