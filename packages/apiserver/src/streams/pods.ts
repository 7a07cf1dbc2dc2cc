/** Finding the pod and the container that a request means, with the reference's words when there is none. */
import { type KubeObject, newBadRequest, newNotFound } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import { objectsAt, textAt } from '../builtin/access.js';
import type { ConnectContext } from '../registry/resource.js';

/** @throws StatusError 404. */
export function findPod(
  reader: ObjectReader,
  { namespace = '', name }: { namespace?: string | undefined; name: string },
): KubeObject {
  const pod = reader.get('', 'pods', { namespace, name });
  if (pod === undefined) throw newNotFound({ group: '', resource: 'pods', name });
  return pod;
}

/** The container named, or the only one. @throws StatusError 400. */
export function chooseContainer(pod: KubeObject, wanted: string): string {
  const { name } = pod.metadata;
  const containers = names(pod, 'containers');
  const inits = names(pod, 'initContainers');
  if (wanted !== '') {
    if ([...containers, ...inits, ...names(pod, 'ephemeralContainers')].includes(wanted)) return wanted;
    throw newBadRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only] = containers;
  if (containers.length === 1 && only !== undefined) return only;
  const choice = `choose one of: [${containers.join(' ')}]`;
  const orInits = inits.length > 0 ? ` or one of the init containers: [${inits.join(' ')}]` : '';
  throw newBadRequest(`a container name must be specified for pod ${name}, ${choice}${orInits}`);
}

/** @throws StatusError 400 while no node has it. */
export function requireNode(pod: KubeObject): void {
  if (textAt(pod, 'spec', 'nodeName') === '')
    throw newBadRequest(`pod ${pod.metadata.name} does not have a host assigned`);
}

/** The container's status, wherever in the pod it stands. */
export function statusOfContainer(pod: KubeObject, container: string) {
  return ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses']
    .flatMap((list) => objectsAt(pod, 'status', list))
    .find((status) => status['name'] === container);
}

/** `true`, `1`, and an empty value count, as everywhere in the API. */
export function flagOf({ request }: ConnectContext, name: string, fallback = false): boolean {
  const value = request.query.get(name);
  if (value === null) return fallback;
  return value !== 'false' && value !== '0';
}

function names(pod: KubeObject, list: string): string[] {
  return objectsAt(pod, 'spec', list).map((container) => textAt(container, 'name'));
}
