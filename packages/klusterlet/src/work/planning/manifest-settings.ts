/**
 * What a work's manifestConfigs and deleteOption mean for one object. Of several entries that match, the first one
 * that sets a field counts for that field, as in OCM. Pure.
 */
import type {
  ConditionRule,
  DeleteOption,
  FeedbackRule,
  ManifestConfigOption,
  ResourceIdentifier,
  UpdateStrategy,
} from '@flotilla/api';
import type { ObjectPlace } from './identity.js';
import { isProtectedNamespace } from './protected-namespaces.js';

/** Settings of one object. */
export interface ManifestSettings {
  readonly strategy: UpdateStrategy;
  readonly feedbackRules: readonly FeedbackRule[];
  readonly conditionRules: readonly ConditionRule[];
}

const update: UpdateStrategy = { type: 'Update' };

export function settingsFor(
  place: ObjectPlace,
  configs: readonly ManifestConfigOption[] | undefined,
): ManifestSettings {
  const matching = (configs ?? []).filter((config) => matches(config.resourceIdentifier, place));
  const first = <K extends keyof ManifestConfigOption>(field: K): ManifestConfigOption[K] | undefined =>
    matching.find((config) => isSet(config[field]))?.[field];
  return {
    strategy: first('updateStrategy') ?? update,
    feedbackRules: first('feedbackRules') ?? [],
    conditionRules: first('conditionRules') ?? [],
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function matches(identifier: ResourceIdentifier, place: ObjectPlace): boolean {
  return (
    (identifier.group ?? '') === place.group &&
    identifier.resource === place.resource &&
    matchesWildcard(identifier.name, place.name) &&
    matchesWildcard(identifier.namespace ?? '', place.namespace ?? '')
  );
}

/** `*` stands for any run of characters. Linear in both texts: patterns come from the hub. */
export function matchesWildcard(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const head = parts[0] ?? '';
  if (parts.length === 1) return pattern === text;
  const tail = parts[parts.length - 1] ?? '';
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  const end = text.length - tail.length;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Whether the object carries our owner reference, that is, goes with the work. */
export function isOwned(place: ObjectPlace, deleteOption: DeleteOption | undefined): boolean {
  if (isProtectedNamespace(place)) return false;
  if (deleteOption?.propagationPolicy === 'Orphan') return false;
  if (deleteOption?.propagationPolicy !== 'SelectivelyOrphan') return true;
  const rules = deleteOption.selectivelyOrphans?.orphaningRules ?? [];
  return !rules.some(
    (rule) =>
      (rule.group ?? '') === place.group &&
      rule.resource === place.resource &&
      rule.name === place.name &&
      (rule.namespace ?? '') === (place.namespace ?? ''),
  );
}
