import { hasReason } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { startTestCluster } from '../controllers/testing/test-cluster.js';
import { createMemoryStore } from '../storage/memory-store.js';

describe('the history of a server', () => {
  for (const [what, historyMs, keptMs] of [
    ['by default for five minutes in memory and up to fifteen in its store', undefined, 300_000],
    ['for as long as it is told', 20_000, 20_000],
  ] as const) {
    it(`is kept ${what}`, async () => {
      const env = createTestEnv();
      const store = createMemoryStore({ clock: env.clock });
      const cluster = await startTestCluster({
        ...{ profile: 'hub', env, store, controllers: () => false },
        ...(historyMs !== undefined && { historyMs }),
      });
      const make = async (name: string): Promise<string> => {
        const made = await cluster.make(wellKnown.configMaps, { metadata: { name, namespace: 'default' } });
        return made.metadata.resourceVersion ?? '';
      };
      const before = await make('a');
      await make('b');
      const canWatchFrom = async (resourceVersion: string): Promise<boolean> => {
        try {
          const options = { namespace: 'default', resourceVersion, timeoutSeconds: 1 };
          const events = cluster.client.watch(wellKnown.configMaps, options)[Symbol.asyncIterator]();
          const { value } = await events.next();
          await events.return?.();
          return value?.object.metadata.name === 'b';
        } catch (error) {
          if (!hasReason(error, 'Expired')) throw error;
          return false;
        }
      };
      await cluster.pass(keptMs - 6000);
      expect(await canWatchFrom(before)).to.equal(true);
      await cluster.pass(12_000);
      expect(await canWatchFrom(before)).to.equal(false);
      expect(Number(await store.compactedRevision())).to.be.below(Number(before));
      await cluster.pass(3 * keptMs);
      expect(Number(await store.compactedRevision())).to.be.at.least(Number(before));
      await cluster.close();
    });
  }
});
