/**
 * A client that cannot write: every create, update, patch and delete is a dry run (`dryRun=All`), whoever asks for it.
 * The strategies run on it as they are. It remembers the object that was read first, which is the state before.
 */
import type { KubeObject } from '@flotilla/api';
import type { KubeClient, ResourceRef } from '@flotilla/kube';

export interface DryRunClient {
  readonly client: KubeClient;
  /** The first object that was read; undefined when none was. */
  readonly before: () => KubeObject | undefined;
}

/** Reviews are answers, not objects: nothing is kept of them, and not every server takes them as a dry run. */
const reviewGroups = new Set(['authorization.k8s.io', 'authentication.k8s.io']);

export function createDryRunClient(client: KubeClient): DryRunClient {
  let before: KubeObject | undefined;
  const seen = <T>(object: T): T => {
    before ??= object as KubeObject; // the strategies read objects
    return object;
  };
  return { client: dryRunning(client, seen), before: () => before };
}

function dryRunning(client: KubeClient, seen: <T>(object: T) => T): KubeClient {
  const isReview = (ref: ResourceRef): boolean => reviewGroups.has(ref.group);
  return {
    transport: client.transport,
    get: async (ref, key, options) => seen(await client.get(ref, key, options)),
    list: (ref, options) => client.list(ref, options),
    watch: (ref, options) => client.watch(ref, options),
    getText: (path, options) => client.getText(path, options),
    create: (ref, object, options) =>
      client.create(ref, object, isReview(ref) ? options : { ...options, dryRun: true }),
    update: (ref, object, options) => client.update(ref, object, { ...options, dryRun: true }),
    patch: (ref, key, options) => client.patch(ref, key, { ...options, dryRun: true }),
    delete: (ref, key, options) => client.delete(ref, key, { ...options, dryRun: true }),
    impersonate: (user, groups) => dryRunning(client.impersonate(user, groups), seen),
  };
}
