/**
 * The whole state of a collection at one resourceVersion: by pages of a list, or as the first part of a watch where
 * the server can do that. Called by the informer at its start and when its place in the event stream is lost.
 */
import { hasReason, type KubeObject, type ObjectMeta, type WatchEvent } from '@flotilla/api';
import type { KubeClient, ListOptions, ResourceRef } from '../client/client.js';

export interface CollectionState<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

export interface ListAllOptions<T> extends ListOptions {
  readonly pageSize: number;
  /** Applied as each page arrives, so that the untransformed whole is never in memory. */
  readonly transform: (object: T) => T;
  /** What is not to be kept; default nothing. */
  readonly keep?: (object: T) => boolean;
}

/** A consistent list; one that expires between its pages is taken again in one piece. */
export async function listAll<T>(
  client: KubeClient,
  ref: ResourceRef,
  options: ListAllOptions<T>,
): Promise<CollectionState<T>> {
  const { pageSize, transform, keep = () => true, ...call } = options;
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    try {
      const page = await client.list<T>(ref, {
        ...call,
        limit: pageSize,
        ...(next !== undefined && { continue: next }),
      });
      for (const item of page.items) if (keep(item)) objects.push(transform(item));
      next = page.metadata.continue;
      if (!next) return { objects, resourceVersion: page.metadata.resourceVersion ?? '' };
    } catch (error) {
      if (next === undefined || !hasReason(error, 'Expired', 'Gone')) throw error;
      const all = await client.list<T>(ref, call);
      return {
        objects: all.items.filter(keep).map(transform),
        resourceVersion: all.metadata.resourceVersion ?? '',
      };
    }
  }
}

/** True for the bookmark that ends the initial events of a watch with `sendInitialEvents`. */
export function endsInitialEvents(event: WatchEvent): boolean {
  const annotations = event.object.metadata?.annotations;
  return event.type === 'BOOKMARK' && annotations?.['k8s.io/initial-events-end'] === 'true';
}

/** True when the server does not know, or does not allow, `sendInitialEvents`. */
export function refusesInitialEvents(error: unknown): boolean {
  return (
    hasReason(error, 'Invalid', 'BadRequest', 'Forbidden') &&
    /sendInitialEvents|resourceVersionMatch/.test(error.message)
  );
}

/** The resourceVersion of an object or bookmark; throws when the server sent none, since resuming needs it. */
export function resourceVersionOf(object: KubeObject): string {
  const version = (object.metadata as ObjectMeta | undefined)?.resourceVersion; // the server's word, unchecked so far
  if (version === undefined || version === '') throw new Error('a watch event carries no resourceVersion');
  return version;
}
