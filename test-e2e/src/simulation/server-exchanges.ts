/** The requests and streams of one life of a simulated server: they break all at once, never with half an answer. */
import {
  type ApiHandler,
  createInProcessTransport,
  type InProcessTransportOptions,
} from '@flotilla/apiserver';
import {
  type Certificate,
  type Clock,
  onAbort,
  parseCertificate,
  type TransportError,
  type TransportRequest,
  type TransportResponse,
} from '@flotilla/kube';
import { HeldBytes } from './held-bytes.js';

/** Who asks. */
export type Credentials = InProcessTransportOptions & { readonly token?: string };

interface Exchange {
  readonly abort: AbortController;
  /** Of the client, DER. */
  readonly certificates: readonly Uint8Array[];
}

/** What a server sends ahead of a reader: little, so that slow ones are noticed. */
const maxBufferedBytes = 16 * 1024;

export class ServerExchanges {
  readonly #handler: ApiHandler;
  readonly #open = new Set<Exchange>();
  readonly #held: HeldBytes;

  constructor(server: ApiHandler, clock: Pick<Clock, 'monotonicMs'>) {
    this.#held = new HeldBytes(clock);
    this.#handler = this.#held.watching(server);
  }

  /** What is wrong with what is kept for clients. */
  heldProblems(): string[] {
    return this.#held.problems();
  }

  /** Those of clients with such certificates, or all. */
  breakAll(why: TransportError, isMeant?: (certificate: Certificate) => boolean): void {
    for (const { abort, certificates } of this.#open) {
      const [own] = certificates;
      const isHit = isMeant === undefined || (own !== undefined && isMeant(parseCertificate(own)));
      if (isHit) abort.abort(why);
    }
  }

  async ask(request: TransportRequest, { token, ...options }: Credentials): Promise<TransportResponse> {
    const abort = new AbortController();
    const exchange: Exchange = { abort, certificates: options.clientCertificates ?? [] };
    this.#open.add(exchange);
    onAbort(request.signal, () => {
      this.#open.delete(exchange);
      abort.abort(request.signal?.reason);
    });
    const headers = {
      ...request.headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const broken = new Promise<never>((_, reject) => {
      onAbort(abort.signal, () => reject(abort.signal.reason));
    });
    try {
      const asked = createInProcessTransport(this.#handler, { maxBufferedBytes, ...options }).request({
        ...request,
        headers,
        signal: abort.signal,
      });
      return await Promise.race([asked, broken]);
    } finally {
      if (!request.path.includes('watch=')) this.#open.delete(exchange); // an answer that is no stream is whole by now
      broken.catch(() => undefined); // told to whoever reads the stream
    }
  }
}
