/**
 * Opens one connection: TCP, a proxy's CONNECT when asked for, then TLS. Each step fails with a TransportError that
 * names it. Called by the HTTPS transport and the TLS probe.
 */
import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { TransportError } from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import type { Clock } from '../env/env.js';
import { dialTcp, startTls } from './dial-steps.js';
import { connectThroughProxy, type ProxyOptions } from './proxy.js';
import { formatPeer, type Peer } from './transport-errors.js';

export interface DialOptions {
  readonly clock: Clock;
  /** TCP, proxy and TLS together. */
  readonly connectTimeoutMs: number;
  /** Absent: a plain connection. */
  readonly tls?: ConnectionOptions;
  readonly proxy?: Pick<ProxyOptions, 'url' | 'ca'>;
  readonly signal?: AbortSignal;
}

/** Rejects with TransportError, or with the signal's reason. */
export async function dial(peer: Peer, options: DialOptions): Promise<Socket | TLSSocket> {
  const abort = new AbortController();
  if (options.signal?.aborted) throw options.signal.reason;
  const unlisten = onAbort(options.signal, () => abort.abort(options.signal?.reason));
  const timer = options.clock.setTimer(options.connectTimeoutMs, () => {
    const seconds = options.connectTimeoutMs / 1000;
    const message = `cannot reach ${formatPeer(peer)}: no connection within ${seconds} s (TCP or TLS)`;
    abort.abort(new TransportError('timeout', message));
  });
  try {
    const { proxy } = options;
    const socket =
      proxy === undefined
        ? await dialTcp(peer, abort.signal)
        : await connectThroughProxy(peer, { proxy, signal: abort.signal });
    return options.tls === undefined
      ? socket
      : await startTls(socket, { peer, tls: options.tls, signal: abort.signal });
  } finally {
    timer.cancel();
    unlisten();
  }
}
