/**
 * One leader among several processes, by a Lease (coordination.k8s.io/v1), as client-go's leaderelection does it: the
 * holder renews, the others wait until the lease they last saw change has not changed for its whole duration. A leader
 * that cannot renew stops before another may begin. Clocks may differ; they must only run equally fast.
 */
import { formatMicroTime, hasReason, type KubeObject, newInternalError } from '@flotilla/api';
import type { KubeClient } from '../client/client.js';
import { wellKnown } from '../client/well-known.js';
import { createStopController } from '../env/abort.js';
import { type Env, sleep } from '../env/env.js';

export interface LeaderElectionTimes {
  /** How long the others wait after the last sign of life. */
  readonly leaseDurationMs: number;
  /** A leader whose lease could not be renewed for so long has lost it. */
  readonly renewDeadlineMs: number;
  /** Between two attempts; waiting ones add up to 1.2 times as much, by chance. */
  readonly retryPeriodMs: number;
}

/** Those of Kubernetes' own components. */
export const defaultLeaderElectionTimes: LeaderElectionTimes = Object.freeze({
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
});

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'update'>;
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique among the candidates. */
  readonly identity: string;
  /** Ends the candidacy; a leader gives the lease back. */
  readonly signal: AbortSignal;
  readonly times?: Partial<LeaderElectionTimes>;
}

/** What the leader does: it starts when called, and resolves when all of it has ended after the signal's abort. */
export type LeaderWork = (signal: AbortSignal) => Promise<void>;

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

type Lease = KubeObject & { spec?: LeaseSpec };

const jitter = 1.2;

/** Runs `work` whenever this candidate leads, until the signal is aborted. Never rejects: failures are logged. */
export async function runElected(work: LeaderWork, options: LeaderElectionOptions): Promise<void> {
  const candidate = new Candidate(options);
  const { signal } = options;
  while (!signal.aborted) {
    if (!(await candidate.acquire())) return;
    await candidate.lead(work);
    // Another may be better at it: work that fails at once must not keep the lease going round here.
    await candidate.pause(signal);
  }
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  readonly #times: LeaderElectionTimes;
  /** The lease as last seen, and when it was first seen so, on the monotonic clock. */
  #observed: Lease | undefined;
  #observedAtMs = 0;
  /** When the last successful renewal was sent. */
  #renewedAtMs = 0;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#times = { ...defaultLeaderElectionTimes, ...options.times };
  }

  /** True when the lease is ours, false when the candidacy has ended. */
  async acquire(): Promise<boolean> {
    const { signal, env } = this.#options;
    const { retryPeriodMs, renewDeadlineMs } = this.#times;
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew(renewDeadlineMs)) return true;
      await this.#sleep(retryPeriodMs * (1 + jitter * env.random.next()), signal);
    }
    return false;
  }

  /** Resolves when the lease is lost or given back, and the work has ended. */
  async lead(work: LeaderWork): Promise<void> {
    const { env, lease, identity, signal } = this.#options;
    const { log } = env;
    const leadership = createStopController();
    const stop = (): void => leadership.abort(signal.reason ?? new Error('the leadership is lost'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    log.info('leading', { lease: lease.name, identity });
    const working = work(leadership.signal).catch((error: unknown) => {
      if (!leadership.signal.aborted)
        log.error('the work of the leader failed', { lease: lease.name, error });
    });
    // Work that ends on its own leaves the lease to others.
    const ended = working.finally(() => leadership.abort(new Error('the work has ended')));
    const kept = await this.#renewUntil(leadership.signal);
    signal.removeEventListener('abort', stop);
    if (!kept) log.warn('leadership lost', { lease: lease.name, identity });
    leadership.abort(new Error('the leadership is lost'));
    await ended;
    if (kept) await this.#release();
    log.info('leading no more', { lease: lease.name, identity });
  }

  /** Resolves true when the signal ends it, false when the lease is lost. */
  async #renewUntil(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options.env;
    const { renewDeadlineMs } = this.#times;
    for (;;) {
      await this.pause(signal);
      if (signal.aborted) return true;
      const leftMs = this.#renewedAtMs + renewDeadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return false;
      const renewed = await this.#tryAcquireOrRenew(leftMs);
      if (!renewed && this.#holder !== '' && this.#holder !== this.#options.identity) return false;
      if (clock.monotonicMs() - this.#renewedAtMs >= renewDeadlineMs) return false;
    }
  }

  get #holder(): string {
    return this.#observed?.spec?.holderIdentity ?? '';
  }

  /** One attempt within the time given. Failures are no success and nothing more. */
  async #tryAcquireOrRenew(timeoutMs: number): Promise<boolean> {
    const { env, lease, identity } = this.#options;
    const sentAtMs = env.clock.monotonicMs();
    try {
      if (!(await this.#attempt(timeoutMs))) return false;
      this.#renewedAtMs = sentAtMs;
      return true;
    } catch (error) {
      if (!hasReason(error, 'Conflict', 'AlreadyExists'))
        env.log.warn('lease not written', { lease: lease.name, identity, error: String(error) });
      return false;
    }
  }

  async #attempt(timeoutMs: number): Promise<boolean> {
    const { identity } = this.#options;
    const known = this.#observed;
    if (known !== undefined && this.#holder === identity) {
      try {
        this.#observe(await this.#write(known, this.#renewed(known), timeoutMs));
        return true;
      } catch (error) {
        if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
      }
    }
    const found = await this.#read(timeoutMs);
    if (found === undefined) {
      this.#observe(await this.#create(timeoutMs));
      return true;
    }
    this.#observe(found);
    if (this.#holder !== '' && this.#holder !== identity && this.#isValid()) return false;
    this.#observe(await this.#write(found, this.#renewed(found), timeoutMs));
    return true;
  }

  /** By our own clock since we saw it change: the times written in it are of another's. */
  #isValid(): boolean {
    const { clock } = this.#options.env;
    return this.#observedAtMs + this.#times.leaseDurationMs > clock.monotonicMs();
  }

  #observe(lease: Lease): void {
    if (this.#observed?.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#observed = lease;
    this.#observedAtMs = this.#options.env.clock.monotonicMs();
  }

  /** The lease with us as its holder. */
  #renewed({ spec = {} }: Lease): LeaseSpec {
    const { identity, env } = this.#options;
    const now = formatMicroTime(env.clock.now());
    const isOurs = spec.holderIdentity === identity;
    return {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#times.leaseDurationMs / 1000),
      acquireTime: isOurs ? (spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
  }

  async #read(timeoutMs: number): Promise<Lease | undefined> {
    const { client, lease } = this.#options;
    try {
      return await client.get<Lease>(wellKnown.leases, lease, { timeoutMs });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #create(timeoutMs: number): Promise<Lease> {
    const { client, lease } = this.#options;
    const { leaseTransitions: _, ...spec } = this.#renewed({ apiVersion: '', kind: '', metadata: {} });
    const object: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...lease },
      spec: { ...spec, leaseTransitions: 0 },
    };
    return client.create(wellKnown.leases, object, { timeoutMs });
  }

  #write(lease: Lease, spec: LeaseSpec, timeoutMs: number): Promise<Lease> {
    if (lease.metadata.resourceVersion === undefined) {
      throw newInternalError('a lease without resourceVersion cannot be compared');
    }
    return this.#options.client.update(wellKnown.leases, { ...lease, spec }, { timeoutMs });
  }

  /** Lets the next one begin at once. */
  async #release(): Promise<void> {
    const { env, identity, lease } = this.#options;
    const known = this.#observed;
    if (known === undefined || this.#holder !== identity) return;
    const now = formatMicroTime(env.clock.now());
    const { leaseTransitions = 0 } = known.spec ?? {};
    try {
      this.#observe(
        await this.#write(
          known,
          { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions },
          this.#times.retryPeriodMs,
        ),
      );
    } catch (error) {
      // It expires on its own.
      env.log.info('lease not given back', { lease: lease.name, error: String(error) });
    }
  }

  /** One retry period, or until the signal aborts. */
  pause(signal: AbortSignal): Promise<void> {
    return this.#sleep(this.#times.retryPeriodMs, signal);
  }

  async #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.#options.env.clock, delayMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
