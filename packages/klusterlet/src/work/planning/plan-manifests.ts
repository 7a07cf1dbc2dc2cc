/**
 * From the manifests of a work to what is to be applied: each manifest is a target, is covered by an alternative that
 * the cluster serves, or cannot be applied for a reason that is told. Nothing is decided here that needs more than
 * the spec and discovery, so the same input gives the same plan. Pure.
 */
import {
  areCompatibleGroups,
  formatApiVersion,
  groupAlternatives,
  type KubeObject,
  type ManifestResourceMeta,
  type ManifestWorkSpec,
} from '@flotilla/api';
import { type Discovery, type ObjectKey, type ResourceRef, toRef, wellKnown } from '@flotilla/kube';
import { type ManifestIdentity, type ObjectPlace, placeId, placeOf, readManifest } from './identity.js';
import { isOwned, type ManifestSettings, settingsFor } from './manifest-settings.js';

/** One object to apply. */
export interface Target {
  readonly ordinal: number;
  readonly meta: ManifestResourceMeta;
  readonly id: string;
  readonly ref: ResourceRef;
  readonly key: ObjectKey;
  readonly kind: string;
  readonly manifest: KubeObject;
  readonly owned: boolean;
  readonly settings: ManifestSettings;
  /** How many versions the work offers of this object; 1 for a plain manifest. */
  readonly offered: number;
}

export type PlannedManifest =
  | { readonly type: 'target'; readonly meta: ManifestResourceMeta; readonly target: Target }
  | { readonly type: 'covered'; readonly meta: ManifestResourceMeta; readonly by: Target }
  | {
      readonly type: 'failed';
      readonly meta: ManifestResourceMeta;
      readonly problem: string;
      /** True when the cluster may come to serve the kind. */
      readonly unserved: boolean;
    };

type Served = Pick<Discovery, 'find' | 'resolve' | 'all'>;

/** One entry for each manifest, in their order. */
export function planManifests(spec: ManifestWorkSpec | undefined, discovery: Served): PlannedManifest[] {
  const manifests = spec?.workload?.manifests ?? [];
  const planned = new Array<PlannedManifest>(manifests.length);
  const taken = new Map<string, number>();
  for (const ordinals of groupAlternatives(manifests)) {
    const read = ordinals.map((ordinal) => ({ ordinal, ...readManifest(manifests[ordinal]) }));
    const chosen = read.find((item) => 'identity' in item && discovery.resolve(item.identity) !== undefined);
    const first = chosen && 'identity' in chosen ? planTarget(chosen, { spec, discovery, read }) : undefined;
    const winner = first && refuseRepeat(first, taken);
    for (const item of read) {
      if (item === chosen && winner) planned[item.ordinal] = winner;
      else planned[item.ordinal] = planRest(item, { winner, read, discovery });
    }
  }
  return planned;
}

type Read = ReturnType<typeof readManifest> & { readonly ordinal: number };
type Readable = {
  readonly ordinal: number;
  readonly identity: ManifestIdentity;
  readonly object: KubeObject;
};

interface PlanContext {
  readonly spec: ManifestWorkSpec | undefined;
  readonly discovery: Served;
  readonly read: readonly Read[];
}

function planTarget(
  { ordinal, identity, object }: Readable,
  { spec, discovery, read }: PlanContext,
): PlannedManifest {
  const served = discovery.resolve(identity);
  if (served === undefined) return planUnserved({ ordinal, identity, object }, { discovery, read });
  const ref = toRef(served);
  const namespace = ref.namespaced ? identity.namespace : '';
  const meta = { ...metaOf(ordinal, identity), resource: ref.resource, namespace };
  if (ref.namespaced && namespace === '') {
    const problem = `metadata.namespace must be set: ${identity.kind} is a namespaced kind`;
    return { type: 'failed', meta, problem, unserved: false };
  }
  if (isInventory(ref)) {
    const problem = "AppliedManifestWorks are the klusterlet's own account of what it has applied";
    return { type: 'failed', meta, problem, unserved: false };
  }
  const key = { name: identity.name, ...(namespace !== '' && { namespace }) };
  const place: ObjectPlace = placeOf(ref, key);
  const target: Target = {
    ordinal,
    meta,
    id: placeId(place),
    ref,
    key,
    kind: identity.kind,
    manifest: object,
    owned: isOwned(place, spec?.deleteOption),
    settings: settingsFor(place, spec?.manifestConfigs),
    offered: read.length,
  };
  return { type: 'target', meta, target };
}

/** A work that could write them could have the klusterlet forget or delete, as whom it likes, what other works own. */
function isInventory({ group, resource }: ResourceRef): boolean {
  const { appliedManifestWorks } = wellKnown;
  return group === appliedManifestWorks.group && resource === appliedManifestWorks.resource;
}

/** Two manifests for one object would undo each other for ever; admission refuses them, other sources may not. */
function refuseRepeat(planned: PlannedManifest, taken: Map<string, number>): PlannedManifest {
  if (planned.type !== 'target') return planned;
  const { target, meta } = planned;
  const before = taken.get(target.id);
  if (before === undefined) {
    taken.set(target.id, target.ordinal);
    return planned;
  }
  const problem = `duplicate manifest: the manifest at index ${before} is for the same object`;
  return { type: 'failed', meta, problem, unserved: false };
}

interface RestContext {
  readonly winner: PlannedManifest | undefined;
  readonly read: readonly Read[];
  readonly discovery: Served;
}

function planRest(item: Read, { winner, read, discovery }: RestContext): PlannedManifest {
  if ('problem' in item) {
    return { type: 'failed', meta: { ordinal: item.ordinal }, problem: item.problem, unserved: false };
  }
  if (winner === undefined) return planUnserved(item, { discovery, read });
  if (winner.type === 'target') {
    const { resource = '', namespace = '' } = winner.meta;
    const meta = { ...metaOf(item.ordinal, item.identity), resource, namespace };
    return { type: 'covered', meta, by: winner.target };
  }
  const problem = winner.type === 'failed' ? winner.problem : '';
  return { type: 'failed', meta: metaOf(item.ordinal, item.identity), problem, unserved: false };
}

function planUnserved(item: Readable, { discovery, read }: Omit<RestContext, 'winner'>): PlannedManifest {
  const meta = metaOf(item.ordinal, item.identity);
  const { kind } = item.identity;
  const offered = read.flatMap((each) => ('identity' in each ? [each.identity.apiVersion] : []));
  if (offered.length <= 1) {
    return {
      type: 'failed',
      meta,
      problem: `the server doesn't have a resource type "${kind}"`,
      unserved: true,
    };
  }
  const served = discovery
    .all()
    .filter((each) => each.kind === kind && areCompatibleGroups(kind, [each.group, item.identity.group]))
    .map(formatApiVersion);
  const serves = served.length === 0 ? 'no version of it' : served.join(', ');
  const problem = `none of the offered versions of ${kind} is served: offered ${offered.join(', ')}; the cluster serves ${serves}`;
  return { type: 'failed', meta, problem, unserved: true };
}

function metaOf(ordinal: number, identity: ManifestIdentity): ManifestResourceMeta {
  const { group, version, kind, namespace, name } = identity;
  return { ordinal, group, version, kind, resource: '', name, namespace };
}

/** Whether a fresh look at discovery could change the plan. */
export function hasUnserved(planned: readonly PlannedManifest[]): boolean {
  return planned.some((item) => item.type === 'failed' && item.unserved);
}
