/**
 * The published keys of an OpenID issuer: its discovery document and key set, fetched when first needed, kept for an
 * hour, and fetched again when a token names a key that is not among them. An issuer that is down costs its own tokens
 * only, and it is asked no more often than every few seconds, whatever tokens are shown. OpenID Connect Discovery 1.0.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import type { Clock, Logger } from '@flotilla/kube';

/** GET of a JSON document over HTTPS. Rejects with an Error in words when there is none. */
export type FetchJson = (
  url: string,
  options: { /** PEM; default: the machine's. */ readonly certificateAuthority?: string },
) => Promise<unknown>;

export interface IssuerKeysOptions {
  /** As in the `iss` claim. */
  readonly url: string;
  /** Where the discovery document is; default: below the issuer's URL. */
  readonly discoveryUrl?: string;
  readonly certificateAuthority?: string;
  readonly fetchJson: FetchJson;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface KeySet {
  /** JSON web keys. */
  readonly keys: readonly JsonObject[];
  readonly fetchedAtMs: number;
}

/** Keys that were taken back must not be believed all day. */
const keepMs = 3_600_000;
/** After an answer, good or bad. */
const askAgainAfterMs = 5000;

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #known: KeySet | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;
  #asking: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** What is known, fetched first if nothing is or it is old. Rejects with an Error in words when the issuer is down. */
  async current(): Promise<KeySet> {
    const known = this.#known;
    const nowMs = this.#options.clock.monotonicMs();
    if (known === undefined || nowMs - known.fetchedAtMs >= keepMs) await this.#ask();
    if (this.#known !== undefined) return this.#known;
    throw this.#failure ?? new Error('the keys of the issuer have not been fetched yet');
  }

  /** Keys newer than those given, for a token that none of those has signed; undefined: there are none yet. */
  async newerThan(old: KeySet): Promise<KeySet | undefined> {
    if (this.#known === old) await this.#ask();
    return this.#known === old ? undefined : this.#known;
  }

  /** One fetch at a time, and not too often. Never rejects. */
  async #ask(): Promise<void> {
    const { clock } = this.#options;
    if (this.#asking === undefined) {
      if (clock.monotonicMs() - this.#askedAtMs < askAgainAfterMs) return;
      this.#askedAtMs = clock.monotonicMs();
      this.#asking = this.#askOnce().finally(() => {
        this.#asking = undefined;
      });
    }
    await this.#asking;
  }

  async #askOnce(): Promise<void> {
    const { url, clock, log } = this.#options;
    try {
      const keys = await this.#fetchKeys();
      this.#known = { keys, fetchedAtMs: clock.monotonicMs() };
      if (this.#failure !== undefined) log.info('token issuer answers again', { issuer: url });
      this.#failure = undefined;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      if (failure.message !== this.#failure?.message) {
        log.error('keys of the token issuer cannot be fetched', { issuer: url, reason: failure.message });
      }
      this.#failure = failure;
    }
  }

  async #fetchKeys(): Promise<readonly JsonObject[]> {
    const { url, discoveryUrl, certificateAuthority, fetchJson } = this.#options;
    const options = certificateAuthority === undefined ? {} : { certificateAuthority };
    const where = discoveryUrl ?? `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await fetchJson(where, options);
    const { issuer, jwks_uri: jwksUri } = isObject(document) ? document : ({} as JsonObject);
    if (issuer !== url) {
      throw new Error(`${where} is of the issuer ${JSON.stringify(issuer)}, not of ${JSON.stringify(url)}`);
    }
    if (typeof jwksUri !== 'string' || !jwksUri.startsWith('https://')) {
      throw new Error(`${where} names no https address of keys (jwks_uri)`);
    }
    const set = await fetchJson(jwksUri, options);
    const keys = isObject(set) ? set['keys'] : undefined;
    if (!Array.isArray(keys)) throw new Error(`${jwksUri} holds no key set`);
    return keys.filter((key): key is JsonObject => isObject(key));
  }
}
