/** Servers that are no hub, or not the one of the join string: what a klusterlet meets when something is wrong. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generateKeyPair,
  issueCertificate,
  publicKeyHash,
} from '@flotilla/kube';
import { createNodeEnv } from '@flotilla/kube/node';

const { random } = createNodeEnv({ logLevel: 'silent' });
const hourMs = 3_600_000;

export interface FalseHub {
  readonly port: number;
  /** Pin of the CA that it shows. */
  readonly pin: string;
  /** How many connections there were. */
  visits(): number;
  /** What was said to it after the handshake, in bytes. */
  heard(): number;
  close(): Promise<void>;
}

export function newAuthority(commonName: string, nowMs = Date.now()): CertificateAuthority {
  return createCertificateAuthority({ commonName, validityMs: 24 * hourMs, nowMs, random });
}

/** Speaks TLS with a leaf of `signer`, and shows `shown` as the CA behind it. */
export async function startTlsHub(options: {
  readonly signer: CertificateAuthority;
  readonly shown: CertificateAuthority;
  /** When the leaf begins to be valid, for an hour. */
  readonly fromMs: number;
}): Promise<FalseHub> {
  const { signer, shown, fromMs } = options;
  const { privateKeyPem, publicKeyDer } = generateKeyPair();
  const leaf = issueCertificate({
    ca: signer,
    publicKeyDer,
    subject: { commonName: 'hub' },
    notBeforeMs: fromMs,
    notAfterMs: fromMs + hourMs,
    usages: ['digital signature', 'server auth'],
    ipAddresses: ['127.0.0.1'],
    random,
  });
  let heard = 0;
  const server = createTlsServer({ cert: leaf + shown.certificatePem, key: privateKeyPem }, (socket) => {
    socket.on('error', () => undefined); // the klusterlet hangs up as soon as it has seen enough
    socket.on('data', (chunk) => {
      heard += chunk.length;
    });
  });
  server.on('tlsClientError', () => undefined); // as above
  return { ...(await listen(server, publicKeyHash(shown.certificatePem))), heard: () => heard };
}

/** Accepts, and answers everything with a line of HTTP. */
export async function startPlainHub(): Promise<FalseHub> {
  let heard = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // hung up on
    socket.on('data', (chunk) => {
      heard += chunk.length;
    });
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
  });
  return { ...(await listen(server, `sha256:${'0'.repeat(64)}`)), heard: () => heard };
}

async function listen(server: Server, pin: string): Promise<Omit<FalseHub, 'heard'>> {
  let visits = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    visits++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a string
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { port, pin, close, visits: () => visits };
}
