/**
 * The two ways in which a caller ends an exchange, as one signal: its AbortSignal and its time limit.
 * Called by the HTTPS transport.
 */
import { TransportError } from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import type { Clock } from '../env/env.js';
import { formatPeer, type Peer } from './transport-errors.js';

export interface ExchangeLimits {
  readonly signal: AbortSignal;
  /** No limit applies any more. */
  lift(): void;
}

export interface LimitOptions {
  readonly clock: Clock;
  readonly peer: Peer;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export function limitExchange({ clock, peer, signal, timeoutMs }: LimitOptions): ExchangeLimits {
  const abort = new AbortController();
  const unlisten = onAbort(signal, () => abort.abort(signal?.reason));
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.setTimer(timeoutMs, () => {
          const message = `no answer from ${formatPeer(peer)} within ${timeoutMs / 1000} s (timeout)`;
          abort.abort(new TransportError('timeout', message));
        });
  return {
    signal: abort.signal,
    lift: () => {
      timer?.cancel();
      unlisten();
    },
  };
}
