/**
 * The list of applied resources in an inventory: what is about to be applied stands in it before the first request,
 * and what was applied stays until it is known to be gone. Pure.
 */
import { type AppliedManifestResourceMeta, type AppliedManifestWork, flotillaKey } from '@flotilla/api';
import type { ExecutorAccount } from '../apply/executor.js';
import { type ObjectPlace, placeId } from '../planning/identity.js';
import type { PlannedManifest, Target } from '../planning/plan-manifests.js';

export type AppliedResource = AppliedManifestResourceMeta;

/**
 * Holds the first intention of a new inventory, which is created with it: a status can only be written afterwards, at
 * the cost of one more durable write before anything may be applied. It counts until there is a list in the status.
 */
const intentAnnotation = flotillaKey('intent');
/** A longer intention goes into the status as any later one: annotations share 256 KiB. */
const maxIntentLength = 64 * 1024;

/** Which account is to delete what the inventory lists, as `namespace/name`; absent: the agent itself. */
const executorAnnotation = flotillaKey('executor');

export function executorAnnotations(account: ExecutorAccount | undefined): Record<string, string> {
  return account === undefined ? {} : { [executorAnnotation]: `${account.namespace}/${account.name}` };
}

/** The account that a work had when it was applied last, for the time when the work is gone. */
export function recordedExecutor({ metadata }: AppliedManifestWork): ExecutorAccount | undefined {
  const [namespace, name] = metadata.annotations?.[executorAnnotation]?.split('/', 2) ?? [];
  return namespace && name ? { namespace, name } : undefined;
}

/** What the inventory says is, or is about to be, in the managed cluster. */
export function recordedResources({ metadata, status }: AppliedManifestWork): readonly AppliedResource[] {
  if (status?.appliedResources !== undefined) return status.appliedResources;
  const text = metadata.annotations?.[intentAnnotation];
  return text === undefined ? [] : parseIntent(text);
}

/** The annotations with which an inventory is created; none when the list is too long for them. */
export function intentAnnotations(resources: readonly AppliedResource[]): Record<string, string> {
  const text = JSON.stringify(resources);
  return resources.length === 0 || text.length > maxIntentLength ? {} : { [intentAnnotation]: text };
}

/** Only agents write inventories: a text that is no list was spoiled by hand, and says nothing. */
function parseIntent(text: string): readonly AppliedResource[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as AppliedResource[]).filter(isResource) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function isResource(value: Partial<AppliedResource> | null): boolean {
  return typeof value?.resource === 'string' && typeof value.name === 'string';
}

export function resourceId(resource: AppliedResource): string {
  return placeId(placeOfResource(resource));
}

export function placeOfResource({
  group = '',
  resource,
  namespace = '',
  name,
}: AppliedResource): ObjectPlace {
  return { group, resource, namespace, name };
}

/** OCM's order and shape: empty group and namespace are written out. */
export function sortResources(resources: readonly AppliedResource[]): AppliedResource[] {
  const fields = ['group', 'version', 'resource', 'namespace', 'name'] as const;
  return [...resources].sort((a, b) => {
    for (const field of fields) {
      const left = a[field] ?? '';
      const right = b[field] ?? '';
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  });
}

/** The inventory with all targets in it, to be written before any of them is applied. */
export function withIntent(
  recorded: readonly AppliedResource[],
  targets: readonly Target[],
): AppliedResource[] {
  const known = new Map(recorded.map((resource) => [resourceId(resource), resource]));
  for (const target of targets) {
    // A target that is only read is recorded when it is seen: it is never ours to delete.
    if (target.settings.strategy.type === 'ReadOnly') continue;
    known.set(target.id, toResource(target, known.get(target.id)?.uid));
  }
  return sortResources([...known.values()]);
}

export interface TargetResult {
  readonly target: Target;
  /** Undefined: not seen. */
  readonly uid: string | undefined;
  /** True when it is certain that the object is not there. */
  readonly absent: boolean;
  /** True when it could not be applied: another attempt will come. */
  readonly failed: boolean;
}

/** The inventory after a pass: what was seen, what may be there, and what is still going away. */
export function afterPass(
  recorded: readonly AppliedResource[],
  results: readonly TargetResult[],
  pending: readonly AppliedResource[],
): AppliedResource[] {
  const before = new Map(recorded.map((resource) => [resourceId(resource), resource]));
  const next = new Map<string, AppliedResource>();
  for (const { target, uid, absent, failed } of results) {
    const old = before.get(target.id);
    const isOnlyRead = target.settings.strategy.type === 'ReadOnly';
    if (absent && failed && !isOnlyRead) {
      // It stays an intention: taken out, it would be written back before each attempt.
      next.set(target.id, toResource(target, undefined));
      continue;
    }
    if (absent || (uid === undefined && old === undefined && isOnlyRead)) continue;
    next.set(target.id, toResource(target, uid ?? old?.uid));
  }
  for (const resource of pending) {
    const id = resourceId(resource);
    if (!next.has(id)) next.set(id, resource);
  }
  return sortResources([...next.values()]);
}

function toResource({ ref, key }: Target, uid: string | undefined): AppliedResource {
  return {
    group: ref.group,
    version: ref.version,
    resource: ref.resource,
    name: key.name,
    namespace: key.namespace ?? '',
    ...(uid !== undefined && uid !== '' && { uid }),
  };
}

/**
 * What the inventory has and the plan has not. While a manifest cannot be placed, nothing of its name is given up:
 * it may be that very object, in a version that the cluster does not serve now.
 */
export function untracked(
  recorded: readonly AppliedResource[],
  planned: readonly PlannedManifest[],
): AppliedResource[] {
  const wanted = new Set(planned.flatMap((item) => (item.type === 'target' ? [item.target.id] : [])));
  const unplaced = planned.flatMap((item) => (item.type === 'failed' ? [item.meta] : []));
  const isHeld = (resource: AppliedResource): boolean =>
    unplaced.some(
      (meta) =>
        meta.name === resource.name &&
        ((resource.namespace ?? '') === '' || (meta.namespace ?? '') === (resource.namespace ?? '')),
    );
  return recorded.filter((resource) => !wanted.has(resourceId(resource)) && !isHeld(resource));
}
