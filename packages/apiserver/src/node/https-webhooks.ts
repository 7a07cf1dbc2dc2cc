/**
 * The real way out to webhooks: HTTPS with connections kept for the next call. Connections are told apart by host, port,
 * trusted roots and the name that the certificate must have. Failures are in the words of Go's net and crypto/tls, as
 * kube-apiserver shows them. Made by `run-server.ts`.
 */
import type { Agent, RequestOptions } from 'node:https';
import type { Clock } from '@flotilla/kube';
import type { WebhookAnswer, WebhookPort, WebhookPost } from '../webhooks/webhook-port.js';

export interface HttpsWebhooksOptions {
  readonly clock: Pick<Clock, 'setTimer'>;
  /** Connections to one webhook. */
  readonly maxSockets: number;
  /** Idle ones that are kept for one webhook, and how long. */
  readonly maxFreeSockets: number;
  readonly idleTimeoutMs: number;
  /** An answer above this is refused: a review comes back about as large as it was sent. */
  readonly maxAnswerBytes: number;
}

export const defaultHttpsWebhooksOptions = Object.freeze({
  maxSockets: 64,
  maxFreeSockets: 8,
  idleTimeoutMs: 30_000,
  maxAnswerBytes: 64 * 1024 * 1024,
});

export function createHttpsWebhooks(
  options: Partial<HttpsWebhooksOptions> & Pick<HttpsWebhooksOptions, 'clock'>,
): WebhookPort {
  const settings: HttpsWebhooksOptions = { ...defaultHttpsWebhooksOptions, ...options };
  let agent: Agent | undefined;
  return {
    post: async (post) => {
      // Loaded by the first call: most servers make none.
      const https = await import('node:https');
      agent ??= new https.Agent({
        keepAlive: true,
        scheduling: 'lifo',
        maxSockets: settings.maxSockets,
        maxFreeSockets: settings.maxFreeSockets,
        timeout: settings.idleTimeoutMs,
      });
      return send(post, { settings, agent, request: https.request });
    },
    close: () => agent?.destroy(),
  };
}

interface Sending {
  readonly settings: HttpsWebhooksOptions;
  readonly agent: Agent;
  readonly request: typeof import('node:https').request;
}

/** As Go's client. */
const maxRedirects = 10;

async function send(post: WebhookPost, sending: Sending): Promise<WebhookAnswer> {
  const deadline = new Deadline(post.timeoutMs, sending.settings.clock);
  try {
    let url = post.url;
    for (let redirects = 0; ; redirects++) {
      const answer = await exchangeTwice({ ...post, url }, { ...sending, deadline });
      const next = redirectOf(answer, url);
      if (next === undefined) return { status: answer.status, body: answer.body };
      if (redirects === maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`);
      url = next;
    }
  } catch (error) {
    throw new Error(inGoWords(error, post), { cause: error });
  } finally {
    deadline.cancel();
  }
}

/** One failure is no failure: a kept connection may have been closed by the peer just now. */
async function exchangeTwice(
  post: WebhookPost,
  sending: Sending & { readonly deadline: Deadline },
): Promise<Answered> {
  try {
    return await exchange(post, sending);
  } catch (error) {
    if (!(error instanceof StaleConnectionError)) throw error;
    return exchange(post, sending);
  }
}

interface Answered extends WebhookAnswer {
  readonly location: string | undefined;
}

/**
 * Where the same review is to be sent instead: Go's request router sends callers of `//path` to `/path`. Kube-apiserver
 * follows to other servers, too; here none gets a review that it was not configured for.
 */
function redirectOf({ status, location }: Answered, url: string): string | undefined {
  if ((status !== 307 && status !== 308) || location === undefined || !URL.canParse(location, url))
    return undefined;
  const next = new URL(location, url);
  return next.origin === new URL(url).origin ? next.href : undefined;
}

class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** One timer for all attempts; ends whatever exchange is under way. */
class Deadline {
  readonly #timer: { cancel(): void };
  #end: (() => void) | undefined;
  #passed = false;

  constructor(timeoutMs: number, clock: Pick<Clock, 'setTimer'>) {
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.#passed = true;
      this.#end?.();
    });
  }

  onPass(end: () => void): void {
    this.#end = end;
    if (this.#passed) end();
  }

  cancel(): void {
    this.#end = undefined;
    this.#timer.cancel();
  }
}

function exchange(
  post: WebhookPost,
  { settings, agent, request, deadline }: Sending & { readonly deadline: Deadline },
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const outgoing = request(requestOptions(post, agent), (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > settings.maxAnswerBytes) {
          reject(new Error(`the answer is larger than ${settings.maxAnswerBytes} bytes`));
          outgoing.destroy();
        }
      });
      incoming.on('error', reject);
      incoming.once('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          body: Buffer.concat(chunks, size).toString(),
          location: incoming.headers.location,
        });
      });
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(isStale ? new StaleConnectionError(error.message, { cause: error }) : error);
    });
    deadline.onPass(() => outgoing.destroy(new TimeoutError('context deadline exceeded')));
    outgoing.end(post.body);
  });
}

function requestOptions({ url, body, ca, connectTo }: WebhookPost, agent: Agent): RequestOptions {
  const { hostname, host, port, pathname, search } = new URL(url);
  const name = hostname.replace(/^\[|\]$/g, '');
  const isAddress = /^[0-9.]+$|:/.test(name);
  return {
    method: 'POST',
    agent,
    host: connectTo?.host ?? name,
    port: connectTo?.port ?? (port === '' ? 443 : Number(port)),
    path: pathname + search,
    // The name to be proven is that of the URL, wherever the connection goes.
    ...(!isAddress && { servername: name }),
    // As in Go, a bundle may hold the webhook's own certificate without its issuer: envtest's does.
    ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
    headers: {
      host,
      'content-type': 'application/json',
      accept: 'application/json, */*',
      'user-agent': 'kube-apiserver-admission',
      'content-length': Buffer.byteLength(body),
    },
  };
}

function inGoWords(error: unknown, { url, connectTo }: WebhookPost): string {
  if (!(error instanceof Error)) return String(error);
  const { hostname, port } = new URL(url);
  const peer = `${connectTo?.host ?? hostname}:${connectTo?.port ?? (port === '' ? 443 : port)}`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return `dial tcp ${peer}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${peer}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${peer}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${peer}: i/o timeout`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${connectTo?.host ?? hostname}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: certificate is valid for ${namesOf(error)}, not ${hostname}`;
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'http: server gave HTTP response to HTTPS client';
    default:
      return error.message;
  }
}

function namesOf(error: Error): string {
  const { cert } = error as Error & { readonly cert?: { readonly subjectaltname?: string } };
  const names = cert?.subjectaltname?.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
  return names === undefined || names.length === 0 ? 'no names' : names.join(', ');
}
