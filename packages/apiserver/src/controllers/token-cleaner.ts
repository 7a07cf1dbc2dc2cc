/**
 * Removes bootstrap tokens an hour after they have expired. Until then their holders are told that, and when, they
 * expired; see the bootstrap token authenticator.
 */
import { hasReason, type KubeObject, parseTime } from '@flotilla/api';
import { createController, createInformer, keyOf, parseKey, wellKnown } from '@flotilla/kube';
import { textAt } from '../builtin/access.js';
import type { ControlLoop, ControllerContext } from './control-loop.js';

const keepExpiredMs = 3_600_000;
/** No timer is longer: a clock may be set meanwhile. */
const longestWaitMs = 3_600_000;
const expiresAt = 'expiresAt';

export function createTokenCleaner({ client, env }: ControllerContext): ControlLoop {
  const tokens = createInformer<KubeObject>(client, wellKnown.secrets, {
    env,
    namespace: 'kube-system',
    fieldSelector: 'type=bootstrap.kubernetes.io/token',
    transform: withoutSecret,
  });
  const controller = createController({
    name: 'token-cleaner',
    env,
    maxDelayMs: 60_000,
    reconcile: async (key) => {
      const token = tokens.cache.get(key);
      const expiryMs = token?.[expiresAt];
      if (token === undefined || typeof expiryMs !== 'number') return undefined;
      const leftMs = expiryMs + keepExpiredMs - env.clock.now();
      if (leftMs > 0) return { requeueAfterMs: Math.min(leftMs, longestWaitMs) };
      const { uid, resourceVersion } = token.metadata;
      try {
        await client.delete(wellKnown.secrets, parseKey(key), {
          preconditions: { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) },
        });
        env.log.info('expired bootstrap token removed', { name: token.metadata.name });
      } catch (error) {
        // Conflict: it was prolonged meanwhile, and its event brings it back.
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return undefined;
    },
  });
  tokens.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(keyOf(object));
  });
  return { informers: [tokens], controllers: [controller] };
}

/** What is kept in memory: when it expires, and nothing that opens anything. */
function withoutSecret({ apiVersion, kind, metadata, data }: KubeObject): KubeObject {
  const expiration = Buffer.from(textAt(data, 'expiration'), 'base64').toString('utf8');
  const { name, namespace, uid, resourceVersion } = metadata;
  const kept = { name, namespace, uid, resourceVersion } as KubeObject['metadata']; // a stored object has them all
  return { apiVersion, kind, metadata: kept, [expiresAt]: parseExpiration(expiration) };
}

/** A token without an expiration, or with one that is no time, is nobody's garbage. */
function parseExpiration(text: string): number | undefined {
  try {
    return text === '' ? undefined : parseTime(text);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
