/**
 * P3: only what the system applied and owns is deleted, and only if some spec since then did not name it. Looks only;
 * called by the observer at each deletion in a cluster, at the moment it is durable.
 */
import type { ClusterView, SeenObject } from './cluster-view.js';
import { tokenOf } from './items.js';
import { inventoryOwners } from './record-first.js';
import type { WorkHistory } from './work-history.js';

export interface Deletion {
  readonly key: string;
  readonly before: SeenObject;
  readonly nowMs: number;
  /** Of the works of this cluster, by name. */
  readonly history: (work: string) => WorkHistory | undefined;
}

/** What is wrong with it. */
export function judgeDeletion(view: ClusterView, { key, before, nowMs, history }: Deletion): string[] {
  const { object, ownedSince } = before;
  const { uid = '', namespace } = object.metadata;
  if (view.doomed.has(uid)) return [];
  const foreign = view.foreign.get(uid);
  if (foreign?.mayChange === false) return ['a foreign object was deleted'];
  const space = namespace && view.objects.get(`/registry/core/namespaces/${namespace}`);
  if (space && space.object.metadata.deletionTimestamp !== undefined) return []; // goes with its namespace
  if (foreign === undefined && tokenOf(object) === undefined) return []; // made by the cluster's own controllers
  if (goesWithDefinition(view, key)) return [];
  const owners = inventoryOwners(object);
  if (owners.length === 0) return ['deleted although no work owned it'];
  if (view.isBeingLeft) return [];
  return owners.flatMap((owner) => {
    const since = ownedSince.get(owner.uid) ?? nowMs;
    // Made by a request that was on its way when its klusterlet was stopped to leave: the one who left did not see it.
    if (since >= (view.givenUp.get(owner.uid) ?? Number.POSITIVE_INFINITY)) return [];
    const name = owner.name.slice(owner.name.indexOf('-') + 1);
    const demands = history(name);
    // A klusterlet that is behind may still be at an edition that came before the object was named again.
    const askedMs = demands?.askedAtMs(view.reached.get(name) ?? '') ?? nowMs;
    const period = { fromMs: Math.min(since, askedMs), toMs: nowMs };
    const isWanted = demands?.namedThroughout(key, period) === true;
    return isWanted ? [`deleted although work ${name} has named it all the time`] : [];
  });
}

function goesWithDefinition(view: ClusterView, key: string): boolean {
  const [, , group = '', resource = ''] = key.split('/');
  const definition = view.objects.get(
    `/registry/apiextensions.k8s.io/customresourcedefinitions/${resource}.${group}`,
  );
  return group === 'sim.example' && definition?.object.metadata.deletionTimestamp !== undefined;
}
