/**
 * What is kept of a work's former generations and for how long. A generation is recorded when it is about to be
 * replaced, so what is recorded has really been, and none is missed. Pure; `record-revision.ts` acts on it.
 */
import { createHash } from 'node:crypto';
import {
  changedAtAnnotation,
  changedByAnnotation,
  defaultHistoryLimit,
  earlierGenerationsAnnotation,
  formatApiVersion,
  generationLabel,
  historyLimitAnnotation,
  type JsonObject,
  type KubeObject,
  type ManifestWork,
  type ManifestWorkRevision,
  manifestWorkKind,
  manifestWorkRevisionKind,
  sizeAnnotation,
  specHashLabel,
  workUidLabel,
} from '@flotilla/api';

/** Large works are kept in fewer generations than the limit on their number says. */
export const maxHistoryBytes = 2 * 1024 * 1024;
const maxHistoryLimit = 100;
/** Generations that one revision stands for: enough to tell where a work that goes to and fro has been. */
const maxEarlier = 20;

/** @throws Error in one sentence when the annotation says no such number. */
export function historyLimitOf({ metadata }: KubeObject): number {
  const text = metadata.annotations?.[historyLimitAnnotation];
  if (text === undefined) return defaultHistoryLimit;
  const limit = /^[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (limit <= maxHistoryLimit) return limit;
  throw new Error(
    `metadata.annotations[${historyLimitAnnotation}]: must be a whole number from 0 to ${maxHistoryLimit}, not ${JSON.stringify(text)}`,
  );
}

/** The revision of the work's generation. A spec is told from another without regard to the order of its keys. */
export function revisionOf({ metadata, spec = {} }: ManifestWork): ManifestWorkRevision {
  const { name = '', namespace = '', uid = '', generation = 1, annotations = {} } = metadata;
  const changedBy = annotations[changedByAnnotation];
  const changedAt = annotations[changedAtAnnotation];
  const text = JSON.stringify(sortKeys(spec));
  const uidHash = createHash('sha256').update(uid).digest('hex').slice(0, 8);
  return {
    apiVersion: formatApiVersion(manifestWorkRevisionKind),
    kind: manifestWorkRevisionKind.kind,
    metadata: {
      name: `${name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}-${uidHash}-${generation}`,
      namespace,
      labels: {
        [workUidLabel]: uid,
        [generationLabel]: String(generation),
        [specHashLabel]: createHash('sha256').update(text).digest('hex').slice(0, 40),
      },
      annotations: { [sizeAnnotation]: String(Buffer.byteLength(text)) },
      ownerReferences: [
        { apiVersion: formatApiVersion(manifestWorkKind), kind: manifestWorkKind.kind, name, uid },
      ],
    },
    spec: {
      workName: name,
      generation,
      ...(changedBy !== undefined && { changedBy }),
      ...(changedAt !== undefined && { changedAt }),
      workSpec: spec as JsonObject, // JSON, as every spec
    },
  };
}

export function generationOf({ metadata }: KubeObject): number {
  return Number(metadata.labels?.[generationLabel] ?? 0);
}

/** All generations that had the revision's spec, newest first. */
export function generationsOf(revision: KubeObject): number[] {
  const earlier = revision.metadata.annotations?.[earlierGenerationsAnnotation] ?? '';
  const others = earlier.split(',').filter(Boolean).map(Number);
  return [...new Set([generationOf(revision), ...others])].sort((a, b) => b - a);
}

export interface HistoryPlan {
  /** The revision to create; undefined when it is there already, or none is kept. */
  readonly create: ManifestWorkRevision | undefined;
  /** Names of those to delete, after that. */
  readonly remove: readonly string[];
}

/**
 * From what is kept to what shall be, given the generation that ends. A spec that the work had before moves up to the
 * newest generation with it, so that two writers who undo each other do not push everything else out.
 */
export function planHistory(
  kept: readonly KubeObject[],
  { ending, limit }: { readonly ending: ManifestWorkRevision; readonly limit: number },
): HistoryPlan {
  const { name = '', labels = {}, annotations } = ending.metadata;
  const present = kept.find((revision) => revision.metadata.name === name);
  const others = kept.filter((revision) => revision !== present);
  const same = others.filter(
    (revision) => revision.metadata.labels?.[specHashLabel] === labels[specHashLabel],
  );
  const earlier = [...new Set(same.flatMap(generationsOf))].sort((a, b) => a - b).slice(-maxEarlier);
  const created: ManifestWorkRevision = {
    ...ending,
    metadata: {
      ...ending.metadata,
      annotations: {
        ...annotations,
        ...(earlier.length > 0 && { [earlierGenerationsAnnotation]: earlier.join(',') }),
      },
    },
  };
  const rest = others.filter((revision) => !same.includes(revision));
  const all = [present ?? created, ...rest.sort((a, b) => generationOf(b) - generationOf(a))];
  const fitting = all.slice(0, countFitting(all, limit));
  const isKept = (revision: KubeObject): boolean => fitting.includes(revision);
  return {
    create: present === undefined && isKept(created) ? created : undefined,
    remove: kept.filter((revision) => !isKept(revision)).map(({ metadata }) => metadata.name ?? ''),
  };
}

/** The newest is kept whatever its size. */
function countFitting(revisions: readonly KubeObject[], limit: number): number {
  let bytes = 0;
  const end = revisions.findIndex((revision, at) => {
    bytes += Number(revision.metadata.annotations?.[sizeAnnotation] ?? 0);
    return at >= limit || (at > 0 && bytes > maxHistoryBytes);
  });
  return end < 0 ? revisions.length : end;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}
