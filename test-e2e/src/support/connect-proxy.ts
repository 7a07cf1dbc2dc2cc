/** A real forward proxy for CONNECT, plain or behind TLS with an authority of its own; counts what it tunnelled. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { createCertificateAuthority, generateKeyPair, issueCertificate } from '@flotilla/kube';

const dayMs = 86_400_000;

export class ConnectProxy {
  /** `host:port` of each tunnel. */
  readonly targets: string[] = [];
  readonly #isTls: boolean;
  readonly #sockets = new Set<Duplex>();
  #server: Server | undefined;
  /** PEM of the authority of its certificate; empty for a plain proxy. */
  ca = '';

  constructor(scheme: 'http' | 'https') {
    this.#isTls = scheme === 'https';
  }

  get url(): string {
    const address = this.#server?.address() as AddressInfo | undefined; // it listens on TCP
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${address?.port ?? 0}`;
  }

  async start(): Promise<void> {
    const server = this.#isTls ? createTlsServer(this.#identity()) : createServer();
    server.on('connect', (request, near: Duplex) => {
      const target = request.url ?? '';
      this.targets.push(target);
      const [host = '', port] = target.split(':');
      const far = connect(Number(port), host, () => {
        near.write('HTTP/1.1 200 Connection established\r\n\r\n');
        near.pipe(far).pipe(near);
      });
      for (const end of [near, far]) {
        this.#sockets.add(end);
        end.on('error', () => undefined); // an end that breaks closes, which is handled
        end.on('close', () => {
          near.destroy();
          far.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    this.#server = server;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  #identity(): { key: string; cert: string } {
    const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
    const nowMs = Date.now();
    const ca = createCertificateAuthority({ commonName: 'proxy', validityMs: dayMs, nowMs, random });
    this.ca = ca.certificatePem;
    const { privateKeyPem, publicKey } = generateKeyPair();
    const cert = issueCertificate({
      ca,
      publicKeyDer: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      subject: { commonName: 'proxy' },
      notBeforeMs: nowMs - dayMs,
      notAfterMs: nowMs + dayMs,
      random,
      usages: ['digital signature', 'server auth'],
      ipAddresses: ['127.0.0.1'],
    });
    return { key: privateKeyPem, cert };
  }
}
