/**
 * The server's way out to webhooks: one HTTPS POST. The real one is `node/https-webhooks.ts`; a server that is given none
 * (in a simulation) fails such calls as it would those to a webhook that cannot be reached. Used by `webhook-caller.ts`.
 */

export interface WebhookPost {
  /** `https://host:port/path?timeout=10s`; the host is also whom the certificate must name. */
  readonly url: string;
  /** JSON. */
  readonly body: string;
  /** For all of it, from the dial to the last byte of the answer. */
  readonly timeoutMs: number;
  /** PEM of whom to trust; absent: the roots of this machine. */
  readonly ca?: string;
  /** Where to connect in place of the URL's host: an endpoint of a Service. */
  readonly connectTo?: { readonly host: string; readonly port: number };
}

export interface WebhookAnswer {
  readonly status: number;
  readonly body: string;
}

export interface WebhookPort {
  /** Any HTTP status is an answer. @throws Error in Go's words for what failed: `connect: connection refused` ... */
  post(request: WebhookPost): Promise<WebhookAnswer>;
  /** Drops idle connections. */
  close(): void;
}
