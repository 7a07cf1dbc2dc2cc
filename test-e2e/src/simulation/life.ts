/**
 * One life of a simulated process: what it does ends when the life ends, as with SIGKILL. Its timers never fire, its
 * requests and file operations never answer, its log is silent; code that is left over hangs and touches nothing.
 * Every simulated process runs on the `env` of such a life.
 */
import type { Clock, Env, Files, Logger, Timer, Transport, TransportResponse } from '@flotilla/kube';

export class Life {
  readonly env: Env;
  readonly #timers = new Set<Timer>();
  readonly #transports = new Set<Transport>();
  #isOver = false;
  #death: { operations: number; readonly die: () => void } | undefined;

  /** `skewMs`: by how much its clock is wrong. */
  constructor(env: Env, skewMs: () => number = () => 0) {
    this.env = {
      clock: this.#clock(env.clock, skewMs),
      random: env.random,
      files: this.#files(env.files),
      log: this.#log(env.log),
    };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The way out of this process; its connections break when it ends. */
  transport(inner: Transport): Transport {
    this.#transports.add(inner);
    return {
      request: async (request) => this.#answer(await this.#whileAlive(() => inner.request(request))),
      close: () => this.#whileAlive(() => inner.close()),
    };
  }

  /**
   * Calls `die` at the so-manieth operation from now on: each request and file access counts when it begins and when
   * its answer is there, so that every await point of the process can be the last.
   */
  dieAfter(operations: number, die: () => void): void {
    this.#death = { operations, die };
  }

  #count(): void {
    const death = this.#death;
    if (death === undefined || --death.operations > 0) return;
    this.#death = undefined;
    death.die();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const transport of this.#transports) void transport.close();
    this.#transports.clear();
  }

  #whileAlive<T>(act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#count();
      if (this.#isOver) return;
      act().then(
        (value) => this.#answered(() => resolve(value)),
        (error: unknown) => this.#answered(() => reject(error)),
      );
    });
  }

  #answered(tell: () => void): void {
    if (!this.#isOver) this.#count();
    if (!this.#isOver) tell();
  }

  #answer(answer: TransportResponse): TransportResponse {
    const { status, headers } = answer;
    return {
      status,
      headers,
      bytes: () => this.#whileAlive(() => answer.bytes()),
      chunks: () => this.#chunks(answer.chunks()),
    };
  }

  async *#chunks(inner: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const iterator = inner[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#whileAlive(() => iterator.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  #clock(clock: Clock, skewMs: () => number): Clock {
    return {
      now: () => clock.now() + skewMs(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, fn) => {
        if (this.#isOver) return { cancel: () => undefined };
        const timer = clock.setTimer(delayMs, () => {
          this.#timers.delete(timer);
          fn();
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            this.#timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }

  #files(files: Files): Files {
    return {
      read: (path) => this.#whileAlive(() => files.read(path)),
      write: (path, data, options) => this.#whileAlive(() => files.write(path, data, options)),
      list: (path) => this.#whileAlive(() => files.list(path)),
      remove: (path) => this.#whileAlive(() => files.remove(path)),
    };
  }

  #log(log: Logger): Logger {
    const at =
      (level: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] =>
      (message, fields) => {
        if (!this.#isOver) log[level](message, fields);
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.#log(log.child(fields)),
    };
  }
}
