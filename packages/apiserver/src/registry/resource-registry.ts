/**
 * The table of everything the server serves: built-in definitions and those made from CustomResourceDefinitions.
 * Definitions come in sets, one per owner (`builtin`, or a CRD's name), and a set is replaced as a whole, so that
 * no reader ever sees half of a CRD's versions. Read by routing, discovery, OpenAPI and the garbage collector;
 * they cache by `generation`. Keeps no objects.
 */
import type { ResourceDefinition } from './resource.js';

/** A served group with its versions, the preferred one first. */
export interface ServedGroup {
  readonly group: string;
  readonly versions: readonly string[];
}

/** What changed, by group and resource. */
export interface RegistryChange {
  readonly owner: string;
  readonly added: readonly ResourceDefinition[];
  /** Definitions that are no longer served, or are served by another definition now. */
  readonly removed: readonly ResourceDefinition[];
}

export class ResourceRegistry {
  readonly #sets = new Map<string, readonly ResourceDefinition[]>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  #byResource = new Map<string, ResourceDefinition>();
  #byKind = new Map<string, ResourceDefinition>();
  #groups: readonly ServedGroup[] = [];
  #byGroupVersion = new Map<string, readonly ResourceDefinition[]>();
  #generation = 0;

  /** Grows with every change. */
  get generation(): number {
    return this.#generation;
  }

  /** Replaces what `owner` serves; an empty list serves nothing any more. The first owner of a name keeps it. */
  set(owner: string, definitions: readonly ResourceDefinition[]): void {
    const removed = (this.#sets.get(owner) ?? []).filter((definition) => !definitions.includes(definition));
    const added = definitions.filter((definition) => !(this.#sets.get(owner) ?? []).includes(definition));
    if (removed.length === 0 && added.length === 0) return;
    if (definitions.length === 0) this.#sets.delete(owner);
    else this.#sets.set(owner, definitions);
    this.#rebuild();
    for (const listener of this.#listeners) listener({ owner, added, removed });
  }

  /** Whose definitions these are. */
  definitionsOf(owner: string): readonly ResourceDefinition[] {
    return this.#sets.get(owner) ?? [];
  }

  find(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#byResource.get(`${group}/${version}/${resource}`);
  }

  findKind(group: string, version: string, kind: string): ResourceDefinition | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** The definition in the group's preferred version that serves it. */
  findPreferred(group: string, resource: string): ResourceDefinition | undefined {
    for (const version of this.versions(group)) {
      const found = this.find(group, version, resource);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Served groups in the order they came, `''` first where it is served. */
  groups(): readonly ServedGroup[] {
    return this.#groups;
  }

  /** The group's versions, the preferred one first; empty when it is not served. */
  versions(group: string): readonly string[] {
    return this.#groups.find((served) => served.group === group)?.versions ?? [];
  }

  list(group: string, version: string): readonly ResourceDefinition[] {
    return this.#byGroupVersion.get(`${group}/${version}`) ?? [];
  }

  all(): readonly ResourceDefinition[] {
    return [...this.#byResource.values()];
  }

  /** Calls `fn` after each change; the answer stops that. */
  onChange(fn: (change: RegistryChange) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  #rebuild(): void {
    const byResource = new Map<string, ResourceDefinition>();
    const byKind = new Map<string, ResourceDefinition>();
    const byGroupVersion = new Map<string, ResourceDefinition[]>();
    const groups = new Map<string, Set<string>>();
    for (const definitions of this.#sets.values()) {
      for (const definition of definitions) {
        const groupVersion = `${definition.group}/${definition.version}`;
        const key = `${groupVersion}/${definition.resource}`;
        if (byResource.has(key)) continue;
        byResource.set(key, definition);
        if (!byKind.has(`${groupVersion}/${definition.kind}`)) {
          byKind.set(`${groupVersion}/${definition.kind}`, definition);
        }
        const list = byGroupVersion.get(groupVersion);
        if (list === undefined) byGroupVersion.set(groupVersion, [definition]);
        else list.push(definition);
        const versions = groups.get(definition.group);
        if (versions === undefined) groups.set(definition.group, new Set([definition.version]));
        else versions.add(definition.version);
      }
    }
    this.#byResource = byResource;
    this.#byKind = byKind;
    this.#byGroupVersion = byGroupVersion;
    this.#groups = [...groups].map(([group, versions]) => ({
      group,
      versions: [...versions].sort(compareVersions),
    }));
    this.#generation++;
  }
}

interface ParsedVersion {
  readonly major: number;
  /** 2 for GA, 1 for beta, 0 for alpha. */
  readonly stability: number;
  readonly minor: number;
}

function parseVersion(version: string): ParsedVersion | undefined {
  const match = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/.exec(version);
  if (match === null) return undefined;
  const stability = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return { major: Number(match[1]), stability, minor: Number(match[3] ?? 0) };
}

/** Orders versions by preference: GA, beta, alpha, higher numbers first; other names last, alphabetically. */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === undefined || right === undefined) {
    if (left !== undefined) return -1;
    if (right !== undefined) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return right.stability - left.stability || right.major - left.major || right.minor - left.minor;
}
