/** One link of the simulated network: the state of the wire, and the exchanges that cross it. */
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import type { Clock, Random } from '../env/env.js';
import type { CutMode, NetworkFaults } from './network-faults.js';
import { readAhead } from './read-ahead.js';

export interface LinkOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: NetworkFaults;
}

/** The client's end of one exchange. */
interface Exchange {
  /** Aborted when the client gives up or the connection is known to be dead. */
  readonly abort: AbortController;
  /** Takes the client's signal and time limit off. */
  readonly lift: () => void;
  /** Nothing of it crosses any more, although the wire is whole. */
  isStalled: boolean;
}

type Direction = 'requests' | 'answers';

export class SimulatedLink {
  readonly #options: LinkOptions;
  #faults: NetworkFaults;
  #mode: 'open' | CutMode = 'open';
  /** When the last byte that was let through is out of a wire with little room, each way for itself. */
  readonly #busyUntilMs: Record<Direction, number> = { requests: 0, answers: 0 };
  readonly #waiters = new Set<() => void>();
  readonly #exchanges = new Set<Exchange>();
  #requests = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#faults = options.faults;
  }

  get isCut(): boolean {
    return this.#mode !== 'open';
  }

  setFaults(change: Partial<NetworkFaults>): void {
    this.#faults = { ...this.#faults, ...change };
  }

  get openExchanges(): number {
    return this.#exchanges.size;
  }

  /** So many were made on it. */
  get requests(): number {
    return this.#requests;
  }

  reset(): void {
    this.#breakAll();
  }

  stall(): void {
    for (const exchange of this.#exchanges) exchange.isStalled = true;
    const stalled = [...this.#exchanges];
    this.#options.clock.setTimer(this.#faults.detectMs, () => {
      for (const { abort } of stalled) abort.abort(this.#lost('no sign of life'));
    });
  }

  cut(mode: CutMode): void {
    this.#mode = mode;
    if (mode === 'refuse') this.#breakAll();
    else this.#detectLater([...this.#exchanges]);
  }

  heal(): void {
    this.#mode = 'open';
    for (const wake of [...this.#waiters]) wake();
  }

  wrap(transport: Transport): Transport {
    const own = new Set<Exchange>();
    return {
      request: (request) => this.#request(transport, { request, own }),
      close: async () => {
        for (const exchange of own)
          exchange.abort.abort(new TransportError('closed', 'the transport was closed'));
        await transport.close();
      },
    };
  }

  #breakAll(): void {
    for (const exchange of [...this.#exchanges]) exchange.abort.abort(this.#lost('the connection was reset'));
  }

  /** A client learns of a silent cut only if it lasts. */
  #detectLater(exchanges: readonly Exchange[]): void {
    const { detectMs } = this.#faults;
    this.#options.clock.setTimer(detectMs, () => {
      if (this.#mode === 'open') return;
      for (const { abort } of exchanges) abort.abort(this.#lost('no sign of life'));
    });
  }

  #lost(why: string): TransportError {
    return new TransportError('closed', `lost the peer on link ${this.#options.name}: ${why}`);
  }

  async #request(
    transport: Transport,
    { request, own }: { request: TransportRequest; own: Set<Exchange> },
  ): Promise<TransportResponse> {
    this.#requests++;
    if (this.#mode === 'refuse') {
      throw new TransportError(
        'tcp',
        `cannot reach the peer on link ${this.#options.name}: connection refused (TCP)`,
      );
    }
    const exchange = this.#open(request, own);
    const { signal } = exchange.abort;
    try {
      await this.#cross(exchange, 'requests', sizeOf(request));
      const { timeoutMs: _limit, ...rest } = request; // the client's limit is counted on the client's side
      const answer = await transport.request({ ...rest, signal });
      await this.#cross(exchange, 'answers', 0); // its bytes follow, see #chunks
      return this.#answer(answer, exchange);
    } catch (error) {
      exchange.lift();
      throw signal.aborted ? signal.reason : error;
    }
  }

  #open(request: TransportRequest, own: Set<Exchange>): Exchange {
    const { clock } = this.#options;
    const abort = new AbortController();
    const unlisten = onAbort(request.signal, () => abort.abort(request.signal?.reason));
    const { timeoutMs } = request;
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.setTimer(timeoutMs, () => {
            const message = `no answer on link ${this.#options.name} within ${timeoutMs / 1000} s (timeout)`;
            abort.abort(new TransportError('timeout', message));
          });
    const exchange: Exchange = {
      abort,
      lift: () => {
        unlisten();
        timer?.cancel();
        own.delete(exchange);
        this.#exchanges.delete(exchange);
      },
      isStalled: false,
    };
    own.add(exchange);
    this.#exchanges.add(exchange);
    if (this.#mode !== 'open') this.#detectLater([exchange]);
    return exchange;
  }

  #answer(answer: TransportResponse, exchange: Exchange): TransportResponse {
    const chunks = (): AsyncIterable<Uint8Array> => this.#chunks(answer, exchange);
    return {
      status: answer.status,
      headers: answer.headers,
      chunks,
      bytes: async () => {
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks()) parts.push(chunk);
        return Buffer.concat(parts);
      },
    };
  }

  async *#chunks(answer: TransportResponse, exchange: Exchange): AsyncGenerator<Uint8Array> {
    const { signal } = exchange.abort;
    const { clock } = this.#options;
    let isWhole = false;
    try {
      let lastMs = 0;
      const dueMs = (chunk: Uint8Array): number => {
        const arrivalMs = Math.max(
          clock.monotonicMs() + this.#latencyMs(),
          this.#sentMs('answers', chunk.length),
        );
        lastMs = Math.max(lastMs, arrivalMs); // bytes keep their order
        return lastMs;
      };
      // Who reads slowly leaves the rest to the server's buffers.
      const room = (): number => (this.#faults.readPieceMs > 0 ? 1 : Number.POSITIVE_INFINITY);
      for await (const piece of readAhead(answer.chunks(), dueMs, room)) {
        if (this.#happens(this.#faults.breakStream))
          exchange.abort.abort(this.#lost('the connection was reset'));
        const waitMs = piece.dueMs - clock.monotonicMs();
        if (waitMs > 0) await this.#wait(waitMs, signal);
        await this.#whenOpen(exchange, 'answers');
        if (this.#faults.readPieceMs > 0) await this.#wait(this.#faults.readPieceMs, signal);
        yield piece.chunk;
      }
      signal.throwIfAborted();
      isWhole = true;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      exchange.lift();
      if (!isWhole) exchange.abort.abort(this.#lost('the reader has stopped'));
    }
  }

  /** The time on the wire, and all the time for which it is cut; rejects when the exchange ends first. */
  async #cross(exchange: Exchange, direction: Direction, bytes: number): Promise<void> {
    const { signal } = exchange.abort;
    const { loseRequest, loseResponse } = this.#faults;
    const lost = this.#happens(direction === 'requests' ? loseRequest : loseResponse);
    const nowMs = this.#options.clock.monotonicMs();
    await this.#wait(Math.max(this.#latencyMs(), this.#sentMs(direction, bytes) - nowMs), signal);
    await this.#whenOpen(exchange, direction);
    if (!lost) return;
    await this.#wait(this.#faults.detectMs, signal);
    throw this.#lost('no sign of life');
  }

  /** When so many bytes more have left a wire that takes only so many a second. */
  #sentMs(direction: Direction, bytes: number): number {
    const { bytesPerSecond } = this.#faults;
    if (bytesPerSecond === 0 || bytes === 0) return 0;
    const beginMs = Math.max(this.#busyUntilMs[direction], this.#options.clock.monotonicMs());
    this.#busyUntilMs[direction] = beginMs + (bytes / bytesPerSecond) * 1000;
    return this.#busyUntilMs[direction];
  }

  #latencyMs(): number {
    const [minMs, maxMs] = this.#faults.latencyMs;
    return minMs + this.#options.random.next() * (maxMs - minMs);
  }

  async #whenOpen(exchange: Exchange, direction: Direction): Promise<void> {
    const { signal } = exchange.abort;
    signal.throwIfAborted();
    while (exchange.isStalled || this.#blocks(direction)) await this.#healed(signal);
  }

  #blocks(direction: Direction): boolean {
    return this.#mode === 'drop' || this.#mode === 'refuse' || this.#mode === `drop ${direction}`;
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#options.random.next() < chance;
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(delayMs, () => {
        unlisten();
        resolve();
      });
      const unlisten = onAbort(signal, () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }

  #healed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        unlisten();
        resolve();
      };
      this.#waiters.add(wake);
      const unlisten = onAbort(signal, () => {
        this.#waiters.delete(wake);
        reject(signal.reason);
      });
    });
  }
}

/** What a request takes of the wire; headers that repeat are compressed away. */
function sizeOf({ path, body = '' }: TransportRequest): number {
  return path.length + (typeof body === 'string' ? Buffer.byteLength(body) : body.length);
}
