/**
 * The klusterlet's copy of its works on disk, from which it holds its cluster to the last desired state while the hub
 * is away. A work is saved before it is acted on. Beside its spec the copy keeps the manifests of earlier generations
 * that may still be in effect: fields that only they set are to go. Saves that come together share a file, and a sync
 * of the disk: `journal.ts` keeps the files.
 */
import {
  equal,
  isObject,
  type KubeObject,
  type ManifestConfigOption,
  type ManifestWork,
} from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import { createJournal } from './journal.js';
import { readManifest } from './planning/identity.js';
import { matchesWildcard } from './planning/manifest-settings.js';

/** A manifest of an earlier generation, with those of its generation's settings that may have been meant for it. */
export interface FormerManifest {
  readonly manifest: KubeObject;
  readonly configs: readonly ManifestConfigOption[];
}

export interface SavedWork {
  readonly work: ManifestWork;
  /** Oldest first; empty when the last generation was applied whole. */
  readonly previous: readonly FormerManifest[];
  /** True when the hub has it no more: it is kept only until what it applied is gone too, and is not enforced. */
  readonly retired?: boolean;
}

export interface SavedWorks {
  /** To be called first. What cannot be read is logged and left out. */
  load(): Promise<readonly ManifestWork[]>;
  /** Also of a work that the hub has no more, while something that it applied may be there. */
  get(name: string): SavedWork | undefined;
  /** Of all that is saved, retired ones too. */
  names(): readonly string[];
  /** Resolves when the work is on disk; does nothing when it is. */
  save(work: ManifestWork): Promise<SavedWork>;
  /** The present generation is applied: earlier manifests are history. */
  settle(name: string): Promise<void>;
  /** Keeps what the work was for the release of its objects; it is not among the loaded ones any more. */
  retire(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface SavedWorksOptions {
  readonly env: Pick<Env, 'files' | 'log'>;
  readonly directory: string;
}

/** Earlier manifests that are kept while a work cannot be applied; beyond it the oldest are forgotten. */
const maxPrevious = 1000;

export function createSavedWorks({ env, directory }: SavedWorksOptions): SavedWorks {
  const journal = createJournal({ env, directory, isEntry: isSavedWork });
  const saved = journal.values;

  const write = async (name: string, entry: SavedWork): Promise<SavedWork> => {
    await journal.write(name, entry);
    return entry;
  };

  return {
    load: async () => {
      await journal.load();
      return [...saved.values()].flatMap(({ work, retired }) => (retired === true ? [] : [work]));
    },
    get: (name) => saved.get(name),
    names: () => [...saved.keys()],
    save: async (work) => {
      const name = work.metadata.name ?? '';
      const old = saved.get(name);
      const next = essence(work);
      if (old !== undefined && old.retired !== true && equal(old.work, next)) return old;
      return write(name, { work: next, previous: old === undefined ? [] : planPrevious(old, next) });
    },
    settle: async (name) => {
      const entry = saved.get(name);
      if (entry !== undefined && entry.previous.length > 0) await write(name, { ...entry, previous: [] });
    },
    retire: async (name) => {
      const entry = saved.get(name);
      if (entry !== undefined && entry.retired !== true) await write(name, { ...entry, retired: true });
    },
    remove: async (name) => {
      if (saved.has(name)) await journal.write(name, undefined);
    },
  };
}

/** Written by `save` and shown whole by a checked JSON text: beyond this it is as it was. */
function isSavedWork(value: unknown): value is SavedWork {
  if (!isObject(value) || !isObject(value['work']) || !Array.isArray(value['previous'])) return false;
  const { metadata } = value['work'];
  const areFormer = value['previous'].every((each: unknown) => isObject(each) && isObject(each['manifest']));
  return areFormer && isObject(metadata) && typeof metadata['name'] === 'string';
}

/** What must survive: the spec and which work it is of, but nothing that changes with every status. */
function essence({ apiVersion, kind, metadata, spec }: ManifestWork): ManifestWork {
  const { name, namespace, uid, generation, labels, deletionTimestamp } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(generation !== undefined && { generation }),
      ...(labels !== undefined && { labels }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    ...(spec !== undefined && { spec }),
  };
}

/**
 * Manifests in a form that the work has not any more. One that it does not name now may be named again before the
 * object is gone, and what only the old form set must go then.
 */
export function planPrevious(old: SavedWork, next: ManifestWork): FormerManifest[] {
  // Of a work that is gone from the hub, but not from the cluster, the one that follows it takes over everything: also
  // when a restored hub got it before its loss was seen. A work whose deletion was seen has left nothing.
  const isHeir = old.retired === true || old.work.metadata.deletionTimestamp === undefined;
  if (!isHeir && old.work.metadata.uid !== next.metadata.uid && old.work.metadata.uid !== undefined)
    return [];
  const wanted = new Map(readAll(next).map((manifest) => [manifestId(manifest), manifest]));
  const kept: FormerManifest[] = [];
  const add = ({ manifest, configs }: FormerManifest): void => {
    const now = wanted.get(manifestId(manifest));
    const isHistory = now === undefined || !equal(now, manifest);
    if (isHistory && !kept.some((each) => equal(each.manifest, manifest))) kept.push({ manifest, configs });
  };
  for (const former of old.previous) add(former);
  for (const manifest of readAll(old.work)) add({ manifest, configs: strategiesFor(manifest, old.work) });
  return kept.slice(-maxPrevious);
}

/** Which resource the manifest is of needs discovery: what is for its name is kept, whatever its resource. */
function strategiesFor({ metadata }: KubeObject, { spec }: ManifestWork): ManifestConfigOption[] {
  return (spec?.manifestConfigs ?? []).flatMap(({ resourceIdentifier, updateStrategy }) => {
    const { name, namespace = '' } = resourceIdentifier;
    const isForIt =
      matchesWildcard(name, metadata.name ?? '') && matchesWildcard(namespace, metadata.namespace ?? '');
    return isForIt && updateStrategy !== undefined ? [{ resourceIdentifier, updateStrategy }] : [];
  });
}

function readAll(work: ManifestWork): KubeObject[] {
  return (work.spec?.workload?.manifests ?? []).flatMap((manifest) => {
    const read = readManifest(manifest);
    return 'object' in read ? [read.object] : [];
  });
}

/** Two manifests with the same text here are for one object, in one version. */
export function manifestId({ apiVersion, kind, metadata }: KubeObject): string {
  return JSON.stringify([apiVersion, kind, metadata.namespace ?? '', metadata.name ?? '']);
}

/** Earlier manifests by the identity of what they are of. */
export function byIdentity(former: readonly FormerManifest[]): ReadonlyMap<string, readonly KubeObject[]> {
  const map = new Map<string, KubeObject[]>();
  for (const { manifest } of former) {
    const id = manifestId(manifest);
    const known = map.get(id);
    if (known === undefined) map.set(id, [manifest]);
    else known.push(manifest);
  }
  return map;
}
