/** Bugs of what keeps copies of collections and queues work. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const kube = 'packages/kube/src';

export const clientBugs: readonly PlantedBug[] = [
  {
    name: 'ignore-410',
    what: 'a watch that the server has forgotten is asked for again and again from the same place',
    file: `${kube}/informer/informer.ts`,
    edits: [
      ['this.#resumeAt = undefined; log.debug(', 'log.debug('],
      ['return lostPlace ? 0 : delayMs;', 'return lostPlace ? delayMs : delayMs;'],
    ],
  },
  {
    name: 'lose-events-after-reconnect',
    what: 'a watch that broke goes on from now: what was deleted in between is never told',
    file: `${kube}/informer/informer.ts`,
    edits: [
      [
        '{ resourceVersion: this.#resumeAt }),',
        "{ resourceVersion: this.#backoff.nextMs() > 1500 ? '0' : this.#resumeAt }),",
      ],
    ],
  },
  {
    name: 'miss-deletions-in-list',
    what: 'what vanished while nobody watched is not reported as deleted',
    file: `${kube}/informer/informer.ts`,
    edits: [
      ['for (const key of this.#cache.keys()) if (!listed.has(key)) this.#remove(key, undefined);', ''],
    ],
  },
  {
    name: 'hammer-on-expired',
    what: 'a server that has forgotten every place is asked for lists in a loop',
    file: `${kube}/informer/informer.ts`,
    edits: [['return lostPlace ? 0 : delayMs;', 'return lostPlace ? 0 : Math.min(1, delayMs);']],
  },
  {
    name: 'lose-key-while-busy',
    what: 'a change that comes while its key is being worked on is lost',
    file: `${kube}/queue/work-queue.ts`,
    edits: [['if (this.#again.delete(key)) this.add(key);', 'this.#again.delete(key);']],
  },
];
