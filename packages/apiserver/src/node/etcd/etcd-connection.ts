/**
 * Calls to an etcd cluster: one connection to each member, made when first used; everything goes to one member until
 * that one fails, then to the next. A read is tried on the other members, for a bounded time; a write is tried once,
 * for only its caller knows what a second attempt would mean. Used by the etcd store alone.
 */

import { isIP } from 'node:net';
import { type PeerCertificate, checkServerIdentity as tlsCheck } from 'node:tls';
import type { Clock } from '@flotilla/kube';
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { type WatchRequest, type WatchResponse, WatchService } from '../../gen/etcd/etcd.js';
import { StoreError } from '../../storage/store-errors.js';
import { EtcdCallError, isTransient, newUnavailable, toStoreError } from './etcd-errors.js';

/** PEM. */
export interface EtcdTls {
  /** Who signed the members' certificates; absent: the authorities that Node trusts. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface EtcdTimeouts {
  /** One attempt. A leader's end is noticed and mended in some two seconds. */
  readonly attemptMs: number;
  /** All attempts of a read together. */
  readonly readMs: number;
  /** All attempts of a write, and finding out what became of it. */
  readonly writeMs: number;
}

export const defaultEtcdTimeouts: EtcdTimeouts = Object.freeze({
  attemptMs: 3_000,
  readMs: 6_000,
  writeMs: 10_000,
});

export interface EtcdConnectionOptions {
  /** `http://host:port` or `https://host:port`, all of one scheme. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  readonly timeouts?: Partial<EtcdTimeouts>;
  readonly clock: Clock;
}

export interface EtcdMember {
  readonly endpoint: string;
  readonly client: Client;
}

/** One method of the generated service definitions. */
export interface EtcdMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export type EtcdWatchStream = ClientDuplexStream<WatchRequest, WatchResponse>;

const channelOptions = Object.freeze({
  // etcd bounds what it takes; what it answers is bounded by how we ask.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // etcd ends connections that ask for life signs more often than every five seconds.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Whether a call may be repeated is decided here, not below.
  'grpc.enable_retries': 0,
});

const pauseMs = 50;
const longestPauseMs = 500;

export class EtcdConnection {
  readonly members: readonly EtcdMember[];
  readonly timeouts: EtcdTimeouts;
  readonly #clock: Clock;
  #current = 0;
  #lastAnswerMs: number;
  #closed = false;

  constructor({ endpoints, tls, timeouts, clock }: EtcdConnectionOptions) {
    this.#clock = clock;
    this.#lastAnswerMs = clock.monotonicMs();
    this.timeouts = { ...defaultEtcdTimeouts, ...timeouts };
    this.members = endpoints.map((endpoint) => ({ endpoint, client: createMemberClient(endpoint, tls) }));
  }

  /** The member that calls go to. */
  get current(): EtcdMember {
    const member = this.members[this.#current];
    if (member === undefined) throw new StoreError('unavailable', 'no etcd server was named');
    return member;
  }

  /** From now on the next member is asked, unless somebody has moved on from this one already. */
  moveOn(failed: EtcdMember): void {
    if (this.current === failed) this.#current = (this.#current + 1) % this.members.length;
  }

  /** One attempt on the current member, or on the one given. @throws EtcdCallError */
  once<Request, Response>(
    method: EtcdMethod<Request, Response>,
    request: Request,
    member: EtcdMember = this.current,
  ): Promise<Response> {
    if (this.#closed) return Promise.reject(new StoreError('closed', 'the store is closed'));
    const deadline = this.#clock.now() + this.timeouts.attemptMs;
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve, reject) => {
      member.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        { deadline },
        (error, response) => {
          if (error !== null) {
            const failure = EtcdCallError.from(member.endpoint, error);
            if (!isTransient(failure)) this.#lastAnswerMs = this.#clock.monotonicMs();
            reject(failure);
          } else if (response === undefined) {
            reject(new EtcdCallError(member.endpoint, { code: 13, details: 'an answer without content' }));
          } else {
            this.#lastAnswerMs = this.#clock.monotonicMs();
            resolve(response);
          }
        },
      );
    });
  }

  /**
   * For calls that may be repeated without harm: on every member in turn, until the time is up.
   * @throws StoreError; EtcdCallError when etcd says that the revision asked for is compacted or to come.
   */
  async read<Request, Response>(method: EtcdMethod<Request, Response>, request: Request): Promise<Response> {
    const patience = this.patience(this.timeouts.readMs);
    for (;;) {
      const member = this.current;
      try {
        return await this.once(method, request, member);
      } catch (error) {
        if (!isTransient(error)) throw isOutOfRange(error) ? error : toStoreError(error);
        this.moveOn(member);
        if (!(await patience.wait())) throw this.#closed ? error : newUnavailable(error);
      }
    }
  }

  /**
   * How long to go on trying. While nobody has answered for long, each member gets one attempt and no more, so that
   * requests fail at once and do not pile up.
   */
  patience(budgetMs: number): Patience {
    const startMs = this.#clock.monotonicMs();
    const lastMs = Math.min(startMs + budgetMs, this.#lastAnswerMs + budgetMs);
    let attempts = 0;
    return {
      wait: async () => {
        attempts++;
        const isOver = this.#clock.monotonicMs() >= lastMs && attempts >= this.members.length;
        if (isOver || this.#closed) return false;
        const delayMs = attempts < this.members.length ? 0 : Math.min(pauseMs * attempts, longestPauseMs);
        // Not the clock's timer, which would let a process end that does nothing yet but wait for etcd.
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        return true;
      },
    };
  }

  /** A stream of watches on a member, which ends when that member has lost touch with the others. */
  openWatchStream(member: EtcdMember): EtcdWatchStream {
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const { path, requestSerialize, responseDeserialize } = WatchService.watch;
    return member.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  close(): void {
    this.#closed = true;
    for (const { client } of this.members) client.close();
  }
}

export interface Patience {
  /** After a failure: true after a pause when there is time for another attempt. */
  wait(): Promise<boolean>;
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof EtcdCallError && error.code === 11;
}

function createMemberClient(endpoint: string, tls: EtcdTls = {}): Client {
  const { protocol, host, hostname } = new URL(endpoint);
  if (protocol !== 'https:') return new Client(host, credentials.createInsecure(), channelOptions);
  const bytes = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  const pems = [bytes(tls.ca), bytes(tls.key), bytes(tls.certificate)] as const;
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0) return new Client(host, credentials.createSsl(...pems), channelOptions);
  // No server may be asked for by an address: another name is sent, and the address is what its certificate must hold.
  const checkServerIdentity = (_: string, certificate: PeerCertificate): Error | undefined =>
    tlsCheck(address, certificate);
  const options = { ...channelOptions, 'grpc.ssl_target_name_override': 'etcd' };
  return new Client(host, credentials.createSsl(...pems, { checkServerIdentity }), options);
}
