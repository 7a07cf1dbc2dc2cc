/**
 * P8: whatever its peers answer, a klusterlet asks no more than so often, what it keeps does not grow, nobody rewrites an
 * object again and again, and no server keeps much for a client that does not read. Looked at by the run whenever it
 * checks.
 */
import type { World } from './world.js';

/** Requests of one klusterlet on one link: a burst, and so many a second on top of it. */
const burst = 600;
const perSecond = 15;
/** Exchanges on one link at a time: informers, a status for each work, a pass over each work. */
const maxExchanges = 200;
/** Saved works in at most 64 files of a journal, credentials and configuration. */
const maxFiles = 90;
/** Of one object in a minute: parts of a system that contradict each other write for ever. */
const maxWrites = 60;
const windowMs = 60_000;

export class Bounds {
  readonly #world: World;
  readonly #before = new Map<string, { readonly requests: number; readonly atMs: number }>();
  #writesSinceMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  judge(): void {
    const { clock, network, checks } = this.#world;
    checks.add('P8');
    const nowMs = clock.monotonicMs();
    this.#judgeWrites(nowMs);
    this.#judgeServers();
    for (const { name, klusterlet } of this.#world.clusters) {
      for (const link of [`hub-${name}`, `cluster-${name}`]) {
        const requests = network.requests(link);
        const before = this.#before.get(link) ?? { requests, atMs: nowMs };
        const allowed = burst + (perSecond * (nowMs - before.atMs)) / 1000;
        const made = requests - before.requests;
        if (made > allowed) {
          this.#world.breach(
            'P8',
            `${made} requests on link ${link} in ${Math.round(nowMs - before.atMs)} ms`,
          );
        }
        // Windows of a minute, so that bursts do not add up.
        if (nowMs - before.atMs >= windowMs || !this.#before.has(link))
          this.#before.set(link, { requests, atMs: nowMs });
        const open = network.openExchanges(link);
        if (open > maxExchanges) this.#world.breach('P8', `${open} exchanges are open on link ${link}`);
      }
      const files = klusterlet.files.paths().length;
      if (files > maxFiles) this.#world.breach('P8', `the klusterlet of ${name} keeps ${files} files`);
    }
  }

  #judgeServers(): void {
    const { hub, clusters } = this.#world;
    for (const server of [hub, ...clusters.map((cluster) => cluster.server)]) {
      for (const what of server.heldProblems()) this.#world.breach('P8', `${server.name}: ${what}`);
    }
  }

  #judgeWrites(nowMs: number): void {
    const { writes } = this.#world.observer.trace;
    for (const [key, count] of writes) {
      if (count > maxWrites) this.#world.breach('P8', `${key} was written ${count} times within a minute`);
    }
    if (nowMs - this.#writesSinceMs < windowMs) return;
    this.#writesSinceMs = nowMs;
    writes.clear();
  }
}
