/**
 * ClusterProperties (about.k8s.io, KEP-2149) of the managed cluster, where it has that kind: looks for it from time to
 * time, and watches its objects once it is there. The klusterlet does not bring the kind along: it is not ours or OCM's.
 */
import type { KubeObject } from '@flotilla/api';
import { createInformer, type Env, type Informer, type KubeClient, sleep, wellKnown } from '@flotilla/kube';

export interface ClusterProperties {
  list(): readonly KubeObject[];
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** How often a cluster without the kind is asked again. */
const lookPeriodMs = 60_000;

export function createClusterProperties(
  managed: KubeClient,
  { env, onChange }: { env: Env; onChange: () => void },
): ClusterProperties {
  const informer: Informer<KubeObject> = createInformer(managed, wellKnown.clusterProperties, { env });
  informer.onChange(onChange);
  let looking: Promise<void> = Promise.resolve();
  return {
    list: () => informer.cache.list(),
    start: (signal) => {
      looking = (async () => {
        while (!signal.aborted) {
          if (await isServed(managed, env)) {
            informer.start(signal);
            return;
          }
          await sleep(env.clock, lookPeriodMs, signal).catch(() => undefined); // only an abort, which ends the loop
        }
      })();
    },
    close: async () => {
      await looking;
      await informer.close();
    },
  };
}

/** A server that does not answer is asked again as one that does not serve it. */
async function isServed(managed: KubeClient, { log }: Env): Promise<boolean> {
  const { group, version } = wellKnown.clusterProperties;
  try {
    await managed.getText(`/apis/${group}/${version}`);
    return true;
  } catch (error) {
    log.debug('the cluster has no ClusterProperties', { error: String(error) });
    return false;
  }
}
