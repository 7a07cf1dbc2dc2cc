/** Says, as an event on the dependent, that its owner reference can never hold. The reference itself is left alone. */
import { formatTime, hasReason, type KubeObject, type OwnerReference } from '@flotilla/api';
import { type Env, type KubeClient, wellKnown } from '@flotilla/kube';

/** For an object without a namespace that names an owner of a namespaced kind. One event for each such pair. */
export async function reportMisplacedOwner(
  { client, env }: { client: KubeClient; env: Env },
  { apiVersion, kind, metadata }: KubeObject,
  owner: OwnerReference,
): Promise<void> {
  const { name = '', uid = '', resourceVersion } = metadata;
  const time = formatTime(env.clock.now());
  const event: KubeObject = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: 'default', name: `${name}.${owner.uid.slice(0, 8)}.owner` },
    involvedObject: { apiVersion, kind, name, uid, resourceVersion },
    type: 'Warning',
    reason: 'OwnerRefInvalidNamespace',
    message: `ownerRef [${owner.apiVersion}/${owner.kind}, name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace ""`,
    source: { component: 'garbage-collector-controller' },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  try {
    await client.create(wellKnown.events, event);
  } catch (error) {
    // Told before, or not to be told: the reference is ignored all the same.
    if (!hasReason(error, 'AlreadyExists', 'Invalid', 'Forbidden')) throw error;
  }
}
