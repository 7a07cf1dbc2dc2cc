/**
 * A copy of a collection whose kind a server may not have (yet): looks for the kind from time to time, and watches its
 * objects once it is there. For ClusterProperties (about.k8s.io, KEP-2149) of the managed cluster, a kind that the
 * klusterlet does not bring along, and for add-ons on the hub.
 */
import type { KubeObject } from '@flotilla/api';
import {
  type ChangeHandler,
  createInformer,
  type Env,
  type KubeClient,
  type ResourceRef,
  sleep,
} from '@flotilla/kube';

export interface LateInformer<T> {
  /** Empty as long as the server does not have the kind. */
  list(): readonly T[];
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export interface LateInformerOptions<T> {
  readonly env: Env;
  readonly namespace?: string;
  readonly onChange: ChangeHandler<T>;
}

/** How often a server without the kind is asked again. */
const lookPeriodMs = 60_000;

export function createLateInformer<T extends KubeObject>(
  client: KubeClient,
  ref: ResourceRef,
  { env, namespace, onChange }: LateInformerOptions<T>,
): LateInformer<T> {
  const informer = createInformer<T>(client, ref, { env, ...(namespace !== undefined && { namespace }) });
  informer.onChange(onChange);
  let looking: Promise<void> = Promise.resolve();
  return {
    list: () => informer.cache.list(),
    start: (signal) => {
      looking = (async () => {
        let said = '';
        while (!signal.aborted) {
          const missing = await whyMissing(client, ref);
          if (missing === undefined) {
            informer.start(signal);
            return;
          }
          if (missing !== said) {
            env.log.debug('the server does not have a kind yet', { resource: ref.resource, error: missing });
          }
          said = missing;
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

/** Undefined: it is served. A server that does not answer is asked again as one that does not serve it. */
async function whyMissing(client: KubeClient, { group, version }: ResourceRef): Promise<string | undefined> {
  try {
    await client.getText(`/apis/${group}/${version}`);
    return undefined;
  } catch (error) {
    return String(error);
  }
}
