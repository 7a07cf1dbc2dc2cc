/**
 * Compares one managed cluster, and what the hub says of it, with what the model expects (P2, P3, P6). Looks only;
 * called by `convergence.ts`.
 */
import {
  equal,
  findCondition,
  isObject,
  type KubeObject,
  type ManifestCondition,
  type ManifestWork,
  planCondition,
} from '@flotilla/api';
import { type ClusterView, inventoriesOf } from './cluster-view.js';
import { hasData, tokenOf } from './items.js';
import type { Expectation, ExpectedManifest, ExpectedObject, ExpectedWork } from './model/expectation.js';
import { firstDifference } from './model/first-difference.js';

export interface Compared {
  readonly expected: Expectation;
  readonly view: ClusterView;
  /** Works of the cluster as the hub has them, by name. */
  readonly works: ReadonlyMap<string, ManifestWork>;
}

/** What is not as it must be. */
export function compareCluster({ expected, view, works }: Compared): string[] {
  const inventories = inventoriesOf(view);
  const problems = [...expected.objects.values()].flatMap((object) => compareObject(object, view));
  for (const work of expected.works.values()) {
    const wrong = [
      ...compareInventory(work, inventories.get(work.name), view),
      ...compareStatus(work, works.get(work.name), view),
    ];
    problems.push(...wrong.map((each) => `work ${work.name} (${work.edition.token}): ${each}`));
  }
  for (const [name, generation] of expected.plans) {
    const { observedGeneration } =
      findCondition(works.get(name)?.status?.conditions, planCondition.planned) ?? {};
    if (observedGeneration !== generation)
      problems.push(`plan ${name} tells about generation ${observedGeneration} of ${generation}`);
  }
  for (const name of inventories.keys()) {
    if (!expected.works.has(name)) problems.push(`the inventory of ${name} is left behind`);
  }
  return [...problems, ...compareRest(expected, view)];
}

function compareObject({ key, owners, manifest, mayHave }: ExpectedObject, view: ClusterView): string[] {
  const object = view.objects.get(key)?.object;
  if (object === undefined) return [`${key} is not there`];
  if (object.metadata.deletionTimestamp !== undefined) return [`${key} is being deleted`];
  const problems: string[] = [];
  const have = ownersOf(object, view);
  if (!equal(have, owners)) {
    problems.push(
      `${key} is owned by ${have.join(', ') || 'nobody'}, not by ${owners.join(', ') || 'nobody'}`,
    );
  }
  const missing = manifest && firstDifference(essenceOf(manifest), object);
  if (missing !== undefined) {
    problems.push(`${key} is as of ${tokenOf(object) ?? 'nothing'}, and its ${missing} is not as it must be`);
  }
  const data = isObject(object['data']) ? object['data'] : {};
  const wanted = isObject(manifest?.['data']) ? manifest['data'] : {};
  for (const field of Object.keys(data)) {
    const isExpected = Object.hasOwn(wanted, field) || mayHave(field, object.metadata.uid ?? '');
    if (!isExpected) problems.push(`${key} still has ${field}, which nobody asks for`);
  }
  return problems;
}

/** Names of the works whose inventories own the object; an owner that is gone counts as one, too. */
function ownersOf(object: KubeObject, view: ClusterView): string[] {
  const names = new Map([...inventoriesOf(view)].map(([name, { metadata }]) => [metadata.uid, name]));
  return (object.metadata.ownerReferences ?? [])
    .filter(({ kind }) => kind === 'AppliedManifestWork')
    .map(({ uid, name }) => names.get(uid) ?? `${name}, which is gone`)
    .sort();
}

/** The version in which an object is stored is the server's to choose. */
function essenceOf({ apiVersion: _, ...manifest }: KubeObject): Record<string, unknown> {
  return manifest;
}

function compareInventory(
  work: ExpectedWork,
  inventory: KubeObject | undefined,
  view: ClusterView,
): string[] {
  if (inventory === undefined) return ['it has no inventory'];
  if (inventory.metadata.deletionTimestamp !== undefined) return ['its inventory is being deleted'];
  const problems: string[] = [];
  const labels = work.label === undefined ? {} : { 'sim.example/label': work.label };
  if (!equal(inventory.metadata.labels ?? {}, labels)) {
    problems.push('the labels of its inventory are not its own');
  }
  const status = inventory['status'] as { appliedResources?: readonly Resource[] } | undefined; // its kind
  const listed = new Map((status?.appliedResources ?? []).map((each) => [keyOf(each), each]));
  for (const [key, apiVersion] of work.inventory) {
    const { group, version, uid } = listed.get(key) ?? {};
    const real = view.objects.get(key)?.object.metadata.uid;
    if (uid !== real) problems.push(`its inventory has ${key} with uid ${uid}, which is ${real}`);
    const stated = group ? `${group}/${version}` : version;
    if (uid !== undefined && stated !== apiVersion) {
      problems.push(`its inventory has ${key} in version ${stated}, not ${apiVersion}`);
    }
  }
  for (const key of listed.keys()) {
    if (!work.inventory.has(key)) problems.push(`its inventory still lists ${key}`);
  }
  return problems;
}

interface Resource {
  readonly group?: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

function keyOf({ group = '', resource, namespace = '', name }: Omit<Resource, 'version'>): string {
  return `/registry/${group || 'core'}/${resource}/${namespace === '' ? '' : `${namespace}/`}${name}`;
}

function compareStatus(work: ExpectedWork, seen: ManifestWork | undefined, view: ClusterView): string[] {
  const problems: string[] = [];
  const { conditions, resourceStatus } = seen?.status ?? {};
  const isAllThere = work.manifests.every(({ key }) => view.objects.has(key));
  for (const [type, holds] of [
    ['Applied', work.isApplied],
    ['Available', isAllThere],
  ] as const) {
    const { status, observedGeneration } = findCondition(conditions, type) ?? {};
    if (observedGeneration !== work.generation) {
      problems.push(`${type} is about generation ${observedGeneration} of ${work.generation}`);
    }
    if (status !== textOf(holds)) problems.push(`${type} is ${status}, not ${textOf(holds)}`);
  }
  const entries = resourceStatus?.manifests ?? [];
  if (entries.length !== work.manifests.length) {
    return [...problems, `the status is about ${entries.length} of ${work.manifests.length} manifests`];
  }
  const wrong = work.manifests.flatMap(
    (manifest, i) => compareEntry(manifest, entries[i] as ManifestCondition, view), // as many
  );
  return [...problems, ...wrong];
}

function compareEntry(
  { key, apiVersion, isApplied, item }: ExpectedManifest,
  { resourceMeta, conditions, statusFeedback }: ManifestCondition,
  view: ClusterView,
): string[] {
  const problems: string[] = [];
  const { group = '', version = '' } = resourceMeta;
  const stated = `${keyOf(resourceMeta as Resource)} ${group ? `${group}/${version}` : version}`; // found by discovery
  if (stated !== `${key} ${apiVersion}`)
    problems.push(`an entry is about ${stated}, not ${key} ${apiVersion}`);
  const object = view.objects.get(key)?.object;
  for (const [type, holds] of [
    ['Applied', isApplied],
    ['Available', object !== undefined],
  ] as const) {
    const status = findCondition(conditions, type)?.status;
    if (status !== textOf(holds)) problems.push(`${key} is said to be ${type}: ${status}`);
  }
  const value = (of: string) => statusFeedback?.values?.find(({ name }) => name === of)?.fieldValue;
  const isDeployment = item.kind === 'deployment';
  const said = isDeployment ? value('ReadyReplicas')?.integer : value('count')?.string;
  const real = isDeployment
    ? readyReplicas(object)
    : hasData(item)
      ? object?.metadata.labels?.['count']
      : undefined;
  if (said !== real) problems.push(`the feedback of ${key} is ${said}, not ${real}`);
  if (isDeployment && real !== wantedReplicas(object)) {
    problems.push(`${key} has ${real} of ${wantedReplicas(object)} replicas ready`);
  }
  return problems;
}

/** What no work claims: gone, or as others have it. */
function compareRest({ objects, absent, foreign, mayStay }: Expectation, view: ClusterView): string[] {
  const problems: string[] = [];
  const uids = new Set([...view.objects.values()].map(({ object }) => object.metadata.uid));
  for (const [key, { object }] of view.objects) {
    const { uid = '', ownerReferences = [] } = object.metadata;
    const dangling = ownerReferences.find((owner) => !uids.has(owner.uid));
    if (dangling) problems.push(`${key} has an owner that is gone: ${dangling.kind} ${dangling.name}`);
    const isOurs = absent.has(key) || tokenOf(object) !== undefined;
    if (!isOurs || objects.has(key) || mayStay(key, uid) !== undefined) continue;
    problems.push(`${key} is left behind, as of ${tokenOf(object) ?? 'nothing'}`);
  }
  for (const [key, uid] of foreign) {
    if (view.objects.get(key)?.object.metadata.uid !== uid) problems.push(`the foreign ${key} is gone`);
  }
  return problems;
}

function textOf(holds: boolean): string {
  return holds ? 'True' : 'False';
}

function readyReplicas(object: KubeObject | undefined): number | undefined {
  return (object?.['status'] as { readyReplicas?: number } | undefined)?.readyReplicas; // apps/v1
}

function wantedReplicas(object: KubeObject | undefined): number | undefined {
  return (object?.['spec'] as { replicas?: number } | undefined)?.replicas; // apps/v1
}
