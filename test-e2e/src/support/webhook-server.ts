/**
 * A real webhook: an HTTPS server with a certificate of its own authority, whose answers the test writes as functions by
 * path. Keeps what it was asked.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createCertificateAuthority, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { at } from './json.js';

/** `response` of an AdmissionReview or ConversionReview, without its uid. Undefined: never answers. */
export type Respond = (request: unknown) => Record<string, unknown> | undefined;

export interface Asked {
  readonly path: string;
  readonly query: string;
  readonly request: unknown;
}

const dayMs = 86_400_000;

export class WebhookServer {
  readonly asked: Asked[] = [];
  readonly #routes = new Map<string, Respond>();
  readonly #sockets = new Set<Duplex>();
  readonly #dnsNames: readonly string[];
  #server: Server | undefined;
  #ca = '';
  #certificate = '';
  connections = 0;

  /** Its certificate is for 127.0.0.1 and these names. */
  constructor(dnsNames: readonly string[] = []) {
    this.#dnsNames = dnsNames;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | undefined; // it listens on TCP
    return address?.port ?? 0;
  }

  /** clientConfig of a path. */
  config(path: string): { readonly url: string; readonly caBundle: string } {
    return { url: `https://127.0.0.1:${this.port}${path}`, caBundle: this.caBundle };
  }

  get caBundle(): string {
    return Buffer.from(this.#ca).toString('base64');
  }

  /** The server's own certificate in place of its authority's: a trusted one all the same. */
  get ownCertificate(): string {
    return Buffer.from(this.#certificate).toString('base64');
  }

  on(path: string, respond: Respond): void {
    this.#routes.set(path, respond);
  }

  askedOf(path: string): readonly unknown[] {
    return this.asked.filter((each) => each.path === path).map(({ request }) => request);
  }

  async start(): Promise<void> {
    const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
    const nowMs = Date.now();
    const ca = createCertificateAuthority({ commonName: 'webhooks', validityMs: dayMs, nowMs, random });
    this.#ca = ca.certificatePem;
    const { privateKeyPem, publicKey } = generateKeyPair();
    const certificate = issueCertificate({
      ca,
      publicKeyDer: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      subject: { commonName: 'webhook' },
      notBeforeMs: nowMs - dayMs,
      notAfterMs: nowMs + dayMs,
      usages: ['digital signature', 'server auth'],
      dnsNames: this.#dnsNames,
      ipAddresses: ['127.0.0.1'],
      random,
    });
    this.#certificate = certificate;
    const server = createServer({ key: privateKeyPem, cert: certificate }, (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { pathname, search } = new URL(incoming.url ?? '/', 'https://webhook');
        const review: unknown = JSON.parse(Buffer.concat(chunks).toString());
        const request = at(review, 'request');
        this.asked.push({ path: pathname, query: search, request });
        const respond = this.#routes.get(pathname);
        if (respond === undefined) {
          outgoing.writeHead(404).end('no such webhook');
          return;
        }
        const response = respond(request);
        if (response === undefined) return;
        const { apiVersion, kind } = review as { apiVersion: string; kind: string };
        outgoing.writeHead(200, { 'content-type': 'application/json' });
        const uid = at(request, 'uid');
        outgoing.end(JSON.stringify({ apiVersion, kind, response: { uid, ...response } }));
      });
    });
    server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()) ?? resolve());
  }
}

/** The answer with a JSON patch. */
export function patched(operations: readonly object[]): Record<string, unknown> {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { allowed: true, patchType: 'JSONPatch', patch };
}
